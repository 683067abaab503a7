"""The doubles' time: the real clock plus what a test added."""

from __future__ import annotations

import time


class Clock:
    """Epoch seconds that a test can move forward."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def now(self) -> float:
        return time.time() + self._ahead_s

    def advance(self, seconds: float) -> None:
        self._ahead_s += seconds
