"""How one process ends, stands beside another, and says how it is: for whoever operates it."""

from __future__ import annotations

import asyncio
import json
import re
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.doubles.echo_content import EchoContent
from tests.doubles.serving import free_port
from tests.journeys.sidecar import REPOSITORY, Setup, Sidecar
from tests.journeys.stage import ACCESS_TOKEN, Stage, stage
from tests.journeys.viewer import XHR, Page, Viewer

SHORT_S = 2.0
DOWNLOAD_BYTES = 48 * 1024 * 1024
"""More than all buffers between content and viewer hold: it is running as long as the viewer does not read."""


@asynccontextmanager
async def live_stage(folder: Path) -> AsyncIterator[Stage]:
    """A stage with a second content, ``/live/``, with downloads and WebSockets."""
    async with EchoContent.running() as echo:

        def add(setup: Setup) -> None:
            setup.add_content("live", echo.address, integrations=["warehouse"])

        async with stage(folder, change=add) as the_stage:
            yield the_stage


async def until_refusing(url: str) -> None:
    """Wait until nobody accepts connections there any more."""
    with suppress(ConnectionRefusedError):
        async with asyncio.timeout(10):
            while True:
                # Reset: it came while the listener was being closed.
                with suppress(ConnectionResetError):
                    _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
                    writer.transport.abort()
                await asyncio.sleep(0.02)


def events(sidecar: Sidecar) -> list[dict[str, object]]:
    """The log, line by line; each must be a JSON object."""
    lines = [json.loads(line) for line in sidecar.log.splitlines()]
    assert all(isinstance(line, dict) for line in lines)
    return lines


def shown_request_id(page: Page) -> str:
    [shown] = re.findall(r"request <code>([^<]+)</code>", page.text)
    return str(shown)


# — SIGTERM ————————————————————————————————————————————————————————————————————————————————————————


async def test_sigterm_accepts_nobody_new_and_lets_what_runs_come_to_its_end(tmp_path: Path) -> None:
    async with live_stage(tmp_path) as scene:
        viewer = await scene.signed_in("ada", "/live/")
        socket = await viewer.websocket("/live/ws")
        headers = {"Cookie": viewer.cookie_header(), **XHR}
        url = f"{scene.sidecar.url}/live/download?bytes={DOWNLOAD_BYTES}"
        async with scene.http.get(url, headers=headers) as download:
            received = len(await download.content.readany())

            scene.sidecar.terminate()
            await until_refusing(scene.sidecar.url)

            async with asyncio.timeout(10):
                message = await socket.receive()
            # The frame that came; ``close_code`` would say how answering it went.
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1012)
            assert scene.sidecar.is_running
            async for piece in download.content.iter_any():
                received += len(piece)
        assert received == DOWNLOAD_BYTES
        assert await scene.sidecar.ended() == 0
        assert [event["event"] for event in events(scene.sidecar)][-2:] == ["draining", "stopped"]


async def test_sigterm_with_nobody_there_ends_at_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        await scene.signed_in("ada")  # the browser keeps its connection open, as browsers do
        scene.sidecar.terminate()
        assert await scene.sidecar.ended(within_s=5) == 0


async def signed_in_with_a_short_token(scene: Stage) -> Viewer:
    """Sign Ada in and wait until her token has ended at a provider that forgives no second use."""
    scene.server.grants.rotation = "single_family"
    scene.server.access_ttl_s = SHORT_S
    viewer = await scene.signed_in("ada")
    await scene.until_dead(scene.content.requests[-1].value(ACCESS_TOKEN) or b"")
    scene.content.forget()
    scene.server.journal.clear()
    return viewer


@pytest.mark.parametrize("waits", [True, False], ids=["its viewer waits", "its viewer has left"])
async def test_sigterm_in_mid_refresh_the_answer_is_stored_and_nobody_is_asked(tmp_path: Path, waits: bool) -> None:
    async with stage(tmp_path) as scene:
        viewer = await signed_in_with_a_short_token(scene)
        scene.server.answer_gate.close()
        caller = asyncio.create_task(viewer.get("/sales/"))
        await scene.server.answer_gate.arrived()
        if not waits:
            caller.cancel()
            await asyncio.wait([caller])

        scene.sidecar.terminate()
        await until_refusing(scene.sidecar.url)
        scene.server.answer_gate.open()

        if waits:
            assert (await caller).status == 200
            assert scene.owner_of(scene.new_content_request()) == "ada"
        assert await scene.sidecar.ended() == 0
        refreshed = list(scene.server.grants.access_tokens)[-1]
        await scene.sidecar.start()
        await scene.until_dead(refreshed.encode())
        scene.content.forget()
        assert (await viewer.get("/sales/")).status == 200
        assert scene.owner_of(scene.new_content_request()) == "ada"
        # The second refresh used what the first one brought: a token used twice would have ended the family.
        assert [entry.outcome for entry in scene.server.token_requests] == ["ok", "ok"]
        assert scene.server.journal.at("/authorize") == []


