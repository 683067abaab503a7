"""Leave an authorization server alone that does not know us, until somebody has mended it: one request a minute, one alert.

A rotated client secret would otherwise be asked about by every viewer's refresh, and told of as often.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from proxy.policy.refresh_verdict import Operator

ASK_EVERY = timedelta(minutes=1)
ALERT_EVERY = timedelta(hours=1)
"""What is still wrong then is said again."""

Circuit = tuple[str, str]
"""(integration guid, token endpoint or issuer), as in ``flows.recipes``."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Hold:
    because: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """Not asked: the server has refused us lately, whoever it was for."""

    because: str
    retry_after_s: float


class Misconfigured:
    """Remembers who refused us; keys are few (one per integration)."""

    def __init__(self) -> None:
        self._holds: dict[Circuit, _Hold] = {}
        self._alerts: dict[tuple[Circuit, str], datetime] = {}

    def holding(self, circuit: Circuit, now: datetime) -> Held | None:
        """Return what holds; ``None``: the caller may ask, and nobody else for a minute if it is to find out."""
        hold = self._holds.get(circuit)
        if hold is None:
            return None
        if now < hold.until:
            return Held(hold.because, (hold.until - now).total_seconds())
        self._holds[circuit] = _Hold(hold.because, now + ASK_EVERY)
        return None

    def refused(self, circuit: Circuit, verdict: Operator, now: datetime) -> None:
        """Tell somebody, unless that was done lately; hold when it is about us."""
        if verdict.is_about_us:
            self._holds[circuit] = _Hold(verdict.because, now + ASK_EVERY)
        alert = (circuit, verdict.because)
        told_at = self._alerts.get(alert)
        if told_at is None or told_at + ALERT_EVERY <= now:
            self._alerts[alert] = now
            log.error(
                "refresh refused: the integration needs its administrator",
                integration=circuit[0],
                because=verdict.because,
            )

    def forget(self, integration_guid: str) -> None:
        """Ask for everybody again: the integration is another now."""
        for circuit in [circuit for circuit in self._holds if circuit[0] == integration_guid]:
            del self._holds[circuit]
        for alert in [alert for alert in self._alerts if alert[0][0] == integration_guid]:
            del self._alerts[alert]

    def accepted(self, circuit: Circuit) -> None:
        """The server knows us: ask for everybody again."""
        hold = self._holds.pop(circuit, None)
        if hold is not None:
            self._alerts.pop((circuit, hold.because), None)
            log.info("the integration is accepted again", integration=circuit[0])
