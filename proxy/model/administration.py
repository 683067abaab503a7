"""What is kept of integrations that were made through the API, of who may use them, and of the contents that do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from proxy.model.names import ContentGuid, IntegrationGuid
from proxy.model.secrets import Sealed


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


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredIntegration:
    """An integration that was made through the API, as it is written down."""

    guid: IntegrationGuid
    name: str
    slug: str
    """As it was free then; the configuration may have taken it since."""
    description: str
    template: str
    config: Mapping[str, str]
    """Without the secret fields."""
    client_secret: Sealed | None
    private_key: Sealed | None
    pin_identity: bool
    permissions: tuple[PermissionGrant, ...]
    """Empty: every publisher may use it."""
    generation: int
    """Counts those changes that made it another client, or one of another server."""
    revision: int
    """Counts all changes: 1 as it was made."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAssociation:
    """A content uses an integration, because somebody said so through the API."""

    content_guid: ContentGuid
    integration_guid: IntegrationGuid
    created_at: datetime
