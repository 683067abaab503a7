"""What happens without a request: one pass each; the application says when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog

from proxy.flows.credentials import CredentialsKeeper
from proxy.flows.sessions import SessionLifetimes, Sessions
from proxy.model import Change, SessionEnded, SessionHash
from proxy.store.base import Store

UNWRITTEN_FOR = timedelta(minutes=2)
"""Last-seen times are written up to a minute late: a session that was active meanwhile must not be purged as idle."""

log = structlog.get_logger(__name__)


class Housekeeping:
    """Purges what is over, writes what waited. Every pass may be repeated, and raises ``StoreUnavailable``."""

    def __init__(
        self,
        *,
        store: Store,
        sessions: Sessions,
        keeper: CredentialsKeeper,
        lifetimes: SessionLifetimes,
        now: Callable[[], datetime],
        publish: Callable[[Change], None],
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._keeper = keeper
        self._lifetimes = lifetimes
        self._now = now
        self._publish = publish

    async def purge(self) -> int:
        """End sessions that are over and forget used states; return how many sessions."""
        now = self._now()
        ended = await self._store.purge(now=now, idle_since=now - self._lifetimes.idle - UNWRITTEN_FOR)
        for session_hash in ended:
            self._publish(SessionEnded(session_hash))
        if ended:
            log.info("viewer sessions ended by age", count=len(ended))
        return len(ended)

    async def flush(self, last_seen: Mapping[SessionHash, datetime]) -> None:
        """Write when sessions were last active, and tokens that the store could not take before."""
        await self._sessions.touch(last_seen)
        await self._keeper.save_pending()
