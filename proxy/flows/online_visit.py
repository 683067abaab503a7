"""One integration while its server is asked (``flows.online_check``): what was found, and how far apart the clocks are."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from proxy.flows.recipes import Recipe, once
from proxy.oauth.announced import Announced
from proxy.oauth.client_auth import Once
from proxy.oauth.message import LostAnswer, NotSent, OutboundRequest, OutboundResponse, Outcome, Send
from proxy.oauth.spans import clock_skew_s
from proxy.policy.reach import why_unreached
from proxy.providers.remark import Level, Remark

Step = Literal["discovery", "reach", "client", "authorization", "refresh token", "clock"]

SKEW_TOLD_S = 5.0
"""Our assertions are dated back as far (``oauth.client_assertion``)."""

SKEW_PROBLEM_S = 60.0
"""Servers differ in how much they forgive: none to five minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one step came to, for people and for programs."""

    step: Step
    level: Level
    text: str


@dataclass(slots=True, kw_only=True)
class Visit:
    """Sends, measures, and keeps what was found."""

    recipe: Recipe
    transport: Send
    now: Callable[[], datetime]
    random_bytes: Callable[[int], bytes]
    findings: list[Finding] = field(default_factory=list)
    announced: Announced = field(default_factory=Announced)
    """What the server's document says, if it has one."""
    _skews_s: list[float] = field(default_factory=list)
    """One for each answer with a date, positive where our clock is ahead."""

    def add(self, step: Step, level: Level, text: str) -> None:
        """Keep a finding."""
        self.findings.append(Finding(step=step, level=level, text=text))

    def remark(self, step: Step, remark: Remark) -> None:
        """Keep a finding that somebody else worded."""
        self.add(step, remark.level, remark.text)

    def unreached(self, outcome: NotSent | LostAnswer, url: str) -> None:
        """Keep that the server was not reached."""
        self.add("reach", "problem", f"It could not be asked: {why_unreached(outcome, url)}.")

    async def send(self, request: OutboundRequest) -> Outcome:
        """Send a request; compare the date of the answer with ours."""
        sent_at = self.now()
        outcome = await self.transport(request)
        if isinstance(outcome, OutboundResponse):
            skew_s = clock_skew_s(outcome.headers, sent_at=sent_at, received_at=self.now())
            self._skews_s += [] if skew_s is None else [skew_s]
        return outcome

    def word(self) -> str:
        """Return something that no server ever gave."""
        return urlsafe_b64encode(self.random_bytes(24)).decode()

    def once(self) -> Once:
        """Return what makes one request unlike any other."""
        return once(self.now(), self.random_bytes)

    def clock(self) -> None:
        """Keep how far apart the clocks are; nothing when no answer had a date."""
        if not self._skews_s:
            return
        skew_s = min(self._skews_s, key=abs)  # one answer out of a cache has an old date
        if abs(skew_s) <= SKEW_TOLD_S:
            self.add("clock", "ok", "The clocks agree.")
            return
        where = "ahead of" if skew_s > 0 else "behind"
        self.add(
            "clock",
            "problem" if abs(skew_s) > SKEW_PROBLEM_S else "note",
            f"The clock here is {abs(skew_s):.0f} s {where} the server's: synchronise it, or signatures and ends of tokens "
            "are misjudged.",
        )
