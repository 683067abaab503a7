"""What a recipe makes of one integration: where its server listens, who we are there, and what is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import assert_never
from urllib.parse import parse_qsl

from proxy.model import Integration
from proxy.oauth.client_assertion import AssertionKey
from proxy.oauth.client_auth import Client, ClientAuthMethod
from proxy.oauth.metadata import AuthorizationServer
from proxy.providers.base import Endpoints, Provider
from proxy.providers.fields import filled, values
from proxy.providers.identity import FromAnswer, FromIdToken, FromResource, FromUserinfo, IdentitySource


def authorization_server(provider: Provider, integration: Integration) -> AuthorizationServer:
    """Return where the integration's authorization server listens; the ``config`` is one that ``problems`` passed.

    An endpoint that only the server's metadata names is ``""`` here.
    """
    known, templates = values(provider, integration.config), provider.endpoints
    return AuthorizationServer(
        authorization_endpoint=_endpoint("authorization_uri", templates.authorization, known),
        token_endpoint=_endpoint("token_uri", templates.token, known),
        userinfo_endpoint=_endpoint("userinfo_uri", templates.userinfo, known) or None,
        jwks_uri=_endpoint("jwks_uri", templates.jwks, known) or None,
        issuer=_endpoint("issuer", templates.issuer, known) or None,
        issuer_aliases=provider.issuer_aliases,
        tenants=frozenset(filled(provider.tenants, known).split()),
        iss_in_response_supported=provider.iss_in_response_supported,
    )


def can_identify(provider: Provider, config: Mapping[str, str]) -> bool:
    """Say whether this integration can tell whose account it is, so that ``sign_in`` may name it."""
    known = values(provider, config)
    return any(_is_there(source, provider.endpoints, known) for source in provider.identity)


def has_userinfo(provider: Provider, config: Mapping[str, str]) -> bool:
    """Say whether such an integration can be asked who the viewer is."""
    return bool(_endpoint("userinfo_uri", provider.endpoints.userinfo, values(provider, config)))


def client(provider: Provider, integration: Integration) -> Client:
    """Return who we are there; without a secret and a key a public client."""
    known = values(provider, integration.config)
    client_id, said = known["client_id"], known.get("token_endpoint_auth_method")
    if integration.private_key is not None:
        return Client(
            client_id=client_id,
            assertion_key=AssertionKey(
                private_key=integration.private_key.reveal(),
                audience=authorization_server(provider, integration).token_endpoint,
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
        auth_method=ClientAuthMethod(said or provider.auth_methods[0]),
        encodes_basic=known.get("basic_encoding") != "raw",
    )


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


def missing_scopes(granted: str, requested: str) -> tuple[str, ...]:
    """Return what was asked for and not granted, in the order of asking: viewers may leave boxes unticked."""
    given = set(granted.split())
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


def fingerprint(integration: Integration, server: AuthorizationServer) -> bytes:
    """Return 32 bytes that change with the client or its endpoints: credentials of another one are unusable."""
    digest = hashlib.sha256()
    for part in (integration.config["client_id"], server.authorization_endpoint, server.token_endpoint):
        raw = part.encode()
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.digest()


def _is_there(source: IdentitySource, templates: Endpoints, known: Mapping[str, str]) -> bool:
    match source:
        case FromIdToken():
            return bool(_endpoint("jwks_uri", templates.jwks, known) and _endpoint("issuer", templates.issuer, known))
        case FromUserinfo():
            return bool(_endpoint("userinfo_uri", templates.userinfo, known))
        case FromAnswer() | FromResource():
            return True
        case _:
            assert_never(source)


def _endpoint(override: str, templates: Sequence[str], known: Mapping[str, str]) -> str:
    return known.get(override) or _first(templates, known)


def _first(templates: Sequence[str], known: Mapping[str, str]) -> str:
    return next((url for template in templates if (url := filled(template, known))), "")
