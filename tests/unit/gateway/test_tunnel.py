"""WebSockets: the handshake's rules, bytes unchanged, and every way to end one."""

import asyncio
from dataclasses import replace

import pytest

from proxy.admission import session_hash
from proxy.gateway.patience import check
from proxy.model import ChangesLost, ConsentEnded, IntegrationGuid, SessionEnded, ViewerGuid
from proxy.wire.frames import close_frame
from proxy.wire.handshake import accept_for
from tests.unit.gateway.harness import OK, answering, get, read_head
from tests.unit.wire.test_frames import frame

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
OURS = b"Origin: http://localhost\r\n"
UPGRADE = (
    b"Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: streamlit, TOKEN, SESSION\r\nSec-WebSocket-Key: " + KEY + b"\r\n"
)
AGREED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Protocol: streamlit\r\nSec-WebSocket-Accept: " + accept_for(KEY) + b"\r\n\r\n"
)


def handshake(path: str = "/sales/_stcore/stream", *, origin: bytes = OURS, session: str | None = "ada") -> bytes:
    return get(path, session=session, extra=origin + UPGRADE)


def echoing(first: bytes = b""):
    async def handler(reader, writer):
        await read_head(reader)
        writer.write(AGREED + first)
        while data := await reader.read(65_536):
            writer.write(frame(data[6:]))  # small frames with a mask of zeros come, unmasked ones go

    return handler


def silent():
    async def handler(reader, writer):
        await read_head(reader)
        writer.write(AGREED)
        while await reader.read(65_536):
            pass

    return handler


async def test_a_handshake_without_the_slash_is_sent_to_the_slash_and_is_the_last_request(start):
    """Fails when the connection goes on: what stands behind a handshake is frames, or a request nobody has judged."""
    one = await start(answering(OK))
    answer = await one.ask(handshake("/sales") + get("/open/"))
    assert answer.startswith(b"HTTP/1.1 307 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert one.content.bytes == b""


async def test_the_key_of_the_rfc_gives_the_accept_of_the_rfc():
    assert accept_for(KEY) == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


async def test_bytes_pass_unchanged_both_ways_also_those_that_came_with_the_handshake(start):
    one = await start(echoing(first=frame(b"welcome")))
    client = await one.connect()
    early = frame(b"early", masked=True)
    client.send(handshake() + early)
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"Sec-WebSocket-Protocol: streamlit\r\n" in head
    assert head.lower().count(b"connection:") == 1
    assert await client.exactly(len(frame(b"welcome"))) == frame(b"welcome")
    seen = one.content.bytes
    assert seen.count(b"Connection: Upgrade\r\n") == 1
    assert b"Sec-WebSocket-Protocol: streamlit, TOKEN, SESSION\r\n" in seen
    assert b"X-Forwarded-Access-Token: token-of-ada\r\n" in seen
    assert await client.exactly(7) == frame(b"early")
    assert one.content.bytes.endswith(early)
    client.close()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(handshake(origin=b"Origin: https://evil.example\r\n"), b"origin-refused", id="foreign origin"),
        pytest.param(handshake(origin=b"Origin: null\r\n"), b"origin-refused", id="null origin"),
        pytest.param(handshake(origin=b"Origin: http://localhost.evil\r\n"), b"origin-refused", id="longer host"),
        pytest.param(handshake(origin=b"Origin: http://localhost:444\r\n"), b"origin-refused", id="another port"),
        pytest.param(handshake(origin=b"Origin: https://localhost\r\n"), b"origin-refused", id="another scheme"),
        pytest.param(handshake(session=None), b"sign-in", id="no session"),
        pytest.param(handshake(path="/nowhere/"), b"not-found", id="no content"),
    ],
)
async def test_a_handshake_that_may_not_pass_is_answered_before_the_content_is_dialled(start, raw, reason):
    one = await start(echoing())
    got = await one.ask(raw)
    assert b"control:" + reason in got
    assert one.content.received == []
    assert not one.board.tunnels


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(handshake(origin=OURS + OURS), id="two origins"),
        pytest.param(handshake().replace(b"GET", b"POST"), id="POST"),
        pytest.param(handshake().replace(b"Version: 13", b"Version: 8"), id="version 8"),
        pytest.param(handshake().replace(KEY, b"short"), id="bad key"),
        pytest.param(handshake("/__oauth__/ws"), id="own path"),
        pytest.param(handshake().replace(b"HTTP/1.1", b"HTTP/1.0"), id="HTTP/1.0"),
    ],
)
async def test_what_is_no_handshake_is_refused(start, raw):
    one = await start(echoing())
    got = await one.ask(raw)
    assert got.startswith(b"HTTP/1.1 400 "), got
    assert one.content.received == []


