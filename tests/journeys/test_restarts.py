"""A content that restarts again and again under load: nobody gets a wrong answer, nothing is done twice or left over."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.attacks.wire import Wire, request
from tests.effort import LONG
from tests.journeys.load import AGREED, CUT, REFUSED, RIGHT, UPGRADE, Crowd, signed_in
from tests.journeys.stage import stage
from tests.journeys.stored import rows

RESTARTS = 60 if LONG else 6
UP_S = 1.0
DOWN_S = 0.2
"""Long enough that somebody meets a content that is not there."""
MOST_GROWTH_BYTES = 12 * 1024 * 1024


class RestartingContent:
    """Answers with the target, or echoes frames; each life ends with every connection reset, also in mid-answer."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: Counter[bytes] = Counter()
        """How often each target came, with its method."""
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._converse(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b" ", 2)
            self.asked[method + target] += 1
            if b"\r\nUpgrade:" in head:
                await self._echo(reader, writer)
                return
            await asyncio.sleep(0.005)  # long enough that a restart meets some of them in between
            half = len(target) // 2
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(target), target[:half]))
            await asyncio.sleep(0.001)
            writer.write(target[half:])
            await writer.drain()

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(AGREED)
        while True:
            frame = await reader.readexactly(6 + 8)
            writer.write(b"\x82\x08" + frame[6:])


async def keeps_asking(crowd: Crowd, method: bytes, over: asyncio.Event) -> None:
    """Ask one after the other, on a connection that is kept as long as it lasts."""
    while not over.is_set():
        with suppress(ConnectionError):
            async with Wire.to(crowd.scene.sidecar.url) as wire:
                while not over.is_set():
                    response = await crowd.ask(wire, method)
                    if response is None or response.value(b"Connection") == b"close":
                        break
                    if response.status != 200:
                        await asyncio.sleep(0.02)


async def keeps_talking(crowd: Crowd, number: int, over: asyncio.Event, echoed: Counter[int]) -> None:
    """Open a WebSocket, send numbers, each comes back before the next; open another when it ends."""
    host = f"localhost:{crowd.scene.setup.port}".encode()
    said = 0
    while not over.is_set():
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            async with Wire.to(crowd.scene.sidecar.url) as wire:
                await wire.send(request(b"/sales/ws", *crowd.lines, *UPGRADE, host=host))
                if (await wire.response()).status != 101:
                    await asyncio.sleep(0.02)
                    continue
                while not over.is_set():
                    said += 1
                    payload = number.to_bytes(4, "big") + said.to_bytes(4, "big")
                    await wire.send(b"\x82\x88\0\0\0\0" + payload)
                    got = await wire.exactly(10)
                    assert got == b"\x82\x08" + payload, "a frame of another socket"
                    echoed[number] += 1


async def restarts(content: RestartingContent) -> None:
    for number in range(RESTARTS):
        await asyncio.sleep(UP_S)
        content.stop()
        if number % 2:
            await asyncio.sleep(DOWN_S)
        await content.start()  # every other time at once: whoever tries again finds it there


@pytest.mark.slow
async def test_no_restart_gives_a_wrong_answer_does_a_thing_twice_or_leaves_anything(tmp_path: Path) -> None:
    """Seen to fail with a retry of whatever was lost."""
    content = RestartingContent()
    await content.start()
    async with stage(tmp_path, change=lambda setup: setup.content[0].update(upstream=content.address)) as scene:
        crowd = await signed_in(scene)
        stored, connections, before = rows(scene.setup.state_file), scene.sidecar.connections, scene.sidecar.rss_bytes
        over, echoed = asyncio.Event(), Counter[int]()
        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(keeps_asking(crowd, b"GET", over))
                group.create_task(keeps_asking(crowd, b"POST", over))
            for number in range(4):
                group.create_task(keeps_talking(crowd, number, over, echoed))
            await restarts(content)
            over.set()
        counts = crowd.counts
        assert counts[RIGHT] > 20 * RESTARTS
        assert counts[REFUSED] > RESTARTS, "nobody met a content that was not there"
        assert counts[CUT] > 0, "no restart met an answer in its middle"
        assert len(echoed) == 4
        assert max(content.asked[key] for key in content.asked if key.startswith(b"POST")) == 1, "done twice"
        assert max(content.asked[key] for key in content.asked if key.startswith(b"GET/get/")) <= 2
        await scene.sidecar.until_connections(connections)
        assert rows(scene.setup.state_file) == stored
        assert scene.sidecar.rss_bytes - before < MOST_GROWTH_BYTES
        assert await scene.sidecar.stop() == 0
        events = {json.loads(line)["event"] for line in scene.sidecar.log.splitlines()}
        assert "connections cut" not in events, "somebody was still there"
        assert not {event for event in events if "failed" in event} - {"content failed"}
    content.stop()
