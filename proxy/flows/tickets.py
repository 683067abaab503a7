"""A ticket carries a viewer's session from ``public_url`` to a content's own host, in the address of one redirect.

Sealed, for one content, one browser (the cookie that was set on that host before the redirect) and one use.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from proxy.flows.sealed_text import opened_fields, packed, sealed_text
from proxy.model import ContentGuid, SessionHash
from proxy.sealing import KeyRing, associated_data

MAX_TICKET_CHARS = 2048
_FIELDS = 6
_ASSOCIATED = associated_data("ticket", "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What the content's host must know to let this browser in."""

    id: str
    """Random; marks the ticket as used."""
    content_guid: ContentGuid
    session_hash: SessionHash = field(repr=False)
    binding_hash: bytes
    """SHA-256 of the binding cookie on the content's host."""
    return_to: str
    """Path and query there; at most ``policy.redirects.MAX_RETURN_TARGET`` characters."""
    expires_at: datetime


def to_text(ticket: Ticket, *, key_ring: KeyRing, nonce: bytes) -> str:
    """Seal with 12 fresh random bytes as ``nonce``."""
    fields = (
        ticket.id.encode(),
        ticket.content_guid.encode(),
        ticket.session_hash,
        ticket.binding_hash,
        ticket.return_to.encode(),
        str(int(ticket.expires_at.timestamp())).encode(),
    )
    return sealed_text(packed(fields), key_ring=key_ring, associated=_ASSOCIATED, nonce=nonce)


def from_text(text: str, *, key_ring: KeyRing) -> Ticket | None:
    """Open; ``None`` for everything that was not sealed here as a ticket. Nothing else is judged."""
    if len(text) > MAX_TICKET_CHARS:
        return None
    fields = opened_fields(text, key_ring=key_ring, associated=_ASSOCIATED)
    if fields is None or len(fields) != _FIELDS:  # the latter: sealed by another release
        return None
    id_, content, session_hash, binding_hash, return_to, expires_at = fields
    return Ticket(
        id=id_.decode(),
        content_guid=ContentGuid(content.decode()),
        session_hash=SessionHash(session_hash),
        binding_hash=binding_hash,
        return_to=return_to.decode(),
        expires_at=datetime.fromtimestamp(int(expires_at), UTC),
    )