async def test_notupgrade_is_not_an_upgrade(start):
    one = await start(answering(OK))
    raw = get(extra=OURS + UPGRADE.replace(b"keep-alive, Upgrade", b"notupgrade"))
    client = await one.connect()
    client.send(raw)
    assert (await client.head()).startswith(b"HTTP/1.1 200 ")
    assert b"Upgrade: " not in one.content.bytes
    client.close()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(AGREED.replace(accept_for(KEY), accept_for(b"x" * 24)), id="wrong accept"),
        pytest.param(AGREED.replace(b"Upgrade: websocket", b"Upgrade: h2c"), id="another protocol"),
        pytest.param(AGREED.replace(b"Connection: Upgrade\r\n", b""), id="no connection header"),
    ],
)
async def test_a_wrong_101_never_becomes_a_tunnel(start, answer):
    """Seen to fail with a tunnel made of every 101."""
    one = await start(answering(answer))
    assert b"control:content-unavailable" in await one.ask(handshake())
    assert not one.board.tunnels


async def test_a_content_that_refuses_the_handshake_is_passed_on(start):
    one = await start(answering(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"))
    got = await one.ask(handshake())
    assert got.startswith(b"HTTP/1.1 403 ")
    assert got.endswith(b"no")
    assert not one.board.tunnels


async def opened(start, handler, **changes):
    one = await start(handler, **changes)
    client = await one.connect()
    client.send(handshake())
    await client.head()
    return one, client


async def test_sign_out_closes_the_socket_with_4401_and_tells_the_content(start):
    one, client = await opened(start, silent())
    one.gateway.apply(SessionEnded(session_hash("ada")))
    assert await client.exactly(4) == close_frame(4401)
    client.send(close_frame(4401, mask=b"abcd"))
    assert await client.until_cut() == b""
    assert b"\x88\x82" in one.content.bytes
    assert not one.board.tunnels


async def test_a_browser_that_never_answers_the_close_is_cut(start):
    one, client = await opened(start, silent())
    one.gateway.apply(SessionEnded(session_hash("ada")))
    assert await client.exactly(4) == close_frame(4401)
    for viewer in tuple(one.board.connections):
        check(viewer, one.board.now + 4)
    assert await client.until_cut() == b""


async def test_sign_out_in_the_middle_of_a_frame_waits_for_its_end(start):
    """Fails when the close is written at once: the browser would read it as payload."""
    second_half = asyncio.Event()
    message = frame(b"m" * 1000)

    async def handler(reader, writer):
        await read_head(reader)
        writer.write(AGREED + message[:500])
        await second_half.wait()
        writer.write(message[500:] + frame(b"never"))
        await reader.read()

    one, client = await opened(start, handler)
    assert await client.exactly(500) == message[:500]
    one.gateway.apply(SessionEnded(session_hash("ada")))
    second_half.set()
    assert await client.exactly(len(message) - 500 + 4) == message[500:] + close_frame(4401)
    client.close()


async def test_another_sessions_end_leaves_the_socket_alone(start):
    one, client = await opened(start, echoing())
    one.gateway.apply(SessionEnded(session_hash("bob")))
    client.send(frame(b"x", masked=True))
    assert await client.exactly(3) == frame(b"x")
    client.close()


async def test_a_consent_that_ended_closes_with_4403(start):
    one, client = await opened(start, silent())
    one.gateway.apply(ConsentEnded(ViewerGuid("viewer-bob"), one.board.routes.find(b"/sales/").guid))
    one.gateway.apply(ConsentEnded(ViewerGuid("viewer-ada"), one.board.routes.find(b"/sales/").guid))
    assert await client.exactly(4) == close_frame(4403)
    client.close()


async def test_a_change_that_comes_by_again_changes_nothing(start):
    """Our own changes come back from the store's feed."""
    one, client = await opened(start, silent())
    for _ in range(2):
        one.gateway.apply(ConsentEnded(ViewerGuid("viewer-ada"), one.board.routes.find(b"/sales/").guid))
        one.gateway.apply(SessionEnded(session_hash("ada")))
    client.send(close_frame(4403, mask=b"abcd"))
    assert await client.until_cut() == close_frame(4403), "closed once, and for the first reason"
    assert one.content.bytes.count(b"\x88\x82") == 1


async def test_when_changes_were_lost_a_page_reconnects_and_is_judged_anew(start):
    one, client = await opened(start, silent())
    one.gateway.apply(ChangesLost())
    assert await client.exactly(4) == close_frame(1012)
    client.close()
    again = await one.connect()
    before = len(one.slow_calls)
    again.send(handshake())
    assert (await again.head()).startswith(b"HTTP/1.1 101 ")
    assert len(one.slow_calls) == before + 1
    again.close()


async def test_a_session_that_ends_during_the_handshake_never_opens_a_socket(start):
    dialled, go_on = asyncio.Event(), asyncio.Event()

    async def handler(reader, writer):
        await read_head(reader)
        dialled.set()
        await go_on.wait()
        writer.write(AGREED)

    one = await start(handler)
    client = await one.connect()
    client.send(handshake())
    await dialled.wait()
    one.gateway.apply(SessionEnded(session_hash("ada")))
    go_on.set()
    assert b"101" not in await client.until_cut()


async def test_draining_says_1012(start):
    one, client = await opened(start, silent())
    draining = asyncio.create_task(one.gateway.drain(5))
    assert await client.exactly(4) == close_frame(1012)
    client.send(close_frame(1012, mask=b"abcd"))
    assert await client.until_cut() == b""
    await asyncio.wait_for(draining, 5)


async def test_a_silent_browser_is_pinged_and_a_dead_one_dropped(start):
    one, client = await opened(start, silent())
    viewer = next(iter(one.board.connections))
    check(viewer, one.board.now + 26)
    assert await client.exactly(2) == b"\x89\x00"
    check(viewer, one.board.now + 80)
    assert await client.until_cut() == b""
    assert not one.board.tunnels


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        pytest.param(frame(b"x", masked=False), 1002, id="unmasked"),
        pytest.param(b"\x82\xff" + b"\x7f" * 8 + b"mask", 1009, id="too big"),
    ],
)
async def test_a_frame_that_is_not_allowed_closes_the_socket(start, bad, code):
    one, client = await opened(start, silent())
    client.send(bad)
    assert await client.exactly(4) == close_frame(code)
    assert bad not in one.content.bytes
    client.close()


