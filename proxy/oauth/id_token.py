"""Verify an ID token: who signed in, said by the authorization server's signature (OpenID Connect Core §2, §3.1.3.7)."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from proxy.oauth.jwks import SigningKey
from proxy.oauth.metadata import AuthorizationServer
from proxy.oauth.signed_token import (
    Claims,
    Signed,
    UnknownKey,
    claims_of,
    fault_of_claims,
    first_fault,
    is_name,
    read_signed,
)

KINDS = frozenset({"JWT"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token must say to be for us."""

    server: AuthorizationServer
    client_id: str
    nonce: str | None
    """As sent with the authorization request; ``None``: a refresh, where the first one is not repeated (§12.2)."""
    access_token: str = field(repr=False)
    """The one that came with it: ``at_hash`` binds them (§3.1.3.6)."""


@dataclass(frozen=True, slots=True)
class IdTokenRefused:
    """The token is not to be believed."""

    because: str
    """A constant word, never a part of the token."""


def verify_id_token(
    token: str, keys: Sequence[SigningKey], expected: Expected, *, now: datetime
) -> Claims | IdTokenRefused | UnknownKey:
    """Return the claims of a token that this server made for this client and login; never raises."""
    match read_signed(token, keys, expected.server, kinds=KINDS):
        case UnknownKey() as unknown:
            return unknown
        case Signed() as signed:
            because = fault_of_claims(signed, expected.server, expected.client_id, now_s=now.timestamp())
            because = because or _fault_of_login(signed, expected)
            return signed.claims if because is None else IdTokenRefused(because)
        case because:
            return IdTokenRefused(because)


def sid_of(token: str) -> str | None:
    """Return which session at the server a token that was verified comes from; ``None``: it does not say.

    Back-Channel Logout 1.0 §2.1; verifies nothing itself.
    """
    sid = claims_of(token).get("sid")
    return sid if isinstance(sid, str) and is_name(sid) else None


def _fault_of_login(signed: Signed, expected: Expected) -> str | None:
    claims = signed.claims
    checks = (
        ("subject", is_name(claims.get("sub"))),
        ("nonce", expected.nonce is None or _is_same(claims.get("nonce"), expected.nonce)),
        (
            "at_hash",
            "at_hash" not in claims or _is_same(claims["at_hash"], _half_hash(expected.access_token, signed.alg)),
        ),
    )
    return first_fault(checks)


def _is_same(value: object, wanted: str) -> bool:
    return isinstance(value, str) and hmac.compare_digest(value.encode("utf-8", "replace"), wanted.encode())


def _half_hash(access_token: str, alg: str) -> str:
    """Return ``at_hash`` (§3.1.3.6): the left half of a hash as long as the signature's; Ed25519 signs with SHA-512."""
    name = {"256": "sha256", "384": "sha384"}.get(alg[-3:], "sha512")
    digest = hashlib.new(name, access_token.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")
