"""How often content may say that a token was rejected: every half minute, by the token's age or the last attempt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from proxy.flows.fresh_tokens import Key
from proxy.flows.memory import Memory
from proxy.model import Credentials

EVERY = timedelta(seconds=30)


class Rejections:
    """When each viewer's token was last renewed because somebody rejected it."""

    def __init__(self, *, now: Callable[[], datetime], max_remembered: int) -> None:
        self._now = now
        self._tried: Memory[Key, datetime] = Memory(max_remembered)

    def wait_s(self, key: Key, row: Credentials) -> float:
        """Return 0 when a new token may be asked for now, else the seconds to wait.

        The token's own age holds across processes and restarts; attempts that brought none are remembered here.
        """
        since = max(row.issued_at, self._tried.get(key) or row.issued_at)
        return max(0.0, (since + EVERY - self._now()).total_seconds())

    def tried(self, key: Key) -> None:
        """Count an attempt."""
        self._tried.put(key, self._now())
