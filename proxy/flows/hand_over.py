"""The hand-over of a viewer's session from ``public_url`` to a content's own host.

The host sets a binding cookie and sends the browser to ``public_url`` with its hash; who is signed in there comes back
with a ticket; the host takes the ticket for a cookie of its own, the *handle*. A handle is no second session: it ends
with the one it stands for, and is good at that host only.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from proxy.flows.binding import is_bound
from proxy.flows.granted_records import random_text
from proxy.flows.sessions import Sessions
from proxy.flows.tickets import Ticket, from_text, to_text
from proxy.model import Content, HandleHash, Secret, SessionHash
from proxy.policy.redirects import return_target
from proxy.sealing import NONCE_BYTES, KeyRing, hash_handle
from proxy.store.base import Store

TICKET_FOR = timedelta(seconds=30)
"""A redirect takes no longer; a ticket found in a history or a log is worth nothing."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """The host may set its cookie."""

    handle: Secret
    return_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketUsed:
    """It was used before, by the same browser (back button, restored tab): its cookie decides what follows."""

    return_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRefused:
    """Nothing is handed over."""

    because: str
    """``unreadable``, ``expired``, ``other_host``, ``other_browser``, ``session_over``."""
    return_to: str
    """Where to start again: what the ticket says only when it is this browser's."""


class HandOver:
    """Gives and takes tickets."""

    def __init__(
        self,
        *,
        store: Store,
        key_ring: KeyRing,
        sessions: Sessions,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._key_ring = key_ring
        self._sessions = sessions
        self._now = now
        self._random_bytes = random_bytes

    def ticket(self, *, content: Content, session_hash: SessionHash, binding_hash: bytes, return_to: str) -> str:
        """Return a ticket for a session that may see the content. Stores nothing."""
        ticket = Ticket(
            id=random_text(self._random_bytes, 16),
            content_guid=content.guid,
            session_hash=session_hash,
            binding_hash=binding_hash,
            return_to=return_target(return_to, content),
            expires_at=self._now() + TICKET_FOR,
        )
        return to_text(ticket, key_ring=self._key_ring, nonce=self._random_bytes(NONCE_BYTES))

    async def take(
        self, text: str, *, content: Content, bindings: Sequence[str]
    ) -> HandedOver | TicketUsed | TicketRefused:
        """Take a ticket at the host of ``content``, from a browser with these binding cookies there.

        It is spent before host, browser and session are looked at: whoever tries a ticket that is not theirs burns it.
        """
        ticket = from_text(text, key_ring=self._key_ring)
        if ticket is None:
            return _refused("unreadable", content, content.path)
        if ticket.expires_at <= self._now():
            return _refused("expired", content, content.path)
        is_first = await self._store.claim_state(ticket.id, expires_at=ticket.expires_at)
        if ticket.content_guid != content.guid:
            return _refused("other_host", content, content.path)
        if not is_bound(ticket.binding_hash, bindings):
            return _refused("other_browser", content, content.path)
        return_to = return_target(ticket.return_to, content)
        if not is_first:
            return TicketUsed(return_to=return_to)
        handle = await self._handle(ticket.session_hash, content)
        if handle is None:
            return _refused("session_over", content, return_to)
        log.info("session handed over", content=content.guid)
        return HandedOver(handle=handle, return_to=return_to)

    async def _handle(self, session_hash: SessionHash, content: Content) -> Secret | None:
        """Return the handle: always the same for a session and a content, so that tabs agree and nothing piles up."""
        presence = await self._store.presence(session_hash, content.guid)
        if presence is None or not self._sessions.is_present(presence):
            return None
        derived = self._key_ring.handle("session-handle", session_hash, content.guid.encode())
        handle = urlsafe_b64encode(derived).decode().rstrip("=")
        is_known = await self._store.add_handle(
            HandleHash(hash_handle(handle)), session_hash=session_hash, content_guid=content.guid
        )
        return Secret(handle) if is_known else None


def _refused(because: str, content: Content, return_to: str) -> TicketRefused:
    log.info("session not handed over", because=because, content=content.guid)
    return TicketRefused(because=because, return_to=return_to)
