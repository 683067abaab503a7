"""Provider recipes: the one table from an integration's ``template`` to what we know about that kind of server.

A type is a row of data in a file of its own here, a line in this table, and a page under ``docs/providers/``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proxy.providers.auth0 import AUTH0
from proxy.providers.azure import AZURE, AZURE_OPENAI, MSGRAPH
from proxy.providers.base import Provider
from proxy.providers.custom import CUSTOM
from proxy.providers.databricks import DATABRICKS
from proxy.providers.github import GITHUB
from proxy.providers.google import BIGQUERY, DRIVE, GOOGLE, SHEETS, VERTEX_AI
from proxy.providers.keycloak import KEYCLOAK
from proxy.providers.oidc import OIDC
from proxy.providers.okta import OKTA
from proxy.providers.snowflake import SNOWFLAKE

_ROWS = (AZURE, DATABRICKS, SNOWFLAKE, CUSTOM, OIDC, GOOGLE, GITHUB, KEYCLOAK, OKTA, AUTH0)
_ALIASES = (MSGRAPH, AZURE_OPENAI, BIGQUERY, VERTEX_AI, DRIVE, SHEETS)

PROVIDERS: Mapping[str, Provider] = MappingProxyType({provider.key: provider for provider in (*_ROWS, *_ALIASES)})
