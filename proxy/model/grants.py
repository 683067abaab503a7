"""What viewers granted, and what is on its way to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from proxy.model.names import ContentGuid, CredentialsGuid, IntegrationGuid, ViewerGuid
from proxy.model.secrets import Sealed
from proxy.model.viewers import Identity


class CredentialsState(StrEnum):
    """Whether credentials can still be refreshed."""

    ACTIVE = "active"
    ENDED = "ended"
    """The grant is dead at the provider: the refresh token is gone, the viewer must be asked again."""
    INTERACTION_REQUIRED = "interaction_required"
    """The grant lives, the provider wants to see the viewer first: kept, not refreshed automatically."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The tokens that one viewer granted to one integration."""

    guid: CredentialsGuid
    viewer_guid: ViewerGuid
    integration_guid: IntegrationGuid
    fingerprint: bytes
    """SHA-256 of (client_id, endpoints): after a change of either these credentials are unusable."""
    generation: int
    """Counts stored token answers: 1 after consent, one more per refresh."""
    state: CredentialsState
    access_token: Sealed
    refresh_token: Sealed | None
    """``None``: the provider gave none, or the grant has ended."""
    issued_at: datetime
    """Taken before the token request was sent."""
    expires_at: datetime | None
    """End of the access token; ``None``: it does not expire."""
    refresh_expires_at: datetime | None
    scope: str
    """As granted, separated by spaces."""
    account: Identity | None
    """Who the viewer is at that provider, for display; never an authorization input."""
    former_account: Identity | None = None
    """Who they were there before they consented as another one."""
    ended_because: str = ""
    """Why ``state`` is not active, for operators: a constant word, never provider text."""
    claims: str | None = field(default=None, repr=False)
    """A claims challenge (JSON) that came with ``INTERACTION_REQUIRED``: goes along with the next authorization request."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedGrant:
    """What is left of credentials that ended here while they counted at the provider: to be given back (RFC 7009)."""

    credentials_guid: CredentialsGuid
    viewer_guid: ViewerGuid
    integration_guid: IntegrationGuid
    """With the viewer's guid what the tokens are sealed for; neither has to be there any more."""
    fingerprint: bytes
    account_subject: str | None
    """Whose grant it was at the provider; ``None``: not known."""
    access_token: Sealed
    access_expires_at: datetime | None
    refresh_token: Sealed | None
    failures: int
    """How often the provider was asked in vain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedIntegration:
    """An integration as it was once: the client that grants are of."""

    integration_guid: IntegrationGuid
    fingerprint: bytes
    sealed: Sealed | None = None
    """The whole of it; ``None``: its server takes nothing back, so nothing is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A viewer lets a content have an integration's token."""

    viewer_guid: ViewerGuid
    content_guid: ContentGuid
    integration_guid: IntegrationGuid
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingAuthorization:
    """What must survive from the redirect to the callback; it travels sealed in ``state``, nothing is stored."""

    id: str
    """Random; marks the state as used at the callback."""
    integration_guid: IntegrationGuid
    fingerprint: bytes
    """Of the integration as it was when the viewer was sent off: the code is for no other client or server."""
    content_guid: ContentGuid
    code_verifier: str = field(repr=False)
    nonce: str = field(repr=False)
    return_to: str
    """Path and query on ``public_url``, inside the content's path."""
    binding_hash: bytes
    """SHA-256 of the binding cookie of the browser that started."""
    viewer_guid: ViewerGuid | None = None
    """Who was signed in there; ``None``: nobody."""
    expires_at: datetime
