"""Every setting: what it is for, its default and unit, what 0 or empty means, and the risk.

The descriptions are the documentation: editors show them through ``config.schema.json``, and ``config.example.yaml``
has every setting listed here (held by tests). pydantic parses here, at the edge; nothing of it leaves this package.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from proxy.config.fields import (
    AbsolutePath,
    AnyNetwork,
    Boolean,
    ContentHost,
    ContentPath,
    Domain,
    Email,
    FilePath,
    Guid,
    HeaderName,
    HostName,
    HttpProxy,
    Integer,
    KeyRole,
    ListenAddress,
    Name,
    Origin,
    PresetOfHeaders,
    ProxyNetwork,
    PublicUrl,
    Seconds,
    Slug,
    Span,
    StoreUrl,
    Text,
    TextOrPem,
    UpstreamAddress,
    bare_boolean,
)
from proxy.config.texts import listen, span
from proxy.model import INTERACTIVE_APP_MODES, KEPT_ROLES, RENDERED_APP_MODES, HeaderPreset, Role
from proxy.policy.limits import Limits
from proxy.providers import PROVIDERS

APP_MODES = (*sorted(INTERACTIVE_APP_MODES), *sorted(RENDERED_APP_MODES))

_LIMITS = Limits()


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class TlsSettings(_Section):
    """TLS on a listener. When the files change, the next connections have the new certificate, within ten seconds."""

    certificate: FilePath = Field(
        description="PEM file: the certificate of the host that clients ask for, then its intermediates. Required with "
        "`tls`. A relative path starts at this file's folder."
    )
    key: FilePath = Field(
        description="PEM file: the private key, without a passphrase. Required with `tls`. Risk: whoever reads it can "
        "pose as this server; mode 0400."
    )


class StoreSettings(_Section):
    """Where sessions, consents and sealed tokens are kept."""

    url: StoreUrl = Field(
        description="The database: `sqlite://` and an absolute path, so three slashes. Required. One process per file. "
        "Risk: on a network file system SQLite's locks do not hold."
    )
    keys: list[Text] = Field(
        min_length=1,
        repr=False,
        description="Keys that seal tokens, as `oauth-sidecar keygen` prints them. Required. The first seals, all open: "
        "put a new one in front to rotate. Risk: who has key and database has every viewer's refresh tokens; without "
        "the key every viewer must consent again.",
    )


class ApiKeySettings(_Section):
    """A key of the Server API, and what whoever has it may do (docs/server-api.md)."""

    name: Name = Field(description="What logs and lists call this key. Required; unique.")
    role: KeyRole | None = Field(
        default=None,
        description="`administrator`, `publisher` or `content`. Default content; required without `content`. Risk: an "
        "administrator's key changes where every viewer's tokens go.",
        json_schema_extra={"anyOf": [{"enum": [*KEPT_ROLES]}, {"type": "null"}]},
    )
    user: Email | None = Field(
        default=None,
        description="E-mail address of the person that the key stands for: a publisher owns the contents whose `owner` it "
        "is. Default none; required with `role: publisher`. Risk: nobody verifies it but whoever writes this file.",
    )
    content: Name | None = Field(
        default=None,
        description="Name of the content that holds it: the key redeems for no other. Default none; required with "
        "`role: content`.",
    )
    key: Text = Field(
        repr=False,
        description="The key itself, at least 32 characters; `oauth-sidecar keygen` prints a good one. Required. Risk: "
        "with a content's and a session token, whoever reaches `api.listen` gets that viewer's access token.",
    )

    @property
    def role_or_implied(self) -> Role:
        """The role; a key with a content is that content's."""
        return self.role or Role.CONTENT


