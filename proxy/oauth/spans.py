"""Spans of time as servers write them: numbers, numbers in strings, dates (RFC 6749 §5.1, RFC 9110 §10.2.3)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

MAX_TTL_S = 365 * 86400.0
"""No access token is believed to live longer than a year."""

MAX_REFRESH_TTL_S = 100 * MAX_TTL_S
"""Keeps the arithmetic of dates in range; a refresh token's end is believed."""

MAX_RETRY_AFTER_S = 3600.0
"""MSAL stops believing there, too."""

EARLIEST_EPOCH_S = 1_000_000_000
"""Smaller numbers in a rate limit's reset are spans, larger ones epoch seconds."""

_DECIMAL = re.compile(r"\s*([0-9]{1,30}(?:\.[0-9]{0,30})?)\s*", re.ASCII)


def seconds(value: object, *, limit_s: float) -> float | None:
    """Return whole seconds of a number or a numeric string, at most ``limit_s``; ``None`` unless at least one.

    Databricks and ADFS send strings, some send fractions; NaN, infinity, zero, negative and all else mean nothing.
    """
    if isinstance(value, str):
        found = _DECIMAL.fullmatch(value)
        value = None if found is None else float(found[1])
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124  # NaN
        return None
    if isinstance(value, float) and math.isinf(value):
        return None
    return float(math.floor(min(value, limit_s))) if value >= 1 else None


def seconds_until(value: object, *, now: datetime) -> float | None:
    """Return whole seconds from now to an instant in epoch seconds; ``None`` when it has passed or says nothing."""
    instant_s = seconds(value, limit_s=now.timestamp() + MAX_TTL_S)
    return None if instant_s is None else seconds(instant_s - now.timestamp(), limit_s=MAX_TTL_S)


def retry_after_s(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Return how long a server asks to be left alone, 0 to 3600 s; ``None`` when it does not say.

    ``Retry-After`` in seconds or as a date, else the rate limit's reset (Okta, Auth0), in epoch seconds or seconds.
    """
    said = headers.get("retry-after", "")
    if _DECIMAL.fullmatch(said):
        return _bounded(float(said))
    date = _date(said)
    if date is not None:
        return _bounded((date - now).total_seconds())
    reset = headers.get("x-rate-limit-reset") or headers.get("x-ratelimit-reset") or ""
    if not _DECIMAL.fullmatch(reset):
        return None
    reset_s = float(reset)
    return _bounded(reset_s - now.timestamp() if reset_s > EARLIEST_EPOCH_S else reset_s)


def clock_skew_s(headers: Mapping[str, str], *, sent_at: datetime, received_at: datetime) -> float | None:
    """Return by how much our clock is ahead of the server's at least, behind: negative; ``None``: it does not say.

    ``Date`` has whole seconds and was written some time between sending and receiving (RFC 9110 §6.6.1): what that explains
    is no skew.
    """
    date = _date(headers.get("date", ""))
    if date is None:
        return None
    ahead_s = (sent_at - date).total_seconds() - 1.0
    behind_s = (date - received_at).total_seconds()
    return max(ahead_s, 0.0) - max(behind_s, 0.0)


def _date(text: str) -> datetime | None:
    """Read an IMF-fixdate (RFC 9110 §5.6.7); the two obsolete forms are not."""
    try:
        return datetime.strptime(text.strip(), "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None


def _bounded(span_s: float) -> float:
    return min(max(span_s, 0.0), MAX_RETRY_AFTER_S)
