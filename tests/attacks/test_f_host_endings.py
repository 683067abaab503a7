"""F, I: what is open at a content's own host ends with the session, whoever ends it and wherever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.attacks.browser import Browser
from tests.journeys.sidecar import Setup
from tests.journeys.stage import Stage
from tests.journeys.test_endings import WITHIN_S, operator
from tests.journeys.test_live_connections import closed_with, live_stage

LIVE = "live.localhost"


@dataclass(slots=True)
class Open:
    """A browser with a socket and an event stream open at the content's own host."""

    stage: Stage
    browser: Browser
    socket: aiohttp.ClientWebSocketResponse
    events: aiohttp.ClientResponse

    async def is_cut(self) -> int:
        """Wait for both ends; return the socket's close code."""
        async with asyncio.timeout(WITHIN_S):
            code = await closed_with(self.socket)
            with pytest.raises(aiohttp.ClientError):
                await self.events.content.read()
        return code


def on_its_own_host(setup: Setup) -> None:
    [entry] = [entry for entry in setup.content if entry["name"] == "live"]
    del entry["path"]
    entry["host"] = LIVE
    setup.more["sign_in"] = "warehouse"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Open]:
    async with live_stage(folder, change=on_its_own_host) as (scene, _):
        browser = Browser(scene)
        assert (await browser.opens(LIVE)).status == 200
        [cookie] = browser.cookie_line(LIVE)
        headers = {
            "Host": browser.host(LIVE).decode(),
            "Origin": browser.origin(LIVE),
            "Cookie": cookie.decode().removeprefix("Cookie: "),
        }
        async with (
            scene.http.ws_connect(f"{scene.sidecar.url}/ws", headers=headers) as socket,
            scene.http.get(f"{scene.sidecar.url}/events", headers=headers) as events,
        ):
            await socket.send_str("hello")
            assert await socket.receive_str() == "hello"
            assert await events.content.readuntil(b"\n\n") == b"data: first\n\n"
            yield Open(scene, browser, socket, events)


@pytest.mark.parametrize("where", ["localhost", LIVE])
async def test_row_140_signing_out_here_or_there_closes_what_is_open_at_the_host(tmp_path: Path, where: str) -> None:
    async with opened(tmp_path) as page:
        origin = f"Origin: {page.browser.origin(where)}".encode()
        await page.browser.send(where, "/__oauth__/logout", origin, method=b"POST")
        assert await page.is_cut() == 4401


async def test_row_83_a_session_revoked_from_outside_ends_at_the_host(tmp_path: Path) -> None:
    async with opened(tmp_path) as page:
        assert await operator(page.stage, "revoke", "--all") == "1 session ended\n"
        assert await page.is_cut() == 4401
        answer = await page.browser.send(LIVE, "/page", b"Sec-Fetch-Mode: cors", b"Sec-Fetch-Dest: empty")
        assert answer.status == 401


async def test_row_140_a_grant_that_was_taken_away_closes_the_socket_at_the_host(tmp_path: Path) -> None:
    async with opened(tmp_path) as page:
        await operator(page.stage, "disconnect", "--all", "--integration", "warehouse")
        async with asyncio.timeout(WITHIN_S):
            assert await closed_with(page.socket) == 4403
