"""H, requests: one request is one request, for us and for content, and none takes more than its share."""

from __future__ import annotations

import gzip
from contextlib import AsyncExitStack

import pytest

from tests.attacks.attacker import Attacker
from tests.attacks.oracle import assert_holds
from tests.attacks.rows import cases, row
from tests.attacks.wire import SEGMENTS, Wire
from tests.doubles.content import HELLO

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"limits": {"head_timeout_s": 1, "body_progress_timeout_s": 1, "keep_alive_s": 1}}
"""Short enough to wait for."""

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

LENGTHS = row(
    119,
    b"+5",
    b"-1",
    b"1_0",
    b"0x5",
    b"5 5",
    b"5,5",
    b"",
    b"\xd9\xa5",
    b"99999999999999999999",
    b"5;x",
    b"1e1",
    b"5.0",
    b"\x0b5",
)
CODINGS = row(
    119,
    b"chunked, x",
    b"chunked,",
    b"x, chunked",
    b"chunkedchunked",
    b"chun\xc4\xb7ed",
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
)
CHUNKS = row(
    119,
    b"5\r\nhello0\r\n\r\n",
    b"+5\r\nhello\r\n0\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"5\nhello\n0\n\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b"5_\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    b"g\r\n\r\n0\r\n\r\n",
)
LINES = row(
    119,
    b"Content-Length : 0",
    b"Content-Length\t: 0",
    b"\tX-Tab: 1",
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
)


