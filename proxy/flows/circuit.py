"""Leave an authorization server alone while it does not answer: one circuit per (integration, token endpoint).

Closed: everybody may ask. After five failures in a row it opens for 30 s; then one caller probes, and the answer to the
probe closes it or opens it again (identity-providers section 9).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

FAILURES_UNTIL_OPEN = 5
OPEN_FOR = timedelta(seconds=30)
PROBE_FOR = timedelta(seconds=12)
"""A probe that said nothing for longer than a request may take (10 s) is forgotten: the next caller probes."""


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    open_until: datetime | None = None
    """Nobody may ask before; ``None``: the circuit is closed."""


class Circuits:
    """One circuit per key; keys are few (one per integration)."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str], _Circuit] = {}

    def wait_s(self, key: tuple[str, str], now: datetime) -> float:
        """Return 0 when the caller may ask now (it then has to :meth:`note` the outcome), else the seconds to wait."""
        circuit = self._by_key.get(key)
        if circuit is None or circuit.open_until is None:
            return 0.0
        if now < circuit.open_until:
            return (circuit.open_until - now).total_seconds()
        circuit.open_until = now + PROBE_FOR
        return 0.0

    def forget(self, integration_guid: str) -> None:
        """Close the circuits of an integration: it is another now."""
        for key in [key for key in self._by_key if key[0] == integration_guid]:
            del self._by_key[key]

    def note(self, key: tuple[str, str], now: datetime, *, answered: bool) -> None:
        """Record whether the server gave an answer (any that is no transport failure and no 5xx)."""
        if answered:
            self._by_key.pop(key, None)
            return
        circuit = self._by_key.setdefault(key, _Circuit())
        circuit.failures += 1
        if circuit.failures >= FAILURES_UNTIL_OPEN:
            circuit.open_until = now + OPEN_FOR
