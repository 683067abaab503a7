"""Verify an ID token: who signed in, said by the authorization server's signature (OpenID Connect Core §2, §3.1.3.7).

joserfc checks the signature; everything around it is here, because joserfc and authlib check no claim that is absent, and
refuse header members that honest servers send. The header only chooses among the keys and algorithms that we already have:
nothing in a token brings a key, a web address, compression or encryption along (RFC 8725 §3.1, §3.5, §3.10).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite

from joserfc import jws

from proxy.oauth.jwks import ALGORITHMS, SigningKey, candidates
from proxy.oauth.metadata import AuthorizationServer
from proxy.oauth.text import json_object

MAX_TOKEN_CHARS = 128 * 1024
"""Entra puts up to 200 groups into one; a whole token answer has at most 256 KiB."""

MAX_HEADER_CHARS = 4096
MAX_SIGNATURE_CHARS = 2048
MAX_SUBJECT_CHARS = 255
MAX_AUDIENCES = 100

CLOCK_SKEW_S = 60.0
"""How far the server's clock may be from ours, both ways."""

LATEST_S = 253_402_300_799.0
"""The end of the year 9999: a later instant is a mistake or a trick."""

REFUSED_MEMBERS = frozenset({"jwk", "jku", "x5u", "crit", "b64", "zip", "enc", "epk", "p2c", "p2s"})
"""Members that bring a key along, say where to fetch one, or ask for what we do not do. ``crit`` names extensions that must
be understood (RFC 7515 §4.1.11): none is."""

_ALGORITHMS = jws.JWSRegistry(algorithms=list(ALGORITHMS))
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
_TENANT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


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


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """None of the keys at hand has signed it, and none of them is the one that it names: there may be new ones."""


Claims = Mapping[str, object]


def verify_id_token(
    token: str, keys: Sequence[SigningKey], expected: Expected, *, now: datetime
) -> Claims | IdTokenRefused | UnknownKey:
    """Return the claims of a token that this server made for this client and login; never raises."""
    parts = _COMPACT.fullmatch(token) if len(token) <= MAX_TOKEN_CHARS else None
    if parts is None or len(parts[1]) > MAX_HEADER_CHARS or len(parts[3]) > MAX_SIGNATURE_CHARS:
        return IdTokenRefused("form")
    header, claims = json_object(_decoded(parts[1])), json_object(_decoded(parts[2]))
    if header is None or claims is None:
        return IdTokenRefused("form")
    if (because := _fault_of_header(header, expected.server)) is not None:
        return IdTokenRefused(because)
    kid, alg = header.get("kid"), str(header["alg"])
    known = candidates(keys, kid=kid if isinstance(kid, str) else None, alg=alg)
    signer = next((key for key in known if _is_signed(parts, key, alg)), None)
    if signer is None:
        is_named = any(key.kid is not None and key.kid == kid for key in known)
        return IdTokenRefused("signature") if is_named else UnknownKey()
    because = _fault_of_claims(claims, expected, signer, alg, now.timestamp())
    return claims if because is None else IdTokenRefused(because)


def _fault_of_header(header: Claims, server: AuthorizationServer) -> str | None:
    alg, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    announced = server.id_token_signing_alg_values_supported
    if not isinstance(alg, str) or alg not in ALGORITHMS or (announced and alg not in announced):
        return "algorithm"
    if not REFUSED_MEMBERS.isdisjoint(header) or not isinstance(kid, str | None):
        return "header"
    # Access tokens and logout tokens are signed with the same keys (RFC 8725 §3.11).
    if not isinstance(kind, str) or kind.upper() != "JWT":
        return "type"
    return None


def _is_signed(parts: re.Match[str], signer: SigningKey, alg: str) -> bool:
    # RFC 9864 gave EdDSA with this curve a name of its own, and joserfc warns of the old one.
    algorithm = _ALGORITHMS.get_alg("Ed25519" if alg == "EdDSA" else alg)
    return algorithm.verify(f"{parts[1]}.{parts[2]}".encode(), _decoded(parts[3]), signer.key)


def _fault_of_claims(claims: Claims, expected: Expected, signer: SigningKey, alg: str, now_s: float) -> str | None:
    checks = (
        ("issuer", _is_from(claims, expected.server, signer)),
        ("audience", _is_for(claims, expected.client_id)),
        ("expired", (_instant(claims.get("exp")) or 0.0) > now_s - CLOCK_SKEW_S),
        ("issued_later", _has_begun(claims, now_s)),
        ("subject", _is_subject(claims.get("sub"))),
        ("nonce", expected.nonce is None or _is_same(claims.get("nonce"), expected.nonce)),
        ("at_hash", "at_hash" not in claims or _is_same(claims["at_hash"], _half_hash(expected.access_token, alg))),
    )
    return next((because for because, holds in checks if not holds), None)


def _is_from(claims: Claims, server: AuthorizationServer, signer: SigningKey) -> bool:
    """Whether issuer, tenant and key belong together; with many tenants behind one server all three must say the same."""
    iss, tid = claims.get("iss"), claims.get("tid")
    tenant = tid if isinstance(tid, str) and _TENANT.fullmatch(tid) else None
    if not isinstance(iss, str) or not server.is_issuer(iss, tenant=tenant):
        return False
    if signer.issuer is None:
        return True
    return iss == (signer.issuer if tenant is None else signer.issuer.replace("{tenantid}", tenant))


def _is_for(claims: Claims, client_id: str) -> bool:
    aud, azp = claims.get("aud"), claims.get("azp")
    audiences = aud if isinstance(aud, list) else [aud]
    if client_id not in audiences[:MAX_AUDIENCES] or not all(isinstance(one, str) for one in audiences):
        return False
    return azp == client_id if "azp" in claims else len(audiences) == 1


def _has_begun(claims: Claims, now_s: float) -> bool:
    instants = [_instant(claims.get(name)) for name in ("iat", "nbf") if name == "iat" or name in claims]
    return all(at is not None and at <= now_s + CLOCK_SKEW_S for at in instants)


def _instant(value: object) -> float | None:
    """Return epoch seconds; ``None`` for what is no number of this era (RFC 7519 §2: a number, not a string)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return float(value) if 0 < value <= LATEST_S else None
    return value if isfinite(value) and 0 < value <= LATEST_S else None


def _is_subject(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_SUBJECT_CHARS and value.isprintable()


def _is_same(value: object, wanted: str) -> bool:
    return isinstance(value, str) and hmac.compare_digest(value.encode("utf-8", "replace"), wanted.encode())


def _half_hash(access_token: str, alg: str) -> str:
    """Return ``at_hash`` (§3.1.3.6): the left half of a hash as long as the signature's; Ed25519 signs with SHA-512."""
    name = {"256": "sha256", "384": "sha384"}.get(alg[-3:], "sha512")
    digest = hashlib.new(name, access_token.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4)) if len(part) % 4 != 1 else b""
