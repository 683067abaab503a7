"""H, answers: content that answers wrongly harms itself only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.attacks.attacker import Attacker
from tests.attacks.oracle import assert_holds
from tests.attacks.rows import cases, row
from tests.attacks.wire import SEGMENTS, Response, Wire
from tests.doubles.content import HELLO, Answer, Seen

pytestmark = pytest.mark.asyncio(loop_scope="module")

OK = b"HTTP/1.1 200 OK\r\n"
REFUSED = row(
    124,
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nraw",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nraw",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
) | row(
    125,
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
)
CUT = row(
    125,
    OK + b"Content-Length: 50\r\n\r\nhello",
    OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
)


@pytest_asyncio.fixture(loop_scope="module")
async def misbehaving(attacker: Attacker) -> AsyncIterator[Attacker]:
    """The attacker is the content; afterwards it answers properly again."""
    yield attacker
    attacker.stage.content.answer = HELLO
    attacker.stage.content.close_after = False


def spoken(answer: bytes, segments: str) -> Answer:
    """An answer of content as one segment, or byte by byte (a very long one in small pieces)."""
    if segments == "one segment":
        return answer
    size = 1 if len(answer) < 5000 else 997

    async def slowly(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Seen) -> None:
        for at in range(0, len(answer), size):
            writer.write(answer[at : at + size])
            await writer.drain()
            await asyncio.sleep(0)

    return slowly


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


@cases("answer", REFUSED)
@pytest.mark.parametrize("segments", SEGMENTS)
async def test_an_answer_that_breaks_the_protocol_is_a_502(misbehaving: Attacker, answer: bytes, segments: str) -> None:
    misbehaving.stage.content.answer = spoken(answer, segments)
    misbehaving.stage.content.close_after = True
    response = await get(misbehaving)
    assert response is not None
    assert response.status == 502
    assert b"hello" not in response.body
    misbehaving.stage.content.close_after = False
    await the_next_viewer_is_served(misbehaving)


@cases("answer", CUT)
@pytest.mark.parametrize("segments", SEGMENTS)
async def test_an_answer_that_ends_too_early_does_not_look_complete(
    misbehaving: Attacker, answer: bytes, segments: str
) -> None:
    misbehaving.stage.content.answer = spoken(answer, segments)
    misbehaving.stage.content.close_after = True
    try:
        response = await get(misbehaving)
    except (asyncio.IncompleteReadError, AssertionError):
        response = None
    assert response is None or response.status == 502
    misbehaving.stage.content.close_after = False
    await the_next_viewer_is_served(misbehaving)


@cases(
    "extra",
    row(125, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"x", b"\r\n", b"HTTP/1.1 200 OK\r\nContent-"),
)
@pytest.mark.parametrize("segments", SEGMENTS)
async def test_more_bytes_than_announced_reach_nobody(misbehaving: Attacker, extra: bytes, segments: str) -> None:
    misbehaving.stage.content.answer = spoken(OK + b"Content-Length: 5\r\n\r\nhello" + extra, segments)
    for _ in range(3):
        response = await get(misbehaving)
        assert response is not None
        assert (response.status, response.body) == (200, b"hello")
    await the_next_viewer_is_served(misbehaving)


async def test_row_125_bytes_on_an_idle_connection_reach_nobody(misbehaving: Attacker) -> None:
    async def late(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Seen) -> None:
        writer.write(OK + b"Content-Length: 5\r\n\r\nhello")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    misbehaving.stage.content.answer = late
    assert await get(misbehaving) is not None
    await asyncio.sleep(0.2)
    await the_next_viewer_is_served(misbehaving)


async def test_row_125_content_cannot_set_our_cookies_or_rule_the_origin(misbehaving: Attacker) -> None:
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


async def test_row_130_events_are_not_held_back(misbehaving: Attacker) -> None:
    first, second = b"data: 1\n\n", b"data: 2\n\n"
    go_on = asyncio.Event()

    async def events(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Seen) -> None:
        writer.write(OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"%x\r\n%s\r\n" % (len(first), first))
        await go_on.wait()
        writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(second), second))

    misbehaving.stage.content.answer = events
    async with Wire.to(misbehaving.stage.sidecar.url) as connection:
        await connection.send(misbehaving.request(b"/sales/", misbehaving.cookie, b"Accept-Encoding: gzip, br"))
        received = b""
        while not received.endswith(first + b"\r\n"):
            received += await connection.exactly(1)
        assert b"Content-Encoding" not in received
        go_on.set()
        assert second in await until(connection, second)


async def test_row_130_a_viewer_who_leaves_ends_the_stream(misbehaving: Attacker) -> None:
    content = misbehaving.stage.content

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Seen) -> None:
        writer.write(OK + b"Content-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await reader.read()

    content.answer = endless
    before = content.closed
    async with Wire.to(misbehaving.stage.sidecar.url) as connection:
        await connection.send(misbehaving.request(b"/sales/", misbehaving.cookie))
        await until(connection, b"data: 1")
        connection.abort()
        await content.until(lambda: content.closed > before)


async def until(connection: Wire, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        received += await connection.exactly(1)
    return received


LOCATIONS = {
    "row 133: own upstream": (b"{}/x?y", b"/sales/x?y"),
    "row 133: own upstream, two slashes": (b"{}//evil.example/", b"/sales/evil.example/"),
    "row 133: own upstream, slash and backslash": (b"{}/\\evil.example/", b"/sales/evil.example/"),
    "row 133: own upstream, a tab between slashes": (b"{}/\t/evil.example/", b"/sales/evil.example/"),
    "row 133: upstream as a prefix": (b"{}.evil.example/", None),
    "row 133: upstream as userinfo": (b"{}@evil.example/", None),
    "row 133: elsewhere": (b"https://evil.example/", None),
    "row 133: relative": (b"x/y", None),
    "row 133: with CTL bytes": (b"/a\tb", None),
}


@cases("case", LOCATIONS)
async def test_a_redirect_of_content_is_passed_on_and_never_followed(
    misbehaving: Attacker, case: tuple[bytes, bytes | None]
) -> None:
    template, expected = case
    location = template.replace(b"{}", misbehaving.stage.content.address.encode())
    misbehaving.stage.content.answer = b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % location
    response = await get(misbehaving)
    assert response is not None
    assert (response.status, response.value(b"Location")) == (302, expected or location)
    assert misbehaving.stage.content.hits == 1
