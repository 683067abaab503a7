import hashlib
from base64 import urlsafe_b64decode
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.oauth.client_assertion import AssertionKey, client_assertion, private_key_problem
from tests.unit.oauth.keys import (
    DSA_KEY,
    EC_KEY,
    LOCKED_KEY,
    P384_KEY,
    P521_KEY,
    RSA_KEY,
    SMALL_RSA_KEY,
    certificate,
    decoded,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CERTIFICATE = certificate(RSA_KEY)


def signed(private_key: str = RSA_KEY, *, jti: str = "j", **more):
    key = AssertionKey(private_key=private_key, audience="https://id.example/token", **more)
    return decoded(client_assertion("sidecar", key, now=NOW, jti=jti), private_key)


def test_an_assertion_says_who_to_whom_and_for_five_minutes():
    issued_at = int(NOW.timestamp()) - 5
    assert signed(jti="fresh").claims == {
        "iss": "sidecar", "sub": "sidecar", "aud": "https://id.example/token", "jti": "fresh", "iat": issued_at,
        "nbf": issued_at, "exp": issued_at + 300,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("private_key", "more", "algorithm"),
    [
        (RSA_KEY, {}, "RS256"),
        (RSA_KEY, {"rsa_algorithm": "PS256"}, "PS256"),
        (EC_KEY, {"rsa_algorithm": "PS256"}, "ES256"),
        (P384_KEY, {}, "ES384"),
    ],
    ids=["rsa", "rsa-pss", "p-256", "p-384"],
)
def test_the_key_decides_how_it_signs(private_key: str, more: dict[str, str], algorithm: str):
    assert signed(private_key, **more).header == {"typ": "JWT", "alg": algorithm}


def test_the_key_is_named_as_the_server_knows_it():
    header = signed(key_id="k1", certificate=CERTIFICATE).header
    der = x509.load_pem_x509_certificate(CERTIFICATE.encode()).public_bytes(Encoding.DER)
    assert header["kid"] == "k1"
    assert urlsafe_b64decode(header["x5t#S256"] + "=") == hashlib.sha256(der).digest()


def test_the_key_is_in_no_repr():
    assert "BEGIN" not in repr(AssertionKey(private_key=RSA_KEY, audience="a"))


@pytest.mark.parametrize(
    ("private_key", "text"),
    [
        ("hunter2", "must be a private key in PEM"),
        (CERTIFICATE, "must be a private key in PEM"),
        (LOCKED_KEY, "must not have a passphrase"),
        (SMALL_RSA_KEY, "at least 2048 bits"),
        (P521_KEY, "must be an RSA, P-256 or P-384 key"),
        (DSA_KEY, "must be an RSA, P-256 or P-384 key"),
    ],
    ids=["text", "a certificate", "locked", "small", "another curve", "another kind"],
)
def test_a_key_that_cannot_sign_is_a_problem(private_key: str, text: str):
    found = private_key_problem(private_key)
    assert text in found
    assert "hunter2" not in found


@pytest.mark.parametrize("private_key", [RSA_KEY, EC_KEY, P384_KEY], ids=["rsa", "p-256", "p-384"])
def test_a_key_that_can_sign_is_none(private_key: str):
    assert private_key_problem(private_key) == ""
    assert private_key_problem(private_key, certificate=certificate(private_key)) == ""


def test_a_certificate_has_to_be_one_and_the_keys():
    assert private_key_problem("", certificate=CERTIFICATE) == ""
    assert "must be a certificate in PEM" in private_key_problem("", certificate="hunter2")
    assert private_key_problem(EC_KEY, certificate=CERTIFICATE) == "is not the certificate of this private_key"