class ApiSettings(_Section):
    """The listener for content: exchange and Server API. No browser may reach it."""

    listen: ListenAddress | None = Field(
        default_factory=lambda: listen("127.0.0.1:3939"),
        description="`ADDRESS:PORT` or `unix:/path`. Default 127.0.0.1:3939; null: no API and no exchange.",
    )
    unsafe_listen_anywhere: Boolean = Field(
        default=False,
        description="Allow `api.listen` off loopback without `api.tls`, for content in other containers. Default false. "
        "Risk: API keys and access tokens cross that network without TLS.",
    )
    tls: TlsSettings | None = Field(
        default=None,
        description="TLS on `api.listen`; content's code must trust the certificate. Default none: plain HTTP.",
    )
    session_token_lifetime: Span = Field(
        default_factory=lambda: span("24h"),
        description="How long a content session token in a file is good (`session_token_file` of a content); it is replaced "
        "at half of it. Unit: d, h, m, s. Default 24h, which is the most; at least 5s, 0 is refused. Risk: a copy of it is "
        "good for so long.",
    )
    hosts: list[HostName] = Field(
        default_factory=list,
        description="Host names by which content reaches `api.listen`, the first for `content-env`. Default empty: the "
        "address in `api.listen`, and loopback's names, which are answered always. Any other is refused with 421. Risk: "
        "a name of somebody else lets a browser in that name's pages ask here.",
    )
    public: Boolean = Field(
        default=False,
        description="Serve the Server API at `public_url` as well, under `/__api__/`, to whoever has a key; never the "
        "exchange. Default false. Risk: keys can be tried from wherever viewers come from, and one that leaks can be used "
        "there.",
    )
    keys: list[ApiKeySettings] = Field(
        default_factory=list,
        description="API keys beside those that `oauth-sidecar api-key create` makes. Default none. Without a key of its "
        "own a content sees tokens in headers only.",
    )


class RolesSettings(_Section):
    """Who is more than a viewer, by the verified e-mail address of `sign_in`; shown as `user_role` by the Server API."""

    administrators: list[Email] = Field(
        default_factory=list,
        description="E-mail addresses, compared without case. Default empty: nobody. Risk: only as good as the provider's "
        "verification.",
    )
    publishers: list[Email] = Field(
        default_factory=list,
        description="The same for publishers; owning a content makes nobody one. Default empty: nobody. Risk: as for "
        "`administrators`.",
    )


class SignInSettings(_Section):
    """Who says who the viewer is: an integration, or a single sign-on proxy in front, in headers of each request."""

    integration: Name | None = Field(
        default=None,
        description="The integration whose verified identity is the viewer. Default none: then `header` is required.",
    )
    groups_claim: Text = Field(
        default="",
        description="Where the viewer's groups stand in the claims of `integration`, such as `roles` or "
        "`realm_access.roles`. Default empty: where its template says, mostly `groups`.",
    )
    header: HeaderName | None = Field(
        default=None,
        description="The header in which a single sign-on proxy in front names the person, always in the same way. Default "
        "none: then `integration` is required. Risk: whoever can send it is anybody; so `listen` is a Unix socket, or "
        "the proxy sends `secret` along.",
    )
    email_header: HeaderName | None = Field(
        default=None, description="The header with the person's verified e-mail address. Default none: no address."
    )
    groups_header: HeaderName | None = Field(
        default=None, description="The header with the person's groups, separated by commas. Default none: no groups."
    )
    secret_header: HeaderName | None = Field(
        default=None, description="The header in which the proxy sends `secret`. Default none; required with `secret`."
    )
    secret: Text | None = Field(
        default=None,
        repr=False,
        description="What only the proxy knows, at least 32 characters; `oauth-sidecar keygen` prints a good one. Default "
        "none; required unless `listen` is a Unix socket. Risk: whoever has it can be anybody.",
    )


def _sign_in_kind(value: object) -> str:
    return "(settings)" if isinstance(value, dict | SignInSettings) else "(name)"


