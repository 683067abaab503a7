"""The store's room for keys of the Server API: those that no configuration defines, and when any key was last used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from proxy.model import ApiKey, ApiKeyGuid, AuditEvent


class StoredApiKeys(Protocol):
    """Keys by guid; each method promises what :class:`proxy.store.base.Store` does."""

    async def add(self, key: ApiKey, *, line: AuditEvent) -> None:
        """Keep a new key, which has a ``created_at``, and the audit log's line. ``Conflict``: its name, guid or hash is another's.

        Feed: ``ApiKeysChanged``.
        """

    async def remove(self, guid: ApiKeyGuid, *, line: AuditEvent) -> bool:
        """Forget a key, and write the line; ``False``: there was none. Feed: ``ApiKeysChanged``."""

    async def all(self) -> Sequence[ApiKey]:
        """Return the keys, the oldest first, with when they were last used."""

    async def touch(self, last_used: Mapping[ApiKeyGuid, datetime]) -> None:
        """Move when keys were last used forward (never back), those of the configuration, too."""

    async def last_used(self) -> Mapping[ApiKeyGuid, datetime]:
        """Return when keys were last used, whoever defines them."""
