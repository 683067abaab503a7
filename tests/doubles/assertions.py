"""Client assertions as a strict server reads them (RFC 7523 §3); what was seen once is not taken again."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Collection

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from tests.doubles.grants import RegisteredClient

ALGORITHMS = ["RS256", "PS256"]
EARLIEST_S = 600
"""How old one may be; Snowflake's rule."""
AHEAD_S = 60


class Assertions:
    """Judges them, and remembers each ``jti``."""

    def __init__(
        self,
        *,
        audiences: Callable[[], Collection[str]],
        now: Callable[[], float],
        ttl_s: float,
        needs_thumbprint: bool,
    ) -> None:
        self._audiences = audiences
        self._now = now
        self._ttl_s = ttl_s
        self._needs_thumbprint = needs_thumbprint
        self.seen: list[dict[str, object]] = []
        """Claims of all that were good."""

    def problem(self, assertion: str, client: RegisteredClient) -> str:
        """Say what is wrong with it; ``""``: nothing, and it is used up now."""
        for certificate in client.certificates:
            known = x509.load_pem_x509_certificate(certificate.encode())
            pem = known.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            try:
                token = jws.deserialize_compact(assertion, RSAKey.import_key(pem), algorithms=ALGORITHMS)
            except (JoseError, ValueError):
                continue
            if self._needs_thumbprint and token.protected.get("x5t#S256") != thumbprint(known):
                return "thumbprint"
            return self._problem_of(json.loads(token.payload), client)
        return "signature"

    def _problem_of(self, claims: dict[str, object], client: RegisteredClient) -> str:
        now, issued, expires = self._now(), claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int) or not isinstance(expires, int):
            return "times"
        wrong = {
            "issuer": claims.get("iss") != client.client_id or claims.get("sub") != client.client_id,
            "audience": claims.get("aud") not in self._audiences(),
            "times": not now - EARLIEST_S <= issued <= now + AHEAD_S or not now < expires <= now + self._ttl_s,
            "replay": not claims.get("jti") or any(claims["jti"] == before["jti"] for before in self.seen),
        }
        problem = next((name for name, is_wrong in wrong.items() if is_wrong), "")
        if not problem:
            self.seen.append(claims)
        return problem


def thumbprint(certificate: x509.Certificate) -> str:
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
