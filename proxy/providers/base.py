"""What a provider recipe is, and what it makes of an integration: endpoints, client, scope, identity.

A recipe is data: which fields an administrator fills in, and templates that say where the endpoints are. Behaviour that
is the same everywhere stands here once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, assert_never
from urllib.parse import urlsplit

from proxy.model import Integration
from proxy.oauth.client_auth import Client, ClientAuthMethod
from proxy.oauth.metadata import AuthorizationServer
from proxy.providers.identity import FromAnswer, FromIdToken, FromResource, FromUserinfo, IdentitySource


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of an integration's ``config``."""

    name: str
    help: str
    required: bool = False
    secret: bool = False
    """Kept sealed, apart from ``config``."""
    kind: Literal["url", "text", "choice", "flag"] = "text"
    """A flag is written true or false, and kept as that text."""
    choices: tuple[str, ...] = ()
    otherwise: str = ""
    """What is said of a value that is none of the choices; empty: which they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Templates over the fields; one whose fields are not filled in is an endpoint that does not exist."""

    authorization: str
    token: str
    userinfo: str = ""
    jwks: str = ""
    """Where the keys are that ID tokens are signed with; they are believed when there is an ``issuer`` too."""
    issuer: str = ""
    """May contain ``{{tid}}``: the tenant that an ID token names stands there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Our recipe for one ``template``."""

    key: str
    display: str
    fields: tuple[Field, ...]
    endpoints: Endpoints
    default_auth_method: ClientAuthMethod = ClientAuthMethod.CLIENT_SECRET_POST
    """With a client secret; without one the client is public."""
    default_scopes: tuple[str, ...] = ()
    """Requested when the administrator names none."""
    refresh_scopes: tuple[str, ...] = ()
    """Always requested too: what it takes to be given a refresh token."""
    sends_scope_on_refresh: bool = False
    """RFC 6749 §6: without it the server grants what it granted; sending it makes a widened integration fail."""
    default_ttl_s: float | None = 3600.0
    """Lifetime of an access token whose answer does not say; ``None``: it does not expire."""
    refresh_invalidates_access: bool = False
    """A refresh kills access tokens handed out before: no background refresh, the smallest margin."""
    dead_patterns: tuple[tuple[str, str], ...] = ()
    """(``error``, regular expression for the description): dead grants that are not called ``invalid_grant``."""
    iss_in_response_supported: bool = False
    """Callbacks carry ``iss`` (RFC 9207): one without is refused."""
    issuer_aliases: tuple[str, ...] = ()
    """What else the issuer calls itself in ID tokens."""
    tenants: str = ""
    """Template over the fields: the tenants that may sign in where one issuer speaks for many, separated by spaces."""
    identity: tuple[IdentitySource, ...] = (FromIdToken(), FromUserinfo())
    """Who says whose account it is: the first source that this server has names the subject."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """Why an integration's ``config`` cannot be used; never contains the value."""

    field: str
    text: str


def problems(provider: Provider, config: Mapping[str, str], *, has_client_secret: bool) -> tuple[FieldProblem, ...]:
    """Check ``config`` (without the secret) against the recipe; empty when all is well."""
    known = {field.name: field for field in provider.fields}
    found = [FieldProblem(name, "unknown field") for name in config if name not in known or known[name].secret]
    for field in provider.fields:
        value = config.get(field.name, "")
        if field.secret:
            if field.required and not has_client_secret:
                found.append(FieldProblem(field.name, "required"))
        elif not value:
            if field.required:
                found.append(FieldProblem(field.name, "required"))
        elif field.kind == "url" and not _is_endpoint(value):
            found.append(FieldProblem(field.name, "must be an https URL without fragment (http on loopback only)"))
        elif field.choices and value not in field.choices:
            found.append(FieldProblem(field.name, field.otherwise or "must be one of " + ", ".join(field.choices)))
    method = config.get("token_endpoint_auth_method", "")
    if method in {ClientAuthMethod.CLIENT_SECRET_BASIC, ClientAuthMethod.CLIENT_SECRET_POST} and not has_client_secret:
        found.append(FieldProblem("token_endpoint_auth_method", "needs a client_secret"))
    if method == ClientAuthMethod.NONE and has_client_secret:
        found.append(FieldProblem("token_endpoint_auth_method", "none cannot go with a client_secret"))
    mode = config.get("auth_mode", "")
    if mode == "Confidential" and not has_client_secret:
        found.append(FieldProblem("auth_mode", "Confidential needs a client_secret"))
    if mode == "Public" and has_client_secret:
        found.append(FieldProblem("auth_mode", "Public cannot go with a client_secret"))
    return tuple(found)


