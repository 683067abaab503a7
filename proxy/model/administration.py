"""What is kept of integrations that were made through the API, and of who may use them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionGrant:
    """Somebody may associate an integration with their contents; exactly one of the two is given."""

    user: str = ""
    """An e-mail address, in lower case."""
    group: str = ""
    """A group's name. API keys have no groups: it counts for people who sign in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSeen:
    """Since when an integration or a content is known, and as the how manieth."""

    id: int
    at: datetime
