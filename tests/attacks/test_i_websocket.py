"""I: a WebSocket is opened by our own pages, for a signed-in viewer, or not at all ."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from tests.attacks.attacker import Attacker
from tests.attacks.oracle import assert_holds
from tests.attacks.rows import cases, row
from tests.attacks.wire import SEGMENTS, Wire
from tests.doubles.content import HELLO, Seen

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = base64.b64encode(b"sixteen bytes ok")
HELLO_FRAME = b"\x81\x05hello"
MASKED_HELLO = b"\x81\x85\0\0\0\0hello"


def accept(key: bytes) -> bytes:
    """RFC 6455 §4.2.2."""
    return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest())


def switching(seen: Seen) -> bytes:
    """The content's proper 101."""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %s\r\n\r\n" % accept(seen.value(b"Sec-WebSocket-Key") or b"")
    )


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
    """Accept, choose the first subprotocol, send a frame, then answer the viewer's hello with another."""
    offered = seen.value(b"Sec-WebSocket-Protocol")
    protocol = b"Sec-WebSocket-Protocol: %s\r\n" % offered.split(b",")[0].strip() if offered else b""
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %s\r\n%s\r\n" % (accept(seen.value(b"Sec-WebSocket-Key") or b""), protocol)
    )
    writer.write(HELLO_FRAME)
    received = bytearray()
    while data := await reader.read(65_536):
        received += data
        if received == MASKED_HELLO:
            writer.write(HELLO_FRAME)


@pytest_asyncio.fixture(loop_scope="module")
async def sockets(attacker: Attacker) -> AsyncIterator[Attacker]:
    """The content speaks WebSocket."""
    attacker.stage.content.answer = echo
    yield attacker
    attacker.stage.content.answer = HELLO


def handshake(
    attacker: Attacker,
    *more: bytes,
    origin: bytes | None = None,
    connection: bytes = b"Upgrade",
    upgrade: bytes = b"websocket",
    key: bytes = KEY,
    signed_in: bool = True,
    method: bytes = b"GET",
    protocol: bytes = b"HTTP/1.1",
    version: bytes = b"13",
) -> bytes:
    own_origin = attacker.ada.url.encode() if origin is None else origin
    return attacker.request(
        b"/sales/ws",
        *([b"Origin: " + own_origin] if own_origin else []),
        *([attacker.cookie] if signed_in else []),
        b"Connection: " + connection,
        b"Upgrade: " + upgrade,
        b"Sec-WebSocket-Key: " + key,
        b"Sec-WebSocket-Version: " + version,
        *more,
        method=method,
        version=protocol,
    )


@pytest.mark.parametrize("segments", SEGMENTS)
@cases(
    "connection",
    row(142, b"Upgrade", b"upgrade", b"keep-alive, Upgrade", b"keep-alive,upgrade", b"UPGRADE , keep-alive"),
)
@pytest.mark.parametrize("upgrade", [b"websocket", b"WebSocket"])
async def test_a_proper_handshake_opens_a_tunnel(
    sockets: Attacker, segments: str, connection: bytes, upgrade: bytes
) -> None:
    async with Wire.to(sockets.stage.sidecar.url) as wire:
        await wire.send(handshake(sockets, connection=connection, upgrade=upgrade), segments=segments)
        response = await wire.response()
        assert (response.status, response.value(b"Sec-WebSocket-Accept")) == (101, accept(KEY))
        assert await wire.exactly(len(HELLO_FRAME)) == HELLO_FRAME
        await wire.send(MASKED_HELLO, segments=segments)
        assert await wire.exactly(len(HELLO_FRAME)) == HELLO_FRAME
    [seen] = sockets.stage.content.requests
    assert sockets.stage.owner_of(seen) == "ada"
    assert_holds(sockets.stage, person="ada")


@cases(
    "origin",
    row(
        137,
        b"https://evil.example",
        b"null",
        b"http://localhost.evil.example",
        b"http://localhost:1",
        b"https://localhost",
        b"http://localhost",
        b"http://evil@localhost",
        b"file://",
        b"x",
    ),
)
async def test_a_foreign_origin_is_refused_before_content_is_dialled(sockets: Attacker, origin: bytes) -> None:
    await sockets.is_refused(handshake(sockets, origin=origin), 403)


async def test_row_137_two_origins_are_refused(sockets: Attacker) -> None:
    own = sockets.ada.url.encode()
    await sockets.is_refused(handshake(sockets, b"Origin: https://evil.example"), 400, 403)
    await sockets.is_refused(handshake(sockets, b"Origin: " + own), 400, 403)


async def test_row_139_a_handshake_without_a_session_is_401_and_no_redirect(sockets: Attacker) -> None:
    await sockets.is_refused(handshake(sockets, signed_in=False), 401)


