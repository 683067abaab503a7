"""A person at a browser, over HTTP: follows links and redirects by hand and keeps cookies as a browser does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

NAVIGATION = {
    "Accept": "text/html,application/xhtml+xml",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-User": "?1",
}
"""What Chromium sends with a page that somebody opens."""

XHR = {
    "Accept": "application/json",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Site": "same-origin",
}


@dataclass(slots=True)
class Page:
    """One answer, read to its end."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    set_cookies: list[str] = field(default_factory=list, repr=False)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def location(self) -> str:
        """Where the redirect leads, absolute."""
        return urljoin(self.url, self.headers["Location"])

    @property
    def is_redirect(self) -> bool:
        return self.status in {301, 302, 303, 307, 308}


class Viewer:
    """One browser: a cookie jar per origin and the habit of following redirects."""

    def __init__(self, http: aiohttp.ClientSession, sidecar_url: str, *, person: str = "ada") -> None:
        self._http = http
        self.url = sidecar_url
        self.person = person
        """Who sits there; the authorization server double believes it."""
        self.jars: dict[str, dict[str, str]] = {}
        self.pages: list[Page] = []
        """Everything this browser ever received."""

    @classmethod
    @asynccontextmanager
    async def at(cls, sidecar_url: str, *, person: str = "ada") -> AsyncIterator[Viewer]:
        """Open a browser without cookies."""
        # Our own jars: aiohttp's knows no ports, and these cookies must stay with their origin.
        timeout = aiohttp.ClientTimeout(total=60)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout, connector=connector, auto_decompress=False
        ) as http:
            yield cls(http, sidecar_url, person=person)

    # — what a person does —————————————————————————————————————————————————————————————————————

    async def visit(self, path: str, *, most: int = 10) -> Page:
        """Open a page and follow every redirect, also through the sign-in; fail on a loop."""
        return await self.follow(await self.get(path), most=most)

    async def follow(self, page: Page, *, most: int = 10) -> Page:
        for _ in range(most):
            if not page.is_redirect:
                return page
            page = await self.get(page.location)
        raise AssertionError(f"redirected {most} times, last to {page.url.partition('?')[0]}")

    async def until_redirected_to(self, prefix: str, path: str) -> Page:
        """Open a page and stop at the redirect that leads to ``prefix``, without following it."""
        page = await self.get(path)
        while page.is_redirect and not page.location.startswith(prefix):
            page = await self.get(page.location)
        assert page.is_redirect, f"no redirect to {prefix}: {page.status} at {page.url.partition('?')[0]}"
        return page

    async def get(self, path: str, *, headers: Mapping[str, str] = NAVIGATION) -> Page:
        return await self.send("GET", path, headers=headers)

    async def xhr(self, path: str, method: str = "GET") -> Page:
        return await self.send(method, path, headers=XHR)

    async def sign_out(self) -> Page:
        """Press the button: a form post from our own page."""
        headers = NAVIGATION | {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        return await self.send("POST", "/__oauth__/logout", headers=headers)

    # — HTTP ———————————————————————————————————————————————————————————————————————————————————

    async def send(self, method: str, path: str, *, headers: Mapping[str, str] = XHR, body: bytes = b"") -> Page:
        """Send one request, no redirect followed; cookies of its origin go and come."""
        url = urljoin(self.url, path)
        jar = self.jars.setdefault(origin_of(url), {})
        sent = {**headers, "Person": self.person} if origin_of(url) != origin_of(self.url) else dict(headers)
        if jar:
            sent["Cookie"] = self.cookie_header(url)
        # Encoded: the URL goes out byte for byte, as from a browser; yarl would decode what it thinks it may.
        exact = URL(url, encoded=True)
        async with self._http.request(method, exact, headers=sent, data=body or None, allow_redirects=False) as answer:
            page = Page(url, answer.status, answer.headers.copy(), await answer.read())
        page.set_cookies = answer.headers.getall("Set-Cookie", [])
        keep(jar, page.set_cookies)
        self.pages.append(page)
        return page

    def websocket(self, path: str, **headers: str) -> aiohttp.client._WSRequestContextManager:
        """Open a WebSocket as a page of ours would."""
        sent = {"Origin": self.url, "Cookie": self.cookie_header(self.url), **headers}
        return self._http.ws_connect(urljoin(self.url, path), headers=sent)

    def cookie_header(self, url: str = "") -> str:
        jar = self.jars.get(origin_of(url or self.url), {})
        return "; ".join(f"{name}={value}" for name, value in jar.items())

    @property
    def cookies(self) -> dict[str, str]:
        """What the jar holds for the sidecar."""
        return self.jars.setdefault(origin_of(self.url), {})

    @property
    def our_cookies(self) -> dict[str, str]:
        """The sidecar's own cookies among them: session and bindings."""
        return {name: value for name, value in self.cookies.items() if "oauth-sidecar-" in name}

    @property
    def session_id(self) -> str | None:
        """The value of the session cookie; ``None``: there is none."""
        return next((value for name, value in self.our_cookies.items() if "-binding-" not in name), None)


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def keep(jar: dict[str, str], set_cookies: list[str]) -> None:
    """Apply ``Set-Cookie`` lines; ``Max-Age=0`` and an empty value delete."""
    for line in set_cookies:
        for name, morsel in SimpleCookie(line).items():
            if morsel["max-age"] == "0" or not morsel.value:
                jar.pop(name, None)
            else:
                jar[name] = morsel.value