class OutboundSettings(_Section):
    """How authorization servers are reached."""

    ca_bundle: FilePath | None = Field(
        default=None,
        description="PEM file of authorities trusted beside the system's. Default none. A relative path starts at this "
        "file's folder. Risk: each of them can pose as any authorization server.",
    )
    proxy: HttpProxy | None = Field(
        default=None,
        repr=False,
        description="HTTP proxy towards authorization servers, `http://[NAME:PASSWORD@]HOST:PORT`. Default none; the "
        "environment's is never used. Risk: it looks names up, so it has to refuse private addresses itself.",
    )
    no_proxy: list[Domain] = Field(
        default_factory=list,
        description="Hosts, and domains with all hosts below them, that are reached without `proxy`; loopback always is. "
        "Default empty: none.",
    )
    unsafe_allow_networks: list[AnyNetwork] = Field(
        default_factory=list,
        description="Addresses or networks, not of the public internet, where endpoints may be that discovery or the Server "
        "API names. Default empty: none; what this file names is reached anyway. Risk: a hostile document, or whoever has an "
        "administrator's key, can have us send requests there.",
    )


class SessionSettings(_Section):
    """How long a viewer stays signed in."""

    idle: Span = Field(
        default_factory=lambda: span("12h"),
        description="A session ends after this long without a request or open socket. Unit: d, h, m, s. Default 12h; at "
        "least 1m, 0 is refused. Risk: a long span keeps forgotten browsers signed in.",
    )
    lifetime: Span = Field(
        default_factory=lambda: span("7d"),
        description="A session ends after this long, whatever happens. Unit: d, h, m, s. Default 7d; at least `idle`, at "
        "most 400d, 0 is refused. Risk: as for `idle`.",
    )


class AuditSettings(_Section):
    """Who did what is written down: sign-ins, consents, every hand-out of a token, changes."""

    keep: Span = Field(
        default_factory=lambda: span("90d"),
        description="How long lines of the audit log are kept. Unit: d, h, m, s. Default 90d; 0s: nothing is written down. "
        "Risk: e-mail addresses are in it; each viewer adds a line a minute and content while they use it, about 250 "
        "bytes.",
    )


