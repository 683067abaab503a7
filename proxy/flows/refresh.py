"""Ask an authorization server for new tokens until its answer means something (RFC 6749 §6).

What an answer means is ``policy.refresh_verdict``; here is only how often to ask, and how long to wait in between.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from proxy.flows.circuit import Circuits
from proxy.flows.clock_watch import ClockWatch
from proxy.flows.misconfigured import Held, Misconfigured
from proxy.flows.published import MISSING_FOR
from proxy.flows.recipes import Recipe, once
from proxy.flows.servers import AuthorizationServers, Registration, Unlocated
from proxy.model import IntegrationGuid, Secret
from proxy.oauth.client_auth import Once
from proxy.oauth.message import NotSent, OutboundRequest, OutboundResponse, Outcome, Send
from proxy.oauth.token import parse_token_response, refresh_request
from proxy.policy.freshness import backoff_s
from proxy.policy.refresh_verdict import (
    Discard,
    Interactive,
    Operator,
    Retry,
    RetryOnce,
    RetryWithoutScope,
    Success,
    Verdict,
    made_no_sense,
    verdict,
)

INLINE_BUDGET_S = 10.0
"""What a caller without a valid token waits in total before it is told to come back."""

MAX_TRIES = 3
SERVER_ERRORS = 500


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Somebody else holds the lease now: what they store counts."""


Final = Overtaken | Held | Success | Discard | Interactive | Operator | Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of it, and when the request that was answered left."""

    verdict: Final
    issued_at: datetime


MakeRequest = Callable[[Registration, str | None, Once], OutboundRequest]
"""Makes one request for tokens: at which server and as whom, with which ``scope``, and what makes it unlike any other."""


class Refresher:
    """Sends refresh requests and reads the answers."""

    def __init__(
        self,
        *,
        servers: AuthorizationServers,
        send: Send,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        random_bytes: Callable[[int], bytes],
        circuits: Circuits,
    ) -> None:
        self._servers = servers
        self._send = send
        self._now = now
        self._sleep = sleep
        self._random_bytes = random_bytes
        self._circuits = circuits
        self._misconfigured = Misconfigured()
        self._clocks = ClockWatch()
        self._unreadable: dict[tuple[str, str], int] = {}
        """Answers in a row, by circuit, that made no sense: one count for all viewers, the endpoint is the same."""

    def pause_s(self, failures: int) -> float:
        """Return how long to leave the server alone after so many failures in a row."""
        return backoff_s(failures, int.from_bytes(self._random_bytes(4), "big") / 2**32)

    async def ask(
        self, recipe_: Recipe, refresh_token: Secret, *, is_inline: bool, go_on: Callable[[], Awaitable[bool]]
    ) -> Asked:
        """Refresh; ``go_on`` is asked before each further try (it renews the lease).

        In line, a failure of transport is tried again for some seconds; in the background the next caller tries.
        """

        def request(at: Registration, scope: str | None, once_: Once) -> OutboundRequest:
            token = refresh_token.reveal()
            return refresh_request(at.server, at.client, refresh_token=token, scope=scope, once=once_)

        return await self.ask_with(request, recipe_, scope=recipe_.refresh_scope, is_inline=is_inline, go_on=go_on)

    async def ask_with(
        self,
        request: MakeRequest,
        recipe_: Recipe,
        *,
        scope: str | None = None,
        is_inline: bool,
        go_on: Callable[[], Awaitable[bool]],
    ) -> Asked:
        """Ask for tokens with any request that may be sent again; ``scope`` is one that it can do without."""
        started, was_lost, tries = self._now(), False, 0
        while True:
            held = self._held(recipe_)
            if held is not None:
                return Asked(verdict=held, issued_at=started)
            at = await self._servers.locate(recipe_)
            if isinstance(at, Unlocated):
                return Asked(verdict=Retry("not_discovered", MISSING_FOR.total_seconds()), issued_at=started)
            issued_at = self._now()
            outcome = await self._send(request(at, scope, once(issued_at, self._random_bytes)))
            self._clocks.note(recipe_.circuit, outcome, sent_at=issued_at, received_at=self._now())
            tries += 1
            pause_s = 0.0
            match self._judge(outcome, recipe_, was_lost=was_lost, scope=scope):
                case RetryOnce():
                    was_lost = True
                case RetryWithoutScope():
                    scope = None
                case Retry(retry_after_s=retry_after_s) as retry:
                    pause_s = self._pause_before_next(outcome, tries, retry_after_s)
                    elapsed_s = (self._now() - started).total_seconds()
                    if not is_inline or was_lost or tries == MAX_TRIES or elapsed_s + pause_s > INLINE_BUDGET_S:
                        return Asked(verdict=retry, issued_at=issued_at)
                case final:
                    return Asked(verdict=final, issued_at=issued_at)
            if pause_s > 0:
                await self._sleep(pause_s)
            if not await go_on():
                return Asked(verdict=Overtaken(), issued_at=issued_at)

    def forget(self, integration_guid: IntegrationGuid) -> None:
        """Forget how an integration was answered: it is another now."""
        self._circuits.forget(integration_guid)
        self._misconfigured.forget(integration_guid)
        for circuit in [circuit for circuit in self._unreadable if circuit[0] == integration_guid]:
            del self._unreadable[circuit]

    def _held(self, recipe_: Recipe) -> Held | None:
        """Return why nobody is asked just now; ``None``: this caller may, and notes the outcome."""
        wait_s = self._circuits.wait_s(recipe_.circuit, self._now())
        return Held("circuit_open", wait_s) if wait_s else self._misconfigured.holding(recipe_.circuit, self._now())

    def _judge(self, outcome: Outcome, recipe_: Recipe, *, was_lost: bool, scope: str | None) -> Verdict:
        """Note for everybody whether the server answers and knows us, then ask the table."""
        is_answer = isinstance(outcome, OutboundResponse) and outcome.status < SERVER_ERRORS
        self._circuits.note(recipe_.circuit, self._now(), answered=is_answer)
        answer = parse_token_response(outcome, now=self._now()) if isinstance(outcome, OutboundResponse) else outcome
        unreadable_before = self._unreadable.get(recipe_.circuit, 0)
        if made_no_sense(answer):
            self._unreadable[recipe_.circuit] = unreadable_before + 1
        elif is_answer:  # silence and trouble of the server say nothing about what it answers
            self._unreadable.pop(recipe_.circuit, None)
        found = verdict(
            answer,
            refusals=recipe_.provider.refusals,
            after_lost_answer=was_lost,
            without_scope=scope is None,
            unreadable_before=unreadable_before,
        )
        match found:
            case Operator():
                self._misconfigured.refused(recipe_.circuit, found, self._now())
            case Success() | Discard() | Interactive() | RetryWithoutScope():
                self._misconfigured.accepted(recipe_.circuit)
            case Retry() | RetryOnce():
                pass  # silence and trouble say nothing about us
        return found

    def _pause_before_next(self, outcome: Outcome, tries: int, retry_after_s: float | None) -> float:
        if isinstance(outcome, NotSent) and tries == 1:
            return 0.0
        return max(retry_after_s or 0.0, self.pause_s(tries))
