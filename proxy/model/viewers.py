"""Who is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from proxy.model.names import IntegrationGuid, SessionHash, SidHash, ViewerGuid


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the authorization server says somebody is."""

    subject: str
    """The stable key there; never shown to people, never compared across integrations."""
    email: str = ""
    email_verified: bool = False
    preferred_username: str = ""
    name: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """The person."""

    guid: ViewerGuid
    identity: Identity | None
    """Verified identity of the sign-in integration; ``None`` when there is none: such a viewer ends with the session."""
    identified_by: IntegrationGuid | None
    """The integration that vouches for ``identity``."""
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerSession:
    """One browser's cookie session with us."""

    hash: SessionHash
    viewer_guid: ViewerGuid
    created_at: datetime
    last_seen_at: datetime
    """Written in batches: up to a minute late."""
    expires_at: datetime
    """The absolute end; the idle end follows from ``last_seen_at``."""
    sid_hash: SidHash | None = None
    """The session at the provider that it began with; ``None``: the provider did not name one."""
