"""A wire tap: passes TCP through to a real content and remembers every byte of both directions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Tap:
    """Stands where the content is configured to be; ``async with Tap.running(port) as tap``."""

    def __init__(self, content_port: int) -> None:
        self._content_port = content_port
        self.port = 0
        self.to_content = bytearray()
        self.from_content = bytearray()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    @asynccontextmanager
    async def running(cls, content_port: int) -> AsyncIterator[Tap]:
        tap = cls(content_port)
        server = await asyncio.start_server(tap._serve, "127.0.0.1", 0)
        tap.port = server.sockets[0].getsockname()[1]
        try:
            yield tap
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            content_reader, content_writer = await asyncio.open_connection("127.0.0.1", self._content_port)
        except OSError:
            writer.close()
            return
        with suppress(asyncio.CancelledError):
            await asyncio.gather(
                self._pass(reader, content_writer, self.to_content),
                self._pass(content_reader, writer, self.from_content),
            )

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: bytearray) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                record += data
                writer.write(data)
                await writer.drain()
        writer.close()
