"""What makes one authorization server differ from the next: data over the one kernel in ``authorization_server``.

A profile is as its vendor documents it, or as it was measured; a test that wants another setting of it says
``replace(SNOWFLAKE, rotation="single_family")``. The profiles themselves are in ``tests/doubles/profiles/``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from aiohttp import web

from tests.doubles.grants import Family, User
from tests.doubles.journal import Entry

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error answer of the token endpoint."""

    error: str
    description: str = ""
    status: int = 400
    code: int = 0
    """Entra's number."""
    more: Mapping[str, object] = field(default_factory=dict)
    """Further members."""


REFUSALS: Mapping[str, Refusal] = {
    "method": Refusal(error="invalid_request", description="POST a form.", status=405),
    "no_form": Refusal(error="invalid_request", description="POST a form."),
    "repeated": Refusal(error="invalid_request", description="A parameter is repeated, or in the query."),
    "no_client_id": Refusal(error="invalid_request", description="The body names no client."),
    "unknown_tenant": Refusal(error="invalid_request", description="No such tenant."),
    "multiple_proofs": Refusal(error="invalid_request", description="One way to authenticate is enough."),
    "unknown_client": Refusal(error="invalid_client", description="Unknown client.", status=401),
    "no_secret": Refusal(error="invalid_client", description="No proof of who you are.", status=401),
    "wrong_secret": Refusal(error="invalid_client", description="Wrong secret.", status=401),
    "secret_of_public_client": Refusal(error="invalid_client", description="A public client has none.", status=401),
    "wrong_assertion": Refusal(error="invalid_client", description="The assertion is not good.", status=401),
    "unsupported_grant_type": Refusal(error="unsupported_grant_type"),
    "code_unknown": Refusal(error="invalid_grant", description="The code is not known here."),
    "code_used": Refusal(error="invalid_grant", description="The code was used before."),
    "code_expired": Refusal(error="invalid_grant", description="The code has expired."),
    "wrong_verifier": Refusal(error="invalid_grant", description="The code verifier does not fit."),
    "dead": Refusal(error="invalid_grant", description="Unknown or invalid refresh token."),
    "expired": Refusal(error="invalid_grant", description="The refresh token has expired."),
    "replayed": Refusal(error="invalid_grant", description="This refresh token was used before."),
    "scope": Refusal(error="invalid_scope", description="More than was granted."),
}
"""Why the kernel refuses → what a plain server says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What an answer is made from."""

    family: Family
    user: User
    is_refresh: bool
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    """``None``: this answer has none."""
    scope: str
    expires_in: int
    refresh_expires_in: int | None
    """Seconds; ``None``: no end."""
    id_token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls an API, and with what kind of token."""

    token: Literal["missing", "unknown", "expired", "live"]
    user: User | None
    left_s: float
    scope: str
    entry: Entry


def bearer(entry: Entry) -> str:
    """The token of ``Authorization: Bearer``."""
    scheme, _, token = (entry.header("Authorization") or "").partition(" ")
    return token if scheme.lower() in {"bearer", "token"} else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """An API of the vendor that takes the access tokens."""

    path: str
    answer: Callable[[Caller], web.Response]
    token_of: Callable[[Entry], str] = bearer
    method: str = "GET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where the endpoints are; ``""``: there is none."""

    authorize: str = "/authorize"
    token: str = "/token"
    revoke: str = "/revoke"
    userinfo: str = "/userinfo"
    jwks: str = "/jwks"
    metadata: tuple[str, ...] = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")


PLAIN_SCOPES = frozenset({
    "openid", "profile", "email", "groups", "offline_access", "read", "write",
    "all-apis", "session:role:ANALYST", "refresh_token",
})  # fmt: skip
"""The last ones are Databricks' and Snowflake's, for their types with a plain server behind them."""


def plain_scopes(words: list[str]) -> bool:
    return set(words) <= PLAIN_SCOPES


def exact(asked: str, registered: set[str]) -> bool:
    return asked in registered


def with_offline_access(family: Family, _: int) -> bool:
    return "offline_access" in family.scope.split()


def always(_: Family, __: int) -> bool:
    return True


def plain_members(issued: Issued) -> dict[str, object]:
    """RFC 6749 §5.1 and OpenID Connect."""
    members: dict[str, object] = {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "scope": issued.scope,
    }
    if issued.refresh_token is not None:
        members["refresh_token"] = issued.refresh_token
    return members | ({} if issued.id_token is None else {"id_token": issued.id_token})


