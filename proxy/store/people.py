"""The store's room for people: viewers, looked up by what others call them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from proxy.model import IntegrationGuid, Viewer


class People(Protocol):
    """Viewers who were here; each method promises what :class:`proxy.store.base.Store` does."""

    async def viewer(self, guid: str) -> Viewer | None:
        """Return the viewer with this guid."""

    async def page(self, identified_by: IntegrationGuid, *, after: str, most: int) -> Sequence[Viewer]:
        """Return viewers whom that integration identifies, by guid, those behind ``after``."""

    async def with_email(self, email: str, identified_by: IntegrationGuid) -> Viewer | None:
        """Return whose verified address this is (lower case), as that integration says; of several the one known longest."""
