"""The demo's content, behind an exchange and an API that answer as told: what it shows, and what it never shows."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from aiohttp import ClientWebSocketResponse, web
from aiohttp.test_utils import TestClient, TestServer

from proxy.demo.content import Place, content, shortened

TOKEN = "at-0123456789abcdefghijklmnop-WXYZ"
NEXT_TOKEN = "at-zyxwvutsrqponm9876543210-1234"
SESSION_TOKEN = "session-token-0123456789-abcdefgh"
HEADERS = {
    "X-Forwarded-Access-Token": TOKEN,
    "X-Forwarded-Access-Token-Accounts": TOKEN,
    "X-Forwarded-Access-Token-Expires": "1893456042",
    "X-Forwarded-User": "ada@example.org",
    "X-Forwarded-Email": "ada%C3%A9@example.org",
    "X-Forwarded-Preferred-Username": "ada",
    "Posit-Connect-User-Session-Token": SESSION_TOKEN,
    "Cookie": "theirs=0123456789-very-secret",
    "X-Harmless": "shown",
}


@dataclass
class World:
    """The exchange and the protected API."""

    exchange_says: object = field(default_factory=lambda: {"access_token": TOKEN, "expires_in": 55})
    orders_status: int = 200
    orders_say: object = field(default_factory=lambda: {"owner": "Ada Lovelace", "orders": [{"number": "A-1"}]})
    exchanged: list[tuple[dict[str, object], str]] = field(default_factory=list)
    bearers: list[str] = field(default_factory=list)
    http: TestClient = field(init=False)

    async def exchange(self, request: web.Request) -> web.Response:
        self.exchanged.append((dict(await request.post()), request.headers["Authorization"]))
        if isinstance(self.exchange_says, str):
            return web.Response(text=self.exchange_says)
        return web.json_response(self.exchange_says)

    async def orders(self, request: web.Request) -> web.Response:
        self.bearers.append(request.headers["Authorization"])
        if isinstance(self.orders_say, str):
            return web.Response(text=self.orders_say)
        return web.json_response(self.orders_say, status=self.orders_status)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    outside = web.Application()
    outside.add_routes(
        [
            web.post("/__api__/v1/oauth/integrations/credentials", world.exchange),
            web.get("/api/orders", world.orders),
        ]
    )
    async with TestServer(outside) as server:
        place = Place(
            connect_server=str(server.make_url("/")),
            connect_api_key="content-key",
            orders_url=str(server.make_url("/api/orders")),
            account_url="http://127.0.0.1:9/",
        )
        app = content(place, now=lambda: datetime(2030, 1, 1, tzinfo=UTC), tick_s=0.01)
        async with TestClient(TestServer(app)) as world.http:
            yield world


async def heard(socket: ClientWebSocketResponse, kind: str) -> dict[str, object]:
    while True:
        message: dict[str, object] = await socket.receive_json(timeout=5)
        if message["kind"] == kind:
            return message


async def asked(world: World, what: dict[str, str], kind: str) -> dict[str, object]:
    async with world.http.ws_connect("/live", headers=HEADERS) as socket:
        await socket.send_json(what)
        return await heard(socket, kind)


async def test_the_page_says_who_the_viewer_is_and_how_long_the_token_lives(world: World) -> None:
    text = await (await world.http.get("/", headers=HEADERS)).text()
    assert "Hello, Ada" in text
    assert "adaé@example.org" in text
    assert 'data-expires="1893456042"' in text
    assert f'data-now="{1893456000}"' in text
    assert 'action="/__oauth__/logout"' in text
    assert "http://127.0.0.1:9/" in text


async def test_the_page_shows_headers_and_no_secret_whole(world: World) -> None:
    text = await (await world.http.get("/", headers=HEADERS)).text()
    assert "X-Forwarded-Access-Token-Accounts" in text
    assert "X-Harmless" in text
    assert "at-012…WXYZ" in text
    for secret in (TOKEN, SESSION_TOKEN, "0123456789-very-secret", TOKEN[3:20]):
        assert secret not in text


async def test_a_hostile_header_is_only_text(world: World) -> None:
    text = await (await world.http.get("/", headers={"X-Forwarded-Email": "<script>alert(1)</script>"})).text()
    assert "<script>alert" not in text


async def test_without_the_sidecar_it_knows_nobody(world: World) -> None:
    text = await (await world.http.get("/")).text()
    assert "You came past the sidecar" in text
    assert "/__oauth__/logout" not in text


async def test_all_addresses_of_the_page_are_relative_except_the_sidecars_own(world: World) -> None:
    text = await (await world.http.get("/", headers=HEADERS)).text()
    script = await (await world.http.get("/static/content.js")).text()
    assert 'href="/' not in text
    assert 'src="/' not in text
    assert 'new URL("live", location.href)' in script


async def test_the_socket_ticks_and_echoes(world: World) -> None:
    async with world.http.ws_connect("/live", headers=HEADERS) as socket:
        assert (await heard(socket, "tick"))["time"] == "00:00:00"
        await socket.send_json({"ask": "echo", "text": "x" * 500})
        assert (await heard(socket, "echo"))["text"] == "x" * 200


async def test_nonsense_on_the_socket_is_ignored(world: World) -> None:
    async with world.http.ws_connect("/live", headers=HEADERS) as socket:
        await socket.send_str("{")
        await socket.send_json({"ask": "nothing"})
        await socket.send_bytes(b"x")
        await socket.send_json({"ask": "echo", "text": "still here"})
        assert (await heard(socket, "echo"))["text"] == "still here"


async def test_a_token_is_asked_for_with_the_handshakes_session_token(world: World) -> None:
    said = await asked(world, {"ask": "token"}, "token")
    assert said == {"kind": "token", "token": "at-012…WXYZ", "expires_in": 55, "is_new": True, "time": "00:00:00"}
    [(form, authorization)] = world.exchanged
    assert form["subject_token"] == SESSION_TOKEN
    assert authorization == "Key content-key"


async def test_the_same_token_and_a_new_one_are_told_apart(world: World) -> None:
    async with world.http.ws_connect("/live", headers=HEADERS) as socket:
        for says, is_new in ((TOKEN, True), (TOKEN, False), (NEXT_TOKEN, True)):
            world.exchange_says = {"access_token": says, "expires_in": 55}
            await socket.send_json({"ask": "token"})
            assert (await heard(socket, "token"))["is_new"] is is_new


async def test_orders_come_from_the_api_with_the_viewers_token(world: World) -> None:
    said = await asked(world, {"ask": "orders"}, "orders")
    assert said == {"kind": "orders", "owner": "Ada Lovelace", "orders": [{"number": "A-1"}], "token": "at-012…WXYZ"}
    assert world.bearers == [f"Bearer {TOKEN}"]


@pytest.mark.parametrize("what", ["token", "orders"])
async def test_a_dead_grant_becomes_a_link(world: World, what: str) -> None:
    world.exchange_says = {"code": 219, "error": "no", "payload": {"login_url": "http://localhost:8080/again"}}
    said = await asked(world, {"ask": what}, "reconnect")
    assert said["login_url"] == "http://localhost:8080/again"
    assert world.bearers == []


@pytest.mark.parametrize(
    ("says", "text"),
    [
        ({"code": 1, "error": "Please wait.", "payload": None}, "The exchange says: Please wait."),
        (["?"], "The exchange says something that cannot be understood."),
        ("<html>", "The sidecar's exchange does not answer."),
    ],
)
async def test_a_refusing_exchange_is_told_in_words(world: World, says: object, text: str) -> None:
    world.exchange_says = says
    assert (await asked(world, {"ask": "token"}, "trouble"))["text"] == text


async def test_a_refusing_or_broken_api_is_told_in_words(world: World) -> None:
    world.orders_status = 401
    assert (await asked(world, {"ask": "orders"}, "trouble"))["text"] == "The API refused the token (401)."
    world.orders_say = "<html>"
    assert (await asked(world, {"ask": "orders"}, "trouble"))["text"] == "The API does not answer."


@pytest.mark.parametrize(
    ("secret", "shown"), [("0123456789abcdefghij", "012345…ghij"), ("0123456789abcdefghi", "…"), ("", "…")]
)
def test_a_secret_is_shown_by_its_ends_only_when_enough_stays_hidden(secret: str, shown: str) -> None:
    assert shortened(secret) == shown
