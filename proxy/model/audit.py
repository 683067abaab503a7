"""What is written down about who did what: append-only, and never with a secret in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from proxy.model.names import ContentGuid, IntegrationGuid, ViewerGuid


class AuditAction(StrEnum):
    """What happened; the words of the log and the API, never renamed."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    CONSENT = "consent"
    REFRESH = "refresh"
    GRANT_ENDED = "grant_ended"
    """The provider says that the grant is dead, or wants to see the viewer."""
    REVOCATION = "revocation"
    """Credentials, consents or sessions were ended on purpose."""
    HAND_OUT_HEADER = "hand_out_header"
    """Access tokens in request headers. The first request with a token has a line for it; those that follow are counted:
    ``count`` requests of one viewer at one content within a minute."""
    HAND_OUT_WEBSOCKET = "hand_out_websocket"
    """Access tokens in the headers of a WebSocket's handshake; that is one of the requests above, too."""
    HAND_OUT_EXCHANGE = "hand_out_exchange"
    EXCHANGE_REFUSED = "exchange_refused"
    INTEGRATION_CREATED = "integration_created"
    INTEGRATION_CHANGED = "integration_changed"
    INTEGRATION_DELETED = "integration_deleted"
    INTEGRATION_VERIFIED = "integration_verified"
    ASSOCIATIONS_CHANGED = "associations_changed"
    API_KEY_CREATED = "api_key_created"
    API_KEY_REVOKED = "api_key_revoked"
    ACCESS_REFUSED = "access_refused"
    """A key, or somebody without one, asked for what they may not; or a viewer for a content that is not for them."""
    CONFIGURATION_LOADED = "configuration_loaded"
    CONFIGURATION_CHANGED = "configuration_changed"
    LINES_LOST = "lines_lost"
    """The store could not be written for so long that ``count`` lines were given up."""


class ActorKind(StrEnum):
    """Who acted."""

    VIEWER = "viewer"
    API_KEY = "api_key"
    OPERATOR = "operator"
    """The command line."""
    SIDECAR = "sidecar"
    """By itself: a refresh, the configuration at start."""
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acted; ``id`` and ``name`` are empty for kinds that are one."""

    kind: ActorKind
    id: str = ""
    """A viewer's or a key's guid."""
    name: str = ""
    """E-mail address, user name or the key's name, as it was then."""


SIDECAR = Actor(kind=ActorKind.SIDECAR)
OPERATOR = Actor(kind=ActorKind.OPERATOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One line of the audit log."""

    at: datetime
    """For counted hand-outs the begin of their minute."""
    action: AuditAction
    actor: Actor
    viewer_guid: ViewerGuid | None = None
    """Whom it concerns."""
    content_guid: ContentGuid | None = None
    integration_guid: IntegrationGuid | None = None
    scope: str = ""
    """Of the token that was handed out or granted, separated by spaces."""
    expires_at: datetime | None = None
    """End of that token."""
    request_id: str = ""
    count: int = 1
    detail: Mapping[str, str] = field(default_factory=dict)
    """What else there is to say, in words of ours: never a secret, never a token, not even a hash of one."""
    id: int | None = None
    """Position in the log; ``None``: not written yet."""
