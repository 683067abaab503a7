"""A raw HTTP/1.1 client: sends exactly the bytes it is given, and reads answers without forgiving anything."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [\t\x20-\x7e\x80-\xff]*")
FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]+)(;[^\r\n]*)?")
ANSWER_WITHIN_S = 10.0

SEGMENTS = ("one segment", "every byte")
"""How a case is sent; run each case both ways."""


class MalformedError(AssertionError):
    """The answer breaks RFC 9112."""


@dataclass(slots=True, kw_only=True)
class Response:
    """One answer, taken apart."""

    status: int
    headers: list[tuple[bytes, bytes]]
    """In order, names as sent."""
    body: bytes = field(default=b"", repr=False)
    informational: list[int] = field(default_factory=list)
    """The 1xx that came before."""

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def value(self, name: bytes) -> bytes | None:
        """The only value of this header; twice is an error."""
        values = self.values(name)
        if len(values) > 1:
            raise MalformedError(f"{name!r} came {len(values)} times")
        return values[0] if values else None


class Wire:
    """One TCP connection to the sidecar."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    @asynccontextmanager
    async def to(cls, url: str) -> AsyncIterator[Wire]:
        """Connect to the port of ``url`` on 127.0.0.1."""
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def send(self, data: bytes, *, segments: str = "one segment") -> None:
        """Send all at once, or byte by byte; a connection that was closed meanwhile is no error."""
        pieces = [data] if segments == "one segment" else [data[i : i + 1] for i in range(len(data))]
        with suppress(ConnectionError):
            for piece in pieces:
                self._writer.write(piece)
                await self._writer.drain()
                # Lets the other end read before the next byte goes.
                await asyncio.sleep(0)

    def half_close(self) -> None:
        self._writer.write_eof()

    def abort(self) -> None:
        self._writer.transport.abort()

    async def response(self, method: str = "GET") -> Response:
        """Read one whole answer, with the 1xx before it; fail when it is late, cut off or malformed."""
        informational: list[int] = []
        async with asyncio.timeout(ANSWER_WITHIN_S):
            response = await self._head()
            while 100 <= response.status < 200 and response.status != 101:
                informational.append(response.status)
                response = await self._head()
            response.informational = informational
            response.body = await self._body(response, method)
            return response

    async def response_or_close(self, method: str = "GET") -> Response | None:
        """Read an answer; ``None`` when the connection ended without a byte of one."""
        try:
            return await self.response(method)
        except asyncio.IncompleteReadError as incomplete:
            if incomplete.partial:
                raise MalformedError(f"cut off after {incomplete.partial[:200]!r}") from None
            return None
        except ConnectionError:
            return None

    async def rest(self) -> bytes:
        """Everything up to the end of the connection, which must come."""
        rest = bytearray()
        with suppress(ConnectionError):
            async with asyncio.timeout(ANSWER_WITHIN_S):
                while piece := await self._reader.read(65_536):
                    rest += piece
        return bytes(rest)

    async def exactly(self, count: int) -> bytes:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return await self._reader.readexactly(count)

    async def _line(self) -> bytes:
        line = await self._reader.readuntil(b"\r\n")
        if b"\n" in line[:-2] or b"\r" in line[:-2]:
            raise MalformedError(f"a bare CR or LF in {line!r}")
        return line[:-2]

    async def _head(self) -> Response:
        line = await self._line()
        if (match := STATUS_LINE.fullmatch(line)) is None:
            raise MalformedError(f"not a status line: {line[:200]!r}")
        response = Response(status=int(match[1]), headers=[])
        while line := await self._line():
            if (header := FIELD_LINE.fullmatch(line)) is None:
                raise MalformedError(f"not a header: {line[:200]!r}")
            response.headers.append((header[1], header[2]))
        return response

    async def _body(self, response: Response, method: str) -> bytes:
        """RFC 9112 §6.3, without its leniencies."""
        length, coding = response.value(b"Content-Length"), response.value(b"Transfer-Encoding")
        if length is not None and coding is not None:
            raise MalformedError("Content-Length and Transfer-Encoding")
        if method == "HEAD" or response.status in {101, 204, 304}:
            return b""
        if coding is not None:
            if coding != b"chunked":
                raise MalformedError(f"Transfer-Encoding: {coding!r}")
            return await self._chunks()
        if length is not None:
            if re.fullmatch(rb"[0-9]+", length) is None:
                raise MalformedError(f"Content-Length: {length!r}")
            return await self._reader.readexactly(int(length))
        if (response.value(b"Connection") or b"").lower() != b"close":
            raise MalformedError("a body up to the end of the connection, and it is not announced")
        return await self._reader.read()

    async def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            line = await self._line()
            if (match := CHUNK_SIZE.fullmatch(line)) is None:
                raise MalformedError(f"not a chunk size: {line[:200]!r}")
            if (size := int(match[1], 16)) == 0:
                break
            body += await self._reader.readexactly(size)
            if await self._line():
                raise MalformedError("a chunk without its end")
        while await self._line():
            pass
        return bytes(body)


def request(
    target: bytes,
    *headers: bytes,
    method: bytes = b"GET",
    host: bytes = b"localhost",
    body: bytes = b"",
    version: bytes = b"HTTP/1.1",
) -> bytes:
    """Bytes of a request; ``headers`` are whole lines without their end, ``Host`` comes first."""
    lines = [b"%s %s %s" % (method, target, version), b"Host: " + host, *headers]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
