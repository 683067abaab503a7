"""A signed statement of who we are, instead of a secret on the wire (RFC 7523 §2.2 and §3).

joserfc signs. authlib's ``PrivateKeyJWT`` is not used: its assertions live an hour, have no certificate thumbprint, and
repeat one ``jti`` when given claims.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

LIFETIME_S = 300
EARLIER_S = 5
"""The assertion is dated back: a server whose clock is a little slow takes it too."""
MIN_RSA_BITS = 2048
"""RFC 7518 §3.3."""

_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384"}

SigningKey = RSAPrivateKey | EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionKey:
    """What our assertions at one server are signed with."""

    private_key: str = field(repr=False)
    """PEM, one that :func:`private_key_problem` passed."""
    audience: str
    """The token endpoint (RFC 7523 §3), which every server takes; some want their issuer or take either."""
    certificate: str = ""
    """PEM; its SHA-256 goes along as ``x5t#S256`` (RFC 7515 §4.1.8), which Entra finds the key by. Empty: none."""
    key_id: str = ""
    """``kid``; empty: none."""
    rsa_algorithm: Literal["RS256", "PS256"] = "RS256"


def client_assertion(client_id: str, key: AssertionKey, *, now: datetime, jti: str) -> str:
    """Return a new assertion; ``jti`` must be new too: servers refuse one that they have seen. PS256 and ES256 draw a
    random salt inside the library.
    """
    signing = load_private_key(key.private_key)
    algorithm = key.rsa_algorithm if isinstance(signing, RSAPrivateKey) else _CURVES[signing.curve.name]
    issued_at_s = int(now.timestamp()) - EARLIER_S
    header = {"alg": algorithm}
    if key.key_id:
        header["kid"] = key.key_id
    if key.certificate:
        header["x5t#S256"] = _thumbprint(key.certificate)
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": key.audience,
        "jti": jti,
        "iat": issued_at_s,
        "nbf": issued_at_s,
        "exp": issued_at_s + LIFETIME_S,
    }
    jwk = (RSAKey if isinstance(signing, RSAPrivateKey) else ECKey).import_key(key.private_key)
    return jwt.encode(header, claims, jwk, algorithms=[algorithm])


def private_key_problem(private_key: str, *, certificate: str = "") -> str:
    """Say why these two cannot sign assertions, never quoting them; ``""`` when they can. Either may be empty."""
    signing = None
    if private_key:
        try:
            signing = load_private_key(private_key)
        except ValueError as exc:
            return str(exc)
    if not certificate:
        return ""
    try:
        known = x509.load_pem_x509_certificate(certificate.encode())
    except ValueError:
        return "must be a certificate in PEM (-----BEGIN CERTIFICATE-----)"
    if signing is not None and signing.public_key() != known.public_key():
        return "is not the certificate of this private_key"
    return ""


def load_private_key(pem: str) -> SigningKey:
    """Read a private key; ``ValueError`` with what is wrong for one that cannot sign an assertion."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError as exc:
        raise ValueError("must not have a passphrase") from exc
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise ValueError("must be a private key in PEM (-----BEGIN PRIVATE KEY-----)") from exc
    match key:
        case RSAPrivateKey() if key.key_size < MIN_RSA_BITS:
            raise ValueError(f"an RSA key has at least {MIN_RSA_BITS} bits")
        case RSAPrivateKey():
            return key
        case EllipticCurvePrivateKey() if key.curve.name in _CURVES:
            return key
        case _:
            raise ValueError("must be an RSA, P-256 or P-384 key")


def _thumbprint(certificate: str) -> str:
    der = x509.load_pem_x509_certificate(certificate.encode()).public_bytes(Encoding.DER)
    return urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
