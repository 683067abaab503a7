"""Give back at the provider what has ended here (RFC 7009): in the background, whoever ended it, with patience.

The store keeps the sealed tokens of credentials that are deleted, in the transaction that deletes them; so the command line
and a restart lead here, too. What ended here is ended here, whatever the provider says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import structlog

from proxy.errors import StoreUnavailable
from proxy.flows.former_integrations import FormerIntegrations
from proxy.flows.recipes import once
from proxy.flows.servers import AuthorizationServers, Registration, Unlocated
from proxy.flows.token_seal import TokenSeal
from proxy.model import EndedGrant, Secret
from proxy.oauth.message import Send
from proxy.oauth.revocation import NotNow, Revoked, TokenTypeHint, Unrevocable, parse_revocation, revocation_request
from proxy.policy.revocation_tries import pause_after
from proxy.sealing import SealBroken
from proxy.store.base import Store

EVERY_S = 5.0
"""From the end here to the request; a pass without anything to do costs one read."""
MOST_AT_ONCE = 100

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Left:
    """Nothing to be done at the provider, or nothing that can be."""

    because: str


@dataclass(frozen=True, slots=True)
class _Later:
    """The tokens count still."""

    because: str
    retry_after_s: float | None
    is_servers: bool
    """Everything for this server waits, not this grant alone."""


_Outcome = Revoked | _Left | _Later


class TokenRevocation:
    """Works through the ended grants of one deployment."""

    def __init__(
        self,
        *,
        former: FormerIntegrations,
        store: Store,
        seal: TokenSeal,
        servers: AuthorizationServers,
        send: Send,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._former = former
        self._store = store
        self._seal = seal
        self._servers = servers
        self._send = send
        self._now = now
        self._sleep = sleep
        self._random_bytes = random_bytes

    async def follow(self) -> None:
        """Work for ever; what goes wrong is told, and tried again."""
        while True:
            await self._sleep(EVERY_S)
            try:
                await self.work()
            except StoreUnavailable as error:
                log.error("ended grants cannot be read", detail=error.detail)
            except Exception:
                log.exception("ended grants not given back")

    async def work(self) -> None:
        """Do once what is due; a server that does not answer is asked about one grant, and the others wait for it."""
        silent = set()
        for grant in await self._store.ended_grants(now=self._now(), most=MOST_AT_ONCE):
            if grant.integration_guid not in silent:
                outcome = await self._give_back(grant)
                await self._note(grant, outcome)
                if isinstance(outcome, _Later) and outcome.is_servers:
                    silent.add(grant.integration_guid)

    async def _note(self, grant: EndedGrant, outcome: _Outcome) -> None:
        facts = {"viewer": grant.viewer_guid, "integration": grant.integration_guid}
        match outcome:
            case Revoked():
                log.info("grant revoked at the provider", **facts)
            case _Left(because=because):
                log.info("grant left to end at the provider by itself", because=because, **facts)
            case _Later(because=because, retry_after_s=wait_s, is_servers=is_servers):
                pause = pause_after(grant.failures + 1, wait_s)
                if pause is not None:
                    log.warning("grant not revoked yet", because=because, **facts)
                    until = self._now() + pause
                    await self._store.put_off_revocation(grant, until=until, others_too=is_servers)
                    return
                log.error("grant not revoked at the provider: given up", because=because, **facts)
        await self._store.forget_ended_grant(grant)

    async def _give_back(self, grant: EndedGrant) -> _Outcome:
        try:
            recipe_ = await self._former.recipe_of(grant.integration_guid, grant.fingerprint)
            tokens = list(self._tokens(grant))
        except SealBroken:  # the right key may come back
            return _Later("sealed", None, is_servers=False)
        if recipe_ is None:
            return _Left("no_such_client")  # nobody else may see these tokens
        at = await self._servers.locate(recipe_)
        if isinstance(at, Unlocated):
            return _Later("not_discovered", None, is_servers=True)
        if at.server.revocation_endpoint is None:
            return _Left("no_endpoint")
        if not recipe_.provider.revokes_one_grant_only and await self._is_shared(grant):
            return _Left("account_in_use")
        outcome: _Outcome = Revoked()
        for token, hint in tokens:
            answer = await self._ask(at, at.server.revocation_endpoint, token, hint)
            match answer:
                case NotNow(because=because, retry_after_s=wait_s):
                    return _Later(because, wait_s, is_servers=True)
                case Unrevocable(because=because) if hint == "refresh_token" or len(tokens) == 1:
                    outcome = _Left(f"refused: {because}")
                case Revoked() | Unrevocable():
                    pass
        return outcome

    async def _is_shared(self, grant: EndedGrant) -> bool:
        """Whether somebody here still uses a grant of the same account, which might end along with this one."""
        return await self._store.is_account_in_use(grant)

    def _tokens(self, grant: EndedGrant) -> Iterator[tuple[Secret, TokenTypeHint]]:
        """Yield the refresh token first: with it most servers end the access token, too (RFC 7009 §2.1), but not all."""
        access_token, refresh_token = self._seal.tokens_of(grant)
        if refresh_token is not None:
            yield refresh_token, "refresh_token"
        if grant.access_expires_at is None or self._now() < grant.access_expires_at:
            yield access_token, "access_token"

    async def _ask(
        self, at: Registration, endpoint: str, token: Secret, hint: TokenTypeHint
    ) -> Revoked | Unrevocable | NotNow:
        request = revocation_request(
            endpoint, at.client, token=token.reveal(), hint=hint, once=once(self._now(), self._random_bytes)
        )
        return parse_revocation(await self._send(request), now=self._now())
