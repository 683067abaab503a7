"""What a recipe makes of one integration: where its server listens, who we are there, and what is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import assert_never
from urllib.parse import parse_qsl

from proxy.model import Integration
from proxy.oauth.client_assertion import AssertionKey
from proxy.oauth.client_auth import Client, ClientAuthMethod
from proxy.oauth.metadata import TENANT, AuthorizationServer, Undiscovered
from proxy.oauth.origins import secure_origin
from proxy.providers.base import Provider
from proxy.providers.fields import filled, values
from proxy.providers.identity import FromAnswer, FromIdToken, FromResource, FromUserinfo, IdentitySource

WITH_SECRET = frozenset({ClientAuthMethod.CLIENT_SECRET_POST, ClientAuthMethod.CLIENT_SECRET_BASIC})


def authorization_server(provider: Provider, integration: Integration) -> AuthorizationServer | Undiscovered:
    """Return where the integration's authorization server listens; the ``config`` is one that ``problems`` passed."""
    known, templates = values(provider, integration.config), provider.endpoints
    given = {
        "authorization_endpoint": _endpoint("authorization_uri", templates.authorization, known),
        "token_endpoint": _endpoint("token_uri", templates.token, known),
        "userinfo_endpoint": _endpoint("userinfo_uri", templates.userinfo, known),
        "jwks_uri": _endpoint("jwks_uri", templates.jwks, known),
        "end_session_endpoint": _endpoint("end_session_uri", templates.end_session, known),
        "revocation_endpoint": _endpoint("revocation_uri", templates.revocation, known),
    }
    discovered = filled(templates.discovery, known)
    if discovered:
        return Undiscovered(
            issuer=discovered,
            origins=frozenset(filled(templates.discovery_origins, known).split()),
            issuer_aliases=provider.issuer_aliases,
            given={name: url for name, url in given.items() if url},
        )
    return AuthorizationServer(
        authorization_endpoint=given["authorization_endpoint"],
        token_endpoint=given["token_endpoint"],
        userinfo_endpoint=given["userinfo_endpoint"] or None,
        jwks_uri=given["jwks_uri"] or None,
        revocation_endpoint=given["revocation_endpoint"] or None,
        end_session_endpoint=given["end_session_endpoint"] or None,
        issuer=_endpoint("issuer", templates.issuer, known) or None,
        issuer_aliases=provider.issuer_aliases,
        tenants=frozenset(filled(provider.tenants, known).split()),
        iss_in_response_supported=provider.iss_in_response_supported,
    )


def can_identify(provider: Provider, config: Mapping[str, str]) -> bool:
    """Say whether this integration can tell whose account it is, so that ``sign_in`` may name it."""
    known = values(provider, config)
    return any(_is_there(source, provider, known) for source in provider.identity)


def sign_out(provider: Provider, integration: Integration) -> str:
    """Return what follows a sign-out here at the provider: ``offer``, ``follow`` or ``never``."""
    return values(provider, integration.config).get("sign_out", "never")


def resource_url(template: str, provider: Provider, integration: Integration) -> str:
    """Return where the provider's own API is asked whose account it is."""
    return filled(template, values(provider, integration.config))


def client(provider: Provider, integration: Integration, server: AuthorizationServer) -> Client:
    """Return who we are there; without a secret and a key a public client.

    How a secret is shown: as the administrator says, else the first way of the recipe that the server announces.
    """
    known = values(provider, integration.config)
    client_id, said = known["client_id"], known.get("token_endpoint_auth_method")
    if integration.private_key is not None:
        return Client(
            client_id=client_id,
            assertion_key=AssertionKey(
                private_key=integration.private_key.reveal(),
                audience=server.token_endpoint,
                certificate=known.get("certificate", ""),
                key_id=known.get("key_id", ""),
                rsa_algorithm=provider.rsa_algorithm,
            ),
            auth_method=ClientAuthMethod.PRIVATE_KEY_JWT,
        )
    if integration.client_secret is None:
        return Client(client_id=client_id, auth_method=ClientAuthMethod.NONE)
    return Client(
        client_id=client_id,
        client_secret=integration.client_secret.reveal(),
        auth_method=ClientAuthMethod(said) if said else _method(provider, server),
        encodes_basic=provider.encodes_basic and known.get("basic_encoding") != "raw",
    )


def written_urls(provider: Provider, integration: Integration) -> frozenset[str]:
    """Return the URLs that the administrator or the recipe wrote down: their origins are trusted wherever they are."""
    server = authorization_server(provider, integration)
    match server:
        case AuthorizationServer():
            named = [
                server.authorization_endpoint,
                server.token_endpoint,
                server.userinfo_endpoint,
                server.jwks_uri,
                server.revocation_endpoint,
            ]
        case Undiscovered():
            named = [server.issuer, *server.origins, *server.given.values()]
        case _:
            assert_never(server)
    own = [resource_url(row.url, provider, integration) for row in provider.identity if isinstance(row, FromResource)]
    return frozenset(url for url in [*named, *own] if url)


