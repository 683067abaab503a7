"""The HTTP client towards authorization servers, as one configuration wants it."""

from __future__ import annotations

from proxy.config.values import Config
from proxy.outbound.authorization_server import AuthorizationServerClient
from proxy.providers import PROVIDERS
from proxy.providers.registration import written_urls


def provider_client(config: Config) -> AuthorizationServerClient:
    """Return a client that reaches this configuration's integrations; to be closed."""
    integrations = config.directory.integrations.values()
    return AuthorizationServerClient(
        written=frozenset().union(*(written_urls(PROVIDERS[one.template], one) for one in integrations)),
        allow_networks=config.outbound.unsafe_allow_networks,
        ca_bundle=config.outbound.ca_bundle,
        proxy=config.outbound.proxy,
        no_proxy=config.outbound.no_proxy,
    )
