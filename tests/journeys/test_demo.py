"""``oauth-sidecar demo`` as everybody meets it first: one command, sign in, watch, sign out, Ctrl-C."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, CookieJar, WSMsgType
from yarl import URL

NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"}


@dataclass
class Demo:
    process: Process
    url: URL
    said: str

    @property
    def folder(self) -> Path:
        found = re.search(r"(/\S+)/config\.yaml", self.said)
        assert found is not None
        return Path(found[1])

    async def end(self, signum: int) -> int:
        self.process.send_signal(signum)
        await asyncio.wait_for(self.process.communicate(), 20)
        assert self.process.returncode is not None
        return self.process.returncode


@pytest.fixture
async def demo() -> AsyncIterator[Demo]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy", "demo", stdout=PIPE, stderr=PIPE, env=os.environ | {"NO_COLOR": "1"}
    )
    assert process.stdout is not None
    said = (await asyncio.wait_for(process.stdout.readuntil(b"Ctrl-C ends it."), 30)).decode()
    found = re.search(r"http://localhost:\d+/hello/", said)
    assert found is not None
    yield Demo(process, URL(found[0]), said)
    if process.returncode is None:
        process.kill()
        await process.communicate()


@pytest.fixture
async def browser() -> AsyncIterator[ClientSession]:
    async with ClientSession(headers=NAVIGATION, cookie_jar=CookieJar()) as session:
        yield session


async def sign_in(browser: ClientSession, demo: Demo, person: str, decision: str = "approve") -> str:
    async with browser.get(demo.url) as people:
        assert "Who are you?" in await people.text()
        consent = people.url.update_query(person=person)
    async with browser.post(consent, data={"decision": decision}) as landed:
        return await landed.text()


async def answer(socket: ClientWebSocketResponse, ask: str, kind: str) -> dict[str, object]:
    await socket.send_json({"ask": ask})
    while True:
        said: dict[str, object] = await socket.receive_json(timeout=10)
        assert said["kind"] in {"tick", kind}, said
        if said["kind"] == kind:
            return said


async def test_a_viewer_signs_in_gets_tokens_and_signs_out(demo: Demo, browser: ClientSession) -> None:
    assert "Hello, Ada" in await sign_in(browser, demo, "ada")
    origin = str(demo.url.origin())
    async with browser.ws_connect(demo.url / "live", headers={"Origin": origin}) as socket:
        assert (await answer(socket, "token", "token"))["is_new"] is True
        assert (await answer(socket, "orders", "orders"))["owner"] == "Ada Lovelace"
        async with browser.post(demo.url.with_path("/__oauth__/logout"), headers={"Origin": origin}) as goodbye:
            assert goodbye.status == 200
        while (message := await socket.receive(timeout=10)).type is WSMsgType.TEXT:
            pass
        assert (message.type, message.data) == (WSMsgType.CLOSE, 4401)


async def test_declining_ends_on_a_page_that_says_so(demo: Demo, browser: ClientSession) -> None:
    text = await sign_in(browser, demo, "grace", decision="decline")
    assert "Hello, Grace" not in text
    assert "Who are you?" not in text


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
async def test_it_ends_cleanly_with_a_page_open(demo: Demo, browser: ClientSession, signum: int) -> None:
    await sign_in(browser, demo, "ada")
    folder = demo.folder
    assert folder.is_dir()
    async with browser.ws_connect(demo.url / "live", headers={"Origin": str(demo.url.origin())}) as socket:
        await socket.receive_json(timeout=10)
        assert await demo.end(signum) == 0
    assert not folder.exists()
