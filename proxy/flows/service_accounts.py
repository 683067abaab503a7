"""Tokens of service accounts: the client's own (RFC 6749 §4.4), in memory, one request for any number of callers.

Nobody consents, and nothing is stored: after a restart the authorization server is asked again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from proxy.flows.circuit import Circuits
from proxy.flows.cool_downs import LONGEST_COOL_DOWN_S, OPERATOR_COOL_DOWN_S, SHORTEST_COOL_DOWN_S
from proxy.flows.fresh_tokens import RenewedLately, Unavailable
from proxy.flows.misconfigured import Held
from proxy.flows.recipes import Recipe, Recipes, access_expiry
from proxy.flows.refresh import Overtaken, Refresher
from proxy.flows.servers import AuthorizationServers, Registration
from proxy.flows.single_flight import SingleFlight
from proxy.model import Integration, IntegrationGuid, Secret
from proxy.oauth.client_auth import Once
from proxy.oauth.message import OutboundRequest, Send
from proxy.policy.freshness import Freshness, judge
from proxy.policy.refresh_verdict import Discard, Interactive, Operator, Retry, Success
from proxy.providers.registration import granted_scope
from proxy.providers.service_accounts import service_account_request, service_account_scope

RENEWED_LATELY = timedelta(seconds=30)
"""A token that is younger is not replaced because an API rejected it: another one would be rejected too."""

CLOSE_GRACE_S = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnToken:
    """A token of the client itself."""

    access_token: Secret
    issued_at: datetime
    expires_at: datetime | None
    scope: str
    """As granted, separated by spaces."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A token, and what the integration was when it was asked for: of another one it is not handed out."""

    integration: Integration
    token: OwnToken


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pause:
    """The authorization server is left alone."""

    integration: Integration

    until: datetime
    because: str
    failures: int


class ServiceAccounts:
    """Hands out tokens of service accounts in one process; make one and :meth:`close` it."""

    def __init__(
        self,
        *,
        servers: AuthorizationServers,
        send: Send,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._now = now
        self._recipes = Recipes()
        self._asker = Refresher(
            servers=servers, send=send, now=now, sleep=sleep, random_bytes=random_bytes, circuits=Circuits()
        )
        self._tokens: dict[IntegrationGuid, _Known] = {}
        self._pauses: dict[IntegrationGuid, _Pause] = {}
        self._asking: SingleFlight[OwnToken | Unavailable] = SingleFlight()

    async def token(
        self, integration: Integration, *, rejected: Secret | None = None
    ) -> OwnToken | Unavailable | RenewedLately:
        """Return a token good for now, and another one than ``rejected``, which an API did not take."""
        known = self._known(integration)
        if known is not None and known.access_token == rejected:
            young_s = (known.issued_at + RENEWED_LATELY - self._now()).total_seconds()
            if young_s > 0:
                return RenewedLately(young_s)
            del self._tokens[integration.guid]
            known = None
        freshness = Freshness.REFRESH_FIRST if known is None else self._freshness(known)
        if known is not None and freshness is Freshness.SERVE:
            return known
        ask, paused = partial(self._ask, integration), self._paused(integration)
        flight = (integration.guid, id(integration))  # whoever holds what it was before does not answer for what it is
        if known is not None and self._is_valid(known) and (paused or freshness is Freshness.SERVE_AND_REFRESH):
            if paused is None:
                self._asking.start(flight, ask)
            return known
        return paused or await self._asking.join(flight, ask)

    def forget(self, integration_guid: IntegrationGuid) -> None:
        """Drop its token, and how its server answered: it is another now."""
        self._tokens.pop(integration_guid, None)
        self._pauses.pop(integration_guid, None)
        self._asker.forget(integration_guid)

    async def close(self) -> None:
        """Let requests that run finish."""
        await self._asking.close(CLOSE_GRACE_S)

    def _freshness(self, known: OwnToken) -> Freshness:
        # A new token of the client's ends no earlier one: nothing is rotated here.
        return judge(self._now(), known.issued_at, known.expires_at, refresh_invalidates_access=False)

    def _is_valid(self, known: OwnToken) -> bool:
        return known.expires_at is None or self._now() < known.expires_at

    def _known(self, integration: Integration) -> OwnToken | None:
        known = self._tokens.get(integration.guid)
        return known.token if known is not None and known.integration is integration else None

    def _paused(self, integration: Integration) -> Unavailable | None:
        pause = self._pauses.get(integration.guid)
        if pause is None or pause.integration is not integration or pause.until <= self._now():
            return None
        return Unavailable(retry_after_s=(pause.until - self._now()).total_seconds(), because=pause.because)

    async def _ask(self, integration: Integration) -> OwnToken | Unavailable:
        recipe_ = self._recipes.of(integration)
        asked = await self._asker.ask_with(partial(_request, recipe_), recipe_, is_inline=True, go_on=_go_on)
        match asked.verdict:
            case Success(tokens=tokens):
                own = OwnToken(
                    access_token=Secret(tokens.access_token),
                    issued_at=asked.issued_at,
                    expires_at=access_expiry(tokens, recipe_.provider, issued_at=asked.issued_at),
                    scope=granted_scope(recipe_.provider, tokens.scope)
                    or service_account_scope(recipe_.provider, integration)
                    or "",
                )
                self._tokens[integration.guid] = _Known(integration, own)
                self._pauses.pop(integration.guid, None)
                log.info("service account token issued", integration=integration.guid)
                return own
            case Retry(because=because, retry_after_s=retry_after_s) | Held(because, retry_after_s):
                log.warning("service account token not issued for now", integration=integration.guid, because=because)
                return self._failed(integration, because, retry_after_s)
            case Operator(because=because):  # the refresher has told somebody
                return self._failed(integration, because, OPERATOR_COOL_DOWN_S)
            case Discard(because=because) | Interactive(because=because):
                # Nobody granted anything, so there is nothing to give up and nobody to send anywhere.
                if integration.guid not in self._pauses:
                    log.error(
                        "service account refused: the integration needs its administrator",
                        integration=integration.guid,
                        because=because,
                    )
                return self._failed(integration, because, OPERATOR_COOL_DOWN_S)
            case Overtaken():
                raise AssertionError("nobody else asks: there is no lease")

    def _failed(self, integration: Integration, because: str, retry_after_s: float | None) -> OwnToken | Unavailable:
        """Leave the server alone for a while; the old token is served while it is valid."""
        before = self._pauses.get(integration.guid)
        failures = 1 if before is None else before.failures + 1
        pause_s = max(retry_after_s or 0.0, self._asker.pause_s(failures), SHORTEST_COOL_DOWN_S)
        until = self._now() + timedelta(seconds=min(pause_s, LONGEST_COOL_DOWN_S))
        self._pauses[integration.guid] = _Pause(
            integration=integration, until=until, because=because, failures=failures
        )
        known = self._known(integration)
        if known is not None and self._is_valid(known):
            return known
        return Unavailable(retry_after_s=min(pause_s, LONGEST_COOL_DOWN_S), because=because)


def _request(recipe_: Recipe, at: Registration, _: str | None, once: Once) -> OutboundRequest:
    return service_account_request(recipe_.provider, recipe_.integration, at.server, at.client, once=once)


async def _go_on() -> bool:
    return True
