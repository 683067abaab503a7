"""How tokens, and clients that are gone, are sealed: bound to table, column, viewer and integration, so that no row's token opens in another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from proxy.model import Credentials, EndedGrant, IntegrationGuid, Sealed, Secret, ViewerGuid
from proxy.sealing import NONCE_BYTES, KeyRing, associated_data

Column = Literal["access_token", "refresh_token"]


class TokenSeal:
    """Seals and opens the tokens of credentials."""

    def __init__(self, *, key_ring: KeyRing, random_bytes: Callable[[int], bytes]) -> None:
        self._key_ring = key_ring
        self._random_bytes = random_bytes

    def seal(self, token: str, column: Column, of: tuple[ViewerGuid, IntegrationGuid]) -> Sealed:
        """Seal one token for one column of this viewer's row for this integration."""
        associated = associated_data("credentials", column, *of)
        return self._key_ring.seal(token.encode(), associated=associated, nonce=self._random_bytes(NONCE_BYTES))

    def access_token(self, row: Credentials) -> Secret:
        """Open the access token; ``SealBroken`` when it was not sealed for this row by a key on the ring."""
        return self._open(row.access_token, "access_token", row)

    def refresh_token(self, row: Credentials) -> Secret | None:
        """Open the refresh token, if there is one; ``SealBroken`` as above."""
        return None if row.refresh_token is None else self._open(row.refresh_token, "refresh_token", row)

    def tokens_of(self, grant: EndedGrant) -> tuple[Secret, Secret | None]:
        """Open access and refresh token of credentials that have ended; ``SealBroken`` as above."""
        sealed = grant.refresh_token
        refresh_token = None if sealed is None else self._open(sealed, "refresh_token", grant)
        return self._open(grant.access_token, "access_token", grant), refresh_token

    def seal_integration(self, written: str, integration_guid: IntegrationGuid, fingerprint: bytes) -> Sealed:
        """Seal what an integration is."""
        associated = associated_data("noted_integration", "sealed", integration_guid, fingerprint.hex())
        return self._key_ring.seal(written.encode(), associated=associated, nonce=self._random_bytes(NONCE_BYTES))

    def open_integration(self, sealed: Sealed, integration_guid: IntegrationGuid, fingerprint: bytes) -> str:
        """Open what an integration was; ``SealBroken`` as above."""
        associated = associated_data("noted_integration", "sealed", integration_guid, fingerprint.hex())
        return self._key_ring.open(sealed, associated=associated).decode()

    def _open(self, sealed: Sealed, column: Column, row: Credentials | EndedGrant) -> Secret:
        associated = associated_data("credentials", column, row.viewer_guid, row.integration_guid)
        return Secret(self._key_ring.open(sealed, associated=associated).decode())
