"""Keys and certificates for tests, made once per run: none is in the tree."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey


def pem(key, encryption=None) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()).decode()


RSA_KEY = pem(rsa.generate_private_key(65537, 2048))
SMALL_RSA_KEY = pem(rsa.generate_private_key(65537, 1024))
EC_KEY = pem(ec.generate_private_key(ec.SECP256R1()))
P384_KEY = pem(ec.generate_private_key(ec.SECP384R1()))
P521_KEY = pem(ec.generate_private_key(ec.SECP521R1()))
DSA_KEY = pem(dsa.generate_private_key(1024))
LOCKED_KEY = pem(ec.generate_private_key(ec.SECP256R1()), BestAvailableEncryption(b"passphrase"))


def certificate(key_pem: str) -> str:
    """A certificate of this key, signed with it."""
    key = load_pem_private_key(key_pem.encode(), password=None)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sidecar")])
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=datetime(2026, 1, 1, tzinfo=UTC),
        not_valid_after=datetime(2030, 1, 1, tzinfo=UTC),
    )
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


def decoded(token: str, key_pem: str):
    """The token's header and claims, if this key signed it."""
    key = RSAKey.import_key(key_pem) if key_pem == RSA_KEY else ECKey.import_key(key_pem)
    return jwt.decode(token, key, algorithms=["RS256", "PS256", "ES256", "ES384"])


def claims_of(token: str, key_pem: str) -> dict[str, object]:
    return decoded(token, key_pem).claims
