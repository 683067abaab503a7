"""What only a browser can show: a content's script gets nowhere near our cookies, and no content leaves its place."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page, expect

from proxy.policy.cookies import cookie_names
from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.serving import serving
from tests.journeys.authority import Authority
from tests.journeys.chromium import PUBLIC_NAME, SITE, chromium, why_no_browser
from tests.journeys.sidecar import Setup, Sidecar

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(why_no_browser() is not None, reason=why_no_browser() or "a browser is here"),
]

BOARD = f"board.{SITE}"

PLANT = """name => {
    const shapes = [
        `${name}=evil; Secure; Path=/`, `${name}=evil; Path=/`, `${name}=evil`, `${name}=evil; Secure; Path=/sales/`,
        `${name}=evil; Secure; Path=/; Domain=SITE`, `${name}=evil; Secure; Path=/; Domain=.${location.hostname}`,
        `=${name}=evil; Secure; Path=/`, `=${name}=evil; Domain=SITE`, ` ${name} =evil; Secure; Path=/`,
        `${name.toUpperCase()}=evil; Secure; Path=/`, `${name.toLowerCase()}=evil; Secure; Path=/; Domain=SITE`,
        `${name}=; Max-Age=0; Secure; Path=/`, `${name}=; Max-Age=0; Secure; Path=/; Domain=SITE`,
    ];
    for (const shape of shapes) document.cookie = shape;
    const wide = {value: 'evil', path: '/', domain: 'SITE'};
    const tries = [{name, value: 'evil', path: '/'}, {name, ...wide}].map(one => cookieStore.set(one).catch(() => 0));
    return Promise.all([...tries, cookieStore.delete(name).catch(() => 0)]).then(() => document.cookie);
}""".replace("SITE", SITE)
"""Everything that a script can try: to overwrite, to shadow, to delete; by host, by path, by domain, by disguise."""

REGISTER = """scope => navigator.serviceWorker.register('sw.js', scope ? {scope} : {}).then(
    async it => { await navigator.serviceWorker.ready; return new URL(it.scope).pathname; }, error => error.name)"""

WORKER = """
self.addEventListener('fetch', event => event.respondWith(new Response('worker')));
self.addEventListener('activate', event => event.waitUntil(clients.claim()));
"""


@dataclass
class Content:
    """A content that answers anything with a page, and remembers which cookies came."""

    cookies: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.cookies += request.headers.getall("Cookie", [])
        if request.path == "/sw.js":
            return web.Response(text=WORKER, content_type="text/javascript", headers={"Service-Worker-Allowed": "/"})
        return web.Response(text=f"<title>content at {request.path}</title>", content_type="text/html")


@dataclass
class Scene:
    server: AuthorizationServer
    setup: Setup
    browser: Browser
    content: Content

    def url(self, host: str, path: str = "/") -> str:
        return f"https://{host}:{self.setup.port}{path}"

    @property
    def sales(self) -> str:
        return self.url(PUBLIC_NAME, "/sales/")

    @property
    def board(self) -> str:
        return self.url(BOARD)

    @property
    def cookie(self) -> str:
        return cookie_names(self.setup.url).session

    async def signed_in(self, *urls: str) -> Page:
        """A page in a fresh browser, at the last of these contents, all of which it has seen."""
        page = await (await self.browser.new_context()).new_page()
        for url in urls:
            await page.goto(url)
            assert page.url == url, page.url
            assert (await page.title()).startswith("content at /")
        return page


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """``/sales/`` and ``/other/`` on ``public_url``, and one content on a host of its own."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(AuthorizationServer.running())
        authority = Authority(tmp_path)
        issued = authority.issue(PUBLIC_NAME, BOARD)
        setup = Setup(folder=tmp_path, scheme="https", host=PUBLIC_NAME)
        setup.add_integration("accounts", server.config_for(server.register(setup.redirect_uri)))
        content = Content()
        app = web.Application()
        app.router.add_route("*", "/{anything:.*}", content.answer)
        upstream = await stack.enter_async_context(serving(app))
        for name in ("sales", "other"):
            setup.add_content(name, upstream, integrations=["accounts"])
        setup.add_content("board", upstream, integrations=["accounts"], host=BOARD)
        setup.more |= {"tls": {"certificate": str(issued.certificate), "key": str(issued.key)}, "sign_in": "accounts"}
        sidecar = await stack.enter_async_context(Sidecar.running(setup))
        async with chromium(authority, tmp_path / "home") as browser:
            yield Scene(server, setup, browser, content)
        assert "oauth-sidecar-" not in "".join(content.cookies)
        assert await sidecar.stop() == 0


async def ours(context: BrowserContext) -> dict[str, Any]:
    """Our session cookies in the browser, by host."""
    kept = [cookie for cookie in await context.cookies() if "oauth-sidecar-" in cookie["name"].lower()]
    return {cookie["domain"]: cookie for cookie in kept if "-binding-" not in cookie["name"]}


