"""Tell when our clock and an authorization server's are apart (RFC 9110 §6.6.1).

Lifetimes are counted from our own clock whatever the server's says; the dates in client assertions and ID tokens are not, and
a server may forgive nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from proxy.flows.misconfigured import Circuit
from proxy.oauth.message import OutboundResponse, Outcome
from proxy.oauth.spans import clock_skew_s

TOLD_FROM_S = 30.0
"""What waiting networks and slow servers do not explain ; `check --online` tells of less."""
TELL_EVERY = timedelta(hours=1)

log = structlog.get_logger(__name__)


class ClockWatch:
    """Remembers whom it told about; keys are few (one per integration)."""

    def __init__(self) -> None:
        self._told: dict[Circuit, datetime] = {}

    def note(self, circuit: Circuit, outcome: Outcome, *, sent_at: datetime, received_at: datetime) -> None:
        """Look at the date of one answer."""
        if not isinstance(outcome, OutboundResponse):
            return
        skew_s = clock_skew_s(outcome.headers, sent_at=sent_at, received_at=received_at)
        if skew_s is None or abs(skew_s) < TOLD_FROM_S:
            return
        told_at = self._told.get(circuit)
        if told_at is None or told_at + TELL_EVERY <= received_at:
            self._told[circuit] = received_at
            log.warning("clocks differ", integration=circuit[0], ahead_of_the_server_s=round(skew_s))
