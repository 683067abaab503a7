"""What happens without a request: written every minute, purged every ten."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta

import structlog

from proxy.errors import StoreUnavailable
from proxy.flows.credentials import CredentialsKeeper
from proxy.flows.sessions import SessionLifetimes, Sessions
from proxy.model import SIDECAR, AuditAction, AuditEvent, Change, SessionEnded, SessionHash
from proxy.store.base import Store

EVERY_S = 60.0
PURGE_EVERY = 10
"""Turns."""

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

    async def follow(
        self,
        *,
        seen: Callable[[], Iterable[Mapping[SessionHash, datetime]]],
        also: Callable[[], Awaitable[object]],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """Do it for ever; whatever goes wrong is told, and tried again with the next turn.

        ``seen``: who was active since it was last asked; ``also``: what is done with each purge.
        """
        turns = 0
        while True:
            await sleep(EVERY_S)
            turns += 1
            try:
                for batch in seen():
                    await self.flush(batch)
                if turns >= PURGE_EVERY:
                    turns = 0
                    await self.purge()
                    await also()
            except StoreUnavailable as error:
                log.error("housekeeping failed", detail=error.detail)
            except Exception:  # else nobody's activity would be written any more, and all would end as idle
                log.exception("housekeeping failed")

    async def purge(self) -> int:
        """End sessions that are over and forget used states; return how many sessions."""
        now = self._now()
        line = AuditEvent(at=now, action=AuditAction.SIGN_OUT, actor=SIDECAR, detail={"because": "age"})
        ended = await self._store.purge(now=now, idle_since=now - self._lifetimes.idle - UNWRITTEN_FOR, line=line)
        for session_hash in ended:
            self._publish(SessionEnded(session_hash))
        if ended:
            log.info("viewer sessions ended by age", count=len(ended))
        return len(ended)

    async def flush(self, last_seen: Mapping[SessionHash, datetime]) -> None:
        """Write when sessions were last active, and tokens that the store could not take before."""
        await self._sessions.touch(last_seen)
        await self._keeper.save_pending()
