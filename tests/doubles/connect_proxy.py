"""An HTTP proxy that knows nothing but the doubles: names of the outside world lead to them, and to nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress


class ConnectProxy:
    """``CONNECT`` only (RFC 9110 §9.3.6); ``ports`` says where on loopback a name is."""

    def __init__(self, ports: Mapping[str, int]) -> None:
        self._ports = ports
        self.url = ""
        self.asked: list[str] = []
        """Every ``host:port`` that somebody wanted."""

    @classmethod
    @asynccontextmanager
    async def running(cls, ports: Mapping[str, int]) -> AsyncIterator[ConnectProxy]:
        proxy = cls(ports)
        server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield proxy

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
            self.asked.append(target)
            port = self._ports.get(target.partition(":")[0])
            if method != "CONNECT" or port is None:
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
            else:
                await _join(reader, writer, port)
        writer.close()


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    there, back = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await asyncio.gather(_pour(reader, back), _pour(there, writer))


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()