class LimitsSettings(_Section):
    """Bounds on what one viewer, one content or all of them can take."""

    max_head_bytes: Integer = Field(
        default=_LIMITS.max_head_bytes,
        ge=4096,
        le=1_048_576,
        description="Largest request or response head, in bytes, and largest trailer. Default 65536; 0 is refused. A larger "
        "request gets 431. Risk: memory per connection.",
    )
    max_headers: Integer = Field(
        default=_LIMITS.max_headers,
        ge=16,
        le=1000,
        description="Most headers in one head. Default 128; 0 is refused. More get 431. Risk: time per request.",
    )
    max_target_bytes: Integer = Field(
        default=_LIMITS.max_target_bytes,
        ge=1024,
        le=65_536,
        description="Longest path with query, in bytes. Default 16384; 0 is refused. A longer one gets 414. Risk: too "
        "small breaks apps that keep their state in the address.",
    )
    max_connections: Integer = Field(
        default=_LIMITS.max_connections,
        ge=1,
        le=1_000_000,
        description="Most viewer connections at once. Default 10000; 0 is refused. Further ones get 503. Risk: each "
        "needs two file descriptors; when the hard limit (`ulimit -Hn`) gives fewer, fewer are taken, and the log says so.",
    )
    max_connections_per_peer: Integer = Field(
        default=_LIMITS.max_connections_per_peer,
        ge=0,
        le=1_000_000,
        description="Most connections from one address. Default 0: no limit. Risk: behind a proxy or NAT many viewers "
        "share one address.",
    )
    max_websocket_frame_bytes: Integer = Field(
        default=_LIMITS.max_websocket_frame_bytes,
        ge=0,
        le=2**40,
        description="Largest WebSocket frame, in bytes; a larger one closes the socket with 1009. Default 67108864 "
        "(64 MiB); 0: no limit. Risk: content may buffer a whole frame.",
    )
    max_sessions_in_memory: Integer = Field(
        default=_LIMITS.max_sessions_in_memory,
        ge=100,
        le=10_000_000,
        description="Viewer sessions kept ready in memory. Default 50000; 0 is refused. Beyond it the store is asked "
        "again. Risk: about 2 kB each, more with large tokens.",
    )
    max_sign_in_starts_per_address_per_minute: Integer = Field(
        default=_LIMITS.max_sign_in_starts_per_address_per_minute,
        ge=0,
        le=1_000_000,
        description="Most sign-ins started from one client address (IPv6: /64) at once, and in each further minute. More "
        "get a 429 page. Default 600; 0: no limit. Risk: viewers behind one NAT, or a proxy that is not in "
        "`trusted_proxies`, share it; without it one client can send the provider a flood in our name.",
    )
    max_sign_in_starts_per_browser_per_minute: Integer = Field(
        default=_LIMITS.max_sign_in_starts_per_browser_per_minute,
        ge=0,
        le=1_000_000,
        description="The same for one browser, by its cookie. Default 60; 0: no limit. Risk: too few stop a browser that "
        "restores many tabs.",
    )
    max_exchanges_per_session_per_minute: Integer = Field(
        default=_LIMITS.max_exchanges_per_session_per_minute,
        ge=0,
        le=10_000_000,
        description="Most exchanges of one session token (a viewer at one content) at once, and in each further minute. "
        "More get 429. Default 6000; 0: no limit. Risk: some clients exchange before every call; too few break them.",
    )
    max_api_requests_per_key_per_minute: Integer = Field(
        default=_LIMITS.max_api_requests_per_key_per_minute,
        ge=0,
        le=10_000_000,
        description="Most requests of the Server API with one key at once, and in each further minute, exchanges aside. More "
        "get 429. Default 6000; 0: no limit. Risk: without it one script can keep the store busy.",
    )
    head_timeout_s: Seconds = Field(
        default=_LIMITS.head_timeout_s,
        ge=1,
        le=3600,
        description="A request head must be complete after this many seconds. Default 15; 0 is refused. Risk: a long "
        "time lets slow senders hold connections.",
    )
    body_progress_timeout_s: Seconds = Field(
        default=_LIMITS.body_progress_timeout_s,
        ge=0,
        le=86_400,
        description="A request body must move on within this many seconds. Default 60; 0: no limit. Risk: as for "
        "`head_timeout_s`.",
    )
    keep_alive_s: Seconds = Field(
        default=_LIMITS.keep_alive_s,
        ge=0,
        le=86_400,
        description="Seconds that an idle viewer connection stays open. Default 75; 0: closed after each answer. Risk: "
        "idle connections count in `max_connections`.",
    )
    content_connect_timeout_s: Seconds = Field(
        default=_LIMITS.content_connect_timeout_s,
        ge=0.1,
        le=3600,
        description="Seconds to connect to content before the viewer gets a 502 page. Default 5; 0 is refused. Risk: "
        "viewers of dead content wait so long.",
    )
    content_response_timeout_s: Seconds = Field(
        default=_LIMITS.content_response_timeout_s,
        ge=0,
        le=86_400,
        description="Seconds to the first byte of content's answer before the viewer gets a 504 page. Default 300; 0: "
        "no limit. Risk: hung content holds connections.",
    )
    content_keep_alive_s: Seconds = Field(
        default=_LIMITS.content_keep_alive_s,
        ge=0,
        le=3600,
        description="Seconds that an idle connection to content is kept. Default 4; 0: none is kept. Risk: keep it "
        "below the content's own keep-alive (uvicorn: 5), or requests meet closing connections.",
    )
    websocket_ping_s: Seconds = Field(
        default=_LIMITS.websocket_ping_s,
        ge=0,
        le=3600,
        description="Seconds of silence after which a browser's WebSocket gets a ping. Default 25; 0: none. Risk: "
        "without pings, proxies in front close quiet sockets.",
    )
    max_websocket_age_s: Seconds = Field(
        default=_LIMITS.max_websocket_age_s,
        ge=0,
        le=31_536_000,
        description="Seconds after which a WebSocket is closed with 1012, so that its page reconnects and is judged anew. "
        "Default 0: sockets end with their session. Risk: apps that keep state per socket (Shiny) lose it.",
    )
    drain_timeout_s: Seconds = Field(
        default=_LIMITS.drain_timeout_s,
        ge=0,
        le=3600,
        description="Seconds that running requests have after SIGTERM. Default 25; 0: cut at once. Risk: longer than the "
        "supervisor's own patience (Kubernetes: 30) means killed instead of finished.",
    )


