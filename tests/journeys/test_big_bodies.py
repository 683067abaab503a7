"""A body as big as a disk image up, and one down, at the same time: every byte arrives, and none of them stays."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.attacks.wire import request
from tests.effort import LONG
from tests.journeys.stage import Stage, stage

PIECE_BYTES = 1 << 20
PIECES = 2048 if LONG else 200
"""2 GB in the long runs, 200 MB in CI."""
MOST_GROWTH_BYTES = 32 * 1024 * 1024
NOISE = secrets.token_bytes(PIECE_BYTES)


def pieces() -> Iterator[bytes]:
    """A body, piece by piece; no piece is another's, so that none can be lost, repeated or exchanged unseen."""
    for number in range(PIECES):
        yield number.to_bytes(8, "big") + NOISE[8:]


def digest() -> str:
    whole = hashlib.sha256()
    for piece in pieces():
        whole.update(piece)
    return whole.hexdigest()


async def write_body(writer: asyncio.StreamWriter) -> None:
    for piece in pieces():
        writer.write(piece)
        await writer.drain()


async def read_body(reader: asyncio.StreamReader) -> str:
    got, left = hashlib.sha256(), PIECES * PIECE_BYTES
    while left:
        piece = await reader.read(min(left, 262_144))
        assert piece, f"{left} bytes are missing"
        left -= len(piece)
        got.update(piece)
    return got.hexdigest()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Digest what is sent with POST; send a body to GET."""
    head = await reader.readuntil(b"\r\n\r\n")
    if head.startswith(b"POST "):
        got = (await read_body(reader)).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(got), got))
    else:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (PIECES * PIECE_BYTES))
        await write_body(writer)
    await reader.read()
    writer.close()


@asynccontextmanager
async def bulk_stage(folder: Path) -> AsyncIterator[Stage]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        async with stage(folder, change=lambda setup: setup.add_content("bulk", address, access="anyone")) as scene:
            yield scene
    finally:
        server.close()


async def upload(scene: Stage) -> str:
    lines = [b"Content-Length: %d" % (PIECES * PIECE_BYTES), b"Origin: " + scene.sidecar.url.encode()]
    reader, writer = await opened(scene, b"POST", *lines)
    await write_body(writer)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    got = await reader.readexactly(64)
    writer.close()
    return got.decode()


async def download(scene: Stage) -> str:
    reader, writer = await opened(scene, b"GET")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    got = await read_body(reader)
    writer.close()
    return got


async def opened(scene: Stage, method: bytes, *lines: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.setup.port)
    writer.write(request(b"/bulk/", *lines, method=method, host=f"localhost:{scene.setup.port}".encode()))
    return reader, writer


@pytest.mark.slow
async def test_a_big_body_each_way_at_once_arrives_whole_and_stays_nowhere(tmp_path: Path) -> None:
    async with bulk_stage(tmp_path) as scene:
        before, grown, done = scene.sidecar.rss_bytes, [0], asyncio.Event()

        async def watch() -> None:
            while not done.is_set():
                grown.append(scene.sidecar.rss_bytes - before)
                await asyncio.sleep(0.1)

        async with asyncio.TaskGroup() as group:
            group.create_task(watch())
            up, down = group.create_task(upload(scene)), group.create_task(download(scene))
            await asyncio.wait([up, down])
            done.set()
        assert up.result() == down.result() == digest()
        assert max(grown) < MOST_GROWTH_BYTES, f"{max(grown) >> 20} MB"
        await scene.sidecar.until_connections(0)
