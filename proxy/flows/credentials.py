"""A fresh access token at any time: one refresher per credentials, in this process and across processes.

Opened tokens are kept in memory, so a hot request asks nobody. When one grows stale, the first caller starts a task that
belongs to the keeper: it takes the lease on the row, reads the row again, asks the authorization server, and stores the
answer *before* anybody gets it. Callers may come and go; the task finishes and its answer is stored once. The rules are
data below this layer: ``policy.freshness`` (when) and ``policy.refresh_verdict`` (what an answer means).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from proxy.errors import StoreUnavailable
from proxy.flows.circuit import Circuits
from proxy.flows.memory import Memory
from proxy.flows.recipes import Recipe, access_expiry, recipe, refresh_expiry
from proxy.flows.refresh import Overtaken, Refresher
from proxy.flows.single_flight import SingleFlight
from proxy.flows.token_seal import TokenSeal
from proxy.model import (
    Change,
    Credentials,
    CredentialsChanged,
    CredentialsGuid,
    CredentialsState,
    Integration,
    IntegrationGuid,
    Secret,
    ViewerGuid,
)
from proxy.oauth.message import Send
from proxy.oauth.token import TokenResponse
from proxy.policy.freshness import Freshness, judge, stale_at
from proxy.policy.refresh_verdict import Discard, Interactive, Operator, Retry, Success
from proxy.sealing import KeyRing, SealBroken
from proxy.store.base import RefreshedTokens, Store

LEASE_FOR = timedelta(seconds=30)
"""Longer than one request may take (10 s); taken again before each further request."""

LEASE_WAIT_S = 10.0
"""What an in-line caller may wait for another process that refreshes."""
FIRST_LEASE_PAUSE_S, LONGEST_LEASE_PAUSE_S = 0.05, 0.5

SAVE_PAUSES_S = (0.1, 0.5, 1.0, 2.0)
"""Between attempts to store an answer; what cannot be stored stays in memory and is tried again by whoever comes next."""

OPERATOR_COOL_DOWN_S = 60.0
"""How long a refusal that an administrator must mend is answered from memory."""
SHORTEST_COOL_DOWN_S = 1.0
LONGEST_COOL_DOWN_S = 3600.0

STALE_SERVE_FOR = timedelta(seconds=5)
"""How soon to ask again after a token that is valid but ought to be refreshed."""

NO_EXPIRY_SERVE_FOR = timedelta(hours=1)

MAX_REMEMBERED = 10_000
"""Opened tokens in memory (some KiB each); forgetting one costs one read."""

CLOSE_GRACE_S = 15.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """A token that may be handed out."""

    access_token: Secret
    issued_at: datetime
    expires_at: datetime | None
    generation: int
    serve_until: datetime
    """Ask again then."""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """There is no usable grant: the viewer must be asked."""

    because: str
    """A constant word for the log: ``absent``, ``changed``, ``sealed``, ``expired``, or what the verdict said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """The grant stands, but there is no valid token just now."""

    retry_after_s: float
    because: str


Answer = Fresh | Reconnect | Unavailable

