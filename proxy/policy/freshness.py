"""How long an access token is handed out, and when a new one is asked for.

Providers issue tokens for 60 seconds to a day, so the margins are fractions of the lifetime between fixed bounds. Where a
refresh kills the token that was handed out before (``refresh_invalidates_access``), it happens as late as possible and
never in the background.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

MAX_AHEAD_S = 300.0
MIN_AHEAD_S = 45.0
"""Azure Databricks refuses tokens with 30 s left; its SDK keeps 40 s."""

MIN_SERVE_S = 45.0
"""What a token that is handed out has left, at least: content must still be able to use it."""

NO_EXPIRY_S = 3600
"""What the exchange says of a token that does not expire: without a number, R's clients never ask again."""

MAX_BACKOFF_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Margins before the end of an access token, in seconds."""

    ahead_s: float
    """Up to this much before the end, the token is simply served."""
    min_serve_s: float
    """From here on it is not served without a try to refresh it first."""


class Freshness(Enum):
    """What to do with a stored access token."""

    SERVE = "serve"
    SERVE_AND_REFRESH = "serve_and_refresh"
    """Serve it, refresh in the background; a failure of that changes nothing for this caller."""
    REFRESH_FIRST = "refresh_first"


def timing(ttl_s: float, *, refresh_invalidates_access: bool) -> Timing:
    """Return the margins for tokens that live ``ttl_s`` seconds: 60 → 20, 600 → 60, 3600 and more → 300."""
    ttl_s = max(ttl_s, 0.0)
    min_serve_s = min(MIN_SERVE_S, ttl_s / 4)
    if refresh_invalidates_access:
        return Timing(ahead_s=min_serve_s, min_serve_s=min_serve_s)
    ahead_s = min(MAX_AHEAD_S, max(MIN_AHEAD_S, 0.1 * ttl_s), ttl_s / 3)
    return Timing(ahead_s=ahead_s, min_serve_s=min_serve_s)


def judge(
    now: datetime, issued_at: datetime, expires_at: datetime | None, *, refresh_invalidates_access: bool
) -> Freshness:
    """Say what to do with a token; ``expires_at`` ``None``: it does not expire."""
    if expires_at is None:
        return Freshness.SERVE
    margins = timing(_span_s(issued_at, expires_at), refresh_invalidates_access=refresh_invalidates_access)
    left_s = _span_s(now, expires_at)
    if left_s > margins.ahead_s:
        return Freshness.SERVE
    if left_s > margins.min_serve_s:
        return Freshness.SERVE_AND_REFRESH
    return Freshness.REFRESH_FIRST


def stale_at(issued_at: datetime, expires_at: datetime | None, *, refresh_invalidates_access: bool) -> datetime | None:
    """Return when ``SERVE`` ends; ``None``: never."""
    if expires_at is None:
        return None
    margins = timing(_span_s(issued_at, expires_at), refresh_invalidates_access=refresh_invalidates_access)
    return expires_at - timedelta(seconds=margins.ahead_s)


def exchange_expires_in(now: datetime, issued_at: datetime, expires_at: datetime | None) -> int:
    """Return the ``expires_in`` that content is told: whole seconds, at least 1, our margin taken off.

    So no cache of a client outlives our next refresh; R's httr2 stops at a fraction and never asks again without a number.
    """
    if expires_at is None:
        return NO_EXPIRY_S
    margin_s = timing(_span_s(issued_at, expires_at), refresh_invalidates_access=False).ahead_s
    return max(1, math.floor(_span_s(now, expires_at) - margin_s))


def backoff_s(failures: int, fraction: float) -> float:
    """Return the pause after so many failures in a row (1, 2, 4 … 60 s), with full jitter: ``fraction`` of it, in [0, 1)."""
    doublings = min(max(failures - 1, 0), 6)
    return min(MAX_BACKOFF_S, 2.0**doublings) * fraction


def _span_s(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