def secret_origins(provider: Provider, integration: Integration) -> frozenset[str | None]:
    """Return the origins of the endpoints at which the client shows who it is, and with it its secret."""
    server = authorization_server(provider, integration)
    match server:
        case AuthorizationServer():
            shown = [server.token_endpoint, server.revocation_endpoint]
        case Undiscovered():  # its document can name any of these
            given = (server.given.get(name) for name in ("token_endpoint", "revocation_endpoint"))
            shown = [server.issuer, *server.origins, *given]
        case _:
            assert_never(server)
    return frozenset(secure_origin(url) for url in shown if url)


def uses_pkce(provider: Provider, integration: Integration) -> bool:
    """Say whether codes are bound to our request (RFC 7636)."""
    return values(provider, integration.config).get("use_pkce") != "false"


def requested_scope(provider: Provider, integration: Integration) -> str:
    """Return what the authorization request asks for, separated by spaces; ``""``: the server's default."""
    named = integration.config.get("scopes", "").split() or list(provider.default_scopes)
    return " ".join(dict.fromkeys([*named, *provider.refresh_scopes]))


def code_scope(provider: Provider, integration: Integration) -> str | None:
    """Return the ``scope`` that goes along with a code; ``None``: none does."""
    return (requested_scope(provider, integration) or None) if provider.sends_scope_with_code else None


def refresh_scope(provider: Provider, integration: Integration) -> str | None:
    """Return the ``scope`` of refresh requests; ``None``: they have none."""
    return (requested_scope(provider, integration) or None) if provider.sends_scope_on_refresh else None


def granted_scope(provider: Provider, said: str | None) -> str | None:
    """Return what an answer says was granted, separated by spaces; ``None``: nothing is said, thus as requested."""
    return " ".join((said or "").replace(provider.scope_separator, " ").split()) or None


def missing_scopes(provider: Provider, granted: str, requested: str) -> tuple[str, ...]:
    """Return what was asked for and not granted, in the order of asking: viewers may leave boxes unticked.

    Not what is asked for the sake of a refresh token: Entra never repeats it, and the token itself shows it.
    """
    given = {*granted.split(), *provider.refresh_scopes}
    return tuple(scope for scope in requested.split() if scope not in given)


def authorization_parameters(provider: Provider, integration: Integration) -> Sequence[tuple[str, str]]:
    """Return what goes along with the viewer beside RFC 6749's parameters.

    What the administrator writes stands in the place of the recipe's parameters of that name; an empty value takes it out.
    """
    known = values(provider, integration.config)
    written = parse_qsl(known.get("authorization_parameters", ""), keep_blank_values=True)
    named = {name for name, _ in written}
    ours = [(name, filled(text, known)) for name, text in provider.authorization_parameters if name not in named]
    return [pair for pair in [*ours, *written] if pair[1]]


def fingerprint(integration: Integration, server: AuthorizationServer | Undiscovered) -> bytes:
    """Return 32 bytes that change with the client or its endpoints: credentials of another one are unusable.

    Where endpoints are discovered the issuer counts: it may move them. What was made another one through the API is, even
    where this looks the same: its other endpoints may be others.
    """
    match server:
        case AuthorizationServer():
            where = (server.authorization_endpoint, server.token_endpoint)
        case Undiscovered():
            where = (server.issuer, "")
        case _:
            assert_never(server)
    digest = hashlib.sha256()
    generation = (str(integration.generation),) if integration.generation else ()
    for part in (integration.config["client_id"], *where, *generation):
        raw = part.encode()
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.digest()


def _method(provider: Provider, server: AuthorizationServer) -> ClientAuthMethod:
    announced = server.token_endpoint_auth_methods_supported
    with_secret = [method for method in provider.auth_methods if method in WITH_SECRET]
    return next((method for method in with_secret if not announced or method in announced), with_secret[0])


def _is_there(source: IdentitySource, provider: Provider, known: Mapping[str, str]) -> bool:
    templates = provider.endpoints
    match source:
        case FromIdToken():
            return _gives_id_tokens(provider, known) and _are_id_tokens_believed(provider, known)
        case FromUserinfo():
            return bool(filled(templates.discovery, known) or _endpoint("userinfo_uri", templates.userinfo, known))
        case FromAnswer() | FromResource():
            return True
        case _:
            assert_never(source)


def _gives_id_tokens(provider: Provider, known: Mapping[str, str]) -> bool:
    return "openid" in {*(known.get("scopes", "").split() or provider.default_scopes), *provider.refresh_scopes}


def _are_id_tokens_believed(provider: Provider, known: Mapping[str, str]) -> bool:
    """Whether there are keys, and an issuer to compare with; of many tenants, those that may sign in are named."""
    templates = provider.endpoints
    if filled(templates.discovery, known):
        return True
    issuer = _endpoint("issuer", templates.issuer, known)
    is_known = bool(issuer and _endpoint("jwks_uri", templates.jwks, known))
    return is_known and (TENANT not in issuer or bool(filled(provider.tenants, known)))


def _endpoint(override: str, templates: Sequence[str], known: Mapping[str, str]) -> str:
    return known.get(override) or _first(templates, known)


def _first(templates: Sequence[str], known: Mapping[str, str]) -> str:
    return next((url for template in templates if (url := filled(template, known))), "")
