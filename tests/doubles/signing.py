"""Keys and ID tokens of an authorization server double, the right ones and every kind of wrong one.

Keys are made once for the whole run: a test never needs a key that no other test has.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

PrivateKey = RSAKey | ECKey | OKPKey

ODD_KEYS: tuple[Mapping[str, object], ...] = (
    {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA", "kid": "curve-of-tomorrow"},
    {"kty": "LATTICE", "kid": "kind-of-tomorrow", "alg": "ML-DSA-44"},
    {"kty": "RSA", "n": "!", "e": "AQAB", "kid": "nonsense"},
)
"""Keys that a client cannot use and has to live with."""


@cache
def private_key(name: str, kind: str = "RSA") -> PrivateKey:
    """The key of that name; ``kind`` is ``RSA``, a curve of EC, or ``Ed25519``."""
    if kind == "RSA":
        return RSAKey.generate_key(2048, {"kid": name})
    if kind == "Ed25519":
        return OKPKey.generate_key("Ed25519", {"kid": name})
    return ECKey.generate_key(kind, {"kid": name})


def public_jwk(key: PrivateKey, **members: object) -> dict[str, object]:
    """The public half as it stands in a set; ``kid=None`` leaves the name out."""
    jwk = dict[str, object](key.as_dict(private=False)) | {"use": "sig"} | members
    return {name: value for name, value in jwk.items() if value is not None}


def jwks(*keys: Mapping[str, object]) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


def segment(raw: bytes | Mapping[str, object]) -> str:
    """Base64url without padding, of bytes or of a JSON object."""
    data = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Signs what it is told to, also what no server should."""

    key: PrivateKey
    alg: str = "RS256"

    def sign(self, claims: Mapping[str, object] | bytes, header: Mapping[str, object] | None = None) -> str:
        """A token; members of ``header`` that are ``None`` are left out."""
        whole = {"alg": self.alg, "kid": self.key.kid, "typ": "JWT"} | dict(header or {})
        kept = {name: value for name, value in whole.items() if value is not None}
        payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
        name = "Ed25519" if self.alg == "EdDSA" else self.alg  # joserfc warns of the older name
        algorithm = jws.JWSRegistry(algorithms=[name]).get_alg(name)
        signing_input = f"{segment(kept)}.{segment(payload)}"
        signature = algorithm.sign(signing_input.encode(), self.key)
        return f"{signing_input}.{segment(signature)}"

    def unsigned(self, claims: Mapping[str, object], alg: str = "none") -> str:
        """A token that says ``none`` and has an empty signature."""
        return f"{segment({'alg': alg, 'typ': 'JWT', 'kid': self.key.kid})}.{segment(claims)}."

    def confused(self, claims: Mapping[str, object], secret: bytes | None = None) -> str:
        """HS256 with the public key as the secret (or another secret): key confusion."""
        shared = self.key.as_pem(private=False) if secret is None else secret
        signing_input = f"{segment({'alg': 'HS256', 'typ': 'JWT', 'kid': self.key.kid})}.{segment(claims)}"
        return f"{signing_input}.{segment(hmac.new(shared, signing_input.encode(), 'sha256').digest())}"

    def with_own_key(self, claims: Mapping[str, object]) -> str:
        """Signed by somebody else, who brings the key along in the header."""
        other = private_key("somebody-else")
        return Signer(key=other).sign(claims, {"kid": self.key.kid, "jwk": public_jwk(other)})


def at_hash(access_token: str, digest: str = "sha256") -> str:
    whole = hashlib.new(digest, access_token.encode()).digest()
    return segment(whole[: len(whole) // 2])
