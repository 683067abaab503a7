"""Peers that stop reading: what they leave in the memory of the real process is what its buffers hold, and no more."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.attacks.wire import request
from tests.doubles.content import Seen
from tests.journeys.stage import Stage, stage

STALLED = 50
EACH_BYTES = 100 * 1024 * 1024
MOST_GROWTH_BYTES = 40 * 1024 * 1024
PIECE = b"x" * 65_536
AT_REST_S = 1.0
"""Nothing moved for so long: every buffer on the way is full."""


class Moved:
    """Bytes that one end could get rid of; the process may not grow while they move."""

    def __init__(self, scene: Stage) -> None:
        self._scene = scene
        self._before = scene.sidecar.rss_bytes
        self.bytes = 0

    async def until_at_rest(self) -> None:
        """Wait until nothing moves any more; fail as soon as the process has taken too much."""
        seen, still_s = -1, 0.0
        async with asyncio.timeout(60):
            while still_s < AT_REST_S or not self.bytes:
                still_s, seen = (still_s + 0.1 if self.bytes == seen else 0.0), self.bytes
                assert self.grown_bytes < MOST_GROWTH_BYTES, f"{self.grown_bytes >> 20} MB for {self.bytes >> 20} MB"
                await asyncio.sleep(0.1)

    @property
    def grown_bytes(self) -> int:
        return self._scene.sidecar.rss_bytes - self._before


@asynccontextmanager
async def sockets(scene: Stage, head: bytes) -> AsyncIterator[list[socket.socket]]:
    """Fifty connections with small receive buffers; each has sent ``head``, and nobody reads."""
    loop = asyncio.get_running_loop()
    opened: list[socket.socket] = []
    try:
        for _ in range(STALLED):
            one = socket.socket()
            opened.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.setblocking(False)
            await loop.sock_connect(one, ("127.0.0.1", urlsplit(scene.sidecar.url).port))
            await loop.sock_sendall(one, head)
        yield opened
    finally:
        for one in opened:
            one.close()


async def warmed_up(scene: Stage) -> list[bytes]:
    """Sign Ada in and let one request pass, so that what is allocated once is there; return her header lines."""
    ada = await scene.signed_in("ada")
    assert (await ada.get("/sales/")).status == 200
    return [b"Cookie: " + ada.cookie_header().encode(), b"Origin: " + ada.url.encode()]


def head(scene: Stage, *lines: bytes, method: bytes = b"GET", target: bytes = b"/sales/") -> bytes:
    return request(target, *lines, method=method, host=f"localhost:{scene.setup.port}".encode())


async def test_fifty_stalled_readers_leave_their_downloads_with_the_content(tmp_path: Path) -> None:
    """Seen to fail with the content never paused: 50 downloads of 100 MB would stand in memory."""
    async with stage(tmp_path) as scene:
        lines = await warmed_up(scene)
        connections = scene.sidecar.connections
        moved = Moved(scene)

        async def download(_: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % EACH_BYTES)
            for _ in range(EACH_BYTES // len(PIECE)):
                writer.write(PIECE)
                await writer.drain()
                moved.bytes += len(PIECE)

        scene.content.answer = download
        async with sockets(scene, head(scene, *lines)):
            await moved.until_at_rest()
            assert scene.content.hits == 1 + 1 + STALLED
            assert moved.bytes < STALLED * EACH_BYTES // 4
        await scene.sidecar.until_connections(connections)


async def test_fifty_stalled_contents_leave_their_uploads_with_the_viewers(tmp_path: Path) -> None:
    """Seen to fail with the viewer never paused: 50 uploads of 100 MB would stand in memory."""
    with socket.socket() as deaf:  # it listens and never accepts: the kernel connects, and nobody ever reads
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(2 * STALLED)
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        async with stage(tmp_path, change=lambda setup: setup.add_content("deaf", address, access="anyone")) as scene:
            lines = await warmed_up(scene)
            connections = scene.sidecar.connections
            moved = Moved(scene)
            announced = head(scene, *lines, b"Content-Length: %d" % EACH_BYTES, method=b"POST", target=b"/deaf/")
            async with sockets(scene, announced) as viewers, asyncio.TaskGroup() as group:
                uploads = [group.create_task(upload(one, moved)) for one in viewers]
                await moved.until_at_rest()
                assert moved.bytes < STALLED * EACH_BYTES // 4
                for task in uploads:
                    task.cancel()
                # Who does not read the viewers cannot see them leave: it is the content's end that frees them.
                deaf.close()
            await scene.sidecar.until_connections(connections)


async def upload(one: socket.socket, moved: Moved) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(EACH_BYTES // len(PIECE)):
        await loop.sock_sendall(one, PIECE)
        moved.bytes += len(PIECE)
