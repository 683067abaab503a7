"""What is refused before anything is decided, and the limits at their edges."""

import asyncio
from dataclasses import replace

import pytest

from proxy.gateway.patience import check
from proxy.policy.limits import Limits
from tests.unit.gateway.harness import NAMES, OK, answering, get, read_head

LINE = b"GET /open/ HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        pytest.param(b"GET /open/ HTTP/1.1\r\n\r\n", 400, id="no host"),
        pytest.param(LINE + b"Host: localhost\r\n\r\n", 400, id="two hosts"),
        pytest.param(LINE + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="CL and TE"),
        pytest.param(LINE + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400, id="TE and CL"),
        pytest.param(LINE + b"Transfer-Encoding: xchunked\r\n\r\n", 501, id="xchunked"),
        pytest.param(LINE + b"Transfer-Encoding: chunked, identity\r\n\r\n", 400, id="chunked not last"),
        pytest.param(LINE + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, id="gzip and chunked"),
        pytest.param(LINE + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400, id="TE twice"),
        pytest.param(LINE + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400, id="two lengths"),
        pytest.param(LINE + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400, id="same length twice"),
        pytest.param(LINE + b"Content-Length: +5\r\n\r\n", 400, id="signed length"),
        pytest.param(LINE + b"Content-Length: -1\r\n\r\n", 400, id="negative length"),
        pytest.param(LINE + b"Content-Length: 1_0\r\n\r\n", 400, id="length with underscore"),
        pytest.param(LINE + b"Content-Length: 0x5\r\n\r\n", 400, id="hex length"),
        pytest.param(LINE + b"Content-Length : 5\r\n\r\n", 400, id="space before colon"),
        pytest.param(LINE + b"A: b\r\n c\r\n\r\n", 400, id="folded line"),
        pytest.param(LINE + b"A: b\x00c\r\n\r\n", 400, id="NUL"),
        pytest.param(b"GET /open/ HTTP/1.1\nHost: localhost\n\n", 400, id="bare LF"),
        pytest.param(b"GET /open/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="TE in 1.0"),
        pytest.param(LINE.replace(b"1.1", b"1.2") + b"\r\n", 400, id="HTTP/1.2"),
        pytest.param(LINE.replace(b"1.1", b"2.0") + b"\r\n", 505, id="HTTP/2.0"),
        pytest.param(b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, id="CONNECT"),
        pytest.param(LINE.replace(b"GET", b"TRACE") + b"\r\n", 405, id="TRACE"),
        pytest.param(LINE.replace(b"GET", b"PROPFIND") + b"\r\n", 501, id="PROPFIND"),
        pytest.param(LINE.replace(b"GET", b"NOSUCH") + b"\r\n", 400, id="unknown method"),
        pytest.param(LINE.replace(b"/open/", b"http://evil/open/") + b"\r\n", 400, id="absolute form"),
        pytest.param(LINE.replace(b"/open/", b"/open/a#b") + b"\r\n", 400, id="fragment"),
        pytest.param(LINE.replace(b"/open/", b"/open/../sales/") + b"\r\n", 400, id="dot segments"),
        pytest.param(LINE.replace(b"/open/", b"/open/%2e%2e/sales/") + b"\r\n", 400, id="encoded dot segments"),
        pytest.param(LINE.replace(b"/open/", b"/open//evil") + b"\r\n", 400, id="double slash after the prefix"),
        pytest.param(LINE.replace(b"/open/", b"*") + b"\r\n", 400, id="asterisk form"),
        pytest.param(LINE + b"Expect: something\r\n\r\n", 417, id="unknown expectation"),
        pytest.param(LINE + b"Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", 400, id="two expectations"),
        pytest.param(LINE + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n", 400, id="h2c"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", 400, id="TLS to a plain port"),
    ],
)  # fmt: skip
async def test_a_request_that_could_be_read_in_two_ways_is_refused_before_the_content_is_dialled(start, raw, status):
    """Seen to fail with two framings let through, as long as the parser takes one of them."""
    one = await start(answering(OK))
    for split in (False, True):
        client = await one.connect()
        if split:
            for byte in raw:
                client.send(bytes((byte,)))
                await asyncio.sleep(0)
        else:
            client.send(raw)
        got = await client.until_cut()
        assert got.startswith(b"HTTP/1.1 %d " % status), got
        assert got.count(b"HTTP/1.1 ") == 1
        assert b"Connection: close\r\n" in got
    assert one.content.bytes == b""
    assert not one.control_requests


