"""A session or a grant ends: requests, event streams and sockets that are open end with it, whoever ended it.

The operator's commands run as processes of their own beside the one that serves.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.journeys.sidecar import REPOSITORY, Setup
from tests.journeys.stage import SESSION_TOKEN, Change, Stage
from tests.journeys.test_live_connections import closed_with, live_stage, open_socket
from tests.journeys.viewer import XHR, Viewer

WITHIN_S = 5.0
"""The promise: from the command's end to the last open connection."""


@dataclass(frozen=True, slots=True)
class Lively:
    """A viewer with a page open: a socket and an event stream that never end by themselves."""

    viewer: Viewer
    socket: aiohttp.ClientWebSocketResponse
    events: aiohttp.ClientResponse

    async def is_cut(self) -> int:
        """Wait for both ends; return the socket's close code."""
        async with asyncio.timeout(WITHIN_S):
            code = await closed_with(self.socket)
            try:
                rest = await self.events.content.read()
            except aiohttp.ClientError:
                return code
        raise AssertionError(f"the stream ended as if it were whole: {rest!r}")

    async def goes_on(self) -> None:
        """Fail unless requests and the socket work as before."""
        await self.socket.send_str("still here")
        assert await self.socket.receive_str() == "still here"
        assert not self.events.content.at_eof()
        assert (await self.viewer.xhr("/live/page")).status == 200


@asynccontextmanager
async def lively(scene: Stage, *viewers: Viewer) -> AsyncIterator[list[Lively]]:
    async with AsyncExitStack() as stack:
        pages = []
        for viewer in viewers:
            socket = await open_socket(viewer)
            stack.push_async_callback(socket.close)
            headers = {"Cookie": viewer.cookie_header(), **XHR}
            events = await stack.enter_async_context(scene.http.get(f"{viewer.url}/live/events", headers=headers))
            assert await events.content.readuntil(b"\n\n") == b"data: first\n\n"
            pages.append(Lively(viewer, socket, events))
        yield pages


async def operator(scene: Stage, *arguments: str) -> str:
    """Run ``oauth-sidecar sessions`` on the serving process's configuration; return what it prints."""
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "proxy", "sessions", *arguments, "-c", str(scene.setup.folder / "config.yaml")],
        cwd=REPOSITORY,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    return ended.stdout.decode()


async def id_of(scene: Stage, person: str) -> str:
    """The short id under which a person's session is listed."""
    listed = json.loads(await operator(scene, "list", "--json"))
    [found] = [one["id"] for one in listed if one["viewer"]["preferred_username"] == person]
    return str(found)


def sign_in_with_the_warehouse(setup: Setup) -> None:
    setup.more["sign_in"] = "warehouse"


@asynccontextmanager
async def two_pages(
    folder: Path, *, change: Change = sign_in_with_the_warehouse
) -> AsyncIterator[tuple[Stage, Lively, Lively]]:
    """Ada, who uses both contents, and Bob, each with a page open, at a sidecar that knows who they are."""
    async with live_stage(folder, change=change) as (scene, _):
        ada, bob = await scene.signed_in("ada"), await scene.signed_in("bob", "/live/")
        await ada.visit("/live/")
        async with lively(scene, ada, bob) as (hers, his):
            yield scene, hers, his


async def test_a_session_revoked_from_another_process_ends_here(tmp_path: Path) -> None:
    async with two_pages(tmp_path) as (scene, hers, his):
        session = await id_of(scene, "ada")
        assert session in await operator(scene, "list")

        assert f"session {session}" in await operator(scene, "revoke", session)

        assert await hers.is_cut() == 4401
        assert (await hers.viewer.xhr("/live/page")).status == 401
        await his.goes_on()
        listed = json.loads(await operator(scene, "list", "--json"))
        assert [one["viewer"]["preferred_username"] for one in listed] == ["bob"]
        # She may come back; her grant still stands, so nothing but the sign-in is asked.
        assert (await hers.viewer.visit("/live/")).status == 200


async def test_what_is_open_ends_when_the_provider_says_that_its_viewer_signed_out_there(tmp_path: Path) -> None:
    def identity_from_id_tokens(setup: Setup) -> None:
        sign_in_with_the_warehouse(setup)
        [warehouse] = setup.integrations
        config = warehouse["config"]
        assert isinstance(config, dict)
        config["jwks_uri"] = f"{config['issuer']}/jwks"

    async with two_pages(tmp_path, change=identity_from_id_tokens) as (scene, hers, his):
        message = scene.server.id_tokens.logout(
            {"sub": "ada"}, issuer=scene.server.url, client_id=scene.client.client_id, now=time.time()
        )
        url = f"{scene.sidecar.url}/__oauth__/backchannel-logout"
        async with scene.http.post(url, data={"logout_token": message}) as answer:
            assert answer.status == 200
        assert await hers.is_cut() == 4401
        assert (await hers.viewer.xhr("/live/page")).status == 401
        await his.goes_on()


async def test_all_sessions_are_revoked_at_once(tmp_path: Path) -> None:
    async with two_pages(tmp_path) as (scene, hers, his):
        assert await operator(scene, "revoke", "--all") == "2 sessions ended\n"
        assert await asyncio.gather(hers.is_cut(), his.is_cut()) == [4401, 4401]


async def test_a_viewer_disconnected_from_another_process_is_asked_again(tmp_path: Path) -> None:
    async with two_pages(tmp_path) as (scene, hers, his):
        await hers.viewer.visit("/sales/")
        token = (scene.content.requests[-1].value(SESSION_TOKEN) or b"").decode()
        assert (await scene.exchange("sales", token)).status == 200
        [person] = [
            one["viewer"]
            for one in json.loads(await operator(scene, "list", "--json"))
            if one["viewer"]["preferred_username"] == "ada"
        ]

        said = await operator(scene, "disconnect", "--integration", "warehouse", "--viewer", person["email"])

        assert said.endswith("credentials ended: 1, consents ended: 2\n")
        refused = await scene.exchange("sales", token)
        assert (refused.status, json.loads(refused.text)["code"]) == (400, 220)
        assert await hers.is_cut() == 4403
        asked = await hers.viewer.xhr("/live/page")
        assert (asked.status, json.loads(asked.text)["error"]) == (401, "login_required")
        await his.goes_on()
        assert (await hers.viewer.visit("/live/")).status == 200
        assert (await scene.exchange("sales", token)).status == 400, "what she grants to one content is no other's"


async def test_signing_out_ends_stream_and_socket(tmp_path: Path) -> None:
    async with two_pages(tmp_path) as (_, hers, his):
        await hers.viewer.sign_out()
        assert await hers.is_cut() == 4401
        assert (await hers.viewer.xhr("/live/page")).status == 401
        await his.goes_on()


async def test_at_its_absolute_end_a_session_is_over_with_all_that_is_open(tmp_path: Path) -> None:
    """The end is moved close in the store: the shortest lifetime that can be configured is a minute."""
    async with live_stage(tmp_path) as (scene, _):
        viewer = await scene.signed_in("ada", "/live/")
        await scene.sidecar.stop()
        ends_at = time.time() + 8
        with sqlite3.connect(scene.setup.state_file) as connection:
            connection.execute("UPDATE viewer_session SET expires_at = ?", (int(ends_at * 1e6),))
        connection.close()
        await scene.sidecar.start()
        async with lively(scene, viewer) as (page,):
            await page.goes_on()
            await asyncio.sleep(max(0.0, ends_at - time.time()))
            assert await page.is_cut() == 4401
            assert (await viewer.xhr("/live/page")).status == 401
