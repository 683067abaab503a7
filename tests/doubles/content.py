"""Content as the gateway sees it: one double that records every byte, and one that behaves like a small app.

:class:`RecordingContent` reads requests by hand, so that what it stores is what arrived: order, case, framing. It answers
whatever bytes a test wants, right or wrong. :class:`EchoContent` is an aiohttp application with a WebSocket, server-sent
events, uploads and downloads.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import WSMessage, WSMsgType, web

from tests.doubles.serving import serving

HELLO = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"


@dataclass(slots=True, kw_only=True)
class Seen:
    """One request as its bytes arrived."""

    head: bytes
    """Request line and headers, up to and with the empty line."""
    body: bytes = b""
    """Decoded from its framing."""
    raw_body: bytes = b""
    """As framed: with chunk sizes."""
    connection: int = 0
    """Which connection it came on, counted from 0."""

    @property
    def request_line(self) -> bytes:
        return self.head.split(b"\r\n", 1)[0]

    @property
    def method(self) -> bytes:
        return self.request_line.split(b" ")[0]

    @property
    def target(self) -> bytes:
        return self.request_line.split(b" ")[1]

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """In the order and case of their arrival."""
        lines = self.head.split(b"\r\n")[1:-2]
        return [(name, value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in lines)]

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def value(self, name: bytes) -> bytes | None:
        return next(iter(self.values(name)), None)

    @property
    def everything(self) -> bytes:
        return self.head + self.raw_body


Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Seen], Awaitable[None]]
Answer = bytes | Callable[[Seen], bytes] | Conversation


@dataclass(slots=True)
class RecordingContent:
    """Records bytes, answers bytes; ``async with RecordingContent.running() as content``."""

    answer: Answer = HELLO
    """What to send after a whole request: bytes, bytes made from the request, or a coroutine with the streams."""
    close_after: bool = False
    """Whether to close the connection after each answer."""
    requests: list[Seen] = field(default_factory=list)
    connections: list[bytearray] = field(default_factory=list)
    """All bytes that arrived, by connection, also those that never made a request."""
    address: str = ""
    """``http://127.0.0.1:<port>`` or ``unix:<path>``, as an ``upstream`` in the configuration."""
    closed: int = 0
    """Connections that have ended."""
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @classmethod
    @asynccontextmanager
    async def running(
        cls, answer: Answer = HELLO, *, socket_path: Path | None = None
    ) -> AsyncIterator[RecordingContent]:
        content = cls(answer)
        if socket_path is not None:
            server = await asyncio.start_unix_server(content._converse, str(socket_path))
            content.address = f"unix:{socket_path}"
        else:
            server = await asyncio.start_server(content._converse, "127.0.0.1", 0)
            content.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield content
        finally:
            server.close()
            for writer in list(content._writers):
                writer.transport.abort()
            await server.wait_closed()
            await content.until(lambda: not content._writers)

    @property
    def hits(self) -> int:
        return len(self.requests)

    @property
    def everything(self) -> bytes:
        """All bytes that ever arrived here."""
        return b"".join(self.connections)

    def forget(self) -> None:
        """Start the next case with empty records; open connections stay open."""
        self.requests.clear()
        for connection in self.connections:
            connection.clear()

    async def until(self, condition: Callable[[], bool], *, within_s: float = 10) -> None:
        """Wait for something that a request or the end of a connection brings about."""
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(condition)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        number = len(self.connections)
        self.connections.append(bytearray())
        recorder = _Recorder(reader, self.connections[number])
        try:
            while (seen := await recorder.request(number)) is not None:
                self.requests.append(seen)
                await self._notify()
                await self._answer(reader, writer, seen)
                if self.close_after:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.close()
            self._writers.discard(writer)
            self.closed += 1
            await self._notify()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
        answer = (
            self.answer
            if isinstance(self.answer, bytes)
            else self.answer(*_arguments(self.answer, reader, writer, seen))
        )
        if isinstance(answer, bytes):
            writer.write(answer)
            await writer.drain()
        else:
            await answer

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _arguments(answer: object, reader: object, writer: object, seen: Seen) -> tuple[object, ...]:
    return (reader, writer, seen) if asyncio.iscoroutinefunction(answer) else (seen,)


