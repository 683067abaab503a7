"""The demo's content: an app without any sign-in of its own that shows what the sidecar gives it.

It is mounted under a path that it does not know: all its URLs are relative.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote

from aiohttp import ClientError, ClientSession, ClientTimeout, WSMsgType, web

from proxy.demo.exchange import Exchange, Fresh, Reconnect, Trouble
from proxy.demo.pages import page, static

SESSION_TOKEN = "Posit-Connect-User-Session-Token"  # noqa: S105  # the header's name
_ACCESS_TOKEN = "X-Forwarded-Access-Token"  # noqa: S105  # the header's name
_SECRET_WORDS = ("token", "cookie", "authorization", "key", "secret")
_LONGEST_ECHO = 200
_API_TIMEOUT = ClientTimeout(total=10)

Message = dict[str, object]
_EXCHANGE = web.AppKey("exchange", Exchange)
_CLIENT = web.AppKey("client", ClientSession)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where everything is; a real app reads these from its environment."""

    connect_server: str
    """``CONNECT_SERVER``: the sidecar's API listener."""
    connect_api_key: str
    """``CONNECT_API_KEY``: this content's own key."""
    orders_url: str
    """The protected API."""
    account_url: str = ""
    """Where people withdraw consent; empty: not shown."""


def content(place: Place, *, now: Callable[[], datetime] | None = None, tick_s: float = 1) -> web.Application:
    """Return the application."""
    handlers = _Handlers(place, now or (lambda: datetime.now(UTC)), tick_s)
    app = web.Application()
    app.add_routes(
        [
            web.get("/", handlers.index),
            web.get("/live", handlers.live),
            web.get("/static/{name}", static),
        ]
    )

    async def client(app: web.Application) -> AsyncIterator[None]:
        async with ClientSession() as session:
            app[_CLIENT] = session
            app[_EXCHANGE] = Exchange(session, server_url=place.connect_server, api_key=place.connect_api_key)
            yield

    app.cleanup_ctx.append(client)
    return app


def shortened(secret: str) -> str:
    """Return the first 6 and last 4 characters: enough to tell two tokens apart, not enough to use one."""
    return f"{secret[:6]}…{secret[-4:]}" if len(secret) >= 20 else "…"


class _Handlers:
    def __init__(self, place: Place, now: Callable[[], datetime], tick_s: float) -> None:
        self._place = place
        self._now = now
        self._tick_s = tick_s

    async def index(self, request: web.Request) -> web.Response:
        token = request.headers.get(_ACCESS_TOKEN, "")
        return page(
            "content.html",
            viewer=_viewer(request),
            from_sidecar=[row for row in _headers_to_show(request) if _is_injected(row[0])],
            from_browser=[row for row in _headers_to_show(request) if not _is_injected(row[0])],
            token=shortened(token) if token else "",
            expires=request.headers.get(f"{_ACCESS_TOKEN}-Expires", ""),
            now=int(self._now().timestamp()),
            account_url=self._place.account_url,
        )

    async def live(self, request: web.Request) -> web.WebSocketResponse:
        """Tick, echo, and fetch with the viewer's token for as long as the socket is open.

        The handshake's session token never changes; what it buys does.
        """
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        talk = _Talk(socket, request, self._place, self._now)
        async with asyncio.TaskGroup() as group:
            ticking = group.create_task(self._tick(talk))
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await talk.answer(message.data)
            ticking.cancel()
        return socket

    async def _tick(self, talk: _Talk) -> None:
        while True:
            await talk.say({"kind": "tick", "time": talk.clock()})
            await asyncio.sleep(self._tick_s)


class _Talk:
    """One socket's conversation."""

    def __init__(
        self, socket: web.WebSocketResponse, request: web.Request, place: Place, now: Callable[[], datetime]
    ) -> None:
        self._socket = socket
        self._session_token = request.headers.get(SESSION_TOKEN, "")
        self._exchange = request.app[_EXCHANGE]
        self._client = request.app[_CLIENT]
        self._place = place
        self._now = now
        self._last_shown = ""

    def clock(self) -> str:
        return self._now().strftime("%H:%M:%S")

    async def say(self, message: Message) -> None:
        with suppress(ConnectionError):  # the browser left in this moment: the reading side ends the talk
            await self._socket.send_str(json.dumps(message))

    async def answer(self, text: str) -> None:
        try:
            asked = json.loads(text)
        except ValueError:
            return
        match asked:
            case {"ask": "echo", "text": str(words)}:
                await self.say({"kind": "echo", "text": words[:_LONGEST_ECHO]})
            case {"ask": "token"}:
                await self.say(self._token_message(await self._exchange.token(self._session_token)))
            case {"ask": "orders"}:
                await self.say(await self._orders())
            case _:
                pass  # nothing of ours

    def _token_message(self, outcome: Fresh | Reconnect | Trouble) -> Message:
        match outcome:
            case Fresh(token, seconds):
                shown = shortened(token)
                is_new, self._last_shown = shown != self._last_shown, shown
                return {"kind": "token", "token": shown, "expires_in": seconds, "is_new": is_new, "time": self.clock()}
            case Reconnect(url):
                return {"kind": "reconnect", "login_url": url}
            case Trouble(words):
                return {"kind": "trouble", "text": words}

    async def _orders(self) -> Message:
        outcome = await self._exchange.token(self._session_token)
        if not isinstance(outcome, Fresh):
            return self._token_message(outcome)
        headers = {"Authorization": f"Bearer {outcome.access_token}"}
        try:
            async with self._client.get(self._place.orders_url, headers=headers, timeout=_API_TIMEOUT) as answer:
                said = await answer.json()
                if answer.status != 200:
                    return {"kind": "trouble", "text": f"The API refused the token ({answer.status})."}
        except (ClientError, TimeoutError, ValueError):
            return {"kind": "trouble", "text": "The API does not answer."}
        token = shortened(outcome.access_token)
        return {"kind": "orders", "owner": said["owner"], "orders": said["orders"], "token": token}


def _viewer(request: web.Request) -> dict[str, str]:
    # Identity values that are not ASCII arrive percent-encoded.
    email = unquote(request.headers.get("X-Forwarded-Email", ""))
    username = unquote(request.headers.get("X-Forwarded-Preferred-Username", ""))
    name = username or email or unquote(request.headers.get("X-Forwarded-User", ""))
    return {"name": name.capitalize(), "username": username, "email": email, "initials": name[:1].upper()}


def _headers_to_show(request: web.Request) -> list[tuple[str, str]]:
    return [
        (name, shortened(value) if _is_secret(name.lower()) else value)
        for name, value in sorted(request.headers.items())
    ]


def _is_injected(name: str) -> bool:
    return name.lower().startswith(("x-forwarded-", "posit-connect-"))


def _is_secret(name: str) -> bool:
    # The expiry is named after the token; the handshake's key is no secret, but this page shows no handshake.
    return any(word in name for word in _SECRET_WORDS) and not name.endswith("-expires")
