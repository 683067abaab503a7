"""Many who ask at once, each for an answer of their own: what they got, counted; a wrong one fails at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from proxy.wire.handshake import accept_for
from tests.attacks.wire import Response, Wire, request
from tests.doubles.content import Seen
from tests.journeys.stage import Stage

RIGHT = "right"
"""The content's answer to this very request."""
REFUSED = "refused"
"""A whole answer of ours: 502 or 503."""
CUT = "cut"
"""The connection ended before an answer was whole."""

_KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = (
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: " + _KEY,
)
"""Lines of a WebSocket handshake, and the content's answer to it."""
AGREED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept_for(_KEY)
)


def answer_to(seen: Seen) -> bytes:
    """An answer that no other request gets: its target."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(seen.target), seen.target)


@dataclass(slots=True)
class Crowd:
    """Who asks, with which header lines, and what became of it."""

    scene: Stage
    lines: list[bytes] = field(repr=False)
    counts: Counter[str] = field(default_factory=Counter)
    asked: int = 0

    def request(self, method: bytes = b"GET") -> tuple[bytes, bytes]:
        """Bytes of a request of its own, and the target that the content sees."""
        self.asked += 1
        target = b"/%b/%d" % (method.lower(), self.asked)
        more = [b"Content-Length: 0"] if method == b"POST" else []
        host = f"localhost:{self.scene.setup.port}".encode()
        return request(b"/sales" + target, *self.lines, *more, method=method, host=host), target

    async def ask(self, wire: Wire, method: bytes = b"GET") -> Response | None:
        """Ask once; count the outcome and return the answer, or ``None`` when the connection has ended."""
        raw, target = self.request(method)
        await wire.send(raw)
        return await self.take(wire, target)

    async def take(self, wire: Wire, target: bytes) -> Response | None:
        """Read the answer to what was sent before."""
        try:
            response = await wire.response()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.counts[CUT] += 1
            return None
        if response.status == 200:
            assert response.body == target, "an answer to another request"
            self.counts[RIGHT] += 1
        else:
            assert response.status in {502, 503}, response
            self.counts[REFUSED] += 1
        return response


async def signed_in(scene: Stage) -> Crowd:
    """Sign Ada in; return a crowd with her session, which the process has in memory."""
    ada = await scene.signed_in("ada")
    crowd = Crowd(scene, [b"Cookie: " + ada.cookie_header().encode(), b"Origin: " + ada.url.encode()])
    scene.content.answer = answer_to
    async with Wire.to(scene.sidecar.url) as wire:
        await crowd.ask(wire)
    assert crowd.counts == {RIGHT: 1}
    crowd.counts.clear()
    return crowd
