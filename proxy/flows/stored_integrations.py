"""Integrations that were made through the API: sealed on the way into the store, opened and judged on the way out.

One that cannot be used, because a key is gone or another release knew its template, is kept, listed and left alone: the
right key may come back, and an administrator can give it new secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

from proxy.model import Integration, IntegrationGuid, Sealed, Secret, StoredIntegration
from proxy.providers import PROVIDERS
from proxy.providers.whole_config import whole_config_problems
from proxy.sealing import NONCE_BYTES, KeyRing, SealBroken, associated_data

Column = Literal["client_secret", "private_key"]
COLUMNS: tuple[Column, ...] = ("client_secret", "private_key")


class IntegrationSeal:
    """Seals and opens secrets of integrations, each for its column of one row."""

    def __init__(self, *, key_ring: KeyRing, random_bytes: Callable[[int], bytes]) -> None:
        self._key_ring = key_ring
        self._random_bytes = random_bytes

    def seal(self, secret: str, column: Column, guid: IntegrationGuid) -> Sealed:
        """Seal one secret."""
        associated = associated_data("integration", column, guid)
        return self._key_ring.seal(secret.encode(), associated=associated, nonce=self._random_bytes(NONCE_BYTES))

    def opened(self, stored: StoredIntegration) -> Mapping[Column, Secret]:
        """Open what can be opened; a secret that is there and not in the answer cannot."""
        found: dict[Column, Secret] = {}
        for column in COLUMNS:
            sealed = sealed_of(stored, column)
            if sealed is not None:
                try:
                    plain = self._key_ring.open(sealed, associated=associated_data("integration", column, stored.guid))
                except SealBroken:
                    continue
                found[column] = Secret(plain.decode())
        return found


def sealed_of(stored: StoredIntegration, column: Column) -> Sealed | None:
    """Return one of the sealed secrets."""
    return stored.client_secret if column == "client_secret" else stored.private_key


def integration_of(stored: StoredIntegration, secrets: Mapping[Column, Secret], *, slug: str) -> Integration:
    """Return the integration, with the secrets that could be opened, under the slug that is free for it."""
    return Integration(
        guid=stored.guid,
        name=stored.name,
        slug=slug,
        template=stored.template,
        config=MappingProxyType(dict(stored.config)),
        client_secret=secrets.get("client_secret"),
        private_key=secrets.get("private_key"),
        description=stored.description,
        pin_identity=stored.pin_identity,
        generation=stored.generation,
        is_unusable=bool(why_unusable(stored, secrets)),
    )


def why_unusable(stored: StoredIntegration, secrets: Mapping[Column, Secret]) -> str:
    """Say, in a constant word, why an integration cannot be used as it is stored; empty: it can."""
    if any(sealed_of(stored, column) is not None and column not in secrets for column in COLUMNS):
        return "sealed"
    provider = PROVIDERS.get(stored.template)
    if provider is None:
        return "unknown_template"
    whole = dict(stored.config)
    whole |= {name: secret.reveal() for name, secret in secrets.items()}
    return "config" if whole_config_problems(provider, whole) else ""


def gone_integration(guid: IntegrationGuid) -> Integration:
    """Return what stands in the place of an integration that contents use and nothing knows any more.

    Without it they would open without a token that they cannot do without.
    """
    return Integration(
        guid=guid,
        name="(no longer configured)",
        slug=f"gone-{guid[:8]}",
        template="",
        config=MappingProxyType({}),
        is_unusable=True,
    )
