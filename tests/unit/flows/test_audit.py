"""The audit log: told at once, written within a second, kept while the store is ill."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog
from structlog.testing import capture_logs

from proxy.admission import AdmissionTable, Admit, session_hash
from proxy.errors import StoreUnavailable
from proxy.flows.audit import BATCH, MOST_CHARACTERS, PURGED_AT_ONCE, Audit
from proxy.flows.audit_refusals import MOST_SOURCES, TOLD_OF_ALL, TOLD_OF_ONE_SOURCE
from proxy.flows.audit_repeats import MOST_REMEMBERED, TOLD_OF_ONE
from proxy.model import SIDECAR, Actor, ActorKind, AuditAction, AuditEvent, ContentGuid, IntegrationGuid, ViewerGuid
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
def clock():
    return Clock()


@pytest.fixture
def audit(kept, clock):
    return Audit(log=kept, now=clock, keep=timedelta(days=90), most_waiting=10)


class Stop(Exception):
    pass


def table(**changes):
    return AdmissionTable(max_sessions=100, idle_s=3600.0, **changes)


async def follow(audit, turns=1, of=None, clock=None):
    """Let it follow for so many seconds."""
    slept = []

    async def sleep(seconds):
        slept.append(seconds)
        if clock is not None:
            clock.advance(seconds)
        if len(slept) > turns:
            raise Stop
        await asyncio.sleep(0)

    with pytest.raises(Stop):
        await audit.follow(table() if of is None else of, sleep=sleep)
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


async def test_the_line_of_a_change_is_not_recorded_but_given_to_whoever_writes_the_change(audit, kept):
    long = Actor(kind=ActorKind.API_KEY, name="x" * 5000)
    with structlog.contextvars.bound_contextvars(request_id="r-7"):
        [line] = audit.lines(replace(SIGN_IN, actor=long))
        [other] = audit.lines(replace(SIGN_IN, request_id="its own"))
    assert (line.request_id, len(line.actor.name), other.request_id) == ("r-7", MOST_CHARACTERS, "its own")
    await audit.close()
    assert kept.lines == []


async def test_kept_for_no_time_nothing_is_written(kept):
    audit = Audit(log=kept, now=Clock(), keep=timedelta())
    audit.record(SIGN_IN)
    await audit.close()
    assert kept.lines == []
    assert audit.lines(SIGN_IN) == (), "nor with a change"


async def test_lines_are_deleted_by_age_a_bounded_number_at_once(audit, kept):
    kept.old = 2 * PURGED_AT_ONCE + 1
    with capture_logs() as said:
        assert await audit.purge() == 2 * PURGED_AT_ONCE + 1
    assert kept.purges == [START - timedelta(days=90)] * 4
    assert [entry["event"] for entry in said] == ["lines of the audit log deleted by age"]
    with capture_logs() as said:
        assert await audit.purge() == 0
    assert said == []


# — what is counted ———————————————————————————————————————————————————————————————————————————————

SALES, STOCK = ContentGuid("sales"), ContentGuid("stock")
TOKENS = ((IntegrationGuid("warehouse"), "openid all", START.timestamp() + 600), (IntegrationGuid("lake"), "", None))


def fill(of, name="s1", viewer="ada", content=SALES, tokens=TOKENS):
    admit = Admit(
        session_hash=session_hash(name), viewer_guid=viewer, header_block=name.encode(), good_until=9e9, expires_at=9e9,
        tokens=tokens,
    )  # fmt: skip
    assert of.fill(admit, content, epoch=of.epoch, now=0.0)


def ask(of, name="s1", content=SALES, times=1):
    for _ in range(times):
        assert of.find(session_hash(name), content, 1.0) is not None


async def test_the_first_request_with_a_token_has_a_line_for_each_token(audit, kept):
    with structlog.contextvars.bound_contextvars(request_id="r-7"):
        fill(table(tell=audit.hand_out))
    await audit.flush()
    assert [(line.action, line.integration_guid, line.scope, line.expires_at) for line in kept.lines] == [
        (AuditAction.HAND_OUT_HEADER, "warehouse", "openid all", START + timedelta(seconds=600)),
        (AuditAction.HAND_OUT_HEADER, "lake", "", None),
    ]
    assert {(line.viewer_guid, line.content_guid, line.request_id, line.count) for line in kept.lines} == {
        ("ada", SALES, "r-7", 1)
    }


async def test_a_handshake_has_a_line_for_each_token_with_its_own_request_id(audit, kept):
    of = table(tell=audit.hand_out)
    fill(of)
    fill(of, content=STOCK, tokens=())
    await audit.flush()
    kept.lines.clear()
    of.shake_hands(session_hash("s1"), SALES, "r-9")
    of.shake_hands(session_hash("s1"), STOCK, "r-10")
    of.shake_hands(session_hash("nobody"), SALES, "r-11")
    of.shake_hands(None, SALES, "r-12")
    await audit.flush()
    assert [(line.action, line.integration_guid, line.request_id) for line in kept.lines] == [
        (AuditAction.HAND_OUT_WEBSOCKET, "warehouse", "r-9"),
        (AuditAction.HAND_OUT_WEBSOCKET, "lake", "r-9"),
    ]


async def test_requests_that_follow_are_counted_by_minute_viewer_and_content(audit, kept, clock):
    of = table()
    fill(of, "s1")
    fill(of, "s2")
    fill(of, "s3", viewer="bob", tokens=TOKENS[:1])
    fill(of, "s3", viewer="bob", content=STOCK, tokens=())
    ask(of, "s1", times=2)
    ask(of, "s2")
    ask(of, "s3", times=4)
    ask(of, "s3", content=STOCK, times=9)
    await follow(audit, turns=59, of=of, clock=clock)
    assert kept.lines == [], "the minute is not over"
    await follow(audit, turns=1, of=of, clock=clock)
    ask(of, "s1", times=5)
    await follow(audit, turns=61, of=of, clock=clock)
    assert sorted(
        (line.at, line.viewer_guid, line.count, line.detail.get("integrations", "")) for line in kept.lines
    ) == [
        (START, "ada", 3, "warehouse lake"),
        (START, "bob", 4, ""),
        (START + timedelta(minutes=1), "ada", 5, "warehouse lake"),
    ], "what has no token is no hand-out"
    assert {(line.content_guid, line.integration_guid, line.request_id) for line in kept.lines} == {
        (SALES, "warehouse", "")
    }


async def test_what_was_counted_is_written_in_small_transactions(kept, clock):
    audit = Audit(log=kept, now=clock, keep=timedelta(days=1))
    of = AdmissionTable(max_sessions=10_000, idle_s=3600.0)
    for number in range(2 * BATCH + 1):
        fill(of, f"s{number}", viewer=f"viewer-{number}")
        ask(of, f"s{number}")
    audit.end_minute(of)
    await audit.flush()
    assert kept.batches == [BATCH, BATCH, 1]
    assert len({line.viewer_guid for line in kept.lines}) == 2 * BATCH + 1


async def test_counts_wait_for_a_store_that_is_ill_and_are_bounded_too(audit, kept, clock):
    of = table()
    for number in range(8):
        fill(of, f"s{number}", viewer=f"viewer-{number}")
    kept.ill = StoreUnavailable("full")
    for _ in range(3):
        for number in range(8):
            ask(of, f"s{number}")
        audit.end_minute(of)
        with pytest.raises(StoreUnavailable):
            await audit.flush()
    kept.ill = None
    await audit.close()
    lost = [line.count for line in kept.lines if line.action is AuditAction.LINES_LOST]
    counted = [line for line in kept.lines if line.action is AuditAction.HAND_OUT_HEADER]
    assert len(counted) + sum(lost) == 24, "each is there or told of as lost"
    assert len(counted) >= 8


async def test_kept_for_no_time_nothing_is_counted(kept, clock):
    audit = Audit(log=kept, now=clock, keep=timedelta())
    of = table(tell=audit.hand_out)
    fill(of)
    ask(of)
    await follow(audit, turns=61, of=of, clock=clock)
    audit.end_minute(of)
    await audit.close()
    assert kept.lines == []


# — what is refused ———————————————————————————————————————————————————————————————————————————————


def refusal(number=0, action=AuditAction.ACCESS_REFUSED, **fields):
    shown = {"actor": Actor(kind=ActorKind.API_KEY), "detail": {"address": f"192.0.2.{number}", "code": "24"}}
    return AuditEvent(**{"at": START, "action": action, **shown, **fields})


async def test_whoever_is_refused_in_a_loop_has_few_lines_and_a_count(kept, clock):
    audit = Audit(log=kept, now=clock, keep=timedelta(days=1))
    for _ in range(TOLD_OF_ONE_SOURCE + 25):
        audit.record(refusal())
    audit.record(refusal(1))
    audit.record(refusal(action=AuditAction.EXCHANGE_REFUSED))
    await follow(audit, turns=61, clock=clock)
    counts = [line.count for line in kept.lines]
    assert sorted(counts) == [1] * (TOLD_OF_ONE_SOURCE + 2) + [25]
    assert kept.lines[-1].detail == {"address": "192.0.2.0", "of": "further ones in this minute"}
    assert kept.lines[-1].at == START
    audit.record(refusal())
    await audit.flush()
    assert kept.lines[-1].count == 1, "the next minute begins anew"


def exchange(number=0, **changed):
    return AuditEvent(
        at=START, action=AuditAction.HAND_OUT_EXCHANGE, actor=Actor(kind=ActorKind.API_KEY, id="k", name="sales"),
        viewer_guid=ViewerGuid(f"v{number}"), content_guid=ContentGuid("c"), integration_guid=IntegrationGuid("i"),
        scope="read", request_id="r-1",
    ) if not changed else replace(exchange(number), **changed)  # fmt: skip


@pytest.mark.parametrize("action", [AuditAction.HAND_OUT_EXCHANGE, AuditAction.HAND_OUT_WEBSOCKET])
async def test_whoever_is_handed_tokens_in_a_loop_has_few_lines_and_a_count_of_the_rest(kept, clock, action):
    """Fails when each has a line: a content that loops, or a page that opens sockets, fills the disk in an afternoon."""
    audit = Audit(log=kept, now=clock, keep=timedelta(days=1))
    for number in range(TOLD_OF_ONE + 25):
        audit.record(exchange(action=action, request_id=f"r-{number}", scope=f"s{number}"))
    audit.record(exchange(1, action=action))
    audit.record(exchange(action=action, integration_guid=IntegrationGuid("other")))
    await follow(audit, turns=61, clock=clock)
    assert sorted(line.count for line in kept.lines) == [1] * (TOLD_OF_ONE + 2) + [25]
    last = kept.lines[-1]
    assert (last.actor.name, last.viewer_guid, last.content_guid, last.integration_guid) == ("sales", "v0", "c", "i")
    assert (last.scope, last.request_id, last.detail) == ("s124", "", {"of": "further ones in this minute"})
    assert last.at == START
    audit.record(exchange(action=action))
    await audit.flush()
    assert kept.lines[-1].count == 1, "the next minute begins anew"


async def test_of_more_viewers_than_are_remembered_each_hand_out_has_its_line(kept, clock):
    audit = Audit(log=kept, now=clock, keep=timedelta(days=1))
    for number in range(MOST_REMEMBERED):
        audit.record(exchange(number))
    for _ in range(TOLD_OF_ONE + 1):
        audit.record(exchange(MOST_REMEMBERED))
    await audit.flush()
    assert len(kept.lines) == MOST_REMEMBERED + TOLD_OF_ONE + 1
    assert {line.count for line in kept.lines} == {1}


@pytest.mark.parametrize("repeated", [1, 30])
async def test_an_attacker_with_many_addresses_does_not_fill_the_disk_or_the_memory(kept, clock, repeated):
    audit = Audit(log=kept, now=clock, keep=timedelta(days=1))
    count = 50 * MOST_SOURCES
    for number in range(count):
        for _ in range(repeated):
            audit.record(refusal(number))
        audit.record(replace(SIGN_IN, request_id="r"))
    assert audit._refusals.size <= 2 * MOST_SOURCES + 2
    audit.end_minute(table())
    await audit.flush()
    refused = [line for line in kept.lines if line.action is AuditAction.ACCESS_REFUSED]
    assert sum(line.count for line in refused) == count * repeated, "none goes uncounted"
    assert len(refused) <= TOLD_OF_ALL + MOST_SOURCES + 1
    assert [line.detail for line in refused if line.actor == SIDECAR] == [{"of": "other sources"}]
    assert len(kept.lines) - len(refused) == count, "what cannot be done for nothing is always told"
