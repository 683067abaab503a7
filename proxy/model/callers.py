"""Who asks at the Server API: a key, and what it stands for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from proxy.model.names import ApiKeyGuid, ContentGuid


class Role(StrEnum):
    """What a key may do; the table is ``policy.permissions``."""

    ADMINISTRATOR = "administrator"
    PUBLISHER = "publisher"
    """Somebody with an e-mail address: owns the contents whose ``owner`` it is."""
    CONTENT = "content"
    """One content: redeems its viewers' session tokens, and nothing of anybody else's."""
    VIEWER = "viewer"
    """Whoever is at a content just now: a visitor's key, which only the exchange makes (``flows.visitor_keys``)."""


KEPT_ROLES = (Role.ADMINISTRATOR, Role.PUBLISHER, Role.CONTENT)
"""Roles of keys that somebody makes and that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key that is known; whoever has it is the caller."""

    guid: ApiKeyGuid
    name: str
    """What logs and lists call it."""
    role: Role
    hash: bytes = field(repr=False)
    """SHA-256 (32 bytes) of the key: the only form in which it is kept."""
    user: str = ""
    """E-mail address of the person, in lower case; a publisher's is never empty, an administrator's may be."""
    content_guid: ContentGuid | None = None
    """Of a content's key; ``None`` for every other."""
    created_at: datetime | None = None
    """``None``: the configuration defines it."""
    last_used_at: datetime | None = None
    """Written in batches: up to a minute late. ``None``: never, as far as is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Who is more than a viewer, by e-mail address in lower case."""

    administrators: frozenset[str] = frozenset()
    publishers: frozenset[str] = frozenset()
