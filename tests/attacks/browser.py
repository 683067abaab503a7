"""A browser over raw sockets that visits several hosts of one sidecar and keeps their cookies apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.attacks import wire
from tests.attacks.attacker import NAVIGATES
from tests.attacks.wire import Response, Wire
from tests.journeys.stage import Stage

SALES = "sales.localhost"
"""The usual host."""

COOKIE = re.compile(rb"([^=]+)=([^;]*)")


@dataclass(slots=True)
class Browser:
    """Cookies by host; every request is bytes on a socket of its own."""

    stage: Stage
    person: str = "ada"
    jars: dict[str, dict[str, str]] = field(default_factory=dict)

    def host(self, name: str) -> bytes:
        return f"{name}:{self.stage.setup.port}".encode()

    def origin(self, name: str) -> str:
        return f"http://{name}:{self.stage.setup.port}"

    def cookie_line(self, name: str) -> list[bytes]:
        pairs = "; ".join(f"{key}={value}" for key, value in self.jars.get(name, {}).items())
        return [f"Cookie: {pairs}".encode()] if pairs else []

    async def send(
        self, name: str, target: str, *headers: bytes, method: bytes = b"GET", segments: str = "one segment"
    ) -> Response:
        """Send to this host with the cookies that it set."""
        data = wire.request(
            target.encode(), *self.cookie_line(name), *(headers or NAVIGATES), method=method, host=self.host(name)
        )
        async with Wire.to(self.stage.sidecar.url) as connection:
            await connection.send(data, segments=segments)
            response = await connection.response(method.decode())
        jar = self.jars.setdefault(name, {})
        for line in response.values(b"Set-Cookie"):
            match = COOKIE.match(line)
            assert match is not None
            key, value = match[1].decode(), match[2].decode()
            jar[key] = value
            if not value:
                del jar[key]
        return response

    async def follow(self, url: str, *, until: str = "\0") -> tuple[str, Response | None]:
        """Open and follow redirects; stop before an address that begins with ``until``."""
        response = None
        for _ in range(12):
            if url.startswith(until):
                return url, None
            parts = urlsplit(url)
            if url.startswith(self.stage.server.url):
                async with self.stage.http.get(url, headers={"Person": self.person}, allow_redirects=False) as answer:
                    url = answer.headers["Location"]
                continue
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            response = await self.send(parts.hostname or "", target)
            location = response.value(b"Location")
            if location is None:
                return url, response
            said = location.decode()
            url = f"{parts.scheme}://{parts.netloc}{said}" if said.startswith("/") else said
        raise AssertionError("redirected for ever")

    async def opens(self, name: str = SALES, path: str = "/") -> Response:
        """Walk all the way to the content."""
        _, response = await self.follow(self.origin(name) + path)
        assert response is not None
        return response

    async def ticket(self, name: str = SALES, path: str = "/") -> str:
        """Walk up to the ticket's address, which is not opened; return path and query."""
        url, response = await self.follow(self.origin(name) + path, until=f"{self.origin(name)}/__oauth__/ticket?")
        assert response is None, f"{response} at {url}"
        return url.removeprefix(self.origin(name))

    def session(self, name: str) -> str | None:
        """The value of our session cookie (or handle) at a host."""
        found = [value for key, value in self.jars.get(name, {}).items() if "-binding-" not in key]
        return found[0] if found else None
