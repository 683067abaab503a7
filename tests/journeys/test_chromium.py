"""The browser trusts our authority because it was told to, and nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Error

from tests.doubles.serving import serving
from tests.journeys.authority import Authority
from tests.journeys.chromium import PUBLIC_NAME, chromium, why_no_browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(why_no_browser() is not None, reason=why_no_browser() or "a browser is here"),
]


async def hello(_: web.Request) -> web.Response:
    return web.Response(text="<title>over TLS</title>", content_type="text/html")


def application() -> web.Application:
    app = web.Application()
    app.router.add_get("/{anything:.*}", hello)
    return app


async def test_the_public_name_is_reached_over_verified_tls(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    ours, theirs = Authority(tmp_path), Authority(tmp_path / "other")
    async with (
        serving(application(), tls=ours.issue(PUBLIC_NAME).context()) as good,
        serving(application(), tls=theirs.issue(PUBLIC_NAME).context()) as bad,
        chromium(ours, tmp_path / "home") as browser,
    ):
        page = await browser.new_page()
        await page.goto(good.replace("127.0.0.1", PUBLIC_NAME))
        assert await page.title() == "over TLS"
        with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
            await page.goto(bad.replace("127.0.0.1", PUBLIC_NAME))