Key = tuple[ViewerGuid, IntegrationGuid]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A row as read, and its access token opened."""

    row: Credentials
    access_token: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class _CoolDown:
    """The authorization server is not asked again before ``until`` with what was asked at this generation."""

    credentials_guid: CredentialsGuid
    generation: int
    until: datetime
    because: str
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unsaved:
    """An answer that the store has not taken yet: the only copy of a rotated refresh token."""

    row: Credentials
    tokens: RefreshedTokens


class CredentialsKeeper:
    """Hands out tokens of one process; make one and :meth:`close` it."""

    def __init__(
        self,
        *,
        store: Store,
        key_ring: KeyRing,
        send: Send,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        random_bytes: Callable[[int], bytes],
        publish: Callable[[Change], None],
        max_remembered: int = MAX_REMEMBERED,
    ) -> None:
        self._store = store
        self._now = now
        self._sleep = sleep
        self._random_bytes = random_bytes
        self._publish = publish
        self._seal = TokenSeal(key_ring=key_ring, random_bytes=random_bytes)
        self._refresher = Refresher(send=send, now=now, sleep=sleep, random_bytes=random_bytes, circuits=Circuits())
        self._memory: Memory[Key, _Known] = Memory(max_remembered)
        self._cool_downs: Memory[Key, _CoolDown] = Memory(max_remembered)
        self._unsaved: dict[Key, _Unsaved] = {}
        self._reads: SingleFlight[_Known | Reconnect] = SingleFlight()
        self._renewals: SingleFlight[Answer] = SingleFlight()
        self._epoch = 0
        self._is_closing = False

    async def fresh(self, viewer_guid: ViewerGuid, integration: Integration) -> Answer:
        """Return a token good for now; ``StoreUnavailable`` when nobody can know, and then nothing is lost."""
        key = (viewer_guid, integration.guid)
        recipe_ = recipe(integration)
        known = self._memory.get(key) or await self._reads.join(key, partial(self._read, key, recipe_))
        if isinstance(known, Reconnect):
            return known
        match self._judge(known, recipe_):
            case Freshness.SERVE:
                return self._serve(known, recipe_)
            case Freshness.SERVE_AND_REFRESH:
                if self._cooling(key, known) is None and known.row.refresh_token is not None:
                    self._start_renewal(key, recipe_)
                return self._serve(known, recipe_)
            case Freshness.REFRESH_FIRST:
                cooling = self._cooling(key, known)
                if cooling is not None:
                    return self._make_do(known, recipe_, cooling)
                return await self._renewals.join(key, partial(self._renew, key, recipe_))

    def forget(self, viewer_guid: ViewerGuid, integration_guid: IntegrationGuid) -> None:
        """Drop what is in memory: the row changed, or is gone. What is being read now is not remembered."""
        key = (viewer_guid, integration_guid)
        self._epoch += 1
        self._memory.drop(key)
        self._reads.leave_behind(key)

    async def save_pending(self) -> None:
        """Store what could not be stored before; ``StoreUnavailable`` when it still cannot."""
        for key, unsaved in list(self._unsaved.items()):
            await self._save_once(key, unsaved)

    async def close(self) -> None:
        """Let running refreshes finish and store their answers; nothing new starts."""
        self._is_closing = True
        await self._renewals.close(CLOSE_GRACE_S)
        await self._reads.close(CLOSE_GRACE_S)
        try:
            await self.save_pending()
        except StoreUnavailable:
            log.exception("a refreshed token could not be stored and is lost", count=len(self._unsaved))

    # — from memory and store ——————————————————————————————————————————————————————————————————

    async def _read(self, key: Key, recipe_: Recipe) -> _Known | Reconnect:
        epoch = self._epoch
        known = self._opened(await self._store.credentials(*key), recipe_)
        if isinstance(known, _Known) and epoch == self._epoch:
            self._memory.put(key, known)
        return known

    def _opened(self, row: Credentials | None, recipe_: Recipe) -> _Known | Reconnect:
        if row is None:
            return Reconnect("absent")
        if row.state is not CredentialsState.ACTIVE:
            return Reconnect(row.ended_because or row.state.value)
        if row.fingerprint != recipe_.fingerprint:
            return Reconnect("changed")
        try:
            return _Known(row=row, access_token=self._seal.access_token(row))
        except SealBroken:
            return self._unopenable(row)

    def _unopenable(self, row: Credentials) -> Reconnect:
        # The row stays as it is: the right key may come back.
        log.error("credentials cannot be opened", viewer=row.viewer_guid, integration=row.integration_guid)
        return Reconnect("sealed")

    def _judge(self, known: _Known, recipe_: Recipe) -> Freshness:
        return judge(
            self._now(),
            known.row.issued_at,
            known.row.expires_at,
            refresh_invalidates_access=recipe_.provider.refresh_invalidates_access,
        )

    def _is_valid(self, known: _Known) -> bool:
        return known.row.expires_at is None or self._now() < known.row.expires_at

    def _serve(self, known: _Known, recipe_: Recipe) -> Fresh:
        now, row = self._now(), known.row
        stale = stale_at(
            row.issued_at,
            row.expires_at,
            refresh_invalidates_access=recipe_.provider.refresh_invalidates_access,
        )
        if row.expires_at is None or stale is None:
            until = now + NO_EXPIRY_SERVE_FOR
        elif now < stale:
            until = stale
        else:
            until = min(row.expires_at, now + STALE_SERVE_FOR)
        return Fresh(
            access_token=known.access_token,
            issued_at=row.issued_at,
            expires_at=row.expires_at,
            generation=row.generation,
            serve_until=until,
        )

    def _make_do(self, known: _Known, recipe_: Recipe, cooling: _CoolDown) -> Fresh | Unavailable:
        """Without asking the authorization server: the old token while it is valid."""
        if self._is_valid(known):
            return self._serve(known, recipe_)
        left_s = (cooling.until - self._now()).total_seconds()
        return Unavailable(retry_after_s=max(SHORTEST_COOL_DOWN_S, left_s), because=cooling.because)

    def _cooling(self, key: Key, known: _Known) -> _CoolDown | None:
        """Return the cool-down that holds for this row; new consent and another generation end one."""
        cooling = self._cool_downs.get(key)
        if cooling is None or key in self._unsaved or cooling.until <= self._now():
            return None
        same = (cooling.credentials_guid, cooling.generation) == (known.row.guid, known.row.generation)
        return cooling if same else None

    # — one renewal ————————————————————————————————————————————————————————————————————————————

    def _start_renewal(self, key: Key, recipe_: Recipe) -> None:
        if not self._is_closing:
            self._renewals.start(key, partial(self._renew, key, recipe_)).add_done_callback(_report)

    async def _renew(self, key: Key, recipe_: Recipe) -> Answer:
        if self._is_closing:
            raise StoreUnavailable("closing")
        unsaved = self._unsaved.get(key)
        if unsaved is not None:
            await self._save(key, unsaved)
        known = await self._read(key, recipe_)
        if isinstance(known, Reconnect):
            return known
        if self._judge(known, recipe_) is Freshness.SERVE:
            return self._serve(known, recipe_)
        cooling = self._cooling(key, known)
        if cooling is not None:
            return self._make_do(known, recipe_, cooling)
        if not self._is_refreshable(known.row):
            return self._serve(known, recipe_) if self._is_valid(known) else Reconnect("expired")
        return await self._renew_under_lease(key, recipe_, known)

    def _is_refreshable(self, row: Credentials) -> bool:
        return row.refresh_token is not None and (
            row.refresh_expires_at is None or self._now() < row.refresh_expires_at
        )

    async def _renew_under_lease(self, key: Key, recipe_: Recipe, known: _Known) -> Answer:
        owner = self._random_bytes(16).hex()
        leased = await self._lease(known.row, owner)
        if leased is None:  # somebody else refreshed, replaced or ended it meanwhile, or takes very long over it
            return self._settle(await self._read(key, recipe_), recipe_)
        is_settled = False
        try:
            reread = self._opened(leased, recipe_)
            if isinstance(reread, Reconnect) or self._judge(reread, recipe_) is Freshness.SERVE:
                return self._settle(reread, recipe_)
            answer, is_settled = await self._ask(key, recipe_, reread, owner)
            return answer
        finally:
            if not is_settled:
                await self._release(known.row.guid, owner)

    async def _lease(self, row: Credentials, owner: str) -> Credentials | None:
        waited_s, pause_s = 0.0, FIRST_LEASE_PAUSE_S
        while True:
            now = self._now()
            leased = await self._store.acquire_lease(row.guid, owner=owner, now=now, until=now + LEASE_FOR)
            if leased is not None:
                return leased
            if waited_s >= LEASE_WAIT_S:
                return None
            await self._sleep(pause_s)
            waited_s, pause_s = waited_s + pause_s, min(2 * pause_s, LONGEST_LEASE_PAUSE_S)
            stands = await self._store.credentials(row.viewer_guid, row.integration_guid)
            if stands is None or (stands.guid, stands.generation) != (row.guid, row.generation):
                return None

    async def _release(self, guid: CredentialsGuid, owner: str) -> None:
        try:
            await self._store.release_lease(guid, owner=owner)
        except StoreUnavailable:
            log.warning("a refresh lease could not be given back; it ends by itself", credentials=guid)

    async def _ask(self, key: Key, recipe_: Recipe, known: _Known, owner: str) -> tuple[Answer, bool]:
        """Ask the authorization server; return the answer and whether the store has let go of the lease."""
        row = known.row
        try:
            refresh_token = self._seal.refresh_token(row)
        except SealBroken:
            return self._unopenable(row), False
        assert refresh_token is not None, "_is_refreshable"

        async def still_leased() -> bool:
            now = self._now()
            return await self._store.acquire_lease(row.guid, owner=owner, now=now, until=now + LEASE_FOR) is not None

        asked = await self._refresher.ask(
            recipe_, refresh_token, is_inline=not self._is_valid(known), go_on=still_leased
        )
        match asked.verdict:
            case Success(tokens=tokens):
                return await self._succeeded(key, recipe_, row, tokens, asked.issued_at), True
            case Discard(because=because):
                return await self._ended(key, recipe_, row, because, keep_refresh_token=False), True
            case Interactive(because=because):
                return await self._ended(key, recipe_, row, because, keep_refresh_token=True), True
            case Overtaken():
                return self._settle(await self._read(key, recipe_), recipe_), False
            case Operator(because=because):
                log.error(
                    "refresh refused: the integration needs its administrator", integration=key[1], because=because
                )
                return self._cool_down(key, recipe_, known, because, OPERATOR_COOL_DOWN_S), False
            case Retry(because=because, retry_after_s=retry_after_s):
                log.warning("refresh failed for now", integration=key[1], because=because)
                return self._cool_down(key, recipe_, known, because, retry_after_s), False

    def _cool_down(
        self, key: Key, recipe_: Recipe, known: _Known, because: str, for_s: float | None
    ) -> Fresh | Unavailable:
        before = self._cool_downs.get(key)
        failures = 1 if before is None or before.generation != known.row.generation else before.failures + 1
        pause_s = max(for_s or 0.0, self._refresher.pause_s(failures), SHORTEST_COOL_DOWN_S)
        cooling = _CoolDown(
            credentials_guid=known.row.guid,
            generation=known.row.generation,
            until=self._now() + timedelta(seconds=min(pause_s, LONGEST_COOL_DOWN_S)),
            because=because,
            failures=failures,
        )
        self._cool_downs.put(key, cooling)
        return self._make_do(known, recipe_, cooling)

    async def _ended(
        self, key: Key, recipe_: Recipe, row: Credentials, because: str, *, keep_refresh_token: bool
    ) -> Answer:
        stands = await self._store.end_credentials(
            row.guid,
            generation=row.generation,
            because=because,
            keep_refresh_token=keep_refresh_token,
            now=self._now(),
        )
        log.info("credentials ended", viewer=key[0], integration=key[1], because=because)
        self._publish(CredentialsChanged(*key))
        self.forget(*key)
        return self._settle(self._opened(stands, recipe_), recipe_)

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
            scope=answer.scope,
        )
        stands = await self._save(key, _Unsaved(row=row, tokens=tokens))
        if stands is None:  # the viewer is gone, or consented again: then another row stands
            return self._settle(await self._read(key, recipe_), recipe_)
        known = self._opened(stands, recipe_)
        if isinstance(known, _Known):
            self._memory.put(key, known)
        return self._settle(known, recipe_)

    async def _save(self, key: Key, unsaved: _Unsaved) -> Credentials | None:
        """Store an answer, with patience; when that fails, it is kept for whoever comes next."""
        self._unsaved[key] = unsaved
        for pause_s in SAVE_PAUSES_S:
            try:
                return await self._save_once(key, unsaved)
            except StoreUnavailable:
                log.warning("a refreshed token could not be stored yet", viewer=key[0], integration=key[1])
            await self._sleep(pause_s)
        return await self._save_once(key, unsaved)

    async def _save_once(self, key: Key, unsaved: _Unsaved) -> Credentials | None:
        stands = await self._store.save_refresh(
            unsaved.row.guid, generation=unsaved.row.generation, tokens=unsaved.tokens, now=self._now()
        )
        if self._unsaved.get(key) is unsaved:
            del self._unsaved[key]
        self._cool_downs.drop(key)
        log.info("credentials refreshed", viewer=key[0], integration=key[1])
        self._publish(CredentialsChanged(*key))
        self.forget(*key)
        return stands

    def _settle(self, known: _Known | Reconnect, recipe_: Recipe) -> Answer:
        """Answer from a row that was read just now, without asking anybody again."""
        if isinstance(known, Reconnect):
            return known
        if self._is_valid(known):
            return self._serve(known, recipe_)
        return Unavailable(retry_after_s=SHORTEST_COOL_DOWN_S, because="busy")


def _report(task: asyncio.Task[Answer]) -> None:
    """Log how a refresh failed that nobody waits for; whoever asks next tries again."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.warning("refresh in the background failed", error=type(error).__name__, exc_info=error)
