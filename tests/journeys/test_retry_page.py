"""The page of content that is down, in a real browser: it comes back by itself, and does not hammer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from tests.doubles.serving import free_port, serving
from tests.journeys.authority import Authority
from tests.journeys.chromium import chromium, why_no_browser
from tests.journeys.sidecar import Setup, Sidecar

REASON = why_no_browser()
pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(REASON), reason=REASON or "all is here")]

TEN_MINUTES_S = 600
FEWEST, MOST = 6, 12
"""Tries in ten minutes with pauses of 5, 10, 20 … 120 seconds, a quarter more or less."""


class Visit:
    """A tab on ``/down/`` whose clock the test turns, and how often it asked."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.statuses: list[int] = []
        page.on("response", lambda answer: self.statuses.append(answer.status) if answer.url == url else None)

    async def passes(self, span_s: int) -> None:
        """Let time pass for the page, second by second, and let it load in between whatever it asks for."""
        for _ in range(span_s):
            await self.page.clock.run_for(1000)
            await self.page.wait_for_load_state()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[tuple[Visit, int]]:
    port, setup = free_port(), Setup(folder=tmp_path)
    setup.add_content("down", f"http://127.0.0.1:{port}", access="anyone")
    async with AsyncExitStack() as stack:
        sidecar = await stack.enter_async_context(Sidecar.running(setup))
        browser = await stack.enter_async_context(chromium(Authority(tmp_path), tmp_path / "home"))
        page = await browser.new_page()
        await page.clock.install()
        visit = Visit(page, f"{sidecar.url}/down/")
        await page.goto(visit.url)
        yield visit, port


async def test_it_asks_again_later_and_later_and_shows_the_content_once_that_is_there(scene: tuple[Visit, int]) -> None:
    visit, port = scene
    await expect(visit.page.get_by_text("Trying again in")).to_be_visible()

    await visit.passes(TEN_MINUTES_S)

    assert FEWEST <= len(visit.statuses) <= MOST
    assert set(visit.statuses) == {502}

    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="the content is back")

    app = web.Application()
    app.router.add_get("/", hello)
    async with serving(app, port=port):
        await visit.passes(150)
        await expect(visit.page.get_by_text("the content is back")).to_be_visible()
    assert visit.statuses[-1] == 200
