"""ID tokens of an authorization server double, and the keys it publishes; tests queue what is to be wrong with the next.

A fault is a name of :data:`FAULTS`, or a mapping of claims that replace the right ones (``None`` leaves one out).
"""

from __future__ import annotations

import base64
import secrets
from collections import deque
from collections.abc import Callable, Mapping

from tests.doubles.signing import ODD_KEYS, Signer, jwks, private_key, public_jwk, segment

Claims = dict[str, object]
Fault = str | Mapping[str, object]

LIFETIME_S = 300
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class IdTokens:
    """Signs as one issuer; the set has two RSA keys, one EC key, and keys that no client can use."""

    def __init__(self) -> None:
        self.faults: deque[Fault] = deque()
        """What is wrong with the next tokens, used once each; right when empty."""
        self.sid = ""
        """The session at this server that the next tokens name; empty: none."""
        self.algorithm = "RS256"
        self.publishes_names = True
        """Whether the keys of the set have a ``kid``."""
        self.repeated_name = False
        """Publish another key under the name of the one that signs, before it."""
        self._generation = 0

    @property
    def signer(self) -> Signer:
        if self.algorithm.startswith("ES"):
            return Signer(key=private_key(f"ec-{self._generation}", "P-256"), alg=self.algorithm)
        return Signer(key=private_key(f"rsa-{self._generation}"), alg=self.algorithm)

    def rotate_keys(self) -> None:
        """Sign with a new key from now on, and publish it instead of the old one."""
        self._generation += 1

    def published(self) -> bytes:
        """The set."""
        name = self.signer.key.kid
        keys = [private_key(f"rsa-{self._generation}"), private_key("rsa-spare"), private_key(f"ec-{self._generation}", "P-256")]  # fmt: skip
        named = [public_jwk(key) if self.publishes_names else public_jwk(key, kid=None) for key in keys]
        again = [public_jwk(private_key("rsa-impostor"), kid=name)] if self.repeated_name else []
        return jwks(*ODD_KEYS, *again, *named)

    def new(self, claims: Claims, *, issuer: str, client_id: str, nonce: str, now: float) -> str:
        whole: Claims = {"iss": issuer, "aud": client_id, "iat": int(now), "exp": int(now) + LIFETIME_S} | claims
        if nonce:
            whole["nonce"] = nonce
        if self.sid:
            whole["sid"] = self.sid
        fault = self.faults.popleft() if self.faults else ""
        if isinstance(fault, Mapping):
            whole |= fault
            return self.signer.sign({name: value for name, value in whole.items() if value is not None})
        return FAULTS[fault](self.signer, whole) if fault else self.signer.sign(whole)

    def logout(
        self, claims: Claims, *, issuer: str, client_id: str, now: float, header: Mapping[str, object] | None = None
    ) -> str:
        """A logout token with a name of its own (Back-Channel Logout 1.0 §2.4); claims that are ``None`` are left out."""
        whole: Claims = {
            "iss": issuer, "aud": client_id, "iat": int(now), "exp": int(now) + 120, "jti": secrets.token_hex(8),
            "events": {LOGOUT_EVENT: {}}, **claims,
        }  # fmt: skip
        kept = {name: value for name, value in whole.items() if value is not None}
        return self.signer.sign(kept, {"typ": "logout+jwt"} | dict(header or {}))


def _with_header(**header: object) -> Callable[[Signer, Claims], str]:
    return lambda signer, claims: signer.sign(claims, header)


def _encrypted(signer: Signer, claims: Claims) -> str:
    """What looks like a JWE with RSA1_5: five parts (nobody should get as far as decrypting it)."""
    header = segment({"alg": "RSA1_5", "enc": "A128CBC-HS256", "zip": "DEF", "kid": signer.key.kid})
    return ".".join([header, segment(b"\0" * 256), segment(b"\0" * 16), segment(b"\0" * 4096), segment(b"\0" * 16)])


def _by_password(signer: Signer, claims: Claims) -> str:
    """PBES2 with a count that would take minutes."""
    header = segment({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2_000_000_000, "p2s": "AAAAAAAAAAA"})
    return ".".join([header, segment(b"\0" * 24), segment(b"\0" * 12), segment(b"\0" * 64), segment(b"\0" * 16)])


def _broken(signer: Signer, claims: Claims) -> str:
    head, payload, signature = signer.sign(claims).split(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[7] ^= 1
    return f"{head}.{payload}.{segment(bytes(raw))}"


FAULTS: Mapping[str, Callable[[Signer, Claims], str]] = {
    "alg_none": lambda signer, claims: signer.unsigned(claims),
    "alg_none_with_signature": lambda signer, claims: signer.unsigned(claims) + "AAAA",
    "empty_signature": lambda signer, claims: signer.sign(claims).rpartition(".")[0] + ".",
    "wrong_signature": _broken,
    "hs256_with_public_key": lambda signer, claims: signer.confused(claims),
    "hs256_with_empty_key": lambda signer, claims: signer.confused(claims, b""),
    "own_jwk": lambda signer, claims: signer.with_own_key(claims),
    "jku": _with_header(jku="https://evil.example/keys"),
    "x5u": _with_header(x5u="https://evil.example/chain"),
    "crit": _with_header(crit=["exp"], exp=1),
    "zip": _with_header(zip="DEF"),
    "access_token_type": _with_header(typ="at+jwt"),
    "rsa1_5_jwe": _encrypted,
    "pbes2_jwe": _by_password,
    "huge_header": _with_header(x="A" * 100_000),
    "unknown_kid": _with_header(kid="nobody"),
    "no_kid": _with_header(kid=None),
    "extra_header_nonce": _with_header(nonce="entra"),
    "another_signer": lambda signer, claims: Signer(key=private_key("somebody-else")).sign(claims, {"kid": signer.key.kid}),
}  # fmt: skip
