"""Verify a logout token: the server says that somebody has signed out there (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from proxy.oauth.jwks import SigningKey
from proxy.oauth.metadata import AuthorizationServer
from proxy.oauth.signed_token import (
    CLOCK_SKEW_S,
    Claims,
    Signed,
    UnknownKey,
    fault_of_claims,
    first_fault,
    instant,
    is_name,
    read_signed,
)

EVENT = "http://schemas.openid.net/event/backchannel-logout"

KINDS = frozenset({"LOGOUT+JWT", "APPLICATION/LOGOUT+JWT", "JWT"})
"""The first is asked for (§2.4); Keycloak before 24 says plain JWT, or nothing. ``events`` tells them from ID tokens."""

MAX_TOKEN_CHARS = 16 * 1024
"""It names somebody and says no more."""

MAX_AGE_S = 3600.0
"""After its issue, however long it says it is good for (two minutes are advised): so long its name has to be remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedLogout:
    """What a logout token must say to be for us."""

    server: AuthorizationServer
    client_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutToken:
    """Who has signed out: ``sub`` in ``claims``, ``sid``, or both."""

    claims: Claims = field(repr=False)
    jti: str
    sid: str | None
    """The session at the server that is over; ``None``: all of ``sub``'s."""
    usable_until: datetime
    """From then on it is refused by its age alone."""


@dataclass(frozen=True, slots=True)
class LogoutTokenRefused:
    """The token is not to be believed."""

    because: str
    """A constant word, never a part of the token."""


def verify_logout_token(
    token: str, keys: Sequence[SigningKey], expected: ExpectedLogout, *, now: datetime
) -> LogoutToken | LogoutTokenRefused | UnknownKey:
    """Return a token that this server made for this client; whether it was used before is not judged here. Never raises."""
    if len(token) > MAX_TOKEN_CHARS:
        return LogoutTokenRefused("form")
    match read_signed(token, keys, expected.server, kinds=KINDS):
        case UnknownKey() as unknown:
            return unknown
        case Signed() as signed:
            because = fault_of_claims(signed, expected.server, expected.client_id, now_s=now.timestamp())
            because = because or _fault_of_logout(signed.claims, now.timestamp())
            return _logout_token(signed.claims) if because is None else LogoutTokenRefused(because)
        case because:
            return LogoutTokenRefused(because)


def _fault_of_logout(claims: Claims, now_s: float) -> str | None:
    events = claims.get("events")
    checks = (
        ("old", (instant(claims.get("iat")) or 0.0) + MAX_AGE_S > now_s - CLOCK_SKEW_S),
        ("events", isinstance(events, dict) and isinstance(events.get(EVENT), dict)),
        ("nonce", "nonce" not in claims),  # §2.4: so that no ID token is one
        ("jti", is_name(claims.get("jti"))),
        ("subject", all(is_name(claims[name]) for name in ("sub", "sid") if name in claims)),
        ("nobody", "sub" in claims or "sid" in claims),
    )
    return first_fault(checks)


def _logout_token(claims: Claims) -> LogoutToken:
    ends_s = min(instant(claims["exp"]) or 0.0, (instant(claims["iat"]) or 0.0) + MAX_AGE_S) + CLOCK_SKEW_S
    return LogoutToken(
        claims=claims,
        jti=str(claims["jti"]),
        sid=str(claims["sid"]) if "sid" in claims else None,
        usable_until=datetime.fromtimestamp(ends_s, UTC),
    )
