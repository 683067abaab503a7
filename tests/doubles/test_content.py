"""The recording content keeps the bytes that arrived, and answers the bytes it was told."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from tests.doubles.content import HELLO, RecordingContent, Seen
from tests.doubles.echo_content import EchoContent


async def ask(content: RecordingContent, *pieces: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(content.address).port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_order_case_and_framing_are_kept() -> None:
    request = b"POST /a%2Fb HTTP/1.1\r\nhOsT: x\r\nB: 1\r\nA: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n"
    async with RecordingContent.running() as content:
        assert await ask(content, request, chunks) == HELLO
        [seen] = content.requests
        assert (seen.method, seen.target, seen.body, seen.raw_body) == (b"POST", b"/a%2Fb", b"abcde", chunks)
        assert [name for name, _ in seen.headers] == [b"hOsT", b"B", b"A", b"Transfer-Encoding"]
        assert content.everything == request + chunks


async def test_bytes_that_make_no_request_are_kept_too() -> None:
    async with RecordingContent.running() as content:
        assert await ask(content, b"GET / HT") == b""
        await content.until(lambda: content.closed == 1)
        assert (content.hits, content.everything) == (0, b"GET / HT")


async def test_an_answer_can_be_made_from_the_request_or_be_a_conversation() -> None:
    async def converse(_: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
        writer.write(b"conversation about " + seen.target)

    async with RecordingContent.running(lambda seen: b"bytes for " + seen.target) as content:
        assert await ask(content, b"GET /x HTTP/1.1\r\n\r\n") == b"bytes for /x"
        content.answer = converse
        assert await ask(content, b"GET /y HTTP/1.1\r\n\r\n") == b"conversation about /y"


async def test_the_echo_content_speaks_websocket_on_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "content.sock"
    async with (
        EchoContent.running(socket_path=path) as content,
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as http,
    ):
        assert content.address == f"unix:{path}"
        async with http.ws_connect("http://content/ws", protocols=("echo",)) as socket:
            await socket.send_str("hello")
            assert (await socket.receive_str(), socket.protocol) == ("hello", "echo")
            await socket.send_str("close 4000")
            await socket.receive()
            assert socket.close_code == 4000
        async with http.put("http://content/upload", data=io.BytesIO(b"x" * 3_000_000)) as answer:
            assert (await answer.json())["bytes"] == 3_000_000
        async with http.get("http://content/download?bytes=100000") as answer:
            assert len(await answer.read()) == 100_000
