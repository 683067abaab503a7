"""A small well-behaved app: a page, a WebSocket, server-sent events, uploads and downloads."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import WSMessage, WSMsgType, web

from tests.doubles.serving import serving


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