async def test_close_codes_of_either_side_pass(start):
    async def handler(reader, writer):
        await read_head(reader)
        writer.write(AGREED)
        await reader.readexactly(8)
        writer.write(close_frame(4000))
        writer.close()

    one, client = await opened(start, handler)
    client.send(close_frame(1001, mask=b"abcd"))
    assert await client.until_cut() == close_frame(4000)
    assert one.content.bytes.endswith(close_frame(1001, mask=b"abcd"))


async def test_a_viewer_that_vanishes_frees_the_content(start):
    gone = asyncio.Event()

    async def handler(reader, writer):
        await read_head(reader)
        writer.write(AGREED)
        try:
            while await reader.read(100):
                pass
        finally:
            gone.set()

    one, client = await opened(start, handler)
    client.close()
    await asyncio.wait_for(gone.wait(), 5)
    assert not one.board.tunnels


async def test_a_slow_reader_pauses_the_content(start):
    written = 0

    async def handler(reader, writer):
        nonlocal written
        await read_head(reader)
        writer.write(AGREED)
        piece = frame(b"x" * 60_000)
        for _ in range(2000):
            writer.write(piece)
            await writer.drain()
            written += len(piece)

    one = await start(handler)
    client = await one.connect()
    client.reader._limit = 1024
    client.send(handshake())
    settled = -1
    while settled != written or not written:
        settled = written
        await asyncio.sleep(0.2)
    assert written < 20 << 20
    client.close()


async def test_each_handshake_is_told_of_with_its_tokens_and_a_request_id(start):
    one = await start(silent())
    told = []
    one.board.admission._tell = told.append
    one.admitted["ada"] = replace(one.admitted["ada"], tokens=((IntegrationGuid("warehouse"), "all", None),))
    for _ in range(2):
        client = await one.connect()
        client.send(handshake())
        await client.head()
        client.close()
    assert [(each.is_handshake, each.request_id) for each in told] == [(False, ""), (True, "t-1"), (True, "t-2")]
    assert {(each.viewer_guid, each.tokens) for each in told} == {("viewer-ada", one.admitted["ada"].tokens)}
