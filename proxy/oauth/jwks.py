"""The keys that an authorization server signs with: JWK sets as data in, keys out (RFC 7517, RFC 7518 §6, RFC 8037).

Keys are read one by one: an unknown kind, a curve of tomorrow or plain nonsense costs that key, never the set (joserfc
gives the whole set up). Of a key only what makes the number is used; what it may be used for is judged here.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from proxy.oauth.text import json_object

MAX_KEYS = 100
"""Keys beyond these are not looked at; Entra publishes about ten."""

MAX_TRIED = 10
"""Keys that one token is tried against when ``kid`` does not tell: each costs a signature check."""

MIN_RSA_BITS = 2048
"""RFC 7518 §3.3."""

MAX_RSA_BITS = 8192
"""A larger modulus is work for us and nothing else."""

MAX_EXPONENT_BYTES = 8

ALGORITHMS: Mapping[str, tuple[str, str]] = {
    "RS256": ("RSA", ""), "RS384": ("RSA", ""), "RS512": ("RSA", ""),
    "PS256": ("RSA", ""), "PS384": ("RSA", ""), "PS512": ("RSA", ""),
    "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384"), "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"), "Ed25519": ("OKP", "Ed25519"),
}  # fmt: skip
"""What a token may be signed with, and the (``kty``, ``crv``) that it takes. No HMAC: a public key is no shared secret. No
``none``."""

_CURVES = frozenset(kind for kind in ALGORITHMS.values() if kind[1])
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """One public key of a set."""

    kid: str | None
    alg: str | None
    """The only algorithm it is for; ``None``: any that suits its kind."""
    kind: tuple[str, str]
    """``(kty, crv)`` as in :data:`ALGORITHMS`."""
    issuer: str | None
    """Entra: the issuer whose tokens it signs, maybe a template; ``None``: of whoever publishes the set."""
    key: RSAKey | ECKey | OKPKey = field(repr=False)


def parse_jwks(body: bytes) -> tuple[SigningKey, ...] | None:
    """Return the usable keys of a set; ``None`` when it is no set, or none of them can be used."""
    members = json_object(body)
    listed = None if members is None else members.get("keys")
    if not isinstance(listed, list):
        return None
    found = [_signing_key(entry) for entry in listed[:MAX_KEYS] if isinstance(entry, dict)]
    return tuple(key for key in found if key is not None) or None


def candidates(keys: Sequence[SigningKey], *, kid: str | None, alg: str) -> tuple[SigningKey, ...]:
    """Return the keys that may have signed a token with this header, at most :data:`MAX_TRIED`; none: the key is unknown.

    A named key is looked for by name, then among keys without one. A token that names none is tried against all.
    """
    fitting = [key for key in keys if key.kind == ALGORITHMS[alg] and key.alg in {None, alg}]
    if kid is not None:
        fitting = [key for key in fitting if key.kid == kid] or [key for key in fitting if key.kid is None]
    return tuple(fitting[:MAX_TRIED])


def _signing_key(jwk: Mapping[str, object]) -> SigningKey | None:
    kid, alg, issuer = (_text(jwk.get(name)) for name in ("kid", "alg", "issuer"))
    operations = jwk.get("key_ops")
    if jwk.get("use") not in (None, "sig"):  # anything may stand there, also what has no hash
        return None
    if operations is not None and not (isinstance(operations, list) and "verify" in operations):
        return None
    if jwk.get("alg") is not None and alg not in ALGORITHMS:
        return None
    kind = ("RSA", "") if jwk.get("kty") == "RSA" else (_text(jwk.get("kty")) or "", _text(jwk.get("crv")) or "")
    key = _public_key(jwk, kind)
    return None if key is None else SigningKey(kid=kid, alg=alg, kind=kind, issuer=issuer, key=key)


def _public_key(jwk: Mapping[str, object], kind: tuple[str, str]) -> RSAKey | ECKey | OKPKey | None:
    parts = {name: _text(jwk.get(name)) or "" for name in ("n", "e", "x", "y")}
    try:
        if kind == ("RSA", ""):
            if not _is_rsa_of_sane_size(parts["n"], parts["e"]):
                return None
            return RSAKey.import_key({"kty": "RSA", "n": parts["n"], "e": parts["e"]})
        if kind not in _CURVES:
            return None
        if kind[0] == "OKP":
            return OKPKey.import_key({"kty": "OKP", "crv": kind[1], "x": parts["x"]})
        return ECKey.import_key({"kty": "EC", "crv": kind[1], "x": parts["x"], "y": parts["y"]})
    except (JoseError, ValueError):  # joserfc lets some of cryptography's own errors through
        return None


def _is_rsa_of_sane_size(modulus: str, exponent: str) -> bool:
    """Whether both are numbers that an honest key has: weak ones are not believed, endless ones not computed with."""
    n, e = _bytes(modulus), _bytes(exponent)
    return MIN_RSA_BITS <= int.from_bytes(n, "big").bit_length() <= MAX_RSA_BITS and 1 <= len(e) <= MAX_EXPONENT_BYTES


def _bytes(value: str) -> bytes:
    if not _BASE64URL.fullmatch(value) or len(value) > MAX_RSA_BITS // 4:
        return b""
    return urlsafe_b64decode(value + "=" * (-len(value) % 4))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
