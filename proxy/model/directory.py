"""What administrators and publishers define."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from proxy.model.names import ContentGuid, IntegrationGuid
from proxy.model.secrets import Secret

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
    generation: int = 0
    """Counts how often it was made another client, or one of another server, through the API: part of its fingerprint."""
    is_unusable: bool = False
    """Its secrets cannot be opened, or nobody knows what it is any more: nothing is sent to its server, no token handed out."""

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
    are_integrations_configured: bool = True
    """Whether the configuration says which integrations it uses; else whoever may associate them does, through the API."""
    session_token_file: str = ""
    """Absolute path of the file with its content session token; empty: it has one that never ends, in no file."""
    unsafe_allow_origins: frozenset[str] = frozenset()
    """Foreign origins whose scripts may send unsafe requests and open WebSockets here, as the viewer."""
    visitor_api_keys: bool = False
    """Whether its code gets keys of its viewers' own at the Server API."""

    @property
    def host(self) -> str:
        """``host[:port]`` of its own origin, as browsers send it in ``Host``; empty without one."""
        return self.origin.partition("://")[2]


VOUCHED = IntegrationGuid("single-sign-on-proxy")
"""Stands in the records in the place of an integration for viewers that a proxy vouches for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """What there is, by guid: what the configuration defines, and what was made through the API (``flows.live_directory``)."""

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
