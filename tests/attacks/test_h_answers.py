"""Content that answers wrongly harms itself only (catalogue H: 124, 125; A: 14)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.attacks.attacker import Attacker
from tests.attacks.oracle import assert_holds
from tests.attacks.wire import Response
from tests.doubles.content import HELLO, Seen

pytestmark = pytest.mark.asyncio(loop_scope="module")

OK = b"HTTP/1.1 200 OK\r\n"
REFUSED = [
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nraw",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    OK + b"Content-Length: +5\r\n\r\nhello",
    OK + b"X-Ctl: a\x01b\r\nContent-Length: 5\r\n\r\nhello",
    OK + b"X-Nul: a\x00b\r\nContent-Length: 5\r\n\r\nhello",
    OK + b"X-Cr: a\rb\r\nContent-Length: 5\r\n\r\nhello",
    OK + b"no colon\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/9.9 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"SSH-2.0-OpenSSH\r\n\r\n",
    OK + b"X-Long: " + b"a" * 1_000_000 + b"\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10_000,
]
CUT = [
    OK + b"Content-Length: 50\r\n\r\nhello",
    OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
]


@pytest_asyncio.fixture(loop_scope="module")
async def misbehaving(attacker: Attacker) -> AsyncIterator[Attacker]:
    """The attacker is the content; afterwards it answers properly again."""
    yield attacker
    attacker.stage.content.answer = HELLO
    attacker.stage.content.close_after = False


async def get(attacker: Attacker) -> Response | None:
    return await attacker.send(attacker.request(b"/sales/", attacker.cookie))


async def the_next_viewer_is_served(attacker: Attacker) -> None:
    """Whatever stood on that connection, nobody else gets it."""
    attacker.stage.content.answer = lambda seen: OK + b"Content-Length: %d\r\n\r\n" % len(seen.target) + seen.target
    for number in range(3):
        response = await attacker.send(attacker.request(b"/sales/own/%d" % number, attacker.cookie))
        assert response is not None
        assert (response.status, response.body) == (200, b"/own/%d" % number)
    assert_holds(attacker.stage, person="ada")


@pytest.mark.parametrize("answer", REFUSED)
async def test_an_answer_that_breaks_the_protocol_is_a_502(misbehaving: Attacker, answer: bytes) -> None:
    misbehaving.stage.content.answer = answer
    misbehaving.stage.content.close_after = True
    response = await get(misbehaving)
    assert response is not None
    assert response.status == 502
    assert b"hello" not in response.body
    misbehaving.stage.content.close_after = False
    await the_next_viewer_is_served(misbehaving)


@pytest.mark.parametrize("answer", CUT)
async def test_an_answer_that_ends_too_early_does_not_look_complete(misbehaving: Attacker, answer: bytes) -> None:
    misbehaving.stage.content.answer = answer
    misbehaving.stage.content.close_after = True
    try:
        response = await get(misbehaving)
    except (asyncio.IncompleteReadError, AssertionError):
        response = None
    assert response is None or response.status == 502
    misbehaving.stage.content.close_after = False
    await the_next_viewer_is_served(misbehaving)


@pytest.mark.parametrize(
    "extra", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"x", b"\r\n", b"HTTP/1.1 200 OK\r\nContent-"]
)
async def test_more_bytes_than_announced_reach_nobody(misbehaving: Attacker, extra: bytes) -> None:
    misbehaving.stage.content.answer = OK + b"Content-Length: 5\r\n\r\nhello" + extra
    for _ in range(3):
        response = await get(misbehaving)
        assert response is not None
        assert (response.status, response.body) == (200, b"hello")
    await the_next_viewer_is_served(misbehaving)


async def test_bytes_on_an_idle_connection_reach_nobody(misbehaving: Attacker) -> None:
    async def late(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Seen) -> None:
        writer.write(OK + b"Content-Length: 5\r\n\r\nhello")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    misbehaving.stage.content.answer = late
    assert await get(misbehaving) is not None
    await asyncio.sleep(0.2)
    await the_next_viewer_is_served(misbehaving)


@pytest.mark.parametrize("expectation", [b"100-continue", b"100-Continue"])
async def test_an_expectation_is_answered_once(misbehaving: Attacker, expectation: bytes) -> None:
    headers = (misbehaving.cookie, b"Origin: " + misbehaving.ada.url.encode(), b"Expect: " + expectation)
    request = misbehaving.request(b"/sales/", *headers, method=b"POST", body=b"x" * 100_000)
    response = await misbehaving.send(request, method="POST")
    assert response is not None
    assert response.status == 200
    assert response.informational.count(100) <= 1


@pytest.mark.parametrize(
    ("answer", "method", "status"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", 204),
        (b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n', "GET", 304),
        (OK + b"Content-Length: 5\r\n\r\n", "HEAD", 200),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + HELLO, "GET", 200),
    ],
    ids=["204", "304", "HEAD", "103"],
)
async def test_answers_without_a_body_get_none(misbehaving: Attacker, answer: bytes, method: str, status: int) -> None:
    misbehaving.stage.content.answer = answer
    for _ in range(3):
        request = misbehaving.request(b"/sales/", misbehaving.cookie, method=method.encode())
        response = await misbehaving.send(request, method=method)
        assert response is not None
        assert response.status == status
        assert response.body == (b"hello" if method == "GET" and status == 200 else b"")
    await the_next_viewer_is_served(misbehaving)


async def test_content_cannot_set_our_cookies_or_rule_the_origin(misbehaving: Attacker) -> None:
    names = b"".join(b"Set-Cookie: %s=evil; Path=/\r\n" % name.encode() for name in misbehaving.ada.our_cookies)
    rules = b"Service-Worker-Allowed: /\r\nClear-Site-Data: *\r\nX-Forwarded-Access-Token: mine\r\n"
    own = b"Set-Cookie: app=1; Path=/; Domain=localhost; HttpOnly\r\n"
    misbehaving.stage.content.answer = OK + names + rules + own + b"Content-Length: 5\r\n\r\nhello"
    response = await get(misbehaving)
    assert response is not None
    [cookie] = response.values(b"Set-Cookie")
    parts = {part.strip().lower() for part in cookie.split(b";")}
    assert b"app=1" in parts
    assert b"path=/sales/" in parts
    assert not [part for part in parts if part.startswith(b"domain")]
    for name in (b"Service-Worker-Allowed", b"Clear-Site-Data", b"X-Forwarded-Access-Token"):
        assert response.values(name) == []