def post(attacker: Attacker, *headers: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    own = (attacker.cookie, b"Origin: " + attacker.ada.url.encode())
    return attacker.request(b"/sales/", *own, *headers, method=b"POST", version=version) + body


def never_whole(attacker: Attacker) -> None:
    """No content saw a whole request; the head of one whose body broke may have been on its way."""
    assert attacker.stage.content.hits == 0
    assert b"smuggled" not in attacker.stage.content.everything
    assert_holds(attacker.stage)


@cases("length", LENGTHS)
async def test_a_strange_length_is_refused(attacker: Attacker, length: bytes) -> None:
    await attacker.is_refused(
        post(attacker, b"Content-Length: " + length, body=b"hello" + SMUGGLED), 400, method="POST"
    )


@cases("coding", CODINGS)
async def test_a_strange_coding_is_refused(attacker: Attacker, coding: bytes) -> None:
    request = post(attacker, b"Transfer-Encoding: " + coding, body=b"5\r\nhello\r\n0\r\n\r\n" + SMUGGLED)
    await attacker.is_refused(request, 400, 501, method="POST")


@cases(
    "headers",
    row(
        119,
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: chunked", b"Content-Length: 5"),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
        (b"Content-Length: 5", b"Content-Length: 6"),
        (b"Content-Length: 5", b"Content-Length: 5"),
        (b"Content-Length: 5", b"content_length: 6", b"Content-Length: 6"),
    ),
)
async def test_two_framings_are_refused(attacker: Attacker, headers: tuple[bytes, ...]) -> None:
    await attacker.is_refused(post(attacker, *headers, body=b"5\r\nhello\r\n0\r\n\r\n" + SMUGGLED), 400, method="POST")


async def test_row_121_chunked_in_http_1_0_is_refused(attacker: Attacker) -> None:
    request = post(attacker, b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n", version=b"HTTP/1.0")
    await attacker.is_refused(request, 400, method="POST")


@cases("line", LINES)
async def test_a_broken_header_line_is_refused(attacker: Attacker, line: bytes) -> None:
    await attacker.is_refused(attacker.request(b"/sales/", line, attacker.cookie), 400)


@cases("chunks", CHUNKS)
@pytest.mark.parametrize("segments", SEGMENTS)
async def test_a_broken_chunk_never_makes_a_whole_request(attacker: Attacker, chunks: bytes, segments: str) -> None:
    request = post(attacker, b"Transfer-Encoding: chunked", body=chunks + SMUGGLED)
    async with Wire.to(attacker.stage.sidecar.url) as connection:
        await connection.send(request, segments=segments)
        connection.half_close()
        rest = await connection.rest()
    assert not rest.startswith(b"HTTP/1.1 200")
    never_whole(attacker)


@cases("method", row(121, b"GET", b"HEAD", b"DELETE", b"OPTIONS"))
async def test_a_body_where_none_is_usual_stays_a_body(attacker: Attacker, method: bytes) -> None:
    headers = (attacker.cookie, b"Origin: " + attacker.ada.url.encode())
    request = attacker.request(b"/sales/", *headers, method=method, body=SMUGGLED)
    for segments in SEGMENTS:
        await attacker.send(request, segments=segments, method=method.decode())
    for seen in attacker.stage.content.requests:
        assert (seen.method, seen.body) == (method, SMUGGLED)
    assert_holds(attacker.stage, person="ada")


async def test_row_121_what_comes_after_a_body_is_never_a_request_of_the_same_viewer_unjudged(
    attacker: Attacker,
) -> None:
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


async def test_row_127_a_head_without_end_is_cut(attacker: Attacker) -> None:
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


async def test_row_127_a_trailer_without_end_is_cut(attacker: Attacker) -> None:
    """Before it was: twenty-five megabytes of it kept everybody waiting for five seconds."""
    endless = post(attacker, b"Transfer-Encoding: chunked", body=b"0\r\nX-Long: " + b"a" * 2_000_000)
    response = await attacker.send(endless)
    assert response is not None
    assert response.status == 431
    never_whole(attacker)


async def test_row_121_a_request_line_of_http_0_9_is_no_request(attacker: Attacker) -> None:
    await attacker.is_refused(b"GET /sales/\r\n\r\n", 400, 505)
    await attacker.is_refused(attacker.request(b"/sales/", attacker.cookie, version=b"HTTP/2.0"), 400, 505)


@cases("expectation", row(122, b"100-continue", b"100-Continue"))
@pytest.mark.parametrize("segments", SEGMENTS)
async def test_an_expectation_is_met_at_most_once(attacker: Attacker, expectation: bytes, segments: str) -> None:
    request = post(attacker, b"Expect: " + expectation, b"Content-Length: 5", body=b"hello")
    response = await attacker.send(request, segments=segments, method="POST")
    assert response is not None
    assert response.status == 200
    assert response.informational.count(100) <= 1
    assert [seen.body for seen in attacker.stage.content.requests] == [b"hello"]


@cases(
    "headers",
    row(122, (b"Expect: x",), (b"Expect: 100-continue, x",), (b"Expect: 100-continue", b"Expect: 100-continue")),
)
async def test_another_expectation_is_refused(attacker: Attacker, headers: tuple[bytes, ...]) -> None:
    request = post(attacker, *headers, b"Content-Length: 5", body=b"hello")
    await attacker.is_refused(request, 400, 417, method="POST")


async def test_row_128_a_head_that_does_not_end_is_given_up(attacker: Attacker) -> None:
    async with Wire.to(attacker.stage.sidecar.url) as slow:
        await slow.send(attacker.request(b"/sales/", attacker.cookie)[:-2])
        response = await slow.response_or_close()
        assert response is None or response.status == 408
    never_whole(attacker)


async def test_row_128_a_body_that_does_not_move_is_given_up(attacker: Attacker) -> None:
    async with Wire.to(attacker.stage.sidecar.url) as slow:
        await slow.send(post(attacker, b"Content-Length: 100", body=b"hello"))
        assert not (await slow.rest()).startswith(b"HTTP/1.1 200")
    never_whole(attacker)


async def test_row_128_an_idle_connection_is_closed(attacker: Attacker) -> None:
    async with Wire.to(attacker.stage.sidecar.url) as idle:
        await idle.send(attacker.request(b"/sales/", attacker.cookie))
        assert (await idle.response()).status == 200
        assert await idle.rest() == b""


async def test_row_128_a_hundred_pipelined_requests_harm_nobody(attacker: Attacker) -> None:
    one = attacker.request(b"/sales/", attacker.cookie)
    async with Wire.to(attacker.stage.sidecar.url) as greedy:
        await greedy.send(one * 100)
        assert (await greedy.response()).status == 200
        other = await attacker.send(one)
        assert other is not None
        assert other.status == 200
        await greedy.rest()
    assert attacker.stage.content.hits <= 101
    assert_holds(attacker.stage, person="ada")


async def test_row_128_many_slow_senders_do_not_keep_a_quick_one_waiting(attacker: Attacker) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(100):
            slow = await stack.enter_async_context(Wire.to(attacker.stage.sidecar.url))
            await slow.send(b"GET /sales/ HTTP/1.1\r\nHost: ")
        response = await attacker.send(attacker.request(b"/sales/", attacker.cookie))
    assert response is not None
    assert response.status == 200


BODIES = {
    "row 131: gzip": (b"gzip", gzip.compress(b"x" * 1000)),
    "row 131: gzip bomb": (b"gzip", gzip.compress(b"\0" * 20_000_000)),
    "row 131: not gzip at all": (b"gzip", b"plain"),
    "row 131: br": (b"br", b"\x0b\x02\x80abc\x03"),
    "row 131: unknown": (b"zstd, x", bytes(range(256))),
}


@cases("body", BODIES)
async def test_coded_bodies_pass_as_they_are(attacker: Attacker, body: tuple[bytes, bytes]) -> None:
    coding, data = body
    content = attacker.stage.content
    content.answer = (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding, len(data)) + data
    )
    try:
        request = post(attacker, b"Content-Encoding: " + coding, b"Content-Length: %d" % len(data), body=data)
        response = await attacker.send(request, method="POST")
    finally:
        content.answer = HELLO
    assert response is not None
    assert (response.status, response.body) == (200, data)
    assert response.value(b"Content-Encoding") == coding
    assert content.requests[0].body == data


PARTIAL = b'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-5/9\r\nETag: W/"x"\r\nContent-Length: 5\r\n\r\nhello'
CONDITIONS = row(
    134, b"Range: bytes=1-5", b'If-None-Match: W/"x", "y"', b'If-Range: "x"', b"Accept-Encoding: gzip;q=1.0, *;q=0"
)


@cases("header", CONDITIONS)
@pytest.mark.parametrize("segments", SEGMENTS)
async def test_conditions_and_ranges_pass_unchanged(attacker: Attacker, header: bytes, segments: str) -> None:
    attacker.stage.content.answer = PARTIAL
    try:
        response = await attacker.send(attacker.request(b"/sales/", header, attacker.cookie), segments=segments)
    finally:
        attacker.stage.content.answer = HELLO
    assert response is not None
    assert (response.status, response.value(b"Content-Range")) == (206, b"bytes 1-5/9")
    assert response.value(b"ETag") == b'W/"x"'
    assert header + b"\r\n" in attacker.stage.content.requests[0].head


async def test_row_134_a_multipart_body_passes_byte_for_byte(attacker: Attacker) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\x00\xff\r\n--b--\r\n'
    kind = b'Content-Type: multipart/form-data; boundary="b"'
    await attacker.is_served(
        post(attacker, kind, b"Content-Length: %d" % len(body), body=body), person="ada", method="POST"
    )
    assert [seen.body for seen in attacker.stage.content.requests] == [body, body]
    assert kind + b"\r\n" in attacker.stage.content.requests[0].head
