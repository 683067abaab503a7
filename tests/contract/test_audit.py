"""Store contract: the audit log. Lines are added and read, the oldest go, and none is ever changed."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.errors import Conflict
from proxy.model import Actor, ActorKind, AuditAction, AuditEvent, ContentGuid, ViewerGuid
from proxy.store.audit import AuditFilter
from proxy.store.sql_audit import append_in
from proxy.store.sqlite import open_store
from tests.contract.records import LAKE, NOON, SALES, STOCK, minutes

ADA, BOB = ViewerGuid("viewer-ada"), ViewerGuid("viewer-bob")

WHOLE = AuditEvent(
    at=NOON,
    action=AuditAction.HAND_OUT_EXCHANGE,
    actor=Actor(kind=ActorKind.API_KEY, id="key-1", name="sales"),
    viewer_guid=ADA,
    content_guid=SALES,
    integration_guid=LAKE,
    scope="openid all",
    expires_at=NOON + minutes(60),
    request_id="r-1",
    count=3,
    detail={"requested": "Ł"},
)


def line(viewer=ADA, content=SALES, action=AuditAction.HAND_OUT_HEADER, at=NOON) -> AuditEvent:
    actor = Actor(kind=ActorKind.VIEWER, id=viewer)
    return AuditEvent(at=at, action=action, actor=actor, viewer_guid=viewer, content_guid=content)


async def read(store, *, position=None, is_forward=True, most=100, most_read=1000, **wanted):
    return await store.audit.page(
        AuditFilter(**wanted), position=position, is_forward=is_forward, most=most, most_read=most_read
    )


async def ids(store, **asked):
    return [event.id for event in (await read(store, **asked)).events]


async def everything(store, **asked):
    """Look on until there is nothing further; return the ids, and in how many looks they came."""
    found, looks, position = [], 0, None
    while True:
        page = await read(store, position=position, **asked)
        found += [event.id for event in page.events]
        looks += 1
        if page.reached is None:
            return found, looks
        assert page.reached != position, "else nobody would ever get further"
        position = page.reached


async def test_a_line_is_read_as_it_was_written(store):
    await store.audit.append([WHOLE])
    assert (await read(store)).events == [replace(WHOLE, id=1)]


async def test_an_empty_log_has_an_empty_page(store):
    assert await store.audit.end() == 0
    for is_forward in (True, False):
        page = await read(store, is_forward=is_forward)
        assert page.events == []
        assert page.reached is None
    assert await everything(store, since=NOON) == ([], 1)
    await store.audit.append([])
    assert await store.audit.end() == 0


async def test_lines_are_read_in_the_order_of_writing_or_backwards(store):
    await store.audit.append([line(at=NOON + minutes(3)), line(), line(at=NOON + minutes(1))])
    assert await ids(store) == [1, 2, 3]
    assert await ids(store, is_forward=False) == [3, 2, 1]
    assert await ids(store, position=1) == [2, 3]
    assert await ids(store, position=3, is_forward=False) == [2, 1]
    assert await store.audit.end() == 3


@pytest.mark.parametrize("is_forward", [True, False])
@pytest.mark.parametrize("most_read", [1, 3, 1000])
@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"viewer_guid": BOB},
        {"action": AuditAction.SIGN_IN},
        {"action": AuditAction.HAND_OUT_HEADER},
        {"content_guid": STOCK},
        {"viewer_guid": BOB, "action": AuditAction.SIGN_IN, "content_guid": STOCK},
        {"viewer_guid": ViewerGuid("nobody")},
        {"since": NOON - minutes(20)},
        {"until": NOON - minutes(20)},
        {"since": NOON - minutes(20), "until": NOON - minutes(10), "viewer_guid": ADA},
    ],
    ids=lambda wanted: "+".join(wanted) or "everything" if isinstance(wanted, dict) else None,
)
async def test_looking_on_finds_every_line_that_is_wanted_once(store, wanted, most_read, is_forward):
    """However little one look may read: of a filter that nothing passes, too, one comes to the end."""
    written = [
        line(
            viewer=BOB if number % 3 == 0 else ADA,
            content=STOCK if number % 4 == 0 else SALES,
            action=AuditAction.SIGN_IN if number % 2 == 0 else AuditAction.HAND_OUT_HEADER,
            at=NOON - minutes(30 - number),
        )
        for number in range(1, 31)
    ]
    await store.audit.append(written)
    wanted_filter = AuditFilter(**wanted)
    expected = [
        number
        for number, event in enumerate(written, 1)
        if wanted_filter.action in {None, event.action}
        and wanted_filter.viewer_guid in {None, event.viewer_guid}
        and wanted_filter.content_guid in {None, event.content_guid}
        and (wanted_filter.since is None or event.at >= wanted_filter.since)
        and (wanted_filter.until is None or event.at < wanted_filter.until)
    ]
    found, looks = await everything(store, is_forward=is_forward, most=4, most_read=most_read, **wanted)
    assert found == (expected if is_forward else expected[::-1])
    assert looks <= 32


async def test_a_look_reads_no_more_than_it_may(store):
    """Fails when a filter that nothing passes reads the whole log at once: every other reader would wait for it."""
    await store.audit.append([line() for _ in range(50)])
    page = await read(store, content_guid=ContentGuid("another"), most_read=10)
    assert (page.events, page.reached) == ([], 10)
    backwards = await read(store, content_guid=ContentGuid("another"), most_read=10, is_forward=False)
    assert (backwards.events, backwards.reached) == ([], 41)


async def test_a_page_is_never_longer_than_asked_for(store):
    await store.audit.append([line() for _ in range(5)])
    page = await read(store, most=2)
    assert ([event.id for event in page.events], page.reached) == ([1, 2], 2)


async def test_since_skips_what_was_written_before_by_position_not_by_reading(tmp_path):
    """A year of lines is not read to find today's, and one that waited for the store is found by when it happened."""
    present = NOON
    store = await open_store(tmp_path / "state.db", now=lambda: present)
    for hour in range(5):
        present = NOON + timedelta(hours=hour)
        await store.audit.append([line(at=present) for _ in range(10)])
    await store.audit.append([line(at=NOON + timedelta(hours=2))])
    page = await read(store, since=NOON + timedelta(hours=4), most_read=11)
    assert ([event.id for event in page.events], page.reached) == (list(range(41, 51)), None)
    assert 51 in await ids(store, since=NOON + timedelta(hours=2), until=NOON + timedelta(hours=3))
    await store.close()


