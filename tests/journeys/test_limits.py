"""Limits at their edge, byte for byte, at the real process; every limit by itself: tests/unit/gateway/test_limits.py."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.attacks import wire
from tests.attacks.wire import SEGMENTS, Wire
from tests.doubles.content import RecordingContent
from tests.journeys.sidecar import Setup
from tests.journeys.stage import SESSION_TOKEN, Stage, stage
from tests.journeys.test_live_connections import closed_with, live_stage, open_socket

HEAD_BYTES, HEADERS, TARGET_BYTES = 4096, 16, 1024
"""The least that can be configured."""


@asynccontextmanager
async def limited(folder: Path, **limits: int) -> AsyncIterator[Stage]:
    """A stage with a second content, ``/open/``, that asks for no session."""

    async with RecordingContent.running() as opened:

        def change(setup: Setup) -> None:
            setup.add_content("open", opened.address, access="anyone")
            setup.more["limits"] = limits

        async with stage(folder, change=change) as the_stage:
            yield the_stage


async def status_of(scene: Stage, raw: bytes, segments: str = "one segment") -> int:
    async with Wire.to(scene.sidecar.url) as connection:
        await connection.send(raw, segments=segments)
        return (await connection.response()).status


def ask(scene: Stage, target: bytes, *headers: bytes) -> bytes:
    host = scene.sidecar.url.partition("://")[2].encode()
    return wire.request(target, *headers, host=host)


@pytest.mark.parametrize("segments", SEGMENTS)
async def test_a_head_may_be_so_long_and_no_longer(tmp_path: Path, segments: str) -> None:
    async with limited(
        tmp_path, max_head_bytes=HEAD_BYTES, max_headers=HEADERS, max_target_bytes=TARGET_BYTES
    ) as scene:
        bare = len(ask(scene, b"/open/", b"A: "))
        fits = ask(scene, b"/open/", b"A: " + b"x" * (HEAD_BYTES - bare))
        assert len(fits) == HEAD_BYTES
        assert await status_of(scene, fits, segments) == 200
        assert await status_of(scene, fits.replace(b"A: ", b"A: x", 1), segments) == 431

        assert await status_of(scene, ask(scene, b"/open/", *[b"A: b"] * (HEADERS - 1)), segments) == 200
        assert await status_of(scene, ask(scene, b"/open/", *[b"A: b"] * HEADERS), segments) == 431

        target = b"/open/".ljust(TARGET_BYTES, b"x")
        assert await status_of(scene, ask(scene, target), segments) == 200
        assert await status_of(scene, ask(scene, target + b"x"), segments) == 414


async def test_so_many_connections_of_one_address_and_no_more(tmp_path: Path) -> None:
    async with limited(tmp_path, max_connections_per_peer=4) as scene, AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(Wire.to(scene.sidecar.url)) for _ in range(4)]
        for connection in connections:
            await connection.send(ask(scene, b"/open/"))
            assert (await connection.response()).status == 200
        assert await status_of(scene, b"") == 503
        connections[0].abort()
        async with asyncio.timeout(5):
            while await status_of(scene, ask(scene, b"/open/")) == 503:
                await asyncio.sleep(0.05)


async def test_so_many_sign_ins_of_one_address_and_so_many_exchanges_and_no_more(tmp_path: Path) -> None:
    async with limited(
        tmp_path, max_sign_in_starts_per_address_per_minute=3, max_exchanges_per_session_per_minute=3
    ) as scene:
        viewer = await scene.signed_in("ada")
        for _ in range(2):
            await (await scene.viewer()).until_redirected_to(scene.server.url, "/sales/")
        refused = await (await scene.viewer()).get("/sales/")
        assert (refused.status, int(refused.headers["Retry-After"])) == (429, pytest.approx(19, abs=2))
        assert "Too many sign-ins at once" in refused.text
        assert (await viewer.get("/sales/")).status == 200, "who is signed in is not concerned"

        token = (scene.content.requests[-1].value(SESSION_TOKEN) or b"").decode()
        for _ in range(3):
            assert (await scene.exchange("sales", token)).status == 200
        limit = await scene.exchange("sales", token)
        assert (limit.status, json.loads(limit.text)["code"]) == (429, 277)
        assert int(limit.headers["Retry-After"]) == pytest.approx(19, abs=2)


async def test_a_socket_ends_with_a_frame_too_large_and_with_its_age(tmp_path: Path) -> None:
    def change(setup: Setup) -> None:
        setup.more["limits"] = {"max_websocket_frame_bytes": 1000, "max_websocket_age_s": 6}

    async with live_stage(tmp_path, change=change) as (scene, _):
        viewer = await scene.signed_in("ada", "/live/")
        old, greedy = await open_socket(viewer), await open_socket(viewer)
        await greedy.send_bytes(b"x" * 1000)
        assert await greedy.receive_bytes() == b"x" * 1000
        await greedy.send_bytes(b"x" * 1001)
        assert await closed_with(greedy) == 1009
        assert await closed_with(old) == 1012
        assert (await viewer.xhr("/live/page")).status == 200, "the session goes on"
        with_a_new_one: aiohttp.ClientWebSocketResponse = await open_socket(viewer)
        await with_a_new_one.close()
