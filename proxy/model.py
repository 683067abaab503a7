"""The words of the product as frozen values: one meaning each, the same in code, configuration and documentation.

Instants are aware UTC ``datetime``, spans ``timedelta``. A secret in memory is a :class:`Secret` (its ``repr`` shows
nothing), a secret at rest is :class:`Sealed` (the only form that a store accepts).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

IntegrationGuid = NewType("IntegrationGuid", str)
ContentGuid = NewType("ContentGuid", str)
ViewerGuid = NewType("ViewerGuid", str)
CredentialsGuid = NewType("CredentialsGuid", str)

SessionHash = NewType("SessionHash", bytes)
"""SHA-256 (32 bytes) of a viewer session's cookie value: the only form in which the id is kept."""

HandleHash = NewType("HandleHash", bytes)
"""SHA-256 (32 bytes) of the cookie by which a content's own host knows a viewer session; good for that content only."""

SidHash = NewType("SidHash", bytes)
"""SHA-256 (32 bytes) of the name (``sid``) that an OpenID provider gives its own session."""

SessionTokenHash = NewType("SessionTokenHash", bytes)
"""SHA-256 (32 bytes) of a content's session token."""


class Secret:
    """A secret string in memory; ``reveal()`` stands only where it leaves."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True)
class Sealed:
    """Encrypted bytes: ``version | key id | nonce | ciphertext and tag`` (see ``sealing``)."""

    value: bytes = field(repr=False)


# ── what administrators and publishers define ────────────────────────────────────────────────────────────────────────


SERVICE_ACCOUNT = "Service Account"
"""``auth_type`` in the words of Connect's API; the other one is ``Viewer``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """An administrator's registration of an OAuth client at an authorization server."""

    guid: IntegrationGuid
    name: str
    slug: str
    """``[a-z0-9-]{1,40}``: names this integration's header, ``X-Forwarded-Access-Token-<Slug>``."""
    template: str
    """Key of the provider recipe: ``custom``, …"""
    config: Mapping[str, str]
    """The recipe's non-secret fields, keys as in Connect's API (``client_id``, ``authorization_uri``, ``scopes``, …)."""
    client_secret: Secret | None = None
    private_key: Secret | None = None
    """PEM; it or the secret proves who we are. Neither: a public client."""
    description: str = ""
    pin_identity: bool = False
    """Whether a viewer who consents again has to do so with the account that they used before."""

    @property
    def is_service_account(self) -> bool:
        """Whether its tokens are the client's own: no viewer consents, and none is in a viewer's headers."""
        return self.config.get("auth_type", "").strip() == SERVICE_ACCOUNT


INTERACTIVE_APP_MODES = frozenset({
    "api", "jupyter-voila", "python-api", "python-bokeh", "python-dash", "python-fastapi", "python-gradio",
    "python-panel", "python-shiny", "python-streamlit", "quarto-shiny", "rmd-shiny", "shiny", "tensorflow-saved-model",
    "nodejs", "proxied",
})  # fmt: skip
"""Kinds of content with a running process behind them: only these may have integrations (owner's rule)."""

RENDERED_APP_MODES = frozenset({"static", "jupyter-static", "quarto-static", "rmd-static"})


@dataclass(frozen=True, slots=True)
class TcpUpstream:
    """Content that listens on a TCP port, plain HTTP."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class UnixUpstream:
    """Content that listens on a Unix socket, plain HTTP."""

    socket_path: str


Upstream = TcpUpstream | UnixUpstream


@dataclass(frozen=True, slots=True)
class Anyone:
    """Open to the world: no session is asked for, and no integration is possible."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Any viewer with a session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Viewers whose verified identity is on one of the lists; e-mails and domains are compared in lower case."""

    emails: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


Access = Anyone | SignedIn | Named


class HeaderPreset(StrEnum):
    """Which of our headers a content gets, before its own ``rename`` and ``drop``."""

    ALL = "all"
    POSIT_CONNECT = "posit-connect"
    NO_ACCESS_TOKENS = "no-access-tokens"
    SESSION_TOKEN_ONLY = "session-token-only"  # noqa: S105 - a word, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderRules:
    """What a content gets of our headers, and under which names; keys are our names in lower case."""

    preset: HeaderPreset = HeaderPreset.ALL
    rename: Mapping[str, str] = field(default_factory=dict)
    """Our name → the name that the content's code looks for."""
    drop: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A proxied app: where viewers find it, where it listens, who may see it, which integrations it uses."""

    guid: ContentGuid
    name: str
    title: str
    owner: str
    """The publisher's e-mail address; empty when nobody is named."""
    path: str
    """Where viewers find it: starts and ends with ``/``; just ``/`` on an origin of its own."""
    upstream: Upstream
    app_mode: str
    access: Access
    integrations: tuple[IntegrationGuid, ...] = ()
    """The associations, in order; the first one also gets the header without a slug."""
    optional: frozenset[IntegrationGuid] = frozenset()
    """Those of them that it can do without: a viewer who does not want to share theirs gets in all the same."""
    strip_prefix: bool = True
    """Whether ``path`` is taken off before the request goes to the content."""
    headers: HeaderRules = field(default_factory=HeaderRules)
    origin: str = ""
    """Its own origin, as browsers write it (``https://sales.example.org``); empty: under its path on ``public_url``."""
    unsafe_allow_origins: frozenset[str] = frozenset()
    """Foreign origins whose scripts may send unsafe requests and open WebSockets here, as the viewer."""

    @property
    def host(self) -> str:
        """``host[:port]`` of its own origin, as browsers send it in ``Host``; empty without one."""
        return self.origin.partition("://")[2]


VOUCHED = IntegrationGuid("single-sign-on-proxy")
"""Stands in the records in the place of an integration for viewers that a proxy vouches for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """What the configuration defines, by guid."""

    contents: Mapping[ContentGuid, Content]
    integrations: Mapping[IntegrationGuid, Integration]
    sign_in: IntegrationGuid | None = None
    """The integration whose verified identity is the viewer; ``None``: viewers are as long-lived as their session."""
    groups_claim: str = ""
    """Where the viewer's groups stand in the claims of ``sign_in``; empty: where its recipe says."""
    is_vouched: bool = False
    """A single sign-on proxy in front says who the viewer is (``policy.vouching``); then there is no ``sign_in``."""

    @property
    def identified_by(self) -> IntegrationGuid | None:
        """Who vouches for viewers here: their records name it, and those of another are nobody's."""
        return VOUCHED if self.is_vouched else self.sign_in


# ── who is there ─────────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── what was granted ─────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── what changed ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """Sign-out, expiry or revocation of one viewer session."""

    session_hash: SessionHash


@dataclass(frozen=True, slots=True)
class ConsentEnded:
    """The viewer's (or, where ``viewer_guid`` is ``None``, everybody's) consent for this content is gone."""

    viewer_guid: ViewerGuid | None
    content_guid: ContentGuid


@dataclass(frozen=True, slots=True)
class CredentialsChanged:
    """New tokens, or no usable ones any more: what was prepared from the old ones is stale."""

    viewer_guid: ViewerGuid
    integration_guid: IntegrationGuid


@dataclass(frozen=True, slots=True)
class ChangesLost:
    """Changes happened that nobody can tell any more: whatever was prepared may be untrue."""


StoredChange = SessionEnded | ConsentEnded | CredentialsChanged
Change = StoredChange | ChangesLost
