"""Store contract: the change feed, readiness and closing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from proxy.errors import StoreUnavailable
from proxy.model import ChangesLost, CredentialsChanged, SessionEnded
from proxy.store.sql_store import MOST_CHANGES_AT_ONCE
from tests.contract.records import (
    LONG_AGO,
    NOON,
    SALES,
    WAREHOUSE,
    anonymous,
    identified,
    session_hash,
    sign_in,
    tokens,
)


async def test_an_empty_feed_has_a_position(store):
    assert await store.changes_since(-1) == (0, [])
    assert await store.changes_since(0) == (0, [])


async def test_changes_come_in_their_order_and_once(store):
    viewer = identified()
    credentials = await sign_in(store, viewer)
    first, changes = await store.changes_since(0)
    assert changes == [CredentialsChanged(viewer.guid, WAREHOUSE)]
    await store.end_session(session_hash("s1"))
    await store.save_refresh(credentials.guid, generation=1, tokens=tokens(), now=NOON)
    second, changes = await store.changes_since(first)
    assert changes == [SessionEnded(session_hash("s1")), CredentialsChanged(viewer.guid, WAREHOUSE)]
    assert await store.changes_since(second) == (second, [])
    assert await store.changes_since(-1) == (second, [])


async def test_what_changes_nothing_for_others_is_not_in_the_feed(store):
    viewer = anonymous()
    credentials = await sign_in(store, viewer)
    position, _ = await store.changes_since(-1)
    await store.claim_state("one", expires_at=NOON)
    await store.ensure_viewer(anonymous("other"))
    await store.touch_sessions({session_hash("s1"): NOON})
    await store.acquire_lease(credentials.guid, owner="a", now=NOON, until=NOON)
    await store.release_lease(credentials.guid, owner="a")
    await store.check()
    assert await store.changes_since(position) == (position, [])


async def test_the_feed_keeps_an_hour_and_positions_are_never_used_again(store):
    viewer = identified()
    await sign_in(store, viewer)
    position, _ = await store.changes_since(-1)
    await store.purge(now=NOON + timedelta(hours=1), idle_since=LONG_AGO)
    assert len((await store.changes_since(0))[1]) == 1
    await store.purge(now=NOON + timedelta(hours=1, seconds=1), idle_since=LONG_AGO)
    assert (await store.changes_since(-1))[0] == position, "the last one stays, whatever its age"
    assert await store.changes_since(position) == (position, [])
    await store.end_session(session_hash("s1"))
    later, changes = await store.changes_since(position)
    assert later > position
    assert changes == [SessionEnded(session_hash("s1"))]


async def test_a_reader_who_missed_changes_is_told_so_and_one_who_read_the_last_of_them_is_not(store):
    viewer = identified()
    for name in ("s1", "s2", "s3"):
        await sign_in(store, viewer, name)
    await store.purge(now=NOON + timedelta(hours=2), idle_since=LONG_AGO)
    assert await store.changes_since(2) == (3, [CredentialsChanged(viewer.guid, WAREHOUSE)])
    assert await store.changes_since(1) == (3, [ChangesLost(), CredentialsChanged(viewer.guid, WAREHOUSE)])


async def test_the_feed_comes_in_portions(store):
    credentials = await sign_in(store, identified())
    for generation in range(1, MOST_CHANGES_AT_ONCE + 1):
        await store.save_refresh(credentials.guid, generation=generation, tokens=tokens(), now=NOON)
    position, changes = await store.changes_since(0)
    assert (position, len(changes)) == (MOST_CHANGES_AT_ONCE, MOST_CHANGES_AT_ONCE)
    position, changes = await store.changes_since(position)
    assert (position, len(changes)) == (MOST_CHANGES_AT_ONCE + 1, 1)


async def test_a_store_that_works_is_ready_and_the_probe_is_not_in_anybodys_way(store):
    await sign_in(store, identified())
    await asyncio.gather(*(store.check() for _ in range(50)))
    assert await store.session(session_hash("s1")) is not None


async def test_closing_lets_running_units_finish(store):
    viewer = identified()
    credentials = await sign_in(store, viewer)
    saving = asyncio.create_task(store.save_refresh(credentials.guid, generation=1, tokens=tokens(), now=NOON))
    await asyncio.sleep(0)
    await store.close()
    assert (await saving).generation == 2


async def test_a_closed_store_says_so(store):
    await store.close()
    await store.close()
    for attempt in (
        store.session(session_hash("s1")),
        store.presence(session_hash("s1"), SALES),
        store.claim_state("one", expires_at=NOON),
        store.check(),
        store.changes_since(0),
    ):
        with pytest.raises(StoreUnavailable, match="closed"):
            await attempt
