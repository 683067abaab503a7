"""The scene of these journeys: the certified provider, the real sidecar, one app, and people at Chromium."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page

from tests.certified.provider import CertifiedProvider, running
from tests.doubles.content import RecordingContent
from tests.journeys.authority import Authority
from tests.journeys.chromium import chromium
from tests.journeys.sidecar import Setup, Sidecar
from tests.journeys.stage import ACCESS_TOKEN

CLIENT = ("sidecar", "s3cr3t:/+ %41-and-32-characters-of-it")
"""A secret that only a form-encoded ``Authorization`` header brings across (RFC 6749 §2.3.1)."""

BACKCHANNEL = "/__oauth__/backchannel-logout"
SIGNED_OUT = "/__oauth__/signed-out"
APP = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 25\r\n\r\n<title>the sales</title>\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody at a browser of their own."""

    name: str
    context: BrowserContext
    page: Page
    url: str

    async def opens_the_app(self) -> None:
        await self.page.goto(f"{self.url}/sales/")

    async def signs_in(self) -> None:
        """Open the app, sign in and consent at the provider, and arrive."""
        await self.opens_the_app()
        await self.types_the_password()
        await self.page.get_by_role("button", name="Continue").click()
        await self.page.wait_for_url(f"{self.url}/sales/")

    async def types_the_password(self) -> None:
        await self.page.get_by_placeholder("Enter any login").fill(self.name)
        await self.page.get_by_placeholder("and password").fill("any")
        await self.page.get_by_role("button", name="Sign-in").click()

    async def signs_out_here(self) -> None:
        await self.page.goto(f"{self.url}/__oauth__/logout")
        await self.page.get_by_role("button", name="Sign out", exact=True).click()
        await self.page.wait_for_url(re.compile(re.escape(f"{self.url}{SIGNED_OUT}")))

    async def agrees_to_sign_out_there(self) -> None:
        """Say yes at the provider, and come back with what we sent along."""
        await self.page.get_by_role("button", name="Yes, sign me out").click()
        await self.page.wait_for_url(re.compile(re.escape(f"{self.url}{SIGNED_OUT}?state=")))

    async def is_in(self) -> bool:
        """Whether the app answers without a way through the provider."""
        answer = await self.context.request.get(f"{self.url}/sales/", max_redirects=0)
        return answer.status == 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything a journey can look at."""

    provider: CertifiedProvider
    sidecar: Sidecar
    content: RecordingContent
    browser: Browser
    _people: AsyncExitStack

    async def person(self, name: str = "ada") -> Person:
        """Open a fresh browser."""
        context = await self._people.enter_async_context(await self.browser.new_context())
        page = await context.new_page()
        page.set_default_timeout(20_000)
        return Person(name=name, context=context, page=page, url=self.sidecar.url)

    def last_token(self) -> str:
        """The access token that the app saw last."""
        [token] = self.content.requests[-1].values(ACCESS_TOKEN)
        return token.decode()


@asynccontextmanager
async def scene(
    folder: Path, *, access_ttl_s: float = 3600, template: str = "oidc", **config: str
) -> AsyncIterator[Scene]:
    """Start everything; ``config`` comes on top of what the integration needs, ``{issuer}`` in it is the provider's."""
    setup = Setup(folder=folder)
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(running(folder, [_client(setup)], access_ttl_s=access_ttl_s))
        content = await stack.enter_async_context(RecordingContent.running())
        content.answer = APP
        written = {name: value.format(issuer=provider.issuer) for name, value in config.items()}
        setup.integrations.append({"name": "company", "template": template, "config": _config(provider) | written})
        setup.add_content("sales", content.address, integrations=["company"])
        setup.more["sign_in"] = "company"
        sidecar = await stack.enter_async_context(Sidecar.running(setup))
        browser = await stack.enter_async_context(chromium(Authority(folder), folder / "home"))
        people = await stack.enter_async_context(AsyncExitStack())
        yield Scene(provider=provider, sidecar=sidecar, content=content, browser=browser, _people=people)
        assert provider.events("server_error") == []
        assert b'"exception"' not in sidecar.log
        assert not [secret for secret in _secrets(provider) if secret.encode() in sidecar.log]


def _config(provider: CertifiedProvider) -> Mapping[str, str]:
    return {"issuer": provider.issuer, "client_id": CLIENT[0], "client_secret": CLIENT[1]}


def _client(setup: Setup) -> Mapping[str, object]:
    """Our registration there."""
    return {
        "client_id": CLIENT[0],
        "client_secret": CLIENT[1],
        "redirect_uris": [setup.redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "post_logout_redirect_uris": [setup.url + SIGNED_OUT],
        "backchannel_logout_uri": setup.url + BACKCHANNEL,
        "backchannel_logout_session_required": True,
    }


def _secrets(provider: CertifiedProvider) -> set[str]:
    granted = provider.events("grant.success")
    tokens = {event[name] for event in granted for name in ("access_token", "refresh_token")}
    return {*tokens, CLIENT[1]} - {""}