def _flags_as_text(config: object) -> object:
    """A template's flags are written as booleans; everything else in its ``config`` is text."""
    if not isinstance(config, dict):
        return config
    flags = {field.name for provider in PROVIDERS.values() for field in provider.fields if field.kind == "flag"}
    bare = {name: bare_boolean(config[name]) for name in flags & config.keys()}
    return config | {name: str(value).lower() for name, value in bare.items() if isinstance(value, bool)}


class IntegrationSettings(_Section):
    """An OAuth client registered at an authorization server."""

    name: Name = Field(description="Unique; contents refer to it. Required. Its guid follows from it unless given.")
    guid: Guid | None = Field(
        default=None,
        description="A UUID. Default: derived from the name. Risk: a new guid, or a rename without one, loses every "
        "viewer's tokens and consents.",
    )
    slug: Slug | None = Field(
        default=None,
        description="Names its header, `X-Forwarded-Access-Token-<Slug>`. Default: the name in a-z, 0-9 and hyphens. "
        "`expires` is reserved.",
    )
    description: Text = Field(default="", description="What viewers read about it. Default empty: nothing is shown.")
    template: Text = Field(description="The kind of authorization server; decides the keys of `config`. Required.")
    config: Annotated[dict[str, TextOrPem], BeforeValidator(_flags_as_text)] = Field(
        repr=False,
        description="The template's fields, keys as in Posit Connect's API. Required. Risk: holds `client_secret`; "
        'write it as "${NAME}" or "file:PATH".',
    )
    pin_identity: Boolean = Field(
        default=False,
        description="Keep each viewer to the account there that they used first: consent by another one is refused. Default "
        "false: it takes the place of the first one, and the log says so. It lasts until the viewer's grant is disconnected.",
    )


class AccessSettings(_Section):
    """Who may open a content, by the verified identity of `sign_in`: whoever is on one of the lists."""

    emails: list[Email] = Field(
        default_factory=list,
        description="E-mail addresses, compared without case. Default empty: nobody by address. Risk: only as good as "
        "the provider's verification.",
    )
    domains: list[Domain] = Field(
        default_factory=list,
        description="Domains of e-mail addresses, subdomains not included. Default empty: nobody by domain. Risk: "
        "public mail providers let anybody in.",
    )
    groups: list[Text] = Field(
        default_factory=list,
        description="Names in the provider's `groups` claim, compared exactly. Default empty: nobody by group. Risk: "
        "group names that users can create themselves.",
    )


def _access_kind(value: object) -> str:
    return "(lists)" if isinstance(value, dict | AccessSettings) else "(word)"


class HeaderSettings(_Section):
    """Which of the sidecar's headers a content gets, and under which names."""

    preset: PresetOfHeaders | None = Field(
        default=None,
        description="`all`; `posit-connect`: these and Connect's own about the viewer; `no-access-tokens`: identity and "
        "session token; `session-token-only`: the exchange has the rest. Default all, but session-token-only for "
        "python-bokeh and python-panel. Risk: Bokeh and Panel publish request headers in the page, so with one of the "
        "first two every script and extension of the browser has the tokens.",
        json_schema_extra={"anyOf": [{"enum": [*HeaderPreset]}, {"type": "null"}]},
    )
    rename: dict[Text, HeaderName] = Field(
        default_factory=dict,
        description="The sidecar's name: the name that the app's code looks for. Default empty: no other names. Whatever "
        "viewers send under a new name is taken out, at every content, and so is what content answers under it. Risk: "
        "servers and frameworks may log headers that they do not know as secret.",
    )
    drop: list[Text] = Field(
        default_factory=list,
        description="Names of the sidecar's headers that this content does not get. Default empty: what the preset sends.",
    )


