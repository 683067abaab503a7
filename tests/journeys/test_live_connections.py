"""WebSockets, streams and big bodies through the real process, and how they end."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.doubles.echo_content import EchoContent
from tests.journeys.sidecar import Setup
from tests.journeys.stage import Change, Stage, nothing, stage
from tests.journeys.viewer import XHR, Viewer


@asynccontextmanager
async def live_stage(
    folder: Path, *, socket_path: Path | None = None, change: Change = nothing
) -> AsyncIterator[tuple[Stage, EchoContent]]:
    """A stage with a second content, ``/live/``, that speaks WebSocket."""
    async with EchoContent.running(socket_path=socket_path) as echo:

        def add(setup: Setup) -> None:
            setup.add_content("live", echo.address, integrations=["warehouse"])
            change(setup)

        async with stage(folder, change=add) as the_stage:
            yield the_stage, echo


async def closed_with(socket: aiohttp.ClientWebSocketResponse) -> int:
    async with asyncio.timeout(10):
        message = await socket.receive()
    assert message.type is aiohttp.WSMsgType.CLOSE, message
    # The frame that came; ``close_code`` would say how answering it went.
    return int(message.data)


async def open_socket(viewer: Viewer) -> aiohttp.ClientWebSocketResponse:
    socket = await viewer.websocket("/live/ws")
    await socket.send_str("hello")
    assert await socket.receive_str() == "hello"
    return socket


async def test_sign_out_closes_the_sockets_of_this_session_with_4401(tmp_path: Path) -> None:
    async with live_stage(tmp_path) as (scene, _):
        here, there = await scene.signed_in("ada", "/live/"), await scene.signed_in("bob", "/live/")
        mine, others = await open_socket(here), await open_socket(there)
        await here.sign_out()
        assert await closed_with(mine) == 4401
        await others.send_str("still here")
        assert await others.receive_str() == "still here"
        await others.close()
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await here.websocket("/live/ws")
        assert refusal.value.status == 401


async def test_sigterm_closes_sockets_with_1012_and_ends_with_0(tmp_path: Path) -> None:
    async with live_stage(tmp_path) as (scene, _):
        socket = await open_socket(await scene.signed_in("ada", "/live/"))
        scene.sidecar.terminate()
        assert await closed_with(socket) == 1012
        assert await scene.sidecar.ended() == 0


async def test_the_contents_own_close_code_reaches_the_viewer(tmp_path: Path) -> None:
    async with live_stage(tmp_path) as (scene, _):
        socket = await open_socket(await scene.signed_in("ada", "/live/"))
        await socket.send_str("close 4000")
        assert await closed_with(socket) == 4000


async def test_a_foreign_page_cannot_open_a_socket(tmp_path: Path) -> None:
    async with live_stage(tmp_path) as (scene, echo):
        viewer = await scene.signed_in("ada", "/live/")
        hits = len(echo.seen)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await viewer.websocket("/live/ws", Origin="https://evil.example")
        assert (refusal.value.status, len(echo.seen)) == (403, hits)


async def test_big_bodies_and_streams_pass_on_a_unix_socket(tmp_path: Path) -> None:
    async with live_stage(tmp_path, socket_path=tmp_path / "live.sock") as (scene, echo):
        viewer = await scene.signed_in("ada", "/live/")
        cookie = {"Cookie": viewer.cookie_header(), "Origin": viewer.url, **XHR}
        url = f"{scene.sidecar.url}/live"
        before = scene.sidecar.rss_bytes
        body = b"0123456789abcdef" * (2 * 1024 * 1024)
        async with scene.http.put(f"{url}/upload", data=io.BytesIO(body), headers=cookie) as answer:
            assert json.loads(await answer.text()) == {
                "sha256": hashlib.sha256(body).hexdigest(),
                "bytes": len(body),
            }
        async with scene.http.get(f"{url}/download?bytes={len(body)}", headers=cookie) as answer:
            received = 0
            async for piece in answer.content.iter_any():
                received += len(piece)
        assert received == len(body)
        assert scene.sidecar.rss_bytes - before < 24 * 1024**2

        async with scene.http.get(f"{url}/events", headers=cookie) as answer:
            # The second event has not been written yet: the first one was not held back.
            assert await answer.content.readuntil(b"\n\n") == b"data: first\n\n"
            echo.release.set()
            assert await answer.content.read() == b"data: second\n\n"


async def test_a_viewer_who_leaves_ends_the_contents_work(tmp_path: Path) -> None:
    async with live_stage(tmp_path) as (scene, echo):
        viewer = await scene.signed_in("ada", "/live/")
        request = asyncio.create_task(viewer.get("/live/slow"))
        async with asyncio.timeout(10):
            while not [seen for seen in echo.seen if seen.path == "/slow"]:
                await asyncio.sleep(0.02)
            request.cancel()
            while echo.gone == 0:
                await asyncio.sleep(0.02)