# — a second process ———————————————————————————————————————————————————————————————————————————————


async def test_a_second_process_on_the_same_store_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        viewer = await scene.signed_in("ada")
        (tmp_path / "second").mkdir()
        second = Setup(folder=tmp_path / "second", key=scene.setup.key)
        second.more["store"] = {"url": f"sqlite://{scene.setup.state_file}", "keys": [scene.setup.key]}

        ended = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "proxy", "serve", "-c", str(second.write())],
            cwd=REPOSITORY,
            capture_output=True,
            timeout=30,
            check=False,
        )

        assert ended.returncode not in {0, -11, -6}
        said = ended.stderr.decode()
        assert f"another oauth-sidecar (process {scene.sidecar.pid}) uses this state file" in said
        assert "Traceback" not in said
        assert (await viewer.get("/sales/")).status == 200


# — logs ———————————————————————————————————————————————————————————————————————————————————————————


async def test_logs_are_json_and_an_error_page_names_its_line(tmp_path: Path) -> None:
    def add(setup: Setup) -> None:
        setup.add_content("down", f"http://127.0.0.1:{free_port()}", integrations=["warehouse"])

    async with stage(tmp_path, change=add) as scene:
        viewer = await scene.signed_in("ada")
        scene.server.decisions.append("deny")
        pages = [
            (403, await viewer.visit("/down/")),
            (502, down := await viewer.visit("/down/")),
            (404, await viewer.get("/nowhere/")),
            (404, await viewer.get("/__oauth__/nowhere")),
            (400, await viewer.get("/__oauth__/integrations/callback?code=stolen&state=forged")),
            (400, await viewer.get("/__oauth__/integrations/callback?code=both&error=too")),
        ]
        assert [page.status for _, page in pages] == [status for status, _ in pages]
        log = events(scene.sidecar)
        for _, page in pages:
            lines = [event for event in log if event.get("request_id") == shown_request_id(page)]
            assert lines, f"{page.status} at {page.url} is not in the log"
            assert all({"event", "level", "logger", "timestamp"} <= event.keys() for event in lines)
        [failed] = [event for event in log if event["event"] == "content failed"]
        assert (failed["request_id"], failed["content"]) == (shown_request_id(down), "down")


# — health —————————————————————————————————————————————————————————————————————————————————————————


@contextmanager
def no_space(sidecar: Sidecar) -> Iterator[None]:
    """Let no file of the process grow: what SQLite meets is an error in the middle of a write, as on a full disk."""
    before = resource.prlimit(sidecar.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(sidecar.pid, resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.prlimit(sidecar.pid, resource.RLIMIT_FSIZE, before)


async def test_a_store_that_cannot_be_written_is_not_ready_and_loses_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        signed_in = await scene.signed_in("ada")
        session = signed_in.session_id
        newcomer = await scene.viewer("bob")
        at_provider = await newcomer.until_redirected_to(scene.server.url, "/sales/")
        assert (await newcomer.get("/__health__/ready")).status == 200

        with no_space(scene.sidecar):
            assert (await newcomer.get("/__health__/live")).status == 200
            ready = await newcomer.get("/__health__/ready")
            assert (ready.status, json.loads(ready.text)["status"]) == (503, "not ready")
            assert (await signed_in.get("/sales/")).status == 200, "what is known needs no write"
            assert (await newcomer.follow(at_provider)).status == 503
            assert newcomer.session_id is None

        assert (await newcomer.get("/__health__/ready")).status == 200
        assert (await newcomer.visit("/sales/")).status == 200
        await scene.sidecar.restart()
        scene.server.journal.clear()
        for viewer in (signed_in, newcomer):
            assert (await viewer.get("/sales/")).status == 200
        assert signed_in.session_id == session
        assert len(scene.server.journal) == 0


async def test_a_refresh_that_finds_the_disk_full_is_kept_until_there_is_space(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        viewer = await signed_in_with_a_short_token(scene)
        scene.server.access_ttl_s = 3600
        scene.server.answer_gate.close()
        caller = asyncio.create_task(viewer.get("/sales/"))
        await scene.server.answer_gate.arrived()
        with no_space(scene.sidecar):
            scene.server.answer_gate.open()
            # Longer than the last attempt to store it takes.
            assert (await caller).status == 503
        async with asyncio.timeout(10):
            while (await viewer.get("/sales/")).status == 503:
                await asyncio.sleep(0.2)
        assert scene.owner_of(scene.content.requests[-1]) == "ada"
        assert [entry.outcome for entry in scene.server.token_requests] == ["ok"]
        await scene.sidecar.restart()
        assert (await viewer.get("/sales/")).status == 200
        assert scene.server.journal.at("/authorize") == []
