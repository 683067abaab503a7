"""All that a browser's tab was sent, sent itself or keeps: where no token may be, however it is packed."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import CDPSession, Error, Page, Response

_PACKED = re.compile(rb"[A-Za-z0-9+/_-]{24,}")
_READ = {"document", "xhr", "fetch", "eventsource", "other"}
"""Kinds of answers that are searched; scripts, styles, fonts and images are files of the framework."""

KEPT = """() => JSON.stringify([
    document.cookie, {...localStorage}, {...sessionStorage}, location.href, document.documentElement.outerHTML])"""


@dataclass  # without slots: playwright leaves a mark on who listens
class Sight:
    """Watches one tab; start before its first page."""

    page: Page
    answers: list[Response] = field(default_factory=list)
    sockets: list[tuple[str, bytes]] = field(default_factory=list)
    """What went over WebSockets, and where it was seen."""

    @classmethod
    async def of(cls, page: Page) -> Sight:
        sight = cls(page)
        page.on("response", sight._on_answer)
        network: CDPSession = await page.context.new_cdp_session(page)
        await network.send("Network.enable")
        for event, place in (
            ("webSocketCreated", "address of a WebSocket"),
            ("webSocketWillSendHandshakeRequest", "handshake"),
            ("webSocketHandshakeResponseReceived", "answer to a handshake"),
            ("webSocketFrameSent", "frame to the content"),
            ("webSocketFrameReceived", "frame from the content"),
        ):
            network.on(f"Network.{event}", sight._on_socket(place))
        return sight

    async def places(self, app_url: str) -> list[tuple[str, bytes]]:
        """Return everything by place: the app's answers with their heads, WebSockets, and what scripts can read now."""
        found = [*self.sockets, ("script", str(await self.page.evaluate(KEPT)).encode())]
        found.append(("page", (await self.page.content()).encode()))
        found.append(("browser", json.dumps(await self.page.context.storage_state()).encode()))
        for answer in self.answers:
            if answer.request.resource_type not in _READ or not _is_of_app(answer, app_url):
                continue
            where = urlsplit(answer.url).path
            found.append((f"head of {where}", json.dumps([answer.url, await answer.headers_array()]).encode()))
            try:
                found.append((f"body of {where}", await answer.body()))
            except Error:  # a redirect has none, and the browser keeps none of pages that are gone
                continue
        return found

    def errors(self, app_url: str) -> list[str]:
        """Return which of the app's files could not be had; browsers ask for an icon that not every app has."""
        ours = [answer for answer in self.answers if _is_of_app(answer, app_url) and "favicon" not in answer.url]
        return [f"{answer.status} {answer.url}" for answer in ours if answer.status >= 400]

    def _on_answer(self, answer: Response) -> None:
        self.answers.append(answer)

    def _on_socket(self, place: str) -> Any:
        return lambda event: self.sockets.append((place, json.dumps(event).encode()))


def _is_of_app(answer: Response, app_url: str) -> bool:
    return answer.url.startswith(app_url) and not urlsplit(answer.url).path.startswith("/__")


def unpacked(data: bytes, depth: int = 4) -> Iterator[bytes]:
    """Yield the bytes, and what is in them as base64 or deflated, as Bokeh packs headers into its session token."""
    yield data
    if depth == 0:
        return
    for match in _PACKED.finditer(data):
        inner = _decoded(match[0])
        if inner is not None:
            yield from unpacked(inner, depth - 1)


def _decoded(text: bytes) -> bytes | None:
    plain = text.translate(bytes.maketrans(b"-_", b"+/"))
    try:
        raw = base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        return None
    try:
        return zlib.decompress(raw)
    except zlib.error:
        return raw
