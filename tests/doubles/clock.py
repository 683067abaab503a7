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


class FastClock(Clock):
    """One that goes ``speed`` times as fast from :meth:`begin` on."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self.speed = speed
        self._began = 0.0

    def begin(self) -> None:
        self._began = time.time()

    def now(self) -> float:
        passed = time.time() - self._began if self._began else 0.0
        return super().now() + passed * (self.speed - 1)
