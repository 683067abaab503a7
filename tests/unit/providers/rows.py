"""Integrations of each type, and what their authorization servers are then."""

from __future__ import annotations

from proxy.model import Integration, IntegrationGuid, Secret
from proxy.oauth.client_auth import Client
from proxy.oauth.metadata import AuthorizationServer
from proxy.providers import PROVIDERS, registration
from proxy.providers.base import Provider
from proxy.providers.fields import FieldProblem, problems
from proxy.providers.registration import authorization_server


def integration(template: str, *, secret: str | None = "s3cret", key: str | None = None, **config: str) -> Integration:
    return Integration(
        guid=IntegrationGuid("g"),
        name="n",
        slug="n",
        template=template,
        config={"client_id": "sidecar", **config},
        client_secret=None if secret is None or key else Secret(secret),
        private_key=None if key is None else Secret(key),
    )


def server(template: str, **config: str) -> AuthorizationServer:
    return authorization_server(PROVIDERS[template], integration(template, **config))


def faults(template: str, *secrets: str, **config: str) -> tuple[FieldProblem, ...]:
    return problems(PROVIDERS[template], {"client_id": "sidecar", **config}, secrets=secrets or {"client_secret"})


def client(provider: Provider, made: Integration) -> Client:
    """Who we are at the server of an integration whose endpoints are written down."""
    at = authorization_server(provider, made)
    assert isinstance(at, AuthorizationServer)
    return registration.client(provider, made, at)
