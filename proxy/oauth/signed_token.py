"""What every token that an authorization server signs has to pass: form, header, signature, and for whom and when it is.

joserfc checks the signature; everything around it is here, because joserfc and authlib check no claim that is absent, and
refuse header members that honest servers send. The header only chooses among the keys and algorithms that we already have:
nothing in a token brings a key, a web address, compression or encryption along (RFC 8725 §3.1, §3.5, §3.10). What kind of
token it is says its ``typ`` first (§3.11), and then the claims that the modules ``id_token`` and ``logout_token`` ask for.

A reason for a refusal is a constant word, never a part of the token.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from joserfc import jws

from proxy.oauth.jwks import ALGORITHMS, SigningKey, candidates
from proxy.oauth.metadata import AuthorizationServer
from proxy.oauth.text import json_object

MAX_TOKEN_CHARS = 128 * 1024
"""Entra puts up to 200 groups into one; a whole token answer has at most 256 KiB."""

MAX_HEADER_CHARS = 4096
MAX_SIGNATURE_CHARS = 2048
MAX_NAME_CHARS = 255
"""Of ``sub`` (Core §2); ``sid`` and ``jti`` have no limit of their own."""

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

Claims = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """None of the keys at hand has signed it, and none of them is the one that it names: there may be new ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A token whose signature is right; what it claims is not judged yet."""

    claims: Claims
    signer: SigningKey
    alg: str


def read_signed(
    token: str, keys: Sequence[SigningKey], server: AuthorizationServer, *, kinds: frozenset[str]
) -> Signed | UnknownKey | str:
    """Return what the server signed, or why it is refused; never raises. ``kinds``: the ``typ`` it may have, in capitals."""
    parts = _COMPACT.fullmatch(token) if len(token) <= MAX_TOKEN_CHARS else None
    if parts is None or len(parts[1]) > MAX_HEADER_CHARS or len(parts[3]) > MAX_SIGNATURE_CHARS:
        return "form"
    header, claims = json_object(_decoded(parts[1])), json_object(_decoded(parts[2]))
    if header is None or claims is None:
        return "form"
    if (because := _fault_of_header(header, server, kinds)) is not None:
        return because
    kid, alg = header.get("kid"), str(header["alg"])
    known = candidates(keys, kid=kid if isinstance(kid, str) else None, alg=alg)
    signer = next((key for key in known if _is_signed(parts, key, alg)), None)
    if signer is None:
        is_named = any(key.kid is not None and key.kid == kid for key in known)
        return "signature" if is_named else UnknownKey()
    return Signed(claims=claims, signer=signer, alg=alg)


def claims_of(token: str) -> Claims:
    """Return what a token says that was verified elsewhere; nothing when it is none."""
    parts = _COMPACT.fullmatch(token)
    return {} if parts is None else json_object(_decoded(parts[2])) or {}


def fault_of_claims(signed: Signed, server: AuthorizationServer, client_id: str, *, now_s: float) -> str | None:
    """Return why this is no token of the server, for this client, at this time (Core §3.1.3.7); ``None``: it is."""
    claims = signed.claims
    checks = (
        ("issuer", _is_from(claims, server, signed.signer)),
        ("audience", _is_for(claims, client_id)),
        ("expired", (instant(claims.get("exp")) or 0.0) > now_s - CLOCK_SKEW_S),
        ("issued_later", _has_begun(claims, now_s)),
    )
    return first_fault(checks)


def first_fault(checks: Sequence[tuple[str, bool]]) -> str | None:
    """Return the word of the first thing that does not hold."""
    return next((because for because, holds in checks if not holds), None)


def is_name(value: object) -> bool:
    """Say whether this can be a ``sub``, ``sid`` or ``jti``."""
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME_CHARS and value.isprintable()


def instant(value: object) -> float | None:
    """Return epoch seconds; ``None`` for what is no number of this era (RFC 7519 §2: a number, not a string)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return float(value) if 0 < value <= LATEST_S else None
    return value if isfinite(value) and 0 < value <= LATEST_S else None


def _fault_of_header(header: Claims, server: AuthorizationServer, kinds: frozenset[str]) -> str | None:
    alg, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    announced = server.id_token_signing_alg_values_supported
    if not isinstance(alg, str) or alg not in ALGORITHMS or (announced and alg not in announced):
        return "algorithm"
    if not REFUSED_MEMBERS.isdisjoint(header) or not isinstance(kid, str | None):
        return "header"
    # Access tokens, ID tokens and logout tokens are signed with the same keys (RFC 8725 §3.11).
    if not isinstance(kind, str) or kind.upper() not in kinds:
        return "type"
    return None


def _is_signed(parts: re.Match[str], signer: SigningKey, alg: str) -> bool:
    # RFC 9864 gave EdDSA with this curve a name of its own, and joserfc warns of the old one.
    algorithm = _ALGORITHMS.get_alg("Ed25519" if alg == "EdDSA" else alg)
    return algorithm.verify(f"{parts[1]}.{parts[2]}".encode(), _decoded(parts[3]), signer.key)


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
    instants = [instant(claims.get(name)) for name in ("iat", "nbf") if name == "iat" or name in claims]
    return all(at is not None and at <= now_s + CLOCK_SKEW_S for at in instants)


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4)) if len(part) % 4 != 1 else b""
