"""Following what other processes write."""

import asyncio
from datetime import timedelta

import pytest
import structlog

from proxy.flows.administered import NewIntegration
from proxy.flows.change_feed import EVERY_S, ChangeFeed
from proxy.model import ChangesLost, CredentialsChanged, DirectoryChanged, SessionEnded
from proxy.sealing import hash_handle
from tests.unit.flows.callers import ADA
from tests.unit.flows.house import WAREHOUSE
from tests.unit.flows.ill_store import IllStore
from tests.unit.flows.test_directory_changes import ROBOT


class Enough(BaseException):
    """The test has seen enough turns."""


class Turns:
    """A sleep that lets a number of turns happen."""

    def __init__(self, count):
        self.left = count
        self.slept = []

    async def __call__(self, seconds):
        self.slept.append(seconds)
        self.left -= 1
        if self.left < 0:
            raise Enough


async def nothing():
    """Of a directory that nobody changes."""


def reader(store, seen, sleep=asyncio.sleep, read_directory=nothing):
    return ChangeFeed(store=store, read_directory=read_directory, apply=seen.extend, sleep=sleep)


async def test_what_was_there_before_the_start_is_not_applied_and_what_comes_is_once(house):
    seen = []
    await house.log_in()
    feed = reader(house.store, seen)
    await feed.start()
    session_id = await house.log_in()
    await house.store.end_session(hash_handle(session_id))
    with structlog.testing.capture_logs() as logs:
        await feed.catch_up()
    assert logs == [{"event": "endings applied", "log_level": "info", "sessions": 1, "consents": 0}]
    assert [type(change) for change in seen] == [CredentialsChanged, SessionEnded]
    await feed.catch_up()
    assert len(seen) == 2


async def test_a_reader_far_behind_is_told_that_changes_were_lost(house, clock):
    seen = []
    feed = reader(house.store, seen)
    await feed.start()
    await house.log_in()
    await house.log_in()
    clock.advance(2 * 3600)
    await house.store.purge(now=clock(), idle_since=clock() - timedelta(hours=12))
    with structlog.testing.capture_logs() as logs:
        await feed.catch_up()
    assert isinstance(seen[0], ChangesLost)
    assert len(seen) == 2
    assert [entry["log_level"] for entry in logs] == ["warning"]


@pytest.mark.parametrize("turns", [1, 5])
async def test_a_store_that_is_ill_is_told_of_once_and_asked_again_each_second(house, turns):
    seen = []
    sleep = Turns(turns + 3)
    feed = reader(IllStore(house.store, fails={"changes_since"}, times=turns), seen, sleep)
    await house.log_in()
    with structlog.testing.capture_logs() as logs, pytest.raises(Enough):
        await feed.follow()
    assert [entry["log_level"] for entry in logs] == ["error", "info"]
    assert len(seen) == 1
    assert set(sleep.slept) == {EVERY_S}


async def test_a_mistake_of_ours_does_not_end_the_following(house):
    calls = []

    def clumsy(changes):
        calls.append(changes)
        if len(calls) == 1:
            raise RuntimeError("clumsy")

    feed = ChangeFeed(store=house.store, read_directory=nothing, apply=clumsy, sleep=Turns(3))
    await house.log_in()
    with structlog.testing.capture_logs() as logs, pytest.raises(Enough):
        await feed.follow()
    assert calls[0] == calls[1], "what could not be applied is applied again"
    assert [entry["log_level"] for entry in logs] == ["error", "info"]


async def test_a_keeper_that_forgets_everything_reads_again(house):
    session_id = await house.log_in()
    viewer = await house.viewer_guid(session_id)
    first = await house.keeper.fresh(viewer, WAREHOUSE)
    ill = IllStore(house.store)
    house.keeper._store = ill
    assert await house.keeper.fresh(viewer, WAREHOUSE) == first
    assert ill.calls == []
    house.keeper.forget_all()
    assert await house.keeper.fresh(viewer, WAREHOUSE) == first
    assert ill.calls == ["credentials"]


async def test_the_directory_is_read_before_anybody_is_told_that_it_is_another(house):
    order = []

    async def read():
        await asyncio.sleep(0)
        order.append("read")

    feed = reader(house.store, order, read_directory=read)
    await feed.start()
    await house.log_in()
    await feed.catch_up()
    assert "read" not in order, "nothing of the directory changed"
    await house.administration.create(ADA, NewIntegration(name="crm", template="custom", config=ROBOT))
    order.clear()
    await feed.catch_up()
    assert order == ["read", DirectoryChanged(frozenset())]


async def test_two_who_catch_up_at_once_apply_a_change_once(house):
    seen = []
    feed = reader(house.store, seen)
    await feed.start()
    await house.log_in()
    await asyncio.gather(feed.catch_up(), feed.catch_up())
    assert len(seen) == 1