class _Recorder:
    """Reads whole requests off a stream and keeps every byte."""

    def __init__(self, reader: asyncio.StreamReader, kept: bytearray) -> None:
        self._reader, self._kept = reader, kept

    async def request(self, connection: int) -> Seen | None:
        try:
            head = await self._until(b"\r\n\r\n")
        except asyncio.IncompleteReadError as incomplete:
            self._kept += incomplete.partial
            return None
        seen = Seen(head=head, connection=connection)
        if (seen.value(b"Transfer-Encoding") or b"").lower() == b"chunked":
            seen.body, seen.raw_body = await self._chunks()
        elif length := seen.value(b"Content-Length"):
            seen.body = seen.raw_body = await self._exactly(int(length))
        return seen

    async def _chunks(self) -> tuple[bytes, bytes]:
        body, raw = bytearray(), bytearray()
        while True:
            line = await self._until(b"\r\n")
            raw += line
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            chunk = await self._exactly(size + 2)
            raw += chunk
            body += chunk[:-2]
        while (line := await self._until(b"\r\n")) != b"\r\n":
            raw += line
        return bytes(body), bytes(raw + line)

    async def _until(self, end: bytes) -> bytes:
        data = await self._reader.readuntil(end)
        self._kept += data
        return data

    async def _exactly(self, count: int) -> bytes:
        data = await self._reader.readexactly(count)
        self._kept += data
        return data


@dataclass(slots=True)
class EchoContent:
    """A small app: ``/`` (page), ``/echo`` (JSON), ``/ws``, ``/events``, ``/upload``, ``/download?bytes=``, ``/slow``.

    Any other path answers as ``/echo`` does.
    """

    address: str = ""
    seen: list[web.Request] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    """``/slow`` and ``/events`` go on when it is set."""
    gone: int = 0
    """Requests to ``/slow`` and ``/events`` whose viewer went away before the end."""

    @classmethod
    @asynccontextmanager
    async def running(cls, *, socket_path: Path | None = None) -> AsyncIterator[EchoContent]:
        content = cls()
        async with serving(content.application(), socket_path=socket_path) as content.address:
            yield content

    def application(self) -> web.Application:
        app = web.Application(client_max_size=0)
        app.router.add_get("/", self._page)
        app.router.add_get("/ws", self._websocket)
        app.router.add_get("/events", self._events)
        app.router.add_route("*", "/upload", self._upload)
        app.router.add_get("/download", self._download)
        app.router.add_get("/slow", self._slow)
        app.router.add_route("*", "/{anything:.*}", self._echo)
        return app

    def headers_of(self, request: web.Request) -> list[tuple[str, str]]:
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers]

    async def _page(self, request: web.Request) -> web.Response:
        self.seen.append(request)
        user = request.headers.get("X-Forwarded-User", "nobody")
        return web.Response(text=f"<!doctype html><title>Echo</title><p id=user>{user}</p>", content_type="text/html")

    async def _echo(self, request: web.Request) -> web.Response:
        self.seen.append(request)
        body = await request.read()
        return web.Response(
            text=json.dumps(
                {
                    "method": request.method,
                    "target": request.raw_path,
                    "headers": self.headers_of(request),
                    "body_sha256": hashlib.sha256(body).hexdigest(),
                    "body_bytes": len(body),
                }
            ),
            content_type="application/json",
        )

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        self.seen.append(request)
        socket = web.WebSocketResponse(protocols=("echo", "streamlit"), max_msg_size=0)
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            await _echo_message(socket, message)
        return socket

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """One event at once, the second when ``release`` is set, then the end."""
        self.seen.append(request)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        await response.write(b"data: first\n\n")
        await self._until_released(request)
        with suppress(ConnectionError):
            await response.write(b"data: second\n\n")
        return response

    async def _slow(self, request: web.Request) -> web.Response:
        self.seen.append(request)
        await self._until_released(request)
        return web.Response(text="at last")

    async def _until_released(self, request: web.Request) -> None:
        while not self.release.is_set():
            if request.transport is None or request.transport.is_closing():
                self.gone += 1
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self.release.wait(), 0.05)

    async def _upload(self, request: web.Request) -> web.Response:
        self.seen.append(request)
        digest, length = hashlib.sha256(), 0
        async for piece in request.content.iter_any():
            digest.update(piece)
            length += len(piece)
        return web.json_response({"sha256": digest.hexdigest(), "bytes": length})

    async def _download(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        left = int(request.query["bytes"])
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream", "Content-Length": str(left)})
        await response.prepare(request)
        while left:
            piece = min(left, 65_536)
            await response.write(b"x" * piece)
            left -= piece
        return response


async def _echo_message(socket: web.WebSocketResponse, message: WSMessage) -> None:
    match message.type:
        case WSMsgType.TEXT if message.data.startswith("close "):
            await socket.close(code=int(message.data.split()[1]), message=b"as asked")
        case WSMsgType.TEXT:
            await socket.send_str(message.data)
        case WSMsgType.BINARY:
            await socket.send_bytes(message.data)
