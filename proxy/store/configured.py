"""The store's room for what the configuration said at the last start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from proxy.model import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """One content, one integration, or the deployment itself."""

    guid: str
    name: str
    settings: Mapping[str, bytes]
    """Setting → a keyed hash of its value (32 bytes)."""


class ConfiguredThings(Protocol):
    """What was configured; each method promises what :class:`proxy.store.base.Store` does."""

    async def remembered(self) -> Sequence[Configured]:
        """Return what the last start wrote, by guid."""

    async def remember(self, present: Sequence[Configured], *, lines: Sequence[AuditEvent]) -> None:
        """Write what is configured now in its place, and the audit lines that tell of the difference."""