async def test_a_viewer_signs_in_once_and_each_host_has_a_cookie_of_its_own(scene: Scene) -> None:
    page = await scene.signed_in(scene.board, scene.sales)
    starts = sum(entry.path == "/authorize" for entry in scene.server.journal)
    again = await page.context.new_page()
    await again.goto(scene.url(BOARD, "/deep?a=1#part"))

    assert again.url == scene.url(BOARD, "/deep?a=1#part")
    assert starts == 2, "one sign-in for each content's consent"
    kept = await ours(page.context)
    assert set(kept) == {PUBLIC_NAME, BOARD}, "for the host alone: no domain with a dot in front"
    assert len({cookie["value"] for cookie in kept.values()}) == 2
    assert {(cookie["name"], cookie["path"], cookie["secure"], cookie["httpOnly"]) for cookie in kept.values()} == {
        (scene.cookie, "/", True, True)
    }


@pytest.mark.parametrize("where", ["sales", "board"])
async def test_a_contents_script_can_neither_read_nor_plant_nor_delete_our_cookie(scene: Scene, where: str) -> None:
    page = await scene.signed_in(scene.sales, scene.board)
    await page.goto(getattr(scene, where))
    before = await ours(page.context)
    seen = await page.evaluate(PLANT, scene.cookie)
    listed = json.dumps(await page.evaluate("() => cookieStore.getAll()"))

    for secret in (cookie["value"] for cookie in before.values()):
        assert secret not in seen + listed
    after = await ours(page.context)
    assert {host: cookie["value"] for host, cookie in after.items() if cookie["name"] == scene.cookie} == {
        host: cookie["value"] for host, cookie in before.items()
    }
    scene.server.journal.clear()
    for url in (scene.sales, scene.board):
        await page.goto(url)
        assert page.url == url, "still signed in, and not asked again"
    assert scene.server.journal == []


@pytest.mark.parametrize("where", ["sales", "board"])
async def test_a_cookie_planted_before_anybody_signed_in_is_not_there_or_not_believed(scene: Scene, where: str) -> None:
    """The page is still open while its browser has no session any more, so nothing stands in the script's way."""
    page = await scene.signed_in(scene.sales, scene.board)
    await page.goto(getattr(scene, where))
    await page.context.clear_cookies()
    await page.evaluate(PLANT, scene.cookie)

    assert scene.cookie not in {cookie["name"] for cookie in await page.context.cookies()}, "the browser took none"
    for url in (scene.sales, scene.board):
        await page.goto(url)
        assert page.url == url
    kept = await ours(page.context)
    assert "evil" not in {cookie["value"] for cookie in kept.values() if cookie["name"] == scene.cookie}


@pytest.mark.parametrize("where", ["sales", "board"])
async def test_signing_out_really_deletes_the_cookie_there_and_ends_it_everywhere(scene: Scene, where: str) -> None:
    page = await scene.signed_in(scene.sales, scene.board)
    origin = "/".join(getattr(scene, where).split("/")[:3])
    await page.goto(origin + "/__oauth__/logout")
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()

    assert page.url.startswith(origin + "/__oauth__/signed-out")
    assert urlsplit(origin).hostname not in await ours(page.context)
    scene.server.shows_consent_page = True
    for url in (scene.sales, scene.board):
        await page.goto(url)
        assert page.url.startswith(scene.server.url), "asked to sign in, here and there"


async def test_a_service_worker_under_a_path_cannot_climb_out_of_it(scene: Scene) -> None:
    page = await scene.signed_in(scene.url(PUBLIC_NAME, "/other/"), scene.sales)
    assert await page.evaluate(REGISTER, "/") == "SecurityError"
    assert await page.evaluate(REGISTER, "/other/") == "SecurityError"
    assert await page.evaluate(REGISTER, "/__oauth__/") == "SecurityError"
    assert await page.evaluate(REGISTER, "") == "/sales/"

    await page.goto(scene.url(PUBLIC_NAME, "/sales/x"))
    assert await page.content() != "", "the worker is at work where it may be"
    assert "worker" in await page.inner_text("body")
    for path in ("/other/", "/__oauth__/signed-out"):
        await page.goto(scene.url(PUBLIC_NAME, path))
        assert "worker" not in await page.inner_text("body")


async def test_a_service_worker_on_a_host_of_its_own_has_that_host_and_no_other(scene: Scene) -> None:
    page = await scene.signed_in(scene.sales, scene.board)
    assert await page.evaluate(REGISTER, "/") == "/"
    await page.goto(scene.board)
    assert "worker" in await page.inner_text("body")
    await page.goto(scene.sales)
    assert "worker" not in await page.inner_text("body")


async def test_a_sibling_cannot_act_as_the_viewer_elsewhere(scene: Scene) -> None:
    """``SameSite`` does not separate hosts of one site: Origin and Fetch Metadata do."""
    page = await scene.signed_in(scene.sales, scene.board)
    send = """url => fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include'}).then(() => 'sent', () => 'no')"""
    sockets = """url => new Promise(done => {
        const socket = new WebSocket(url.replace('https', 'wss'));
        socket.onopen = () => done('open'); socket.onerror = () => done('refused');
    })"""
    before = len(scene.content.cookies)
    for target in (scene.sales, scene.url(PUBLIC_NAME, "/__oauth__/logout")):
        assert await page.evaluate(send, target) == "sent", "a browser does not hold it back"
        assert await page.evaluate(sockets, target) == "refused"

    assert len(scene.content.cookies) == before
    await page.goto(scene.sales)
    assert page.url == scene.sales, "nobody was signed out"
