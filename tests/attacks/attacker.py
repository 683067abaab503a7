"""Somebody who sends what no browser would, with or without Ada's cookie."""

from __future__ import annotations

from dataclasses import dataclass

from tests.attacks import wire
from tests.attacks.oracle import assert_holds, assert_nothing_arrived
from tests.attacks.wire import SEGMENTS, Response, Wire
from tests.journeys.stage import Stage
from tests.journeys.viewer import NAVIGATION, Viewer

NAVIGATES = tuple(f"{name}: {value}".encode() for name, value in NAVIGATION.items())


@dataclass(frozen=True, slots=True)
class Attacker:
    """Builds requests for one stage, and sends each in one segment and byte by byte."""

    stage: Stage
    ada: Viewer

    @property
    def host(self) -> bytes:
        return f"{self.stage.setup.host}:{self.stage.setup.port}".encode()

    @property
    def cookie(self) -> bytes:
        """Ada's session, as a whole header line."""
        return b"Cookie: " + self.ada.cookie_header().encode()

    def request(
        self, target: bytes, *headers: bytes, method: bytes = b"GET", body: bytes = b"", version: bytes = b"HTTP/1.1"
    ) -> bytes:
        return wire.request(target, *headers, method=method, body=body, version=version, host=self.host)

    async def send(self, data: bytes, *, segments: str = "one segment", method: str = "GET") -> Response | None:
        """Send on a connection of its own; return the answer, or ``None`` when it was closed without one."""
        async with Wire.to(self.stage.sidecar.url) as connection:
            await connection.send(data, segments=segments)
            return await connection.response_or_close(method)

    async def callback_of(self, viewer: Viewer, path: str = "/sales/") -> str:
        """Walk to the provider and back; return path and query of the callback, not opened yet."""
        at_provider = await viewer.until_redirected_to(self.stage.server.url, path)
        return (await viewer.get(at_provider.location)).location.removeprefix(self.ada.url)

    async def opens(self, viewer: Viewer, target: str, *, segments: str = "one segment") -> Response:
        """Navigate over a raw socket with this browser's cookies; there must be an answer."""
        cookies = [b"Cookie: " + cookie_header.encode()] if (cookie_header := viewer.cookie_header()) else []
        response = await self.send(self.request(target.encode(), *cookies, *NAVIGATES), segments=segments)
        assert response is not None
        return response

    async def is_refused(self, data: bytes, *statuses: int, method: str = "GET") -> None:
        """Send both ways; each time one of these answers (0: closed without one), and no content saw a byte."""
        for segments in SEGMENTS:
            response = await self.send(data, segments=segments, method=method)
            assert (response.status if response else 0) in statuses, f"{response} ({segments})"
            if response is not None:
                assert response.values(b"Set-Cookie") == []
                assert response.value(b"Location") is None
            assert_nothing_arrived(self.stage)
            assert self.stage.server.token_requests == []
        assert_holds(self.stage)

    async def is_served(self, data: bytes, *, person: str | None, method: str = "GET") -> None:
        """Send both ways; each time 200, and the content saw exactly one request with only this person's token."""
        for number, segments in enumerate(SEGMENTS, 1):
            response = await self.send(data, segments=segments, method=method)
            assert response is not None
            assert response.status == 200, f"{response} ({segments})"
            assert sum(content.hits for content in self.stage.contents.values()) == number
        assert_holds(self.stage, person=person)
