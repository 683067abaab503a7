"""TLS on the viewers' listener: real handshakes over loopback."""

import asyncio
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from proxy.policy.limits import Limits
from tests.journeys.authority import Authority
from tests.unit.gateway.harness import OK, answering, get


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def visit(port, authority) -> ssl.SSLSocket:
    """Make one request and read its answer; leave the connection open."""
    trusting = ssl.create_default_context(cafile=authority.certificate)
    plain = socket.create_connection(("127.0.0.1", port), 5)
    secure = trusting.wrap_socket(plain, server_hostname="localhost")
    secure.sendall(get())
    got = b""
    while not got.endswith(b"ok"):
        got += secure.recv(4096)
    return secure


async def test_a_browser_that_never_says_goodbye_does_not_hold_up_the_drain(start, authority):
    """Fails with asyncio's own patience for a close_notify, which some browsers never send: 30 s."""
    one = await start(answering(OK))
    port = await one.gateway.listen_tcp("127.0.0.1", 0, authority.issue("localhost").context())
    browser = await asyncio.to_thread(visit, port, authority)
    before = time.monotonic()
    await one.gateway.drain(20)
    assert time.monotonic() - before < 5
    browser.close()


async def test_an_early_answer_over_tls_reaches_a_viewer_that_is_still_sending(start, authority):
    async def handler(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await writer.drain()
        writer.close()

    def upload(port) -> bytes:
        trusting = ssl.create_default_context(cafile=authority.certificate)
        plain = socket.create_connection(("127.0.0.1", port), 5)
        with trusting.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(get("/open/", method=b"POST", extra=b"Content-Length: 900000\r\n"))
            secure.sendall(b"x" * 65_536)
            got = b""
            while not got.endswith(b"big") and (data := secure.recv(4096)):
                got += data
            return got

    one = await start(handler)
    port = await one.gateway.listen_tcp("127.0.0.1", 0, authority.issue("localhost").context())
    assert (await asyncio.to_thread(upload, port)).startswith(b"HTTP/1.1 413 ")


async def test_a_handshake_that_does_not_come_is_given_up_as_a_head_is(start, authority):
    """Fails with asyncio's own patience: a minute, in which no limit counts the connection."""
    one = await start(answering(OK), limits=replace(Limits(), head_timeout_s=0.2))
    port = await one.gateway.listen_tcp("127.0.0.1", 0, authority.issue("localhost").context())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