@pytest.mark.parametrize(
    "request_of",
    [
        lambda attacker: handshake(attacker, method=b"POST"),
        lambda attacker: handshake(attacker, version=b"8"),
        lambda attacker: handshake(attacker, key=b""),
        lambda attacker: handshake(attacker, key=b"short"),
        lambda attacker: handshake(attacker, protocol=b"HTTP/1.0"),
    ],
    ids=["row 142: POST", "row 142: version 8", "row 142: no key", "row 142: short key", "row 142: HTTP/1.0"],
)
async def test_an_improper_handshake_opens_no_tunnel(sockets: Attacker, request_of: object) -> None:
    assert callable(request_of)
    sockets.stage.content.answer = HELLO
    for segments in SEGMENTS:
        response = await sockets.send(request_of(sockets), segments=segments)
        assert response is not None
        assert response.status != 101
    for seen in sockets.stage.content.requests:
        assert seen.values(b"Upgrade") == []


@cases("connection", row(142, b"notupgrade", b"keep-alive", b"upgrade-insecure", b"not upgrade"))
@pytest.mark.parametrize("segments", SEGMENTS)
async def test_a_connection_header_without_the_token_is_no_upgrade(
    sockets: Attacker, connection: bytes, segments: str
) -> None:
    sockets.stage.content.answer = HELLO
    response = await sockets.send(handshake(sockets, connection=connection), segments=segments)
    assert response is not None
    assert response.status != 101
    for seen in sockets.stage.content.requests:
        assert seen.values(b"Upgrade") == []


@cases("upgrade", row(142, b"h2c", b"TLS/1.0", b"websocket, h2c"))
@pytest.mark.parametrize("segments", SEGMENTS)
async def test_no_other_protocol_is_switched_to(sockets: Attacker, upgrade: bytes, segments: str) -> None:
    sockets.stage.content.answer = HELLO
    response = await sockets.send(
        handshake(sockets, b"HTTP2-Settings: AAMAAABkAAQAAP__", upgrade=upgrade), segments=segments
    )
    assert response is None or response.status != 101
    for seen in sockets.stage.content.requests:
        assert b"h2c" not in seen.head


@pytest.mark.parametrize(
    ("upgrade", "accepted"),
    [(b"websocket", None), (b"websocket", b"AAAAAAAAAAAAAAAAAAAAAAAAAAA="), (b"h2c", accept(KEY))],
    ids=["row 142: no accept", "row 142: wrong accept", "row 142: another protocol"],
)
@pytest.mark.parametrize("segments", SEGMENTS)
async def test_a_false_acceptance_opens_no_tunnel(
    sockets: Attacker, upgrade: bytes, accepted: bytes | None, segments: str
) -> None:
    accepting = b"Sec-WebSocket-Accept: %s\r\n" % accepted if accepted else b""
    head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + upgrade + b"\r\n"
    sockets.stage.content.answer = head + accepting + b"\r\n"
    response = await sockets.send(handshake(sockets), segments=segments)
    assert response is not None
    assert response.status == 502


@pytest.mark.parametrize("segments", SEGMENTS)
async def test_row_143_subprotocols_pass_in_order_and_the_choice_comes_back(sockets: Attacker, segments: str) -> None:
    for offered in (b"streamlit, TOKEN, SESSION", None):
        sockets.stage.content.forget()
        more = [b"Sec-WebSocket-Protocol: " + offered] if offered else []
        response = await sockets.send(handshake(sockets, *more), segments=segments)
        assert response is not None
        [seen] = sockets.stage.content.requests
        assert seen.values(b"Sec-WebSocket-Protocol") == ([offered] if offered else [])
        assert response.value(b"Sec-WebSocket-Protocol") == (b"streamlit" if offered else None)
    assert b"TOKEN, SESSION" not in sockets.stage.sidecar.log


async def test_row_145_a_frame_of_absurd_length_closes_the_socket_with_1009(sockets: Attacker) -> None:
    async with Wire.to(sockets.stage.sidecar.url) as wire:
        await wire.send(handshake(sockets))
        assert (await wire.response()).status == 101
        await wire.exactly(len(HELLO_FRAME))
        await wire.send(b"\x82\xff" + (2**62).to_bytes(8, "big") + b"\0\0\0\0")
        await wire.send(b"x" * 100_000)
        closing = await wire.exactly(4)
    # Close frame, unmasked, and its code 1009 (RFC 6455 §7.4.1), whatever text follows.
    assert closing[0] == 0x88
    assert closing[2:4] == (1009).to_bytes(2, "big")


@asynccontextmanager
async def opened(attacker: Attacker) -> AsyncIterator[Wire]:
    """A tunnel whose first frame has arrived."""
    async with Wire.to(attacker.stage.sidecar.url) as wire:
        await wire.send(handshake(attacker))
        assert (await wire.response()).status == 101
        assert await wire.exactly(len(HELLO_FRAME)) == HELLO_FRAME
        yield wire