def authorization_server(provider: Provider, integration: Integration) -> AuthorizationServer:
    """Return where the integration's authorization server listens; the ``config`` is one that ``problems`` passed."""
    config, templates = integration.config, provider.endpoints
    return AuthorizationServer(
        authorization_endpoint=templates.authorization.format_map(config),
        token_endpoint=templates.token.format_map(config),
        userinfo_endpoint=_optional(templates.userinfo, config),
        jwks_uri=_optional(templates.jwks, config),
        issuer=_optional(templates.issuer, config),
        issuer_aliases=provider.issuer_aliases,
        tenants=frozenset((_optional(provider.tenants, config) or "").split()),
        iss_in_response_supported=provider.iss_in_response_supported,
    )


def can_identify(provider: Provider, config: Mapping[str, str]) -> bool:
    """Say whether this integration can tell whose account it is, so that ``sign_in`` may name it."""
    return any(_is_there(source, provider.endpoints, config) for source in provider.identity)


def client(provider: Provider, integration: Integration) -> Client:
    """Return who we are there; without a secret a public client."""
    if integration.client_secret is None:
        return Client(client_id=integration.config["client_id"], client_secret=None, auth_method=ClientAuthMethod.NONE)
    return Client(
        client_id=integration.config["client_id"],
        client_secret=integration.client_secret.reveal(),
        auth_method=ClientAuthMethod(
            integration.config.get("token_endpoint_auth_method") or provider.default_auth_method
        ),
    )


def requested_scope(provider: Provider, integration: Integration) -> str:
    """Return what the authorization request asks for, separated by spaces; ``""``: the server's default."""
    named = integration.config.get("scopes", "").split() or list(provider.default_scopes)
    return " ".join(dict.fromkeys([*named, *provider.refresh_scopes]))


def refresh_scope(provider: Provider, integration: Integration) -> str | None:
    """Return the ``scope`` of refresh requests; ``None``: they have none."""
    return (requested_scope(provider, integration) or None) if provider.sends_scope_on_refresh else None


def fingerprint(integration: Integration, server: AuthorizationServer) -> bytes:
    """Return 32 bytes that change with the client or its endpoints: credentials of another one are unusable."""
    digest = hashlib.sha256()
    for part in (integration.config["client_id"], server.authorization_endpoint, server.token_endpoint):
        raw = part.encode()
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.digest()


def _is_there(source: IdentitySource, endpoints: Endpoints, config: Mapping[str, str]) -> bool:
    match source:
        case FromIdToken():
            return bool(_optional(endpoints.jwks, config) and _optional(endpoints.issuer, config))
        case FromUserinfo():
            return bool(_optional(endpoints.userinfo, config))
        case FromAnswer() | FromResource():
            return True
        case _:
            assert_never(source)


def _optional(template: str, config: Mapping[str, str]) -> str | None:
    try:
        return template.format_map(config) or None
    except KeyError:
        return None


def _is_endpoint(value: str) -> bool:
    try:
        url = urlsplit(value)
        host, _ = url.hostname or "", url.port
    except ValueError:
        return False
    if (
        not value.isprintable()
        or " " in value
        or not host
        or "#" in value
        or url.username is not None
        or not value.isascii()
    ):
        return False
    is_loopback = host in {"localhost", "127.0.0.1", "::1"} or host.endswith(".localhost")
    return url.scheme == "https" or (url.scheme == "http" and is_loopback)
