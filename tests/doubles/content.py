"""Content as the gateway sees it, byte by byte.

Requests are read by hand, so that what is stored is what arrived: order, case, framing. The answer is whatever bytes a test
wants, right or wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

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
