"""What the journeys with the example apps have in common: people at real browsers, over TLS, wherever the app is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin

from playwright.async_api import Browser, Page, WebSocket, expect

from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.clock import FastClock
from tests.doubles.grants import ACCESS_MARKER
from tests.doubles.protected_api import Call, ProtectedApi
from tests.doubles.serving import free_port
from tests.doubles.tap import Tap
from tests.journeys.authority import Authority
from tests.journeys.chromium import PUBLIC_NAME, chromium
from tests.journeys.example_apps import Example, running
from tests.journeys.faketime import sped_up
from tests.journeys.leaks import NEVER_WITH_CONTENT, Leaks
from tests.journeys.sidecar import Setup, Sidecar
from tests.journeys.sight import Sight, unpacked

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
    sight: Sight
    sockets: list[WebSocket] = field(default_factory=list)

    async def sees(self, text: str) -> None:
        await expect(self.page.get_by_text(text)).to_be_visible(timeout=20_000)

    async def never_sees(self, text: str) -> None:
        await expect(self.page.get_by_text(text)).to_have_count(0)

    def assert_one_open_socket(self) -> None:
        assert len(self.sockets) == 1, "no reconnect"
        assert not self.sockets[0].is_closed()

    async def assert_closed_by_sign_out(self) -> None:
        await self.page.wait_for_function("window.closeCodes.length > 0", timeout=10_000)
        assert (await self.page.evaluate("window.closeCodes"))[0] == 4401


@dataclass(slots=True, kw_only=True)
class Scene:
    """One example app behind the real process, with its API and a provider that asks for consent."""

    server: AuthorizationServer
    api: ProtectedApi
    setup: Setup
    sidecar: Sidecar
    browser: Browser
    app_url: str
    """Where viewers find it."""
    tap: Tap
    """Between sidecar and app."""
    speed: float = 1
    """How fast time passes for tokens."""

    async def sign_in(self, name: str) -> Tab:
        """Open the app in a browser context of its own, and walk through the consent page as this person."""
        context = await self.browser.new_context()
        await context.add_init_script(REMEMBER_CLOSE_CODES)
        page = await context.new_page()
        tab = Tab(page, await Sight.of(page))

        def remember(socket: WebSocket) -> None:
            tab.sockets.append(socket)

        tab.page.on("websocket", remember)
        await tab.page.goto(self.app_url)
        await self.consent(tab.page, name)
        return tab

    async def consent(self, page: Page, name: str) -> None:
        """Say yes on the provider's page, where the browser is now, as this person."""
        assert page.url.startswith(self.server.url), page.url
        await page.get_by_role("button", name=f"Continue as {name}").click()

    async def ada_and_bob(self) -> tuple[Tab, Tab]:
        """Sign in both; each sees what is theirs, and nothing of the other."""
        ada = await self.sign_in("Ada Lovelace")
        await expect(ada.page.get_by_role("heading", name="Orders of ada")).to_be_visible(timeout=20_000)
        await ada.sees("The API answered Ada Lovelace")
        assert ada.page.url == self.app_url
        assert set(self.api.users()) == {"ada"}

        bob = await self.sign_in("Bob Bärkeley")
        await bob.sees("The API answered Bob Bärkeley")
        await ada.sees("The API answered Ada Lovelace")
        await bob.never_sees("Ada")
        return ada, bob

    async def calls_while_nobody_touches_anything(self, lifetimes: int) -> Sequence[Call]:
        """Let so many token lifetimes pass; return the calls that both pages made, each of which succeeded."""
        first, span_s = len(self.api.calls), self.server.access_ttl_s * lifetimes / self.speed
        await asyncio.sleep(span_s)
        calls = self.api.calls[first:]
        # Two pages, one call a second each; half of it is a slow machine, not a broken page.
        assert len(calls) >= span_s
        assert {call.user_id for call in calls} == {"ada", "bob"}, "every call succeeded, as one of the two"
        for user_id in ("ada", "bob"):
            assert len({call.token for call in calls if call.user_id == user_id}) >= lifetimes
        assert self.server.grants.counters["family_revoked"] == 0
        assert self.server.concurrent_max == 1
        return calls

    async def press_sign_out(self, tab: Tab) -> None:
        """Press the app's own button in a second tab; the next visit starts the flow again."""
        second = await tab.page.context.new_page()
        await second.goto(self.app_url)
        await second.get_by_role("button", name="Sign out", exact=True).click()
        await expect(second.get_by_role("heading", name="You are signed out")).to_be_visible()
        assert second.url.startswith(urljoin(self.app_url, "/__oauth__/signed-out")), second.url
        await second.goto(self.app_url)
        assert second.url.startswith(self.server.url), second.url


