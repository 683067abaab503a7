"""What a provider recipe is: a row of data that says how one kind of authorization server differs from the rest.

Which fields an administrator fills in, templates that say where the endpoints are, what to ask for and what answers mean.
Behaviour that is the same everywhere stands once, over these rows: ``fields`` reads and checks an integration's
``config``, ``registration`` makes endpoints, client and scopes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from proxy.oauth.client_auth import ClientAuthMethod
from proxy.oauth.refusals import Refusal
from proxy.providers.identity import FromIdToken, FromUserinfo, IdentitySource

FieldKind = Literal["text", "url", "base", "origin", "segment", "parameters", "pem", "choice", "flag"]
"""How a value is written, and what it becomes (``fields.normalised``):

========== =====================================================================================================
text       one line
url        an endpoint: https, or http on loopback; taken byte for byte
base       a URL with an optional path, without the slash at its end
origin     scheme, host and port; ``https://`` may be left out, as in a host name
segment    one segment of a path
parameters ``name=value&name=value``, form-encoded
pem        a key or certificate in PEM, several lines
choice     one of ``choices``
flag       true or false, kept as that text
========== =====================================================================================================
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of an integration's ``config``."""

    name: str
    label: str
    """What a form calls it."""
    help: str
    """One or two sentences; they say what empty means."""
    kind: FieldKind = "text"
    required: bool = False
    for_viewers: bool = False
    """Not required of a service account."""
    secret: bool = False
    """Kept sealed, apart from ``config``."""
    default: str = ""
    """Stands for an empty value."""
    choices: tuple[str, ...] = ()
    otherwise: str = ""
    """What is said of a value that is none of the choices, or does not have the pattern; empty: which they are."""
    pattern: str = ""
    """Regular expression that the normalised value has to match as a whole; empty: any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Templates over the fields, the first whose fields are all filled in counts; none: there is no such endpoint."""

    authorization: tuple[str, ...] = ()
    token: tuple[str, ...] = ()
    userinfo: tuple[str, ...] = ()
    jwks: tuple[str, ...] = ()
    """Where the keys are that ID tokens are signed with; they are believed when there is an ``issuer`` too."""
    issuer: tuple[str, ...] = ()
    """May contain ``{{tid}}``: the tenant that an ID token names stands there."""
    discovery: str = ""
    """The issuer whose document says the rest (OpenID Connect Discovery); what is known without it goes first."""
    discovery_origins: str = ""
    """Where else the endpoints of that document may be: origins, separated by spaces."""
    end_session: tuple[str, ...] = ()
    """Where people sign out of the server itself (RP-Initiated Logout 1.0); a row with one has the field ``sign_out``."""
    revocation: tuple[str, ...] = ()
    """RFC 7009."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A further name for templates, whose value follows from a field's."""

    name: str
    of: str
    table: Mapping[str, str]
    """Regular expression → value; the first that matches the normalised value as a whole counts. ``\\g<0>`` in the value
    stands for what was matched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a value of one field asks of another."""

    field: str
    pattern: str
    """Regular expression; where the normalised value matches as a whole, ``needs`` has to be filled in. A secret's value is
    not seen: the word ``given`` stands for it."""
    needs: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccounts:
    """Tokens for the client itself (RFC 6749 §4.4)."""

    scopes: tuple[str, ...] = ()
    """Requested when the administrator names none."""
    needs_scopes: str = ""
    """What is said of an integration that names none; empty: it need not."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Templates over the fields, sent beside it; one that comes out empty is not sent."""
    auth_method: ClientAuthMethod | None = None
    """With a client secret and nothing configured; ``None``: as for viewers."""
    refused: tuple[tuple[str, str, str], ...] = ()
    """Field, regular expression for the whole of its value, and what is said of one that matches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSign:
    """What an error tells of our registration, when the request was one that a server must refuse (``check --online``)."""

    text: str
    """What to do about it; a whole sentence."""
    error: str = ""
    """``error`` as a whole; empty: any."""
    codes: frozenset[int] = frozenset()
    """One of Entra's numbers; empty: any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """What an administrator should know, in words, for the documentation."""

    access: str
    refresh: str
    rotation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Our recipe for one ``template``."""

    key: str
    display: str
    page: str
    """Its page under ``docs/providers/``, without ``.md``."""
    fields: tuple[Field, ...]
    endpoints: Endpoints
    lifetimes: Lifetimes
    lookups: tuple[Lookup, ...] = ()
    demands: tuple[Demand, ...] = ()

    auth_methods: tuple[ClientAuthMethod, ...] = (ClientAuthMethod.CLIENT_SECRET_POST,)
    """Those that the server takes; the first is used with a client secret and nothing configured."""
    encodes_basic: bool = True
    """Form-encodes the halves of Basic (RFC 6749 §2.3.1); ``False``: the server takes them as they are."""
    rsa_algorithm: Literal["RS256", "PS256"] = "RS256"
    """Signs client assertions with an RSA key; another key's curve decides."""
    pkce_can_be_off: bool = False
    """S256 is always used otherwise (RFC 9700 §2.1.1)."""

    default_scopes: tuple[str, ...] = ()
    """Requested when the administrator names none."""
    refresh_scopes: tuple[str, ...] = ()
    """Always requested too: what it takes to be given a refresh token."""
    refused_scopes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Scopes that the server refuses a whole request for → what to do instead."""
    scope_separator: Literal[" ", ","] = " "
    """In answers; requests have spaces (RFC 6749 §3.3)."""
    sends_scope_with_code: bool = False
    sends_scope_on_refresh: bool = False
    """RFC 6749 §6: without it the server grants what it granted; sending it makes a widened integration fail."""
    authorization_parameters: tuple[tuple[str, str], ...] = ()
    """Templates over the fields, sent along with the viewer; one that comes out empty is not sent."""

    default_ttl_s: float | None = 3600.0
    """Lifetime of an access token whose answer does not say; ``None``: it does not expire."""
    refresh_invalidates_access: bool = False
    """A refresh kills access tokens handed out before: no background refresh, the smallest margin."""
    revokes_one_grant_only: bool = False
    """Revoking a token ends what one consent gave. Elsewhere it may end all that this account granted to this client, on
    other devices too (Google, Keycloak, Auth0): there it is done only with the last of them."""
    refusals: tuple[Refusal, ...] = ()
    """What its errors mean where that is not what RFC 6749 says; the first that fits counts."""
    client_signs: tuple[ClientSign, ...] = ()
    """Errors that say what is wrong with the registration, beside ``invalid_client`` and its kin; the first that fits
    counts."""
    known_client_errors: tuple[str, ...] = ()
    """Errors that, like ``invalid_grant``, come from a server that took the client and not the grant."""
    refresh_parameters: tuple[tuple[str, str], ...] = ()
    """Authorization parameters without which there is no refresh token at all."""
    refresh_needs: str = ""
    """What has to be switched on at the provider for a refresh token; a whole sentence, empty: nothing is."""
    iss_in_response_supported: bool = False
    """Callbacks carry ``iss`` (RFC 9207): one without is refused."""
    issuer_aliases: tuple[str, ...] = ()
    """What else the issuer calls itself in ID tokens."""
    tenants: str = ""
    """Template over the fields: the tenants that may sign in where one issuer speaks for many, separated by spaces."""
    identity: tuple[IdentitySource, ...] = (FromIdToken(), FromUserinfo())
    """Who says whose account it is: the first source that this server has names the subject."""
    service_accounts: ServiceAccounts | None = None
    no_service_accounts: str = ""
    """Why there are none, for whoever asks for one."""
    left_out: tuple[str, ...] = ()
    """What such a server can do and this recipe does not use, each with the reason; for the documentation."""
