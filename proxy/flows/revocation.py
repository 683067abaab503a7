"""What an operator sees and ends from outside the serving process: sessions, and credentials for an integration.

Everything goes through the store; a process that serves hears of it by the change feed (``flows.change_feed``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from proxy.errors import BadRequest, Conflict, NotFound
from proxy.flows.sessions import SessionLifetimes
from proxy.model import OPERATOR, Actor, AuditAction, AuditEvent, IntegrationGuid, SessionHash, Viewer
from proxy.store.base import Disconnected, ListedSession, Store

SHORT_ID_DIGITS = 12
"""Hex digits of the session's hash (48 bits): enough to name one of millions, nothing to take one over with."""

_ID = re.compile(r"[0-9a-f]{8,64}")
_BATCH = 500
"""Sessions ended in one transaction: the serving process waits for it with its own writes."""


def short_id(session_hash: SessionHash) -> str:
    """Return the name under which a session is listed and revoked."""
    return session_hash.hex()[:SHORT_ID_DIGITS]


class Revocation:
    """Lists and ends; each method raises ``StoreUnavailable`` when the store cannot do it."""

    def __init__(
        self, *, store: Store, lifetimes: SessionLifetimes, now: Callable[[], datetime], by: Actor = OPERATOR
    ) -> None:
        """``by``: who is said to have ended something."""
        self._store = store
        self._by = by
        self._now = now
        self._lifetimes = lifetimes

    async def alive(self, now: datetime) -> Sequence[ListedSession]:
        """Return the sessions that are not over."""
        return [listed for listed in await self._store.sessions() if self._lifetimes.is_alive(listed.session, now)]

    def ends_at(self, listed: ListedSession) -> datetime:
        """Return when a session ends if nobody comes any more."""
        return min(listed.session.expires_at, listed.session.last_seen_at + self._lifetimes.idle)

    async def session_named(self, text: str) -> ListedSession:
        """Return the session whose id begins so; ``BadRequest``, ``NotFound``, ``Conflict`` when it is not exactly one."""
        digits = text.lower()
        if not _ID.fullmatch(digits):
            raise BadRequest("a session id is eight or more hex digits, as `sessions list` prints them")
        found = [listed for listed in await self._store.sessions() if listed.session.hash.hex().startswith(digits)]
        if not found:
            raise NotFound(f"there is no session {digits}: it is over, or never was")
        if len(found) > 1:
            raise Conflict(f"the ids of {len(found)} sessions begin with {digits}: give more digits")
        return found[0]

    async def viewers_named(self, text: str) -> Sequence[Viewer]:
        """Return the viewers with this guid or e-mail address; ``NotFound`` when there are none."""
        found = [viewer for viewer in await self._store.viewers() if _is_named(viewer, text)]
        if not found:
            raise NotFound("there is no viewer with this guid or e-mail address")
        return found

    async def end(self, sessions: Sequence[ListedSession]) -> int:
        """End sessions; return how many were still there."""
        hashes = [listed.session.hash for listed in sessions]
        batches = [hashes[start : start + _BATCH] for start in range(0, len(hashes), _BATCH)]
        return sum([await self._store.end_sessions(batch, line=self._line()) for batch in batches])

    async def end_of(self, viewers: Sequence[Viewer]) -> int:
        """End every session of these viewers."""
        guids = {viewer.guid for viewer in viewers}
        return await self.end([listed for listed in await self._store.sessions() if listed.viewer.guid in guids])

    async def end_all(self) -> int:
        """End every session that there is now."""
        return await self.end(await self._store.sessions())

    async def disconnect(self, integration: IntegrationGuid, viewers: Sequence[Viewer] | None) -> Disconnected:
        """End credentials and consents of these viewers (``None``: of all) for an integration."""
        if viewers is None:
            return await self._store.disconnect(integration, viewer_guid=None, line=self._line(integration))
        ended = [
            await self._store.disconnect(integration, viewer_guid=viewer.guid, line=self._line(integration))
            for viewer in viewers
        ]
        return Disconnected(
            credentials=sum(one.credentials for one in ended), consents=sum(one.consents for one in ended)
        )

    def _line(self, integration: IntegrationGuid | None = None) -> AuditEvent:
        """Return what the audit log says of each: ``None``: of an ended session."""
        return AuditEvent(
            at=self._now(), action=AuditAction.REVOCATION, actor=self._by, integration_guid=integration,
            detail={"ended": "session" if integration is None else "credentials"},
        )  # fmt: skip


def _is_named(viewer: Viewer, text: str) -> bool:
    email = viewer.identity.email if viewer.identity is not None else ""
    return viewer.guid == text or (email != "" and email.casefold() == text.casefold())
