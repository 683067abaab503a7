"""What a server publishes is fetched once, kept, and asked for again within bounds."""

import asyncio

import pytest

from proxy.flows.published import ASK_AGAIN_AFTER, KEPT_FOR, MISSING_FOR, Published
from tests.unit.flows.house import Clock


class Server:
    """Publishes ``document``; each fetch is counted, and may wait at a gate."""

    def __init__(self):
        self.document = "one"
        self.fetched = []
        self.gate = None

    async def __call__(self, key):
        self.fetched.append(key)
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)
        return self.document


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def published(server, clock):
    return Published(fetch=server, now=clock)


async def test_a_document_is_fetched_once_and_kept_for_a_day(published, server, clock):
    assert [await published.get("k") for _ in range(3)] == ["one"] * 3
    clock.advance(KEPT_FOR.total_seconds() - 1)
    assert await published.get("k") == "one"
    assert server.fetched == ["k"]
    server.document = "two"
    clock.advance(1)
    assert await published.get("k") == "two"
    assert server.fetched == ["k", "k"]


async def test_each_key_has_its_own_document(published, server):
    await published.get("a")
    server.document = "two"
    assert (await published.get("b"), await published.get("a")) == ("two", "one")


async def test_a_thousand_who_wait_have_it_fetched_once(published, server):
    server.gate = asyncio.Event()
    waiting = [asyncio.create_task(published.get("k")) for _ in range(1000)]
    await asyncio.sleep(0)
    server.gate.set()
    assert set(await asyncio.gather(*waiting)) == {"one"}
    assert server.fetched == ["k"]


async def test_who_leaves_takes_nothing_from_those_who_stay(published, server):
    server.gate = asyncio.Event()
    leaving, staying = asyncio.create_task(published.get("k")), asyncio.create_task(published.get("k"))
    await asyncio.sleep(0)
    leaving.cancel()
    server.gate.set()
    assert await staying == "one"
    assert leaving.cancelled()


async def test_an_old_document_serves_while_no_new_one_can_be_had(published, server, clock):
    await published.get("k")
    server.document = None
    clock.advance(KEPT_FOR.total_seconds())
    assert [await published.get("k") for _ in range(10)] == ["one"] * 10
    assert len(server.fetched) == 2
    clock.advance(ASK_AGAIN_AFTER.total_seconds())
    server.document = "two"
    assert await published.get("k") == "two"
    assert len(server.fetched) == 3


async def test_a_document_that_was_never_there_is_asked_for_again_soon(published, server, clock):
    server.document = None
    assert [await published.get("k") for _ in range(10)] == [None] * 10
    assert len(server.fetched) == 1
    clock.advance(MISSING_FOR.total_seconds())
    server.document = "one"
    assert await published.get("k") == "one"


async def test_a_newer_one_is_fetched_at_most_once_in_five_minutes(published, server, clock):
    await published.get("k")
    server.document = "two"
    assert await published.get_newer("k") == "two"
    server.document = "three"
    assert {await published.get_newer("k") for _ in range(1000)} == {"two"}
    assert len(server.fetched) == 2
    clock.advance(ASK_AGAIN_AFTER.total_seconds())
    assert await published.get_newer("k") == "three"


async def test_the_newer_one_counts_as_fetched(published, server, clock):
    await published.get("k")
    clock.advance(KEPT_FOR.total_seconds() - 1)
    await published.get_newer("k")
    clock.advance(2)
    await published.get("k")
    assert len(server.fetched) == 2


async def test_whoever_wants_a_newer_one_while_it_is_fetched_gets_it(published, server):
    await published.get("k")
    server.gate, server.document = asyncio.Event(), "two"
    waiting = [asyncio.create_task(published.get_newer("k")) for _ in range(100)]
    waiting += [asyncio.create_task(published.get("k"))]
    await asyncio.sleep(0)
    server.gate.set()
    assert set(await asyncio.gather(*waiting)) == {"two"}
    assert len(server.fetched) == 2


async def test_a_newer_one_that_cannot_be_had_leaves_the_one_at_hand(published, server):
    await published.get("k")
    server.document = None
    assert await published.get_newer("k") == "one"
    assert await published.get("k") == "one"
    assert len(server.fetched) == 2


async def test_closing_ends_a_fetch_that_hangs(published, server):
    server.gate = asyncio.Event()
    waiting = asyncio.create_task(published.get("k"))
    await asyncio.sleep(0)
    closing = asyncio.create_task(published.close())
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await closing


async def test_a_document_that_was_forgotten_is_fetched_again_and_one_under_way_is_for_who_waits(published, server):
    server.gate = asyncio.Event()
    waiting = asyncio.create_task(published.get("k"))
    await asyncio.sleep(0)
    published.forget("k")
    published.forget("never there")
    anew = asyncio.create_task(published.get("k"))
    server.gate.set()
    assert [await waiting, await anew] == ["one", "one"]
    assert server.fetched == ["k", "k"]
