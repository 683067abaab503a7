"""The audit log: told at once, written within a second, kept while the store is ill."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog
from structlog.testing import capture_logs

from proxy.errors import StoreUnavailable
from proxy.flows.audit import BATCH, MOST_CHARACTERS, PURGED_AT_ONCE, Audit, unrecorded
from proxy.model import SIDECAR, Actor, ActorKind, AuditAction, AuditEvent
from tests.unit.flows.house import START, Clock

SIGN_IN = AuditEvent(at=START, action=AuditAction.SIGN_IN, actor=Actor(kind=ActorKind.VIEWER, id="v", name="ada"))


class Log:
    """Remembers what it was given; ``ill``: what is raised instead."""

    def __init__(self):
        self.lines = []
        self.batches = []
        self.ill = None
        self.gate = None
        self.purges = []
        self.old = 0

    async def append(self, events):
        if self.gate is not None:
            await self.gate.wait()
        if self.ill is not None:
            raise self.ill
        self.lines += events
        self.batches.append(len(events))

    async def purge(self, *, before, most):
        self.purges.append(before)
        count, self.old = min(self.old, most), max(0, self.old - most)
        return count


@pytest.fixture
def kept():
    return Log()


@pytest.fixture
def audit(kept):
    return Audit(log=kept, now=Clock(), keep=timedelta(days=90), most_waiting=10)


class Stop(Exception):
    pass


async def follow(audit, turns=1):
    """Let it follow for so many seconds."""
    slept = []

    async def sleep(seconds):
        slept.append(seconds)
        if len(slept) > turns:
            raise Stop
        await asyncio.sleep(0)

    with pytest.raises(Stop):
        await audit.follow(sleep=sleep)
    return slept


async def test_what_is_recorded_is_written_with_the_next_second_in_its_order(audit, kept):
    audit.record(SIGN_IN)
    audit.record(replace(SIGN_IN, action=AuditAction.CONSENT))
    assert kept.lines == []
    assert await follow(audit) == [1.0, 1.0]
    assert [line.action for line in kept.lines] == [AuditAction.SIGN_IN, AuditAction.CONSENT]
    await audit.flush()
    assert len(kept.lines) == 2, "once"


async def test_a_line_has_the_id_of_the_request_that_is_served_unless_it_has_one(audit, kept):
    with structlog.contextvars.bound_contextvars(request_id="r-7"):
        audit.record(SIGN_IN)
        audit.record(replace(SIGN_IN, request_id="its own"))
    audit.record(SIGN_IN)
    await audit.flush()
    assert [line.request_id for line in kept.lines] == ["r-7", "its own", ""]


async def test_lines_wait_while_the_store_is_ill_and_the_log_says_so_once(audit, kept):
    audit.record(SIGN_IN)
    kept.ill = StoreUnavailable("full")
    with capture_logs() as said:
        await follow(audit, turns=3)
    assert [entry["event"] for entry in said] == ["audit log waits for the store"]
    audit.record(replace(SIGN_IN, action=AuditAction.SIGN_OUT))
    kept.ill = None
    with capture_logs() as said:
        await follow(audit)
    assert [entry["event"] for entry in said] == ["audit log is written again"]
    assert [line.action for line in kept.lines] == [AuditAction.SIGN_IN, AuditAction.SIGN_OUT], "none lost, in order"


async def test_what_waits_is_bounded_and_what_was_lost_is_counted_in_the_log_itself(audit, kept):
    kept.ill = StoreUnavailable("full")
    for _ in range(25):
        audit.record(SIGN_IN)
        await follow(audit)
    kept.ill = None
    await audit.flush()
    assert [line.action for line in kept.lines] == [AuditAction.SIGN_IN] * 10 + [AuditAction.LINES_LOST]
    assert (kept.lines[-1].count, kept.lines[-1].actor) == (15, SIDECAR)
    audit.record(SIGN_IN)
    await audit.flush()
    assert [line.action for line in kept.lines[-2:]] == [AuditAction.LINES_LOST, AuditAction.SIGN_IN], "told once"


async def test_a_line_that_cannot_be_written_is_not_in_the_way_of_all_others(audit, kept):
    """Fails when whatever goes wrong is tried again: one line of ours that is wrong would end the audit log."""
    audit.record(SIGN_IN)
    kept.ill = ValueError("a mistake of ours")
    with capture_logs() as said:
        await follow(audit)
    assert [entry["event"] for entry in said] == ["audit log failed"]
    kept.ill = None
    audit.record(SIGN_IN)
    await follow(audit)
    assert sorted(line.action for line in kept.lines) == [AuditAction.LINES_LOST, AuditAction.SIGN_IN]


async def test_transactions_are_small(kept):
    audit = Audit(log=kept, now=Clock(), keep=timedelta(days=1))
    for _ in range(2 * BATCH + 1):
        audit.record(SIGN_IN)
    await audit.flush()
    assert kept.batches == [BATCH, BATCH, 1]


async def test_two_that_write_at_once_write_nothing_twice(audit, kept):
    audit.record(SIGN_IN)
    kept.gate = asyncio.Event()
    writers = [asyncio.create_task(audit.flush()) for _ in range(2)]
    await asyncio.sleep(0)
    audit.record(SIGN_IN)
    kept.gate.set()
    await asyncio.gather(*writers)
    assert kept.batches == [1, 1]


async def test_a_writer_that_is_cancelled_writes_nothing_twice(audit, kept):
    """The store goes on when its caller is cancelled: what was given to it counts as written."""
    audit.record(SIGN_IN)
    kept.gate = asyncio.Event()
    writer = asyncio.create_task(audit.flush())
    await asyncio.sleep(0)
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    kept.gate = None
    await audit.flush()
    assert kept.lines == []


async def test_closing_writes_what_is_left_or_says_how_much_is_lost(audit, kept):
    audit.record(SIGN_IN)
    await audit.close()
    assert len(kept.lines) == 1
    audit.record(SIGN_IN)
    kept.ill = StoreUnavailable("full")
    with capture_logs() as said:
        await audit.close()
    assert [(entry["event"], entry["count"]) for entry in said] == [("lines of the audit log are lost", 1)]


async def test_no_line_is_longer_than_anybody_reads(audit, kept):
    """Names and scopes are of a provider's choosing."""
    long = "x" * 100_000
    actor = Actor(kind=ActorKind.VIEWER, name=long)
    audit.record(replace(SIGN_IN, actor=actor, scope=long, detail={"because": long, "other": "short"}))
    await audit.flush()
    line = kept.lines[0]
    assert {len(line.actor.name), len(line.scope), len(line.detail["because"])} == {MOST_CHARACTERS}
    assert line.detail["other"] == "short"


async def test_kept_for_no_time_nothing_is_written(kept):
    audit = Audit(log=kept, now=Clock(), keep=timedelta())
    audit.record(SIGN_IN)
    await audit.close()
    assert kept.lines == []
    unrecorded(SIGN_IN)


async def test_lines_are_deleted_by_age_a_bounded_number_at_once(audit, kept):
    kept.old = 2 * PURGED_AT_ONCE + 1
    with capture_logs() as said:
        assert await audit.purge() == 2 * PURGED_AT_ONCE + 1
    assert kept.purges == [START - timedelta(days=90)] * 4
    assert [entry["event"] for entry in said] == ["lines of the audit log deleted by age"]
    with capture_logs() as said:
        assert await audit.purge() == 0
    assert said == []
