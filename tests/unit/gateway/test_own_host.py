"""A content on an origin of its own: which requests are its, which are ours, and whose word on the origin counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.admission import session_hash
from proxy.model import Anyone, HandleHash
from tests.unit.gateway.harness import BLOCK, NAMES, OK, answering

HOST = b"board.localhost"


@pytest.fixture
async def one(start):
    """The harness's content, found at ``board.localhost`` instead of under its path."""
    harness = await start(answering(OK), path="/", origin="http://board.localhost")
    content = harness.board.routes.find(b"/")
    harness.board.routes = type(harness.board.routes)(())
    harness.board.contents_by_host = {HOST: content}
    harness.admitted["handle-of-ada"] = replace(
        harness.admitted["ada"], handle_hash=HandleHash(session_hash("handle-of-ada"))
    )
    return harness


def get(
    path: bytes = b"/x", *, host: bytes = HOST, cookie: str = "", extra: bytes = b"", method: bytes = b"GET"
) -> bytes:
    line = f"Cookie: {NAMES.session}={cookie}\r\n".encode() if cookie else b""
    return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b%bConnection: close\r\n\r\n" % (method, path, host, line, extra)


@pytest.mark.parametrize("host", [HOST, b"Board.LOCALHOST"])
async def test_everything_there_is_the_contents(one, host):
    assert (await one.ask(get(host=host, cookie="handle-of-ada"))).endswith(b"ok")
    assert b"GET /x HTTP/1.1\r\nHost: " + host in one.content.bytes
    assert BLOCK in one.content.bytes


async def test_the_content_is_told_the_host_where_it_was_found(one):
    await one.ask(get(cookie="handle-of-ada"))
    assert b"X-Forwarded-Host: board.localhost\r\n" in one.content.bytes
    assert b"X-Forwarded-Prefix" not in one.content.bytes


@pytest.mark.parametrize("host", [b"localhost.board.localhost", b"board.localhost:80", b"board.localhost.", b"x"])
async def test_a_host_that_is_nearly_it_is_nobodys(one, host):
    assert b"control:misdirected" in await one.ask(get(host=host))
    assert one.content.bytes == b""


async def test_our_paths_there_are_ours_and_say_whose_host_it_is(one):
    assert b"control::0" in await one.ask(get(b"/__oauth__/ticket?ticket=x"))
    [request] = one.control_requests
    assert request.headers["Oauth-Sidecar-Content"] == "content-sales"
    assert "Oauth-Sidecar-Reason" not in request.headers
    assert one.content.bytes == b""


async def test_a_viewer_cannot_say_whose_host_it_is(one):
    await one.ask(get(b"/__oauth__/ticket", host=b"localhost", extra=b"Oauth-Sidecar-Content: content-sales\r\n"))
    [request] = one.control_requests
    assert "Oauth-Sidecar-Content" not in request.headers


async def test_no_socket_is_opened_to_our_paths_there(one):
    upgrade = (
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    )
    raw = b"GET /__oauth__/ticket HTTP/1.1\r\nHost: board.localhost\r\n" + upgrade + b"\r\n"
    assert b" 400 " in await one.ask(raw)


async def test_a_session_is_found_in_memory_by_its_handle_from_the_second_request_on(one):
    for _ in range(2):
        await one.ask(get(cookie="handle-of-ada"))
    assert one.slow_calls == ["handle-of-ada"]


async def test_the_public_cookie_is_not_found_in_memory_there(one):
    """Fails when the table is asked by session: the slow lane would not be there to say no."""
    await one.ask(get(cookie="handle-of-ada"))
    await one.ask(get(cookie="ada"))
    assert one.slow_calls == ["handle-of-ada", "ada"]


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        (b"http://board.localhost", True),
        (b"http://localhost", False),
        (b"http://board.localhost:81", False),
        (b"https://board.localhost", False),
        (b"http://evil.board.localhost", False),
        (b"http://board.localhost.evil.example", False),
        (b"null", False),
    ],
)
async def test_only_its_own_pages_send_unsafe_requests_there(one, origin, is_let_in):
    extra = b"Origin: " + origin + b"\r\nContent-Length: 0\r\n"
    answer = await one.ask(get(cookie="handle-of-ada", method=b"POST", extra=extra))
    assert (answer.endswith(b"ok"), b"control:origin-refused" in answer) == (is_let_in, not is_let_in)


async def test_content_open_to_anyone_needs_no_hand_over(one):
    content = one.board.contents_by_host[HOST]
    one.board.contents_by_host = {HOST: replace(content, access=Anyone())}
    assert (await one.ask(get())).endswith(b"ok")
    assert one.slow_calls == []
