"""Provider recipes: the one table from an integration's ``template`` to what we know about that kind of server.

A type is a row of data in a file of its own here, a line in this table, and a page under ``docs/providers/``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proxy.providers.azure import AZURE, AZURE_OPENAI, MSGRAPH
from proxy.providers.base import Provider
from proxy.providers.custom import CUSTOM
from proxy.providers.databricks import DATABRICKS
from proxy.providers.snowflake import SNOWFLAKE

PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {provider.key: provider for provider in (AZURE, DATABRICKS, SNOWFLAKE, CUSTOM, MSGRAPH, AZURE_OPENAI)}
)