class AssociationSettings(_Section):
    """An integration that a content uses, with more than its name."""

    name: Name = Field(description="Name of the integration. Required.")
    optional: Boolean = Field(
        default=False,
        description="Whether the content opens without it: a viewer is asked once, and its header is absent while they do "
        "not consent, or its provider does not answer. Default false: no token, no request to the content.",
    )


def _association_kind(value: object) -> str:
    return "(settings)" if isinstance(value, dict | AssociationSettings) else "(name)"


class ContentSettings(_Section):
    """A proxied app."""

    name: Name = Field(description="Unique; keys refer to it. Required. Its guid follows from it unless given.")
    title: Text = Field(default="", description="What viewers read. Default empty: the name.")
    guid: Guid | None = Field(
        default=None,
        description="A UUID. Default: derived from the name. Risk: a new guid, or a rename without one, loses every "
        "viewer's consents.",
    )
    owner: Text = Field(
        default="",
        description="The publisher's e-mail address. Default empty: nobody is named. Contents of different owners need a "
        "`host` each, or `unsafe_shared_origin`.",
    )
    path: ContentPath | None = Field(
        default=None,
        description="Where viewers find it on `public_url`: starts and ends with a slash; `/` is everything else. The "
        "longest path wins; `/__…` is reserved. Required unless `host` is given. Default none. Risk: it shares its origin "
        "with all content under a path.",
    )
    host: ContentHost | None = Field(
        default=None,
        description="Instead of `path`: a host name of its own, with scheme and port of `public_url`. Default none. Its "
        "name must lead here and be in the certificate. Risk: whoever serves that name too can read its viewers' cookies.",
    )
    app_mode: Text = Field(
        description="The kind of app, such as `python-streamlit` or `python-dash`; `proxied` for any other with a "
        "running process. Required. Static and rendered kinds have no integrations.",
        json_schema_extra={"enum": list(APP_MODES)},
    )
    upstream: UpstreamAddress = Field(
        description="Where it listens: `http://HOST:PORT` (default port 80) or `unix:/path`. Required. Risk: whoever "
        "reaches it directly can claim to be any viewer; bind it to loopback."
    )
    integrations: list[
        Annotated[
            Annotated[Name, Tag("(name)")] | Annotated[AssociationSettings, Tag("(settings)")],
            Discriminator(_association_kind),
        ]
    ] = Field(
        default_factory=list,
        description="The integrations whose tokens it gets, after the viewer's consent: names, or `{name: …, optional: "
        "true}`. The first one is in `X-Forwarded-Access-Token`. Default: none, until its owner or an administrator says "
        "through the Server API which; `[]` is none for good. Risk: the content's code sees these tokens.",
    )
    access: Annotated[
        Annotated[Literal["anyone", "signed_in"], Tag("(word)")] | Annotated[AccessSettings, Tag("(lists)")],
        Discriminator(_access_kind),
    ] = Field(
        default="signed_in",
        description="Who may open it: `anyone`, `signed_in` or lists of emails, domains and groups. Default signed_in. "
        "Risk: `anyone` is the whole world, without a session.",
    )
    strip_prefix: Boolean = Field(
        default=True,
        description="Take `path` off before forwarding; false for apps that know their own prefix. Default true.",
    )
    headers: HeaderSettings | None = Field(
        default=None,
        description="Which headers it gets, and under which names. Default: as `preset` says for its `app_mode`.",
    )
    session_token_file: AbsolutePath | None = Field(
        default=None,
        description="File with its content session token, which service accounts want: absolute, kept up to date, mode "
        "0600, so its code runs as the sidecar's user. The folder must be there, and not everybody's to write. Default none: "
        "`content-env` prints one that never ends; with a file that one is refused. Risk: who reads it and has the content's "
        "API key gets the service account's tokens.",
    )
    unsafe_allow_origins: list[Origin] = Field(
        default_factory=list,
        description="Foreign origins whose scripts may send POSTs and open WebSockets here. Default empty: none. Risk: "
        "those scripts act as the viewer.",
    )
    visitor_api_keys: Boolean = Field(
        default=False,
        description="Whether its code may ask the exchange for a key of the viewer's own at the Server API (posit-sdk: "
        "`with_user_session_token`), good for an hour at most and for what docs/server-api.md says of viewers. Default "
        "false. Needs `sign_in`. Risk: with it the code sees and ends what the viewer granted, at other content too.",
    )

    @property
    def associations(self) -> list[AssociationSettings]:
        """``integrations`` with everything that a mere name leaves open."""
        return [AssociationSettings(name=item) if isinstance(item, str) else item for item in self.integrations]