def plain_error(refusal: Refusal, _: float) -> dict[str, object]:
    """RFC 6749 §5.2."""
    return {"error": refusal.error, "error_description": refusal.description or refusal.error, **refusal.more}


def granted_or_less(family: Family, asked: str | None, _: str) -> str | None:
    """RFC 6749 §6: the scope of an answer; ``None``: more was asked for than was granted."""
    return family.scope if set((asked or "").split()) <= set(family.scope.split()) else None


def plain_claims(user: User) -> dict[str, object]:
    return user.claims()


def json_bytes(members: Mapping[str, object], _: Entry) -> tuple[bytes, str]:
    """Body and media type."""
    return json.dumps(members).encode(), "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of authorization server."""

    name: str
    template: str = "custom"
    """The sidecar's integration type."""
    origin: str = ""
    """Under which name it answers; ``""``: its address."""
    other_hosts: tuple[str, ...] = ()
    """Further names of it."""
    config: Mapping[str, str] = field(default_factory=dict)
    """What an integration says of it beside its client; ``{url}`` is its origin."""

    paths: Paths = Paths()
    tenants: frozenset[str] = frozenset()
    """Values of ``{tenant}`` in paths."""
    issuer: str = "{url}"
    sends_iss: bool = True
    callback_extras: Callable[[str], Mapping[str, str]] = lambda _: NOTHING
    """By the scope that was granted."""
    redirect_matches: Callable[[str, set[str]], bool] = exact
    requires_pkce: bool = False
    is_scope: Callable[[list[str]], bool] = plain_scopes
    forgets_state_on_invalid_scope: bool = False
    max_state_chars: int | None = None
    """A longer ``state`` leads to a page and nowhere else."""
    denied_scopes: frozenset[str] = frozenset()
    """After the sign-in, for whoever asks for one."""

    basic_encoding: Literal["form", "raw"] = "form"
    basic_stands_alone: bool = False
    """With Basic the body must not even name the client."""
    needs_client_id: bool = False
    """In the body, unless Basic names it."""
    needs_thumbprint: bool = False
    """Assertions name their certificate."""
    assertion_audiences: tuple[str, ...] = ("{token_url}", "{issuer}")
    assertion_ttl_s: float = 3600.0

    code_ttl_s: float = 60.0
    access_ttl_s: float = 3600.0
    access_spread_s: int = 0
    """The life of an access token is longer by a random part of this."""
    access_prefix: str = ""
    access_size: int = 0
    refresh_size: int = 0
    refresh_ttl_s: float | None = None
    refresh_slides: bool = False
    family_ttl_s: float | None = None
    max_families: int | None = None
    rotation: str = "none"
    refresh_kills_access: bool = False
    gives_refresh_token: Callable[[Family, int], bool] = with_offline_access
    """Also told: how many living consents this person has given the client."""
    token_scope: Callable[[Family, str | None, str], str | None] = granted_or_less
    """Family, ``scope`` of the token request, grant type → scope of the token; ``None``: ``invalid_scope``."""
    service_scope: Callable[[str], bool] | None = None
    """Which ``scope`` a client credentials request may have; ``None``: there is no such grant."""
    gives_clients_refresh_tokens: bool = False

    members: Callable[[Issued], dict[str, object]] = plain_members
    error_members: Callable[[Refusal, float], dict[str, object]] = plain_error
    render: Callable[[Mapping[str, object], Entry], tuple[bytes, str]] = json_bytes
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    """What it says differently, by reason; also what tests let it say of a user (``standing``)."""
    deadly: frozenset[str] = frozenset()
    """Standings that end the grant."""
    loop_limit: int | None = None
    """So many identical token requests within five minutes are refused (``client_loop``)."""
    id_claims: Callable[[User], dict[str, object]] = plain_claims
    resources: tuple[Resource, ...] = ()

    def refusal(self, reason: str) -> Refusal:
        return self.refusals.get(reason) or REFUSALS[reason]

    @property
    def hosts(self) -> tuple[str, ...]:
        named = (self.origin.removeprefix("https://"),) if self.origin else ()
        return (*named, *self.other_hosts)


PLAIN = Profile(name="plain", service_scope=lambda _: True, gives_clients_refresh_tokens=True)
"""A server that does what the RFCs say."""
