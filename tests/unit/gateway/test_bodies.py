"""Bodies of any size, both ways, with back-pressure; early answers; interim answers; server-sent events."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from proxy.model import UnixUpstream
from tests.unit.gateway.harness import OK, RawContent, answering, get, read_head

MEGABYTE = 1 << 20


async def test_an_upload_by_length_arrives_whole_with_its_head(start):
    body = bytes(range(256)) * 4096 * 8

    async def digest(reader, writer):
        head = await read_head(reader)
        assert b"Content-Length: %d\r\n" % len(body) in head
        got = hashlib.sha256(await reader.readexactly(len(body))).hexdigest().encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n" + got)

    one = await start(digest)
    client = await one.connect()
    client.send(get("/open/", method=b"PUT", extra=b"Content-Length: %d\r\n" % len(body)) + body)
    await client.head()
    assert await client.exactly(64) == hashlib.sha256(body).hexdigest().encode()
    client.close()


async def test_a_chunked_upload_is_framed_anew_without_extensions_and_trailers(start):
    async def handler(reader, writer):
        head = await read_head(reader)
        assert b"Transfer-Encoding: chunked\r\n" in head
        assert b"Content-Length" not in head
        assert await reader.readuntil(b"0\r\n\r\n") == b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        writer.write(OK)
        await reader.read()

    one = await start(handler)
    client = await one.connect()
    client.send(
        get("/open/", method=b"POST", extra=b"Transfer-Encoding: chunked\r\nTrailer: X-Forwarded-Access-Token\r\n")
    )
    client.send(b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Forwarded-Access-Token: evil\r\n\r\n")
    assert (await client.head()).startswith(b"HTTP/1.1 200 ")
    assert b"evil" not in one.content.bytes
    client.close()


async def test_expect_100_continue_passes_to_the_content_and_back(start):
    """Seen to fail with a 100 of our own."""

    async def handler(reader, writer):
        assert b"Expect: 100-continue\r\n" in await read_head(reader)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readexactly(5) == b"hello"
        writer.write(OK)
        await reader.read()

    one = await start(handler)
    client = await one.connect()
    client.send(get("/open/", method=b"POST", extra=b"Content-Length: 5\r\nExpect: 100-continue\r\n"))
    assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"hello")
    assert (await client.head()).startswith(b"HTTP/1.1 200 ")
    client.close()


async def test_a_100_that_nobody_asked_for_is_not_passed_on(start):
    """Seen to fail with a 100 passed on to whoever."""
    one = await start(answering(b"HTTP/1.1 100 Continue\r\n\r\n" + OK))
    client = await one.connect()
    client.send(get("/open/"))
    assert (await client.head()).startswith(b"HTTP/1.1 200 ")
    client.close()


async def test_an_early_answer_to_an_upload_reaches_a_viewer_that_is_still_sending(start):
    """Fails when the connection is closed at once: the reset overtakes the answer.

    Seen to fail with the connection closed at once.
    """

    async def handler(reader, writer):
        await read_head(reader)
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await writer.drain()
        writer.close()

    one = await start(handler)
    client = await one.connect()
    client.send(get("/open/", method=b"POST", extra=b"Content-Length: %d\r\n" % (8 * MEGABYTE)))
    for _ in range(32):
        client.send(b"x" * 65_536)
        await asyncio.sleep(0)
    got = await client.until_cut()
    assert got.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close\r\n" in got
    assert got.endswith(b"big")
    assert not one.board.pools["content-open"].open


async def test_a_refused_upload_is_answered_by_the_control_plane_without_its_body(start):
    one = await start(answering(OK))
    client = await one.connect()
    client.send(get(session=None, method=b"POST", extra=b"Content-Length: 1000000\r\n") + b"x" * 1000)
    got = await client.until_cut()
    assert b"control:sign-in:0" in got
    assert b"Connection: close\r\n" in got


async def test_a_small_body_of_a_refused_request_keeps_the_connection(start):
    one = await start(answering(OK))
    client = await one.connect()
    for _ in range(2):
        client.send(get(session=None, method=b"POST", extra=b"Content-Length: 3\r\n") + b"abc")
        assert b"Connection" not in await client.head()
        assert await client.exactly(17) == b"control:sign-in:0"
    client.close()


async def test_events_pass_one_by_one(start):
    step = asyncio.Semaphore(0)

    async def handler(reader, writer):
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            await step.acquire()
            writer.write(b"9\r\ndata: %d\n\n\r\n" % number)
        await reader.read()

    one = await start(handler)
    client = await one.connect()
    client.send(get("/open/"))
    await client.head()
    for number in range(3):
        step.release()
        assert await client.exactly(14) == b"9\r\ndata: %d\n\n\r\n" % number
    client.close()


async def test_fifty_stalled_readers_hold_no_more_than_their_buffers(start):
    """Fails without pausing the content: 50 downloads of 100 MB would stand in memory.

    Seen to fail with the content never paused.
    """
    written = 0

    async def handler(reader, writer):
        nonlocal written
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (100 * MEGABYTE))
        piece = b"x" * 65_536
        for _ in range(1600):
            writer.write(piece)
            await writer.drain()
            written += len(piece)

    one = await start(handler)
    clients = [await one.connect() for _ in range(50)]
    for client in clients:
        client.reader._limit = 1024  # so that our own end stops reading
        client.send(get("/open/"))
    settled = -1
    while settled != written:
        settled = written
        await asyncio.sleep(0.3)
    assert written < 50 * 12 * MEGABYTE  # what kernel sockets take, not 5 GB
    for client in clients:
        client.close()


async def test_fifty_stalled_writers_hold_no_more_than_their_buffers(start):
    """Fails without pausing the viewer: uploads to a content that does not read would stand in memory.

    Seen to fail with the viewer never paused.
    """
    release = asyncio.Event()

    async def handler(reader, writer):
        writer.transport.pause_reading()
        await release.wait()

    one = await start(handler)
    clients = [await one.connect() for _ in range(50)]
    sent = 0

    async def upload(client) -> None:
        nonlocal sent
        client.writer.transport.set_write_buffer_limits(high=0)
        client.send(get("/open/", method=b"POST", extra=b"Content-Length: %d\r\n" % (100 * MEGABYTE)))
        piece = b"x" * 65_536
        for _ in range(1600):
            client.send(piece)
            await client.writer.drain()
            sent += len(piece)

    uploads = [asyncio.create_task(upload(client)) for client in clients]
    settled = -1
    while settled != sent:
        settled = sent
        await asyncio.sleep(0.3)
    assert sent < 50 * 12 * MEGABYTE
    release.set()
    for task, client in zip(uploads, clients, strict=True):
        task.cancel()
        client.close()
    await asyncio.gather(*uploads, return_exceptions=True)


async def test_a_content_on_a_unix_socket_is_reached(start, tmp_path: Path):
    path = str(tmp_path / "content.sock")
    raw = RawContent(answering(OK))
    server = await asyncio.start_unix_server(raw._serve, path)
    one = await start(answering(OK), upstream=UnixUpstream(path))
    answer = await one.ask(get(extra=b"Connection: close\r\n"))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert raw.bytes.startswith(b"GET / HTTP/1.1\r\n")
    server.close()
    await raw.stop()


@pytest.mark.parametrize("path", ["/__oauth__/logout", "/__health__/ready"])
async def test_own_paths_reach_the_control_plane_with_their_body(start, path):
    one = await start(answering(OK))
    raw = (
        get(path, method=b"POST", extra=b"Content-Length: 5\r\nConnection: close\r\nX-Forwarded-Proto: x\r\n")
        + b"hello"
    )
    assert b"control::5" in await one.ask(raw)
    assert "X-Forwarded-Proto" not in one.control_requests[0].headers
    assert "Cookie" in one.control_requests[0].headers
    assert one.control_requests[0].headers["Oauth-Sidecar-Request-Id"] == "t-1"


async def test_more_requests_than_control_connections_wait_their_turn(start):
    one = await start(answering(OK))
    answers = await asyncio.gather(*(one.ask(get(session=None, extra=b"Connection: close\r\n")) for _ in range(40)))
    assert all(b"control:sign-in:0" in answer for answer in answers)
    assert len(one.board.control.open) <= 4
