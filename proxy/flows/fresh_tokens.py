"""What somebody gets who asks for a viewer's token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from proxy.model import IntegrationGuid, Secret, ViewerGuid

Key = tuple[ViewerGuid, IntegrationGuid]
"""Whose credentials, and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """A token that may be handed out."""

    access_token: Secret
    issued_at: datetime
    expires_at: datetime | None
    scope: str
    """As granted, separated by spaces."""
    generation: int
    serve_until: datetime
    """Ask again then."""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """There is no usable grant: the viewer must be asked."""

    because: str
    """A constant word for the log: ``absent``, ``changed``, ``sealed``, ``expired``, or what the verdict said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """The grant stands, but there is no valid token just now."""

    retry_after_s: float
    because: str


@dataclass(frozen=True, slots=True)
class RenewedLately:
    """The token that was rejected is half a minute old at most, or could not be renewed so lately: another changes nothing."""

    retry_after_s: float


Answer = Fresh | Reconnect | Unavailable
