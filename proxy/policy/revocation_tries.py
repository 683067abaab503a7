"""How often a server is asked to revoke a token that counts there still: a few times over a day and a half."""

from __future__ import annotations

from datetime import timedelta

PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=8),
    timedelta(hours=24),
)
"""After each try that failed; after the last one the token is left to its own end."""


def pause_after(failures: int, retry_after_s: float | None) -> timedelta | None:
    """Return how long to wait after so many failures (at least 1); ``None``: give up. The server's own wish counts when longer."""
    if failures > len(PAUSES):
        return None
    return max(PAUSES[failures - 1], timedelta(seconds=retry_after_s or 0.0))
