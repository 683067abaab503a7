"""What the Server API is asked about integrations, associations and OAuth sessions, and what it answers: plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from proxy.model import ContentGuid, CredentialsGuid, Integration, IntegrationGuid, PermissionGrant, ViewerGuid


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIntegration:
    """An integration that is to be."""

    name: str
    """Empty: after its template."""
    description: str = ""
    template: str
    config: Mapping[str, str] = field(repr=False)
    """Keys as in Connect's API, secrets in plain; flags are ``true`` or ``false``."""
    permissions: tuple[PermissionGrant, ...] = ()
    """Which publishers may use it; empty: every one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationChanges:
    """What of an integration is to be another; ``None``: it stays."""

    name: str | None = None
    description: str | None = None
    template: str | None = None
    """Only its own: another one is refused."""
    config: Mapping[str, str | None] | None = field(default=None, repr=False)
    """Merged key by key: an absent key keeps its value, secrets too; ``None`` as a value takes the key away."""
    permissions: tuple[PermissionGrant, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationRecord:
    """An integration with what is known about it."""

    id: str
    """A number, in the order in which integrations became known."""
    integration: Integration
    created_at: datetime
    """Of one that the configuration defines: when it was first seen."""
    updated_at: datetime
    permissions: tuple[PermissionGrant, ...]
    everyone: bool
    """Whether every publisher may use it: nobody is named in ``permissions``."""
    is_configured: bool
    """Whether the configuration defines it; the API then changes nothing."""
    content_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationChanged:
    """An integration after a change, and what ended because it is another client, or at another server, now."""

    record: IntegrationRecord
    ended_credentials: int = 0
    ended_consents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationRecord:
    """A content uses an integration."""

    content_guid: ContentGuid
    integration: Integration
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthSession:
    """Connect's word for the credentials that one viewer granted to one integration."""

    id: str
    """A number."""
    guid: CredentialsGuid
    user_guid: ViewerGuid
    integration_guid: IntegrationGuid
    has_refresh_token: bool
    created_at: datetime
    updated_at: datetime