class Settings(_Section):
    """The configuration of oauth-sidecar. Any text may be, or contain, `${ENV}`, or be `file:PATH`."""

    public_url: PublicUrl = Field(
        description="The origin that viewers type. Required. https, or http on loopback (localhost, *.localhost, "
        "127.0.0.1, [::1]). Risk: a change ends all sessions, and the redirect URI must be registered again."
    )
    listen: ListenAddress = Field(
        default_factory=lambda: listen("127.0.0.1:8080"),
        description="Where viewers (or the proxy in front) connect: `ADDRESS:PORT` or `unix:/path`. Default "
        "127.0.0.1:8080; port 0 is any free one. Risk: off loopback without `tls`, cookies cross the network in the clear.",
    )
    tls: TlsSettings | None = Field(
        default=None, description="TLS on `listen`. Default none: something in front of the sidecar ends TLS."
    )
    trusted_proxies: list[ProxyNetwork] = Field(
        default_factory=list,
        description="Addresses or networks of proxies in front, whose X-Forwarded-For is believed. Default empty: "
        "nobody's. Risk: whoever is listed can claim any client address.",
    )
    unsafe_shared_origin: Boolean = Field(
        default=False,
        description="Allow contents of different owners under paths of one public_url (contents with a `host` never "
        "share). Default false. Risk: script of one content can act as the viewer at the other.",
    )
    sign_in: (
        Annotated[
            Annotated[Name, Tag("(name)")] | Annotated[SignInSettings, Tag("(settings)")], Discriminator(_sign_in_kind)
        ]
        | None
    ) = Field(
        default=None,
        description="The integration whose verified identity is the viewer, or more about it. Default none: a "
        "viewer is as long-lived as the browser session, and rules by name are refused.",
    )
    store: StoreSettings = Field(description="Where sessions, consents and sealed tokens are kept. Required.")
    api: ApiSettings = Field(
        default_factory=ApiSettings, description="The listener for content, and the keys of the Server API."
    )
    roles: RolesSettings = Field(
        default_factory=RolesSettings,
        description="Who is more than a viewer, as the Server API says it; what a key may do is the key's own role. Needs "
        "`sign_in`. Default nobody.",
    )
    outbound: OutboundSettings = Field(
        default_factory=OutboundSettings, description="How authorization servers are reached."
    )
    session: SessionSettings = Field(default_factory=SessionSettings, description="How long a viewer stays signed in.")
    audit: AuditSettings = Field(default_factory=AuditSettings, description="The audit log.")
    limits: LimitsSettings = Field(default_factory=LimitsSettings, description="Bounds of time and size.")
    integrations: list[IntegrationSettings] = Field(
        default_factory=list, description="OAuth clients at authorization servers. Default none."
    )
    content: list[ContentSettings] = Field(
        default_factory=list, description="The proxied apps. Default none: every path is answered 404."
    )

    @property
    def sign_in_name(self) -> str | None:
        """The integration to sign in with."""
        return self.sign_in.integration if isinstance(self.sign_in, SignInSettings) else self.sign_in


NOT_SUPPORTED: dict[tuple[str, ...], str] = {
    ("dashboard_url",): "the dashboard",
    ("metrics",): "metrics",
    ("log",): "settings of the log",
}
"""Settings that one may look for (list positions left out): refused, never silently ignored."""


def say_not_supported(*names: str) -> str:
    """Say that this version lacks a setting (list positions left out); ``""`` for one that no version is known to have."""
    what = NOT_SUPPORTED.get(names)
    return f"not supported by this version: {what}" if what else ""