FAULTY = {
    "row 145: unmasked": b"\x81\x05hello",
    "row 145: RSV1": b"\xc1\x85\0\0\0\0hello",
    "row 145: RSV1 on a ping": b"\xc9\x80\0\0\0\0",
    "row 145: RSV3": b"\x91\x85\0\0\0\0hello",
    "row 145: unknown opcode": b"\x83\x85\0\0\0\0hello",
    "row 145: unknown control opcode": b"\x8b\x80\0\0\0\0",
    "row 145: long ping": b"\x89\xfe\x00\x7e\0\0\0\0" + b"x" * 126,
    "row 145: fragmented ping": b"\x09\x80\0\0\0\0",
}


@cases("frame", FAULTY)
@pytest.mark.parametrize("segments", SEGMENTS)
async def test_a_faulty_frame_closes_the_socket_and_does_not_pass(
    sockets: Attacker, frame: bytes, segments: str
) -> None:
    async with opened(sockets) as wire:
        await wire.send(frame, segments=segments)
        closing = await wire.exactly(4)
    assert (closing[:1], closing[2:4]) == (b"\x88", (1002).to_bytes(2, "big"))
    assert b"hello" not in sockets.stage.content.everything


@pytest.mark.parametrize("segments", SEGMENTS)
async def test_row_145_nothing_passes_after_the_viewers_close(sockets: Attacker, segments: str) -> None:
    async with opened(sockets) as wire:
        await wire.send(b"\x88\x80\0\0\0\0" + MASKED_HELLO, segments=segments)
        # The sidecar may end the connection while the viewer still sends; what counts is that it ends.
        await wire.rest()
    assert b"hello" not in sockets.stage.content.everything
    assert_holds(sockets.stage, person="ada")


async def test_row_145_a_compressed_frame_passes_when_it_was_agreed_upon(sockets: Attacker) -> None:
    compressed = b"\xc1\x85\0\0\0\0hello"
    arrived = asyncio.Event()

    async def agreeing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
        extension = b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        writer.write(switching(seen)[:-2] + extension + HELLO_FRAME)
        assert await reader.readexactly(len(compressed)) == compressed
        arrived.set()

    sockets.stage.content.answer = agreeing
    async with opened(sockets) as wire:
        await wire.send(compressed)
        async with asyncio.timeout(10):
            await arrived.wait()


async def test_row_145_endless_fragments_take_no_memory(sockets: Attacker) -> None:
    async with opened(sockets) as wire:
        before = sockets.stage.sidecar.rss_bytes
        for _ in range(200):
            await wire.send(b"\x01\xfe\xff\xff\0\0\0\0" + b"x" * 65_535)
        assert sockets.stage.sidecar.rss_bytes - before < 8 * 1024**2


async def test_row_146_many_messages_arrive_whole_and_in_order(sockets: Attacker) -> None:
    frames = b"".join(b"\x82\x84\0\0\0\0%04d" % number for number in range(10_000))
    got = asyncio.Event()

    async def mirror(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
        writer.write(switching(seen) + HELLO_FRAME)
        assert await reader.readexactly(len(frames)) == frames
        got.set()
        writer.write(b"".join(b"\x82\x04%04d" % number for number in range(10_000)))
        await reader.read()

    sockets.stage.content.answer = mirror
    async with opened(sockets) as wire:
        await wire.send(frames)
        answer = await wire.exactly(6 * 10_000)
    assert got.is_set()
    assert answer == b"".join(b"\x82\x04%04d" % number for number in range(10_000))


@cases("code", row(148, 1000, 1001, 4000, 4999))
async def test_the_contents_close_code_and_reason_come_through(sockets: Attacker, code: int) -> None:
    closing = b"\x88\x09" + code.to_bytes(2, "big") + b"because"

    async def closes(_: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
        writer.write(switching(seen) + HELLO_FRAME + closing)
        await writer.drain()
        writer.close()

    sockets.stage.content.answer = closes
    async with opened(sockets) as wire:
        assert await wire.rest() == closing


async def test_row_148_a_viewer_who_vanishes_frees_the_contents_socket(sockets: Attacker) -> None:
    content = sockets.stage.content
    before = content.closed
    async with opened(sockets) as wire:
        wire.abort()
        await content.until(lambda: content.closed > before)


async def test_row_140_sign_out_closes_both_ends(sockets: Attacker) -> None:
    content = sockets.stage.content
    viewer = await sockets.stage.viewer("bob")
    content.answer = HELLO
    assert (await viewer.visit("/sales/")).status == 200
    content.answer = echo
    other = Attacker(sockets.stage, viewer)
    before = content.closed
    async with opened(sockets) as hers, opened(other) as his:
        await viewer.sign_out()
        closing = await his.rest()
        assert (closing[:1], closing[2:4]) == (b"\x88", (4401).to_bytes(2, "big"))
        await content.until(lambda: content.closed > before)
        await hers.send(MASKED_HELLO)
        assert await hers.exactly(len(HELLO_FRAME)) == HELLO_FRAME
