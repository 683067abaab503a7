"""One request is one request, for us and for content (catalogue H: 119, 121)."""

from __future__ import annotations

import pytest

from tests.attacks.attacker import Attacker
from tests.attacks.oracle import assert_holds
from tests.attacks.wire import SEGMENTS, Wire

pytestmark = pytest.mark.asyncio(loop_scope="module")

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

LENGTHS = [b"+5", b"-1", b"1_0", b"0x5", b"5 5", b"5,5", b"", b"\xd9\xa5", b"99999999999999999999", b"5;x", b"1e1"]
CODINGS = [
    b"xchunked",
    b"chunked, identity",
    b"identity, chunked",
    b"gzip, chunked",
    b"chunked, chunked",
    b"\x0bchunked",
    b"chunked;x",
    b'"chunked"',
    b"identity",
    b"gzip",
    b"",
]
CHUNKS = [
    b"5\r\nhello0\r\n\r\n",
    b"+5\r\nhello\r\n0\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"5\nhello\n0\n\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b"5_\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    b"g\r\n\r\n0\r\n\r\n",
]
LINES = [
    b"X-Space : 1",
    b" X-Folded: 1",
    b"X-A: 1\r\n folded",
    b"X-Bare: 1\nX-Lf: 1",
    b"X-Bare: 1\rX-Cr: 1",
    b"X-Nul: \x00",
    b"X-Ctl: \x01",
    b"no colon",
    b": no name",
    b"X(Y): 1",
]


def post(attacker: Attacker, *headers: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    own = (attacker.cookie, b"Origin: " + attacker.ada.url.encode())
    return attacker.request(b"/sales/", *own, *headers, method=b"POST", version=version) + body


def never_whole(attacker: Attacker) -> None:
    """No content saw a whole request; the head of one whose body broke may have been on its way."""
    assert attacker.stage.content.hits == 0
    assert b"smuggled" not in attacker.stage.content.everything
    assert_holds(attacker.stage)


@pytest.mark.parametrize("length", LENGTHS)
async def test_a_strange_length_is_refused(attacker: Attacker, length: bytes) -> None:
    await attacker.is_refused(
        post(attacker, b"Content-Length: " + length, body=b"hello" + SMUGGLED), 400, method="POST"
    )


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_strange_coding_is_refused(attacker: Attacker, coding: bytes) -> None:
    request = post(attacker, b"Transfer-Encoding: " + coding, body=b"5\r\nhello\r\n0\r\n\r\n" + SMUGGLED)
    await attacker.is_refused(request, 400, 501, method="POST")


@pytest.mark.parametrize(
    "headers",
    [
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: chunked", b"Content-Length: 5"),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
        (b"Content-Length: 5", b"Content-Length: 6"),
        (b"Content-Length: 5", b"Content-Length: 5"),
    ],
)
async def test_two_framings_are_refused(attacker: Attacker, headers: tuple[bytes, bytes]) -> None:
    await attacker.is_refused(post(attacker, *headers, body=b"5\r\nhello\r\n0\r\n\r\n" + SMUGGLED), 400, method="POST")


async def test_chunked_in_http_1_0_is_refused(attacker: Attacker) -> None:
    request = post(attacker, b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n", version=b"HTTP/1.0")
    await attacker.is_refused(request, 400, method="POST")


@pytest.mark.parametrize("line", LINES)
async def test_a_broken_header_line_is_refused(attacker: Attacker, line: bytes) -> None:
    await attacker.is_refused(attacker.request(b"/sales/", line, attacker.cookie), 400)


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("segments", SEGMENTS)
async def test_a_broken_chunk_never_makes_a_whole_request(attacker: Attacker, chunks: bytes, segments: str) -> None:
    request = post(attacker, b"Transfer-Encoding: chunked", body=chunks + SMUGGLED)
    async with Wire.to(attacker.stage.sidecar.url) as connection:
        await connection.send(request, segments=segments)
        connection.half_close()
        rest = await connection.rest()
    assert not rest.startswith(b"HTTP/1.1 200")
    never_whole(attacker)


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE", b"OPTIONS"])
async def test_a_body_where_none_is_usual_stays_a_body(attacker: Attacker, method: bytes) -> None:
    headers = (attacker.cookie, b"Origin: " + attacker.ada.url.encode())
    request = attacker.request(b"/sales/", *headers, method=method, body=SMUGGLED)
    for segments in SEGMENTS:
        await attacker.send(request, segments=segments, method=method.decode())
    for seen in attacker.stage.content.requests:
        assert (seen.method, seen.body) == (method, SMUGGLED)
    assert_holds(attacker.stage, person="ada")


async def test_what_comes_after_a_body_is_never_a_request_of_the_same_viewer_unjudged(attacker: Attacker) -> None:
    """The tail has no cookie: if it is read as a request at all, it is refused like one."""
    headers = (attacker.cookie, b"Origin: " + attacker.ada.url.encode(), b"Content-Length: 5")
    tail = attacker.request(b"/sales/smuggled")
    for segments in SEGMENTS:
        async with Wire.to(attacker.stage.sidecar.url) as connection:
            request = attacker.request(b"/sales/", *headers, method=b"POST") + b"hello" + tail
            await connection.send(request, segments=segments)
            first = await connection.response("POST")
            assert first.status == 200
            second = await connection.response_or_close()
            assert second is None or second.status == 401
    assert b"smuggled" not in attacker.stage.content.everything
    assert_holds(attacker.stage, person="ada")


async def test_a_head_without_end_is_cut(attacker: Attacker) -> None:
    endless = attacker.request(b"/sales/", attacker.cookie)[:-2] + b"X-Long: " + b"a" * 2_000_000
    response = await attacker.send(endless)
    assert response is None or response.status == 431
    many = [b"X-%d: 1" % number for number in range(10_000)]
    response = await attacker.send(attacker.request(b"/sales/", attacker.cookie, *many))
    assert response is None or response.status == 431
    response = await attacker.send(attacker.request(b"/sales/" + b"a" * 64_000, attacker.cookie))
    assert response is not None
    assert response.status == 414
    never_whole(attacker)
