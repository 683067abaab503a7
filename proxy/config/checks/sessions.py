"""The spans of a viewer session fit each other."""

from __future__ import annotations

from datetime import timedelta

from proxy.config.checks.draft import Draft

_SHORTEST = timedelta(minutes=1)
_LONGEST = timedelta(days=400)
"""Browsers keep no cookie longer (RFC 6265bis §5.5)."""


def check_sessions(draft: Draft) -> None:
    """Both spans within reason, and idle not longer than the lifetime."""
    session, report = draft.settings.session, draft.report
    for name, value in (("idle", session.idle), ("lifetime", session.lifetime)):
        if not _SHORTEST <= value <= _LONGEST:
            report.add(("session", name), "must be between 1m and 400d")
    are_sound = report.is_sound("session", "idle") and report.is_sound("session", "lifetime")
    if session.idle > session.lifetime and are_sound:
        where = "lifetime" if ("session", "lifetime") in report.marks else "idle"
        report.add(("session", where), "`idle` must not be longer than `lifetime`")
