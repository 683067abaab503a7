"""The lease on one row of credentials: across all processes, one refresher at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from proxy.errors import StoreUnavailable
from proxy.model import Credentials
from proxy.store.base import Store

LEASE_FOR = timedelta(seconds=30)
"""Longer than one request may take (10 s); taken again before each further request."""

LEASE_WAIT_S = 10.0
"""What an in-line caller may wait for another process that refreshes."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 0.5

log = structlog.get_logger(__name__)


class Lease:
    """One owner's lease on the row as it was read."""

    def __init__(
        self,
        *,
        store: Store,
        row: Credentials,
        owner: str,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._store = store
        self._row = row
        self._owner = owner
        self._now = now
        self._sleep = sleep

    async def take(self) -> Credentials | None:
        """Wait for the lease and return the row as it is then.

        ``None``: somebody else refreshed, replaced or ended it meanwhile, or takes very long over it.
        """
        waited_s, pause_s = 0.0, FIRST_PAUSE_S
        while True:
            leased = await self._try()
            if leased is not None:
                return leased
            if waited_s >= LEASE_WAIT_S:
                return None
            await self._sleep(pause_s)
            waited_s, pause_s = waited_s + pause_s, min(2 * pause_s, LONGEST_PAUSE_S)
            stands = await self._store.credentials(self._row.viewer_guid, self._row.integration_guid)
            if stands is None or (stands.guid, stands.generation) != (self._row.guid, self._row.generation):
                return None

    async def renew(self) -> bool:
        """Take the lease again, for as long; ``False`` when somebody else has it now."""
        return await self._try() is not None

    async def give_back(self) -> None:
        """Let others refresh; nothing happens when the lease is no longer held."""
        try:
            await self._store.release_lease(self._row.guid, owner=self._owner)
        except StoreUnavailable:
            log.warning("a refresh lease could not be given back; it ends by itself", credentials=self._row.guid)

    async def _try(self) -> Credentials | None:
        now = self._now()
        return await self._store.acquire_lease(self._row.guid, owner=self._owner, now=now, until=now + LEASE_FOR)
