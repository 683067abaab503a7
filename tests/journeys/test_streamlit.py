"""The main job on real input: Streamlit under a path, in a real browser, over TLS, through ten token lifetimes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, WebSocket, expect

from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.grants import ACCESS_MARKER
from tests.doubles.protected_api import ProtectedApi
from tests.doubles.serving import free_port
from tests.journeys.authority import Authority
from tests.journeys.chromium import PUBLIC_NAME, chromium, why_no_browser
from tests.journeys.leaks import NEVER_WITH_CONTENT, Leaks
from tests.journeys.sidecar import Setup, Sidecar
from tests.journeys.streamlit_app import HAS_STREAMLIT, copy_example, streamlit

REASON = why_no_browser() or ("" if HAS_STREAMLIT else "streamlit is not installed (extra `examples`)")
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.skipif(bool(REASON), reason=REASON or "all is here")]

TTL_S = 5.0
LIFETIMES = 10

REMEMBER_CLOSE_CODES = """
window.closeCodes = [];
window.WebSocket = class extends window.WebSocket {
    constructor(...all) {
        super(...all);
        this.addEventListener('close', event => window.closeCodes.push(event.code));
    }
};
"""


@dataclass(slots=True)
class Tab:
    """One page of the app and the WebSockets it ever opened."""

    page: Page
    sockets: list[WebSocket] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Scene:
    server: AuthorizationServer
    api: ProtectedApi
    setup: Setup
    sidecar: Sidecar
    browser: Browser

    @property
    def app_url(self) -> str:
        return f"{self.setup.url}/orders/"

    async def sign_in(self, name: str) -> Tab:
        """Open the app in a browser context of its own, and walk through the consent page as this person."""
        context = await self.browser.new_context()
        await context.add_init_script(REMEMBER_CLOSE_CODES)
        tab = Tab(await context.new_page())

        def remember(socket: WebSocket) -> None:
            tab.sockets.append(socket)

        tab.page.on("websocket", remember)
        await tab.page.goto(self.app_url)
        assert tab.page.url.startswith(self.server.url), tab.page.url
        await tab.page.get_by_role("button", name=f"Continue as {name}").click()
        return tab


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(AuthorizationServer.running())
        server.shows_consent_page = True
        server.access_ttl_s = TTL_S
        server.grants.rotation = "single_family"
        api = await stack.enter_async_context(ProtectedApi.running(server))
        authority = Authority(tmp_path)
        issued = authority.issue(PUBLIC_NAME)
        port = free_port()
        setup = Setup(folder=tmp_path, scheme="https", host=PUBLIC_NAME)
        setup.add_integration("accounts", server.config_for(server.register(setup.redirect_uri)))
        setup.add_content("orders", f"http://127.0.0.1:{port}", integrations=["accounts"])
        setup.more |= {
            "sign_in": "accounts",
            "tls": {"certificate": str(issued.certificate), "key": str(issued.key)},
        }
        app = copy_example(tmp_path, fetches_every="1s")
        environment = {
            "ORDERS_API": f"{api.url}/orders",
            "CONNECT_SERVER": setup.api_url,
            "CONNECT_API_KEY": setup.content_keys["orders"],
        }
        await stack.enter_async_context(streamlit(app, port, **environment))
        sidecar = await stack.enter_async_context(Sidecar.running(setup))
        browser = await stack.enter_async_context(chromium(authority, tmp_path / "home"))
        yield Scene(server=server, api=api, setup=setup, sidecar=sidecar, browser=browser)
        leaks = Leaks()
        leaks.search_store(setup.state_file)
        leaks.search_log(sidecar.log)
        leaks.search("log of the content", (tmp_path / "streamlit.log").read_bytes(), NEVER_WITH_CONTENT)
        assert leaks.found == []
        assert await sidecar.stop() == 0


async def test_a_viewer_sees_their_own_orders_for_as_long_as_the_page_is_open(scene: Scene) -> None:
    ada = await scene.sign_in("Ada Lovelace")
    await expect(ada.page.get_by_role("heading", name="Orders of ada")).to_be_visible(timeout=20_000)
    await expect(ada.page.get_by_text("The API answered Ada Lovelace")).to_be_visible(timeout=20_000)
    assert ada.page.url == scene.app_url
    assert set(scene.api.users()) == {"ada"}

    bob = await scene.sign_in("Bob Bärkeley")
    await expect(bob.page.get_by_text("The API answered Bob Bärkeley")).to_be_visible(timeout=20_000)
    await expect(ada.page.get_by_text("The API answered Ada Lovelace")).to_be_visible()
    await expect(bob.page.get_by_text("Ada")).to_have_count(0)

    first = len(scene.api.calls)
    await asyncio.sleep(TTL_S * LIFETIMES)
    calls = scene.api.calls[first:]
    # Two pages, one call a second each; half of it is a slow machine, not a broken page.
    assert len(calls) >= TTL_S * LIFETIMES
    assert {call.user_id for call in calls} == {"ada", "bob"}, "every call succeeded, as one of the two"
    for tab in (ada, bob):
        assert len(tab.sockets) == 1, "no reconnect"
        assert not tab.sockets[0].is_closed()
    assert len({call.token for call in calls if call.user_id == "ada"}) >= LIFETIMES
    assert scene.server.grants.counters["family_revoked"] == 0
    assert scene.server.concurrent_max == 1

    for tab in (ada, bob):
        await look_for_secrets(tab)

    await sign_out(ada, scene)
    await expect(bob.page.get_by_text("The API answered Bob Bärkeley")).to_be_visible()
    assert not bob.sockets[0].is_closed()


async def look_for_secrets(tab: Tab) -> None:
    """Neither the page nor what the browser stores has a secret; the session cookie is out of reach of scripts."""
    leaks = Leaks()
    leaks.search("page", (await tab.page.content()).encode(), (*NEVER_WITH_CONTENT, ACCESS_MARKER))
    state = await tab.page.context.storage_state()
    leaks.search("browser", json.dumps(state).encode(), (*NEVER_WITH_CONTENT, ACCESS_MARKER))
    assert leaks.found == []
    ours = [cookie for cookie in state["cookies"] if "oauth-sidecar-" in cookie["name"]]
    assert ours
    for cookie in ours:
        assert cookie["name"].startswith("__Host-Http-")
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, True, "Lax", "/")


async def sign_out(tab: Tab, scene: Scene) -> None:
    """Sign out in a second tab; the first one's socket closes, and the next visit starts the flow."""
    second = await tab.page.context.new_page()
    await second.goto(f"{scene.app_url}_stcore/health")
    async with second.expect_navigation():
        await second.evaluate(
            "const form = document.createElement('form'); form.method = 'post'; form.action = '/__oauth__/logout';"
            "document.body.append(form); form.submit()"
        )
    assert second.url.startswith(scene.setup.url)
    await tab.page.wait_for_function("window.closeCodes.length > 0", timeout=10_000)
    assert (await tab.page.evaluate("window.closeCodes"))[0] == 4401
    await second.goto(scene.app_url)
    assert second.url.startswith(scene.server.url)