@asynccontextmanager
async def staged(
    example: Example,
    folder: Path,
    *,
    ttl_s: float,
    path: str = "/orders/",
    host: str = "",
    sends_tokens: bool = True,
    speed: float = 1,
    beside_it: Path | None = None,
    **settings: object,
) -> AsyncIterator[Scene]:
    """Start everything; afterwards, look for secrets in the store, the logs and on the wire, and stop politely.

    ``path``: where viewers find the app; ``host``: instead, at ``/`` of an origin of its own. ``sends_tokens``: whether access tokens are to be in the headers that it gets.
    ``speed``: how fast time passes for tokens, at the sidecar and at the provider; ``beside_it``: what the app has in the place
    of the file to copy. ``settings``: more for its entry in the configuration.
    """
    async with AsyncExitStack() as stack:
        clock = FastClock(speed)
        server = await stack.enter_async_context(AuthorizationServer.running(clock=clock))
        server.shows_consent_page = True
        server.access_ttl_s = ttl_s
        server.grants.rotation = "single_family"
        api = await stack.enter_async_context(ProtectedApi.running(server))
        authority = Authority(folder)
        issued = authority.issue(PUBLIC_NAME, *([host] if host else []))
        port = free_port()
        setup = Setup(folder=folder, scheme="https", host=PUBLIC_NAME)
        setup.add_integration("accounts", server.config_for(server.register(setup.redirect_uri)))
        tap = await stack.enter_async_context(Tap.running(port))
        settings |= {"app_mode": example.app_mode} | ({"host": host} if host else {"path": path})
        path = "/" if host else path
        app_url = (f"https://{host}:{setup.port}" if host else setup.url) + path
        setup.add_content("orders", tap.address, integrations=["accounts"], **settings)
        setup.more |= {
            "sign_in": "accounts",
            "tls": {"certificate": str(issued.certificate), "key": str(issued.key)},
        }
        example.copy_to(folder, beside_it)
        environment = {
            "ORDERS_API": f"{api.url}/orders",
            "CONNECT_SERVER": setup.api_url,
            "CONNECT_API_KEY": setup.content_keys["orders"],
        }
        app_log = await stack.enter_async_context(running(example, folder, port, path, **environment))
        if speed != 1:
            setup.environment |= sped_up(speed)
            clock.begin()
        sidecar = await stack.enter_async_context(Sidecar.running(setup))
        async with chromium(authority, folder / "home") as browser:
            yield Scene(
                server=server,
                api=api,
                setup=setup,
                sidecar=sidecar,
                browser=browser,
                app_url=app_url,
                tap=tap,
                speed=speed,
            )
        leaks = Leaks()
        leaks.search_store(setup.state_file)
        leaks.search_log(sidecar.log)
        leaks.search("log of the content", app_log.read_bytes(), NEVER_WITH_CONTENT)
        assert b"Posit-Connect-User-Session-Token: " in tap.to_content, "the tap listens where tokens pass"
        assert (ACCESS_MARKER.encode() in tap.to_content) is sends_tokens
        leaks.search("what the content saw", bytes(tap.to_content), (*NEVER_WITH_CONTENT, "oauth-sidecar-"))
        leaks.search("what the content said", bytes(tap.from_content), NEVER_WITH_CONTENT)
        assert leaks.found == []
        assert await sidecar.stop() == 0


async def look_for_secrets(tab: Tab, app_url: str) -> None:
    """Neither what the browser was sent, sent or keeps has a secret; the session cookie is out of reach of scripts."""
    assert await where_tokens_are(tab, app_url) == set()
    state = await tab.page.context.storage_state()
    ours = [cookie for cookie in state["cookies"] if "oauth-sidecar-" in cookie["name"]]
    assert ours
    for cookie in ours:
        assert cookie["name"].startswith("__Host-Http-")
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, True, "Lax", "/")


async def where_tokens_are(tab: Tab, app_url: str) -> set[str]:
    """Return the places in the browser that have a secret, packed or not; pages that are not the app's left out."""
    leaks = Leaks()
    for place, data in await tab.sight.places(app_url):
        for inner in unpacked(data):
            leaks.search(place, inner, (*NEVER_WITH_CONTENT, ACCESS_MARKER))
    return {found.rpartition(": ")[0] for found in leaks.found}
