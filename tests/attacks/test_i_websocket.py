"""A WebSocket is opened by our own pages, for a signed-in viewer, or not at all (catalogue I)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.attacks.attacker import Attacker
from tests.attacks.oracle import assert_holds
from tests.attacks.wire import SEGMENTS, Wire
from tests.doubles.content import HELLO, Seen

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = base64.b64encode(b"sixteen bytes ok")
HELLO_FRAME = b"\x81\x05hello"
MASKED_HELLO = b"\x81\x85\0\0\0\0hello"


def accept(key: bytes) -> bytes:
    """RFC 6455 §4.2.2."""
    return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest())


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
@pytest.mark.parametrize("connection", [b"Upgrade", b"upgrade", b"keep-alive, Upgrade", b"keep-alive,upgrade"])
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


@pytest.mark.parametrize(
    "origin",
    [b"https://evil.example", b"null", b"http://localhost.evil.example", b"http://localhost:1", b"https://localhost"],
)
async def test_a_foreign_origin_is_refused_before_content_is_dialled(sockets: Attacker, origin: bytes) -> None:
    await sockets.is_refused(handshake(sockets, origin=origin), 403)


async def test_two_origins_are_refused(sockets: Attacker) -> None:
    own = sockets.ada.url.encode()
    await sockets.is_refused(handshake(sockets, b"Origin: https://evil.example"), 400, 403)
    await sockets.is_refused(handshake(sockets, b"Origin: " + own), 400, 403)


async def test_a_handshake_without_a_session_is_401_and_no_redirect(sockets: Attacker) -> None:
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
    ids=["POST", "version 8", "no key", "short key", "HTTP/1.0"],
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


@pytest.mark.parametrize("connection", [b"notupgrade", b"keep-alive", b"upgrade-insecure"])
async def test_a_connection_header_without_the_token_is_no_upgrade(sockets: Attacker, connection: bytes) -> None:
    sockets.stage.content.answer = HELLO
    response = await sockets.send(handshake(sockets, connection=connection))
    assert response is not None
    assert response.status != 101
    for seen in sockets.stage.content.requests:
        assert seen.values(b"Upgrade") == []


@pytest.mark.parametrize("upgrade", [b"h2c", b"TLS/1.0", b"websocket, h2c"])
async def test_no_other_protocol_is_switched_to(sockets: Attacker, upgrade: bytes) -> None:
    sockets.stage.content.answer = HELLO
    response = await sockets.send(handshake(sockets, b"HTTP2-Settings: AAMAAABkAAQAAP__", upgrade=upgrade))
    assert response is None or response.status != 101
    for seen in sockets.stage.content.requests:
        assert b"h2c" not in seen.head


@pytest.mark.parametrize(
    ("upgrade", "accepted"),
    [(b"websocket", None), (b"websocket", b"AAAAAAAAAAAAAAAAAAAAAAAAAAA="), (b"h2c", accept(KEY))],
    ids=["no accept", "wrong accept", "another protocol"],
)
async def test_a_false_acceptance_opens_no_tunnel(sockets: Attacker, upgrade: bytes, accepted: bytes | None) -> None:
    accepting = b"Sec-WebSocket-Accept: %s\r\n" % accepted if accepted else b""
    head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + upgrade + b"\r\n"
    sockets.stage.content.answer = head + accepting + b"\r\n"
    response = await sockets.send(handshake(sockets))
    assert response is not None
    assert response.status == 502


async def test_subprotocols_pass_in_order_and_the_choice_comes_back(sockets: Attacker) -> None:
    for offered in (b"streamlit, TOKEN, SESSION", None):
        sockets.stage.content.forget()
        more = [b"Sec-WebSocket-Protocol: " + offered] if offered else []
        response = await sockets.send(handshake(sockets, *more))
        assert response is not None
        [seen] = sockets.stage.content.requests
        assert seen.values(b"Sec-WebSocket-Protocol") == ([offered] if offered else [])
        assert response.value(b"Sec-WebSocket-Protocol") == (b"streamlit" if offered else None)
    assert b"TOKEN, SESSION" not in sockets.stage.sidecar.log


async def test_a_frame_of_absurd_length_closes_the_socket_with_1009(sockets: Attacker) -> None:
    async with Wire.to(sockets.stage.sidecar.url) as wire:
        await wire.send(handshake(sockets))
        assert (await wire.response()).status == 101
        await wire.exactly(len(HELLO_FRAME))
        await wire.send(b"\x82\xff" + (2**62).to_bytes(8, "big") + b"\0\0\0\0")
        await wire.send(b"x" * 100_000)
        closing = await wire.rest()
    # Close frame, unmasked, and its code 1009 (RFC 6455 §7.4.1), whatever text follows.
    assert closing[0] == 0x88
    assert closing[2:4] == (1009).to_bytes(2, "big")
