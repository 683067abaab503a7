"""Proof that whoever redeems a code is who asked for it (RFC 7636), S256 only."""

from __future__ import annotations

from base64 import urlsafe_b64encode

from authlib.oauth2.rfc7636 import create_s256_code_challenge

MIN_RANDOM_BYTES = 32
"""RFC 7636 §7.1: 256 bits; 32 bytes give the shortest verifier that §4.1 allows, 43 characters."""

MAX_RANDOM_BYTES = 96
"""128 characters, the longest that §4.1 allows."""


def code_verifier(random: bytes) -> str:
    """Return the verifier made of 32 to 96 random bytes."""
    if not MIN_RANDOM_BYTES <= len(random) <= MAX_RANDOM_BYTES:
        raise ValueError(f"a code verifier is made of {MIN_RANDOM_BYTES} to {MAX_RANDOM_BYTES} random bytes")
    return urlsafe_b64encode(random).decode().rstrip("=")


def s256_challenge(verifier: str) -> str:
    """Return BASE64URL(SHA-256(verifier)), 43 characters (RFC 7636 §4.2)."""
    return str(create_s256_code_challenge(verifier))