async def test_a_head_at_the_limit_passes_and_one_byte_more_does_not(start):
    base = get("/open/", extra=b"A: \r\n")
    limit = 2048
    one = await start(answering(OK), limits=replace(Limits(), max_head_bytes=limit))
    fits = get("/open/", extra=b"A: " + b"x" * (limit - len(base)) + b"\r\n")
    assert len(fits) == limit
    client = await one.connect()
    client.send(fits)
    assert (await client.head()).startswith(b"HTTP/1.1 200 ")
    client.close()
    too_long = get("/open/", extra=b"A: " + b"x" * (limit - len(base) + 1) + b"\r\n")
    assert (await one.ask(too_long)).startswith(b"HTTP/1.1 431 ")


async def test_an_endless_head_is_cut_at_the_limit(start):
    """Fails without counting before parsing: the parser holds an unfinished header for ever."""
    one = await start(answering(OK))
    client = await one.connect()
    client.send(LINE + b"A: ")
    for _ in range(40):
        client.send(b"x" * 4096)
    assert (await client.until_cut()).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(("count", "status"), [(7, 200), (8, 431)])
async def test_the_number_of_headers_is_limited(start, count, status):
    """Seen to fail with the reason inside a parser's error overlooked."""
    one = await start(answering(OK), limits=replace(Limits(), max_headers=8))
    answer = await one.ask(LINE + b"A: b\r\n" * (count - 1) + b"Connection: close\r\n" * 1 + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(("size", "status"), [(64, 200), (65, 414)])
async def test_the_length_of_the_target_is_limited(start, size, status):
    one = await start(answering(OK), limits=replace(Limits(), max_target_bytes=64))
    target = b"/open/" + b"x" * (size - 6)
    answer = await one.ask(LINE.replace(b"/open/", target) + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 %d " % status)


async def test_a_pipelined_request_is_not_answered_and_nothing_overtakes_the_answer_in_flight(start):
    """Fails when the error for the second request is written at once: it would be taken for the first one's answer.

    Seen to fail with an error written at once.
    """
    release = asyncio.Event()

    async def handler(reader, writer):
        await read_head(reader)
        await release.wait()
        writer.write(OK)
        await reader.read()

    one = await start(handler)
    client = await one.connect()
    client.send(get("/open/") + b"GARBAGE\r\n\r\n" + get("/open/second"))
    while not one.content.bytes:
        await asyncio.sleep(0.01)
    client.send(get("/open/third"))
    await asyncio.sleep(0.05)
    release.set()
    got = await client.until_cut()
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert got.endswith(b"ok")
    assert got.count(b"HTTP/1.1") == 1
    assert b"second" not in one.content.bytes
    assert b"third" not in one.content.bytes


async def test_the_tail_of_a_body_is_never_a_request_on_the_contents_connection(start):
    async def handler(reader, writer):
        await read_head(reader)
        assert await reader.readexactly(3) == b"abc"
        writer.write(OK)
        await reader.read()

    one = await start(handler)
    smuggled = get("/sales/admin")
    got = await one.ask(get("/open/", extra=b"Content-Length: 3\r\n", method=b"POST") + b"abc" + smuggled)
    assert got.count(b"HTTP/1.1") == 1
    assert b"admin" not in one.content.bytes


async def test_another_host_is_answered_by_the_control_plane_as_misdirected(start):
    one = await start(answering(OK))
    raw = b"GET %b HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n"
    assert b"control:misdirected:0" in await one.ask(raw % (b"/open/", b"evil.example"))
    assert b"control::0" in await one.ask(raw % (b"/__health__/live", b"10.0.0.7:8080"))
    assert b"control::0" in await one.ask(raw % (b"/__oauth__/static/pages.css", b"evil.example"))
    assert b"control:misdirected:0" in await one.ask(raw % (b"/__oauth__/login?content=sales", b"evil.example"))
    assert (await one.ask(raw % (b"/open/", b"LOCALHOST"))).startswith(b"HTTP/1.1 200 ")


async def test_two_different_session_cookies_are_no_session(start):
    one = await start(answering(OK))
    extra = f"Cookie: {NAMES.session}=eve\r\nConnection: close\r\n".encode()
    assert b"control:sign-in:0" in await one.ask(get(extra=extra))
    assert one.slow_calls == [None]


@pytest.mark.parametrize(
    ("extra", "is_refused"),
    [
        pytest.param(b"Origin: https://evil.example\r\n", True, id="foreign origin"),
        pytest.param(b"Sec-Fetch-Site: cross-site\r\n", True, id="cross-site"),
        pytest.param(b"Sec-Fetch-Site: same-site\r\n", True, id="sibling subdomain"),
        pytest.param(b"Origin: null\r\n", True, id="null origin"),
        pytest.param(b"Origin: http://localhost\r\n", False, id="our page"),
        pytest.param(b"", False, id="no browser"),
    ],
)
async def test_an_unsafe_request_from_a_foreign_page_never_reaches_the_content(start, extra, is_refused):
    one = await start(answering(OK))
    answer = await one.ask(get(method=b"POST", extra=extra + b"Connection: close\r\nContent-Length: 0\r\n"))
    if is_refused:
        assert b"control:origin-refused:0" in answer
        assert one.control_requests[0].headers["Oauth-Sidecar-Method"] == "POST"
        assert one.content.bytes == b""
    else:
        assert answer.startswith(b"HTTP/1.1 200 ")


async def test_without_keep_alive_every_answer_is_the_last(start):
    one = await start(answering(OK), limits=replace(Limits(), keep_alive_s=0))
    got = await one.ask(get("/open/"))
    assert b"Connection: close\r\n" in got
    assert got.endswith(b"ok")


@pytest.mark.parametrize("limits", [{"max_connections": 3}, {"max_connections_per_peer": 3}], ids=str)
async def test_who_was_refused_takes_nobodys_place(start, limits):
    """Fails when a refused connection counts until it is gone: those who stay would keep everybody else out."""
    one = await start(answering(OK), limits=replace(Limits(), **limits))
    accepted = [await one.connect() for _ in range(3)]
    for client in accepted:
        client.send(get("/open/"))
        await client.head()
    refused = [await one.connect() for _ in range(3)]
    for client in refused:
        assert (await client.head()).startswith(b"HTTP/1.1 503 ")
    assert len(one.board.refused) == 3
    accepted[0].close()
    while len(one.board.connections) > 5:
        await asyncio.sleep(0.01)
    assert (await one.ask(get("/open/", extra=b"Connection: close\r\n"))).startswith(b"HTTP/1.1 200 ")
    for client in (*accepted, *refused):
        client.close()
    while one.board.connections:
        await asyncio.sleep(0.01)
    assert not one.board.refused
    assert not one.board.per_peer


async def test_a_crowd_that_is_refused_and_stays_is_cut_without_a_word(start):
    """Fails when all of them are answered and waited for: a flood would take every descriptor of the process."""
    one = await start(answering(OK), limits=replace(Limits(), max_connections=2))
    clients = [await one.connect() for _ in range(10)]
    while len(one.board.connections) != 4:
        await asyncio.sleep(0.01)
    assert len(one.board.refused) == 2
    for client in clients[4:]:
        assert await client.until_cut() == b""
    for client in clients:
        client.close()


async def test_a_slow_head_an_idle_connection_and_a_stalled_body_end(start):
    """Seen to fail with no time limit for a head."""

    async def handler(reader, writer):
        await reader.read()

    one = await start(handler)
    slow, idle, stalled, unread = [await one.connect() for _ in range(4)]
    slow.send(b"GET / HT")
    stalled.send(get("/open/", method=b"POST", extra=b"Content-Length: 10\r\n") + b"abc")
    unread.send(get("/open/"))
    while len(one.content.received) < 2:
        await asyncio.sleep(0.01)
    board = one.board
    for viewer in tuple(board.connections):
        check(viewer, board.now + 16)
    assert (await slow.until_cut()).startswith(b"HTTP/1.1 408 ")
    for viewer in tuple(board.connections):
        check(viewer, board.now + 61)
    assert await stalled.until_cut() == b""
    for viewer in tuple(board.connections):
        check(viewer, board.now + 76)
    assert await idle.until_cut() == b""
    for viewer in tuple(board.connections):
        check(viewer, board.now + 301)
    assert b"control:content-slow:0" in await unread.reader.readuntil(b"slow:0")
    unread.close()


async def test_a_trusted_proxy_speaks_for_another_viewer_with_each_request(start):
    """Fails when the lines about a connection are kept although a proxy shares it among viewers."""
    one = await start(answering(OK), trusted_proxies=["127.0.0.0/8"])
    client = await one.connect()
    for viewer in (b"192.0.2.1", b"192.0.2.2"):
        client.send(get("/open/", extra=b"X-Forwarded-For: " + viewer + b"\r\n"))
        await client.head()
        await client.exactly(2)
        assert one.content.bytes.count(b"X-Forwarded-For: " + viewer + b", 127.0.0.1\r\n") == 1
    client.send(get("/nowhere", extra=b"X-Forwarded-For: 192.0.2.3\r\n"))
    await client.head()
    assert one.control_requests[0].headers["Oauth-Sidecar-Client"] == "192.0.2.3"
    client.close()


async def test_nobody_else_is_believed(start):
    one = await start(answering(OK))
    await one.ask(get("/open/", extra=b"X-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n"))
    assert b"X-Forwarded-For: 127.0.0.1\r\n" in one.content.bytes
    assert b"192.0.2.1" not in one.content.bytes


# — an optional integration that nobody asked this viewer for ————————————————————————————————————

NAVIGATION = b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nConnection: close\r\n"


async def test_a_navigation_is_asked_for_it_and_remembers_nothing(start):
    one = await start(answering(OK))
    one.admitted["ada"] = replace(one.admitted["ada"], ask_for="integration-crm")
    assert b"control:consent" in await one.ask(get(extra=NAVIGATION))
    [request] = one.control_requests
    assert request.headers["Oauth-Sidecar-Integration"] == "integration-crm"
    assert one.content.bytes == b""
    assert len(one.board.admission) == 0


@pytest.mark.parametrize(
    ("method", "extra"),
    [
        (b"GET", b"Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"),
        (b"GET", b"Accept: application/json\r\n"),
        (b"GET", b"sec-fetch-mode: navigate\r\nsec-fetch-dest: iframe\r\n"),
        (b"POST", b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nContent-Length: 0\r\n"),
        (b"GET", b"Sec-Purpose: prefetch\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"),
    ],
    ids=["script", "program", "frame", "form", "prefetch"],
)
async def test_nothing_else_is_held_up_by_it(start, method, extra):
    one = await start(answering(OK))
    one.admitted["ada"] = replace(one.admitted["ada"], ask_for="integration-crm")
    assert (await one.ask(get(method=method, extra=extra + b"Connection: close\r\n"))).endswith(b"ok")
    assert one.control_requests == []
