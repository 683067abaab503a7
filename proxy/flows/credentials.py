"""A fresh access token at any time: one refresher per credentials, in this process and across processes.

Opened tokens are kept in memory, so a hot request asks nobody. When one grows stale, the first caller starts a task that
belongs to the keeper: it takes the lease on the row (``lease``), reads the row again, asks the authorization server
(``refresh``), and stores the answer *before* anybody gets it (``saving``). Callers may come and go; the task finishes and
its answer is stored once. The rules are data below this layer: ``policy.freshness`` (when) and ``policy.refresh_verdict``
(what an answer means).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

import structlog

from proxy.errors import StoreUnavailable
from proxy.flows.audit import Record
from proxy.flows.circuit import Circuits
from proxy.flows.cool_downs import OPERATOR_COOL_DOWN_S, CoolDown, CoolDowns
from proxy.flows.fresh_tokens import Answer, Fresh, Key, Reconnect, RenewedLately, Unavailable
from proxy.flows.lease import Lease
from proxy.flows.memory import Memory
from proxy.flows.misconfigured import Held
from proxy.flows.recipes import Recipe, Recipes, access_expiry, refresh_expiry
from proxy.flows.refresh import Overtaken, Refresher
from proxy.flows.rejections import Rejections
from proxy.flows.saving import Saving, Unsaved
from proxy.flows.servers import AuthorizationServers
from proxy.flows.single_flight import SingleFlight
from proxy.flows.stored_tokens import Opened, StoredTokens
from proxy.flows.token_seal import TokenSeal
from proxy.flows.viewer_claims import Refreshed
from proxy.model import (
    SIDECAR,
    Actor,
    ActorKind,
    AuditAction,
    AuditEvent,
    Change,
    Credentials,
    CredentialsChanged,
    CredentialsState,
    Integration,
    IntegrationGuid,
    Secret,
    ViewerGuid,
)
from proxy.oauth.message import Send
from proxy.oauth.token import TokenResponse
from proxy.policy.freshness import Freshness
from proxy.policy.refresh_verdict import Discard, Interactive, Operator, Retry, Success
from proxy.providers.registration import granted_scope
from proxy.sealing import KeyRing
from proxy.store.base import RefreshedTokens, Store

MAX_OPENED = 2_000
"""Opened tokens in memory (some KiB each); forgetting one costs one read. Each is five objects to the garbage collector:
with 10,000 a full collection took 10 ms on a quiet core and 57 ms on a busy one (measured: bench/run)."""

MAX_FAILURES = 10_000
"""Failed renewals, and tokens that an API rejected, that are remembered; forgetting one costs one request more."""

CLOSE_GRACE_S = 15.0

log = structlog.get_logger(__name__)


class CredentialsKeeper:
    """Hands out tokens of one process; make one and :meth:`close` it."""

    def __init__(
        self,
        *,
        store: Store,
        key_ring: KeyRing,
        servers: AuthorizationServers,
        send: Send,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        random_bytes: Callable[[int], bytes],
        publish: Callable[[Change], None],
        record: Record,
        refreshed: Callable[[Refreshed], Awaitable[None]],
    ) -> None:
        self._store = store
        self._now = now
        self._sleep = sleep
        self._random_bytes = random_bytes
        self._publish = publish
        self._record = record
        self._refreshed = refreshed
        self._seal = TokenSeal(key_ring=key_ring, random_bytes=random_bytes)
        self._tokens = StoredTokens(seal=self._seal, now=now)
        self._refresher = Refresher(
            servers=servers, send=send, now=now, sleep=sleep, random_bytes=random_bytes, circuits=Circuits()
        )
        self._recipes = Recipes()
        self._memory: Memory[Key, Opened] = Memory(MAX_OPENED)
        self._cool_downs = CoolDowns(now=now, pause_s=self._refresher.pause_s, max_remembered=MAX_FAILURES)
        self._rejections = Rejections(now=now, max_remembered=MAX_FAILURES)
        self._saving = Saving(now=now, sleep=sleep, saved=self._saved)
        self._reads: SingleFlight[Opened | Reconnect] = SingleFlight()
        self._renewals: SingleFlight[Answer] = SingleFlight()
        self._epoch = 0
        self._is_closing = False

    async def fresh(self, viewer_guid: ViewerGuid, integration: Integration) -> Answer:
        """Return a token good for now; ``StoreUnavailable`` when nobody can know, and then nothing is lost."""
        key = (viewer_guid, integration.guid)
        recipe_ = self._recipes.of(integration)
        if key in self._renewals and recipe_.provider.refresh_invalidates_access:
            return await self._renewals.join(key, partial(self._renew, key, recipe_))  # the old one dies meanwhile
        opened = await self._known(key, recipe_)
        if isinstance(opened, Reconnect):
            return opened
        match self._tokens.freshness(opened, recipe_):
            case Freshness.SERVE:
                return self._tokens.serve(opened, recipe_)
            case Freshness.SERVE_AND_REFRESH:
                if self._cooling(key, opened) is None and opened.row.refresh_token is not None:
                    self._start_renewal(key, recipe_)
                return self._tokens.serve(opened, recipe_)
            case Freshness.REFRESH_FIRST:
                cooling = self._cooling(key, opened)
                if cooling is not None:
                    return self._make_do(opened, recipe_, cooling)
                return await self._renewals.join(key, partial(self._renew, key, recipe_))

    async def instead_of(
        self, rejected: Secret, viewer_guid: ViewerGuid, integration: Integration
    ) -> Answer | RenewedLately:
        """Return another token than the one that an API rejected before its end; at most one request per half minute.

        A token that is not the present one has been replaced already. Snowflake's die when a role changes, for example.
        """
        key = (viewer_guid, integration.guid)
        recipe_ = self._recipes.of(integration)
        opened = await self._known(key, recipe_)
        if isinstance(opened, Reconnect):
            return opened
        if opened.access_token != rejected:
            return await self.fresh(viewer_guid, integration)
        wait_s = self._rejections.wait_s(key, opened.row)
        if wait_s > 0 and key not in self._renewals:
            return RenewedLately(wait_s)
        if not self._tokens.is_refreshable(opened.row):
            return Reconnect("rejected")
        self._rejections.tried(key)
        if recipe_.provider.refresh_invalidates_access:
            self._announce(key)  # now, so that from here on everybody waits for the new one
        answer = await self._renewals.join(key, partial(self._renew, key, recipe_, rejected=opened.row))
        if isinstance(answer, Fresh) and answer.access_token == rejected:
            return Unavailable(retry_after_s=self._rejections.wait_s(key, opened.row), because="not_renewed")
        return answer

    def forget(self, viewer_guid: ViewerGuid, integration_guid: IntegrationGuid) -> None:
        """Drop what is in memory: the row changed, or is gone. What is being read now is not remembered."""
        key = (viewer_guid, integration_guid)
        self._epoch += 1
        self._memory.drop(key)
        self._reads.leave_behind(key)

    def forget_integration(self, integration_guid: IntegrationGuid) -> None:
        """Drop everybody's tokens of an integration, and how its server answered: it is another now."""
        self._epoch += 1
        self._memory.drop_where(lambda key: key[1] == integration_guid)
        self._reads.leave_all_behind()
        self._refresher.forget(integration_guid)
        self._cool_downs.forget(integration_guid)

    def forget_all(self) -> None:
        """Drop whatever is in memory: nobody knows what changed."""
        self._epoch += 1
        self._memory.clear()
        self._reads.leave_all_behind()

    async def save_pending(self) -> None:
        """Store what could not be stored before; ``StoreUnavailable`` when it still cannot."""
        await self._saving.save_all_once(self._store)

    async def close(self) -> None:
        """Let running refreshes finish and store their answers; nothing new starts."""
        self._is_closing = True
        await self._renewals.close(CLOSE_GRACE_S)
        await self._reads.close(CLOSE_GRACE_S)
        try:
            await self.save_pending()
        except StoreUnavailable:
            log.exception("a refreshed token could not be stored and is lost", count=len(self._saving))

    async def _known(self, key: Key, recipe_: Recipe) -> Opened | Reconnect:
        return self._memory.get(key) or await self._reads.join(key, partial(self._read, key, recipe_))

    async def _read(self, key: Key, recipe_: Recipe) -> Opened | Reconnect:
        epoch = self._epoch
        opened = self._tokens.opened(await self._store.credentials(*key), recipe_)
        if isinstance(opened, Opened) and epoch == self._epoch:
            self._memory.put(key, opened)
        return opened

    def _cooling(self, key: Key, opened: Opened) -> CoolDown | None:
        """Return the cool-down that holds, if there is nothing better to do: an answer may wait to be stored."""
        return None if key in self._saving else self._cool_downs.holding(key, opened.row)

    def _make_do(self, opened: Opened, recipe_: Recipe, cooling: CoolDown) -> Fresh | Unavailable:
        """Without asking the authorization server: the old token while it is valid."""
        if self._tokens.is_valid(opened):
            return self._tokens.serve(opened, recipe_)
        return Unavailable(retry_after_s=self._cool_downs.left_s(cooling), because=cooling.because)

    # — one renewal ————————————————————————————————————————————————————————————————————————————

    def _start_renewal(self, key: Key, recipe_: Recipe) -> None:
        if not self._is_closing:
            self._renewals.start(key, partial(self._renew, key, recipe_)).add_done_callback(_report)

    async def _renew(self, key: Key, recipe_: Recipe, *, rejected: Credentials | None = None) -> Answer:
        if self._is_closing:
            raise StoreUnavailable("closing")
        await self._saving.save_kept(self._store, key)
        opened = await self._read(key, recipe_)
        if isinstance(opened, Reconnect):
            return opened
        if self._is_good(opened, recipe_, rejected):
            return self._tokens.serve(opened, recipe_)
        cooling = self._cooling(key, opened)
        if cooling is not None:
            return self._make_do(opened, recipe_, cooling)
        if not self._tokens.is_refreshable(opened.row):
            return self._tokens.serve(opened, recipe_) if self._tokens.is_valid(opened) else Reconnect("expired")
        return await self._renew_under_lease(key, recipe_, opened, rejected)

    def _is_good(self, opened: Opened, recipe_: Recipe, rejected: Credentials | None) -> bool:
        row = opened.row
        is_rejected = rejected is not None and (rejected.guid, rejected.generation) == (row.guid, row.generation)
        return not is_rejected and self._tokens.freshness(opened, recipe_) is Freshness.SERVE

    async def _renew_under_lease(
        self, key: Key, recipe_: Recipe, opened: Opened, rejected: Credentials | None
    ) -> Answer:
        lease = Lease(
            store=self._store,
            row=opened.row,
            owner=self._random_bytes(16).hex(),
            now=self._now,
            sleep=self._sleep,
        )
        leased = await lease.take()
        if leased is None:
            return self._tokens.settle(await self._read(key, recipe_), recipe_)
        is_settled = False
        try:
            reread = self._tokens.opened(leased, recipe_)
            if isinstance(reread, Reconnect) or self._is_good(reread, recipe_, rejected):
                return self._tokens.settle(reread, recipe_)
            is_inline = rejected is not None or not self._tokens.is_valid(reread)
            answer, is_settled = await self._ask(key, recipe_, reread, lease, is_inline=is_inline)
            return answer
        finally:
            if not is_settled:
                await lease.give_back()

    async def _ask(
        self, key: Key, recipe_: Recipe, opened: Opened, lease: Lease, *, is_inline: bool
    ) -> tuple[Answer, bool]:
        """Ask the authorization server; return the answer and whether the store has let go of the lease."""
        row = opened.row
        refresh_token = self._tokens.refresh_token(row)
        if isinstance(refresh_token, Reconnect):
            return refresh_token, False
        asked = await self._refresher.ask(recipe_, refresh_token, is_inline=is_inline, go_on=lease.renew)
        match asked.verdict:
            case Success(tokens=tokens):
                return await self._succeeded(key, recipe_, row, tokens, asked.issued_at), True
            case Discard(because=because):
                return await self._ended(key, recipe_, row, because, keep_refresh_token=False), True
            case Interactive(because=because, claims=claims):
                return await self._ended(key, recipe_, row, because, keep_refresh_token=True, claims=claims), True
            case Overtaken():
                return self._tokens.settle(await self._read(key, recipe_), recipe_), False
            case Held(because=because, retry_after_s=wait_s):
                cooling = self._cool_downs.begin(key, row, because, wait_s)
            case Operator(because=because):
                cooling = self._cool_downs.begin(key, row, because, OPERATOR_COOL_DOWN_S)
            case Retry(because=because, retry_after_s=retry_after_s):
                log.warning("refresh failed for now", integration=key[1], because=because)
                cooling = self._cool_downs.begin(key, row, because, retry_after_s)
        return self._make_do(opened, recipe_, cooling), False

    async def _ended(
        self,
        key: Key,
        recipe_: Recipe,
        row: Credentials,
        because: str,
        *,
        keep_refresh_token: bool,
        claims: str | None = None,
    ) -> Answer:
        stands = await self._store.end_credentials(
            row.guid,
            generation=row.generation,
            because=because,
            keep_refresh_token=keep_refresh_token,
            claims=claims,
            now=self._now(),
        )
        log.info("credentials ended", viewer=key[0], integration=key[1], because=because)
        if stands is not None and stands.state is not CredentialsState.ACTIVE:
            actor = Actor(kind=ActorKind.PROVIDER, id=key[1])
            self._write_down(AuditAction.GRANT_ENDED, actor, stands, because=because)
        self._announce(key)
        return self._tokens.settle(self._tokens.opened(stands, recipe_), recipe_)

    async def _succeeded(
        self, key: Key, recipe_: Recipe, row: Credentials, answer: TokenResponse, issued_at: datetime
    ) -> Answer:
        tokens = RefreshedTokens(
            access_token=self._seal.seal(answer.access_token, "access_token", key),
            refresh_token=None
            if answer.refresh_token is None
            else self._seal.seal(answer.refresh_token, "refresh_token", key),
            issued_at=issued_at,
            expires_at=access_expiry(answer, recipe_.provider, issued_at=issued_at),
            refresh_expires_at=refresh_expiry(answer, issued_at=issued_at),
            scope=granted_scope(recipe_.provider, answer.scope),
        )
        stands = await self._saving.save(self._store, key, Unsaved(row=row, tokens=tokens))
        if stands is None:  # the viewer is gone, or consented again: then another row stands
            return self._tokens.settle(await self._read(key, recipe_), recipe_)
        self._write_down(AuditAction.REFRESH, SIDECAR, stands)
        opened = self._tokens.opened(stands, recipe_)
        if isinstance(opened, Opened):  # before anything is waited for: what changes meanwhile drops it again
            self._memory.put(key, opened)
        await self._refreshed(Refreshed(recipe=recipe_, row=row, tokens=answer))
        return self._tokens.settle(opened, recipe_)

    def _write_down(self, action: AuditAction, actor: Actor, stands: Credentials, **detail: str) -> None:
        self._record(
            AuditEvent(
                at=self._now(), action=action, actor=actor, viewer_guid=stands.viewer_guid,
                integration_guid=stands.integration_guid, scope=stands.scope, expires_at=stands.expires_at, detail=detail,
            )
        )  # fmt: skip

    def _saved(self, key: Key) -> None:
        self._cool_downs.end(key)
        self._announce(key)

    def _announce(self, key: Key) -> None:
        self._publish(CredentialsChanged(*key))
        self.forget(*key)


def _report(task: asyncio.Task[Answer]) -> None:
    """Log how a refresh failed that nobody waits for; whoever asks next tries again."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.warning("refresh in the background failed", error=type(error).__name__, exc_info=error)
