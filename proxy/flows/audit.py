"""The audit log: who did what, when, on whose behalf. Told in one synchronous step, written within a second.

Whoever records never waits and is never in trouble: while the store cannot be written, lines wait in memory; when there are
too many of them, the log says how many it lost. What is told of is not delayed by its line: a process that is killed loses
the lines of its last second, and the counts of its last minute. Changes of configuration are not told here: they are
written in one transaction with their lines (``store.sql_audit.append_in``).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from proxy.admission import AdmissionTable
from proxy.errors import StoreUnavailable
from proxy.flows.audit_counts import Counts
from proxy.flows.audit_refusals import Refusals
from proxy.flows.audit_repeats import Repeats
from proxy.flows.request_id import present_request_id
from proxy.model import SIDECAR, Actor, ActorKind, AuditAction, AuditEvent, HandOut
from proxy.store.audit import AuditLog

EVERY_S = 1.0
"""What a killed process loses."""

MOST_WAITING = 100_000
"""Lines in memory while the store cannot be written: 80 MB (measured)."""

BATCH = 250
"""Lines of one transaction: 1.2 ms of work at once (measured), and some more that sign-ins wait for."""

PURGED_AT_ONCE = 500
"""Lines: some twenty milliseconds that others who write wait for (measured)."""

MOST_CHARACTERS = 1_000
"""Of a name, scope or detail: they are of a provider's choosing."""

Record = Callable[[AuditEvent], None]
"""How use cases tell: never waits, never raises."""

Lines = Callable[[AuditEvent], Sequence[AuditEvent]]
"""How use cases that change the configuration tell: in one transaction with the change."""

log = structlog.get_logger(__name__)


class Audit:
    """The audit log of one process; make one, let it ``follow`` and :meth:`close` it."""

    def __init__(
        self, *, log: AuditLog, now: Callable[[], datetime], keep: timedelta, most_waiting: int = MOST_WAITING
    ) -> None:
        """Take where to write; ``keep``: for how long, zero: nothing is written at all."""
        self._log = log
        self._now = now
        self._keep = keep
        self._most_waiting = most_waiting
        self._waiting: deque[AuditEvent] = deque()
        self._lost = 0
        self._refusals = Refusals()
        self._repeats = Repeats()
        self._counts = Counts()
        self._minute = _minute(now())
        self._turn = asyncio.Lock()
        self._is_ill = False

    def record(self, event: AuditEvent) -> None:
        """Have a line written, with the id of the request that is being served unless it has one."""
        if not self._keep:
            return
        if not event.request_id:
            event = replace(event, request_id=present_request_id())
        if self._refusals.may_be_told(event) and self._repeats.may_be_told(event):
            self._wait(_bounded(event))

    def lines(self, event: AuditEvent) -> Sequence[AuditEvent]:
        """Return what is to be written in the transaction of the change that it tells of; nothing when nothing is kept."""
        if not self._keep:
            return ()
        return (_bounded(event if event.request_id else replace(event, request_id=present_request_id())),)

    def hand_out(self, hand_out: HandOut) -> None:
        """Record tokens that went out in headers, one line for each."""
        action = AuditAction.HAND_OUT_WEBSOCKET if hand_out.is_handshake else AuditAction.HAND_OUT_HEADER
        for integration_guid, scope, expires_at in hand_out.tokens:
            self.record(
                AuditEvent(
                    at=self._now(),
                    action=action,
                    actor=Actor(kind=ActorKind.VIEWER, id=hand_out.viewer_guid),
                    viewer_guid=hand_out.viewer_guid,
                    content_guid=hand_out.content_guid,
                    integration_guid=integration_guid,
                    scope=scope,
                    expires_at=None if expires_at is None else datetime.fromtimestamp(expires_at, UTC),
                    request_id=hand_out.request_id,
                )
            )

    async def follow(self, table: AdmissionTable, *, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Write for ever what was recorded and, each minute, what the gateway's table counted."""
        while True:
            await sleep(EVERY_S)
            try:
                for _ in table.count():
                    await asyncio.sleep(0)
                if _minute(self._now()) != self._minute:
                    self.end_minute(table)
                await self.flush()
            except StoreUnavailable as error:
                self._tell_of_illness(error)
            except Exception:  # else nothing would be written any more
                log.exception("audit log failed")

    async def flush(self) -> None:
        """Write what waits; ``StoreUnavailable`` when that cannot be, and then it goes on waiting."""
        async with self._turn:
            while batch := self._next_batch():
                try:
                    await self._log.append(batch)
                except StoreUnavailable:
                    self._waiting.extendleft(reversed(batch))
                    raise
                except Exception:  # not the store: lines that cannot be written must not be in the way of all others
                    self._lost += len(batch)
                    raise
                self._tell_of_health()

    async def purge(self) -> int:
        """Delete what is older than it is kept; return how many lines."""
        count = 0
        while purged := await self._log.purge(before=self._now() - self._keep, most=PURGED_AT_ONCE):
            count += purged
        if count:
            log.info("lines of the audit log deleted by age", count=count)
        return count

    def end_minute(self, table: AdmissionTable) -> None:
        """Have written what was counted in the minute that is over, or in what there was of it."""
        minute, self._minute = self._minute, _minute(self._now())
        counts = table.take_counts()
        if not self._keep:
            return
        for counted in (self._refusals, self._repeats):
            for event in counted.end_of_minute(minute):
                self._wait(_bounded(event))
        if len(self._counts) + len(counts) <= self._most_waiting:
            self._counts.add(minute, counts)
        else:
            self._lost += len(counts)

    async def close(self) -> None:
        """Write all that is left."""
        try:
            await self.flush()
        except StoreUnavailable as error:
            count = len(self._waiting) + len(self._counts)
            log.error("lines of the audit log are lost", count=count, detail=error.detail)

    def _wait(self, event: AuditEvent) -> None:
        if len(self._waiting) < self._most_waiting:
            self._waiting.append(event)
        else:
            self._lost += 1

    def _next_batch(self) -> list[AuditEvent]:
        if self._lost and len(self._waiting) < self._most_waiting:
            told = AuditEvent(at=self._now(), action=AuditAction.LINES_LOST, actor=SIDECAR, count=self._lost)
            self._waiting.append(told)
            self._lost = 0
        if not self._waiting:
            return self._counts.take(BATCH)
        return [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]

    def _tell_of_illness(self, error: StoreUnavailable) -> None:
        if not self._is_ill:
            self._is_ill = True
            log.error("audit log waits for the store", count=len(self._waiting), detail=error.detail)

    def _tell_of_health(self) -> None:
        if self._is_ill:
            self._is_ill = False
            log.info("audit log is written again")


def _minute(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0)


def _bounded(event: AuditEvent) -> AuditEvent:
    """Return the line with nothing in it that is longer than anybody reads."""
    said = (event.actor.name, event.scope, *event.detail.values())
    if max(map(len, said)) <= MOST_CHARACTERS:
        return event
    return replace(
        event,
        actor=replace(event.actor, name=_shortened(event.actor.name)),
        scope=_shortened(event.scope),
        detail={name: _shortened(value) for name, value in event.detail.items()},
    )


def _shortened(said: str) -> str:
    return said if len(said) <= MOST_CHARACTERS else said[: MOST_CHARACTERS - 1] + "…"
