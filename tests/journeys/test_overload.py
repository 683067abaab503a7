"""More than it can serve: refused at once and counted, while what was accepted is served; afterwards as before.

Bounded in count and time, loopback only. What is asserted is who got which answer, what is left, and memory.
"""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.attacks.wire import Wire, request
from tests.doubles.content import Seen
from tests.journeys.load import AGREED, REFUSED, RIGHT, UPGRADE, answer_to, signed_in
from tests.journeys.sidecar import Setup
from tests.journeys.stage import Stage, stage

CAPACITY = 100
MOST_GROWTH_BYTES = 12 * 1024 * 1024
IDLE_SOCKETS = 5_000
MOST_BYTES_PER_SOCKET = 40 * 1024
"""Of the whole process, kernel not counted; a WebSocket has two sockets, two parsers' worth of state and a tunnel."""
DESCRIPTORS = 20_000


def refusals(scene: Stage) -> int:
    """How many connections the process says that it refused."""
    events = [json.loads(line) for line in scene.sidecar.log.splitlines()]
    return sum(event.get("reason") == "too many connections" for event in events)


def few_connections(setup: Setup) -> None:
    setup.more["limits"] = {"max_connections": CAPACITY}


@asynccontextmanager
async def connections(scene: Stage, count: int) -> AsyncIterator[list[Wire]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Wire.to(scene.sidecar.url)) for _ in range(count)]


class Gate:
    """A content whose answers wait, so that all who were accepted are being served at the same time."""

    def __init__(self) -> None:
        self._open = asyncio.Event()

    async def answer(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
        await self._open.wait()
        writer.write(answer_to(seen))

    @contextmanager
    def closed(self) -> Iterator[None]:
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()


async def test_at_twice_its_capacity_it_refuses_at_once_and_serves_what_it_accepted(tmp_path: Path) -> None:
    async with stage(tmp_path, change=few_connections) as scene:
        crowd, gate = await signed_in(scene), Gate()
        held = scene.sidecar.connections
        scene.content.answer = gate.answer
        accepted = CAPACITY - 1  # the browser of the sign-in keeps its connection
        refused = 2 * CAPACITY - accepted
        sizes: list[int] = []
        for number in range(1, 6):
            hits = scene.content.hits
            async with connections(scene, 2 * CAPACITY) as wires:
                with gate.closed():
                    asking = [asyncio.create_task(crowd.ask(wire)) for wire in wires]
                    await scene.content.until(partial(has_hits, scene, hits + accepted))
                    async with asyncio.timeout(10):
                        while crowd.counts.total() < refused:
                            await asyncio.sleep(0.02)
                    # Nobody was served yet, so these have waited for nobody. The last one may be cut without a word.
                    assert crowd.counts[REFUSED] >= CAPACITY
                    assert crowd.counts[RIGHT] == 0
                await asyncio.gather(*asking)
            assert crowd.counts[RIGHT] == accepted
            assert crowd.counts.total() == 2 * CAPACITY
            assert refusals(scene) == number * refused
            crowd.counts.clear()
            await scene.sidecar.until_connections(held + accepted, within_s=5)  # those to the content stay for a while
            async with Wire.to(scene.sidecar.url) as wire:
                await crowd.ask(wire)
            assert crowd.counts == {RIGHT: 1}, "as soon as they have left, the next one is served"
            crowd.counts.clear()
            sizes.append(scene.sidecar.rss_bytes)
        assert sizes[-1] - sizes[0] < MOST_GROWTH_BYTES


def has_hits(scene: Stage, count: int) -> bool:
    return scene.content.hits == count


FEW_DESCRIPTORS = 256


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    """Processes that are started now begin with few descriptors, as on most systems (1024), and may have more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4 * FEW_DESCRIPTORS:
        pytest.skip(f"the hard limit of open files is {hard}: nothing can be raised")
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW_DESCRIPTORS, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("few_descriptors")
async def test_more_connections_than_the_first_limit_of_open_files_are_served(tmp_path: Path) -> None:
    """Fails when the soft limit stays: nothing could be dialled any more, for nobody."""
    async with stage(tmp_path) as scene:
        resource.setrlimit(resource.RLIMIT_NOFILE, (4 * FEW_DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        crowd = await signed_in(scene)
        async with connections(scene, FEW_DESCRIPTORS + 50) as wires:
            for wire in wires:
                await crowd.ask(wire)
        assert crowd.counts == {RIGHT: FEW_DESCRIPTORS + 50}


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """Let this process, and those it starts, hold enough sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < DESCRIPTORS:
        pytest.skip(f"the hard limit of open files is {hard}: {DESCRIPTORS} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, DESCRIPTORS), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


ECHO = (b"\x82\x84\0\0\0\0ping", b"\x82\x04ping")
"""A frame of a browser, and the same of a server."""


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
    """Be a WebSocket that sends small frames back, for a handshake; else answer with the target."""
    if seen.value(b"Upgrade") is None:
        writer.write(answer_to(seen))
        return
    writer.write(AGREED)
    while head := await reader.read(4096):
        writer.write(head[:1] + bytes((head[1] & 127,)) + head[6:])


@pytest.mark.slow
@pytest.mark.usefixtures("many_descriptors")
async def test_five_thousand_idle_sockets_beside_traffic(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        crowd = await signed_in(scene)
        scene.content.answer = echo
        host = f"localhost:{scene.setup.port}".encode()
        handshake = request(b"/sales/ws", *crowd.lines, *UPGRADE, host=host)
        held, before = scene.sidecar.connections, scene.sidecar.rss_bytes
        async with connections(scene, IDLE_SOCKETS) as wires:
            for number, wire in enumerate(wires):
                if number % 2:
                    assert await crowd.ask(wire)
                else:
                    await wire.send(handshake)
                    assert (await wire.response()).status == 101
            assert crowd.counts == {RIGHT: IDLE_SOCKETS // 2}
            assert scene.sidecar.rss_bytes - before < IDLE_SOCKETS * MOST_BYTES_PER_SOCKET
            # Beside them, others are served as ever, and those who are idle are not forgotten.
            async with connections(scene, 16) as busy:
                for _ in range(100):
                    await asyncio.gather(*(crowd.ask(wire) for wire in busy))
            assert crowd.counts == {RIGHT: IDLE_SOCKETS // 2 + 1600}
            for number, wire in enumerate(wires):
                if number % 2:
                    assert await crowd.ask(wire)
                else:
                    await wire.send(ECHO[0])
                    assert await wire.exactly(len(ECHO[1])) == ECHO[1]
            assert set(crowd.counts) == {RIGHT}
        await scene.sidecar.until_connections(held, within_s=30)