async def test_the_oldest_lines_go_and_no_others(store):
    await store.audit.append([line(at=NOON + minutes(number)) for number in range(10)])
    assert await store.audit.purge(before=NOON + minutes(3), most=2) == 2
    assert await store.audit.purge(before=NOON + minutes(3), most=2) == 1
    assert await store.audit.purge(before=NOON + minutes(3), most=2) == 0
    assert await ids(store) == list(range(4, 11))
    assert await store.audit.purge(before=NOON + minutes(99), most=99) == 7
    assert await ids(store) == []


async def test_a_line_that_is_younger_stands_in_the_way_of_those_behind_it(store):
    """A clock that was set back must not make holes in the log."""
    await store.audit.append([line(at=NOON + minutes(at)) for at in (0, 5, 1)])
    assert await store.audit.purge(before=NOON + minutes(3), most=10) == 1
    assert await ids(store) == [2, 3]


async def test_positions_are_never_given_twice(store):
    await store.audit.append([line(), line()])
    await store.audit.purge(before=NOON + minutes(1), most=10)
    await store.audit.append([line()])
    assert await ids(store) == [3]


async def test_text_that_no_engine_takes_is_written_nevertheless(store):
    """A provider's JSON may hold half a surrogate pair: one such name must not keep all other lines from being written."""
    await store.audit.append([replace(WHOLE, actor=Actor(kind=ActorKind.VIEWER, name="\ud800a\0"), scope="\udfff")])
    event = (await read(store)).events[0]
    assert (event.actor.name, event.scope) == ("?a?", "?")


async def test_a_change_and_its_line_are_written_together_or_not_at_all(store):
    async def change(transaction):
        await append_in(transaction, [WHOLE], now=NOON)
        raise RuntimeError("the change failed")

    with pytest.raises(RuntimeError):
        await store._engine.write(change)
    assert await ids(store) == []
    await store._engine.write(lambda transaction: append_in(transaction, [WHOLE], now=NOON))
    assert await ids(store) == [1]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET detail = '{}' WHERE id = 2",
        "DELETE FROM audit WHERE id = 2",
        "DELETE FROM audit WHERE id = 1",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE viewer_guid = 'viewer-bob'",
        "REPLACE INTO audit SELECT * FROM audit WHERE id = 2",
    ],
)
async def test_lines_are_not_changed_and_not_taken_out_whichever_and_however_many(store, statement):
    await store.audit.purge(before=NOON, most=10)
    await store.audit.append([line(), line(BOB), line()])
    with pytest.raises((Conflict, sqlite3.Error)):
        await store._engine.write(lambda transaction: transaction.rows(statement, {}))
    assert [event.viewer_guid for event in (await read(store)).events] == [ADA, BOB, ADA]
