"""The real client against real servers on loopback that misbehave."""

import asyncio
import gzip
import logging
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from proxy.oauth.message import LostAnswer, NotSent, OutboundRequest, OutboundResponse
from proxy.outbound.authorization_server import AuthorizationServerClient
from tests.journeys.authority import Authority

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LOOPBACK = (ip_network("127.0.0.0/8"),)
OK_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.fixture
async def client() -> AsyncIterator[AuthorizationServerClient]:
    made = AuthorizationServerClient(
        allow_networks=LOOPBACK, total_timeout_s=0.5, connect_timeout_s=0.4, max_body_bytes=1000
    )
    yield made
    await made.close()


class Server:
    """Reads one request per connection, then does what it is told."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.url = ""


@asynccontextmanager
async def serving(behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    seen, busy = Server(), set[asyncio.Task[None]]()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        busy.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            length = next((int(line[16:]) for line in lines if line.startswith(b"content-length: ")), 0)
            seen.requests.append(head + await reader.readexactly(length))
            await behaviour(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    seen.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/token"
    try:
        yield seen
    finally:
        server.close()
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        await server.wait_closed()


def saying(raw: bytes) -> Behaviour:
    async def behaviour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        writer.write_eof() if writer.can_write_eof() else None
        await asyncio.sleep(0.05)

    return behaviour


def whole(body: bytes, head: bytes = OK_HEAD) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def post(url: str, **headers: str) -> OutboundRequest:
    return OutboundRequest(
        method="POST",
        url=url,
        headers={"Content-Type": "application/x-www-form-urlencoded", **headers},
        body=b"a=s3cret",
    )


async def test_an_answer_comes_back_whole(client: AuthorizationServerClient):
    raw = b"HTTP/1.1 400 Bad Request\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\n\r\n{}"
    async with serving(saying(raw)) as server:
        answer = await client.send(post(server.url))
    assert isinstance(answer, OutboundResponse)
    assert (answer.status, answer.body, answer.headers["x-a"]) == (400, b"{}", "2")


async def test_the_request_leaves_as_it_was_made_with_our_name_and_json_wanted(client: AuthorizationServerClient):
    async with serving(saying(whole(b"{}"))) as server:
        await client.send(post(server.url + "?x=%2f%41$", Authorization="Basic abc"))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /token?x=%2f%41$ HTTP/1.1"
    assert body == b"a=s3cret"
    for line in (b"Accept: application/json", b"Accept-Encoding: identity", b"User-Agent: oauth-sidecar"):
        assert line in lines
    assert b"Authorization: Basic abc" in lines
    assert b"Content-Type: application/x-www-form-urlencoded" in lines


async def test_a_get_has_no_body(client: AuthorizationServerClient):
    async with serving(saying(whole(b"{}"))) as server:
        await client.send(OutboundRequest(method="GET", url=server.url, headers={"Authorization": "Bearer at"}))
    assert server.requests[0].startswith(b"GET /token HTTP/1.1\r\n")
    assert b"content-type" not in server.requests[0].lower()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(client: AuthorizationServerClient, status: int):
    async with serving(saying(whole(b"{}"))) as elsewhere:
        location = elsewhere.url.encode()
        raw = b"HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, location)
        async with serving(saying(raw)) as server:
            answer = await client.send(post(server.url))
    assert isinstance(answer, OutboundResponse)
    assert answer.status == status
    assert elsewhere.requests == []


async def test_a_cookie_is_not_kept(client: AuthorizationServerClient):
    async with serving(saying(whole(b"{}", OK_HEAD + b"Set-Cookie: a=b; Path=/\r\n"))) as server:
        await client.send(post(server.url))
        await client.send(post(server.url))
    assert len(server.requests) == 2
    assert b"cookie" not in server.requests[1].lower()


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    client = AuthorizationServerClient(allow_networks=LOOPBACK, total_timeout_s=0.5)
    async with serving(saying(whole(b"{}"))) as server:
        assert isinstance(await client.send(post(server.url)), OutboundResponse)
    await client.close()


async def test_a_refused_connection_was_not_sent(client: AuthorizationServerClient):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        assert await client.send(post(f"http://127.0.0.1:{port}/token")) == NotSent("connect_failed")


async def test_an_unknown_host_was_not_sent():
    client = AuthorizationServerClient()  # a resolver takes its time
    assert await client.send(post("http://nobody.invalid/token")) == NotSent("unknown_host")
    await client.close()


async def test_a_server_that_does_not_finish_the_handshake_was_not_sent(client: AuthorizationServerClient):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert await client.send(post(f"https://127.0.0.1:{port}/token")) == NotSent("connect_timeout")


async def test_a_certificate_of_an_unknown_authority_was_not_sent(tmp_path: Path, client: AuthorizationServerClient):
    tls = Authority(tmp_path).issue("127.0.0.1").context()
    async with serving(saying(whole(b"{}")), tls) as server:
        assert await client.send(post(server.url)) == NotSent("tls_unknown_authority")
    assert server.requests == []


async def test_a_certificate_for_another_name_was_not_sent(tmp_path: Path):
    authority = Authority(tmp_path)
    client = AuthorizationServerClient(allow_networks=LOOPBACK, ca_bundle=authority.certificate)
    async with serving(saying(whole(b"{}")), authority.issue("id.example").context()) as server:
        assert await client.send(post(server.url)) == NotSent("tls_wrong_name")
    await client.close()
    assert server.requests == []


@pytest.mark.parametrize(("days", "reason"), [((-2, -1), "tls_expired"), ((1, 2), "tls_not_yet_valid")])
async def test_a_certificate_of_another_time_was_not_sent(tmp_path: Path, days: tuple[int, int], reason: str):
    authority = Authority(tmp_path)
    client = AuthorizationServerClient(allow_networks=LOOPBACK, ca_bundle=authority.certificate)
    certificate = authority.issue("127.0.0.1", valid_days=days)
    async with serving(saying(whole(b"{}")), certificate.context()) as server:
        assert await client.send(post(server.url)) == NotSent(reason)
    await client.close()
    assert server.requests == []


async def test_a_certificate_that_vouches_for_itself_was_not_sent(tmp_path: Path, client: AuthorizationServerClient):
    certificate = Authority(tmp_path).issue("127.0.0.1", is_self_signed=True)
    async with serving(saying(whole(b"{}")), certificate.context()) as server:
        assert await client.send(post(server.url)) == NotSent("tls_self_signed")
    assert server.requests == []


async def test_a_certificate_that_may_not_be_used_so_was_not_sent(tmp_path: Path):
    authority = Authority(tmp_path)
    client = AuthorizationServerClient(allow_networks=LOOPBACK, ca_bundle=authority.certificate)
    certificate = authority.issue("127.0.0.1", usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    async with serving(saying(whole(b"{}")), certificate.context()) as server:
        assert await client.send(post(server.url)) == NotSent("tls_not_trusted")
    await client.close()


async def test_an_authority_of_the_bundle_is_trusted(tmp_path: Path):
    authority = Authority(tmp_path)
    client = AuthorizationServerClient(allow_networks=LOOPBACK, ca_bundle=authority.certificate)
    async with serving(saying(whole(b"{}")), authority.issue("127.0.0.1").context()) as server:
        assert isinstance(await client.send(post(server.url)), OutboundResponse)
    await client.close()


async def test_a_server_that_does_not_speak_tls_was_not_sent(client: AuthorizationServerClient):
    gone = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        gone.set()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await client.send(post(f"https://127.0.0.1:{port}/token")) == NotSent("tls_failed")
    await gone.wait()
    server.close()
    await server.wait_closed()


async def test_an_address_that_is_none_was_not_sent(client: AuthorizationServerClient):
    assert await client.send(post("https:///token")) == NotSent("unusable_url")


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def test_a_reset_after_the_request_is_a_lost_answer_and_not_sent_again(client: AuthorizationServerClient):
    async with serving(reset) as server:
        assert await client.send(post(server.url)) == LostAnswer("disconnected")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "raw",
    [b"", OK_HEAD, OK_HEAD + b"Content-Length: 10\r\n\r\n{", b"nonsense\r\n\r\n", OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"],
    ids=["nothing", "half a head", "half a body", "no HTTP", "half a chunk"],
)  # fmt: skip
async def test_an_answer_that_breaks_off_is_lost(client: AuthorizationServerClient, raw: bytes):
    async with serving(saying(raw)) as server:
        assert await client.send(post(server.url)) == LostAnswer("disconnected")
    assert len(server.requests) == 1


async def silence(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK_HEAD + b"Content-Length: 900\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("behaviour", [silence, trickle])
async def test_a_slow_answer_is_lost_after_the_total_time(client: AuthorizationServerClient, behaviour: Behaviour):
    async with serving(behaviour) as server:
        assert await client.send(post(server.url)) == LostAnswer("timeout")


async def test_a_body_of_the_allowed_size_is_read_and_one_byte_more_is_not(client: AuthorizationServerClient):
    async with serving(saying(whole(b"x" * 1000))) as server:
        assert isinstance(await client.send(post(server.url)), OutboundResponse)
    async with serving(saying(whole(b"x" * 1001))) as server:
        assert await client.send(post(server.url)) == LostAnswer("too_large")


async def test_a_body_without_end_is_given_up(client: AuthorizationServerClient):
    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK_HEAD + b"\r\n")
        while True:
            writer.write(b"x" * 4096)
            await writer.drain()

    async with serving(flood) as server:
        assert await client.send(post(server.url)) == LostAnswer("too_large")


@pytest.mark.parametrize(("encoding", "pack"), [(b"gzip", gzip.compress), (b"Deflate", zlib.compress)])
async def test_a_packed_answer_is_unpacked_but_a_bomb_is_not(
    client: AuthorizationServerClient, encoding: bytes, pack: Callable[[bytes], bytes]
):
    head = OK_HEAD + b"Content-Encoding: " + encoding + b"\r\n"
    async with serving(saying(whole(pack(b'{"a":1}'), head))) as server:
        answer = await client.send(post(server.url))
    assert isinstance(answer, OutboundResponse)
    assert answer.body == b'{"a":1}'
    async with serving(saying(whole(pack(b" " * 500_000), head))) as server:
        assert await client.send(post(server.url)) == LostAnswer("too_large")


async def test_what_cannot_be_unpacked_stays_as_it_came(client: AuthorizationServerClient):
    async with serving(saying(whole(b"no gzip", OK_HEAD + b"Content-Encoding: gzip\r\n"))) as server:
        answer = await client.send(post(server.url))
    assert isinstance(answer, OutboundResponse)
    assert answer.body == b"no gzip"


async def test_cancellation_passes_through(client: AuthorizationServerClient):
    async with serving(silence) as server:
        sending = asyncio.create_task(client.send(post(server.url)))
        await asyncio.sleep(0.05)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending


async def test_nothing_is_logged(client: AuthorizationServerClient, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        async with serving(saying(whole(b'{"access_token":"s3cret"}'))) as server:
            await client.send(post(server.url + "?q=s3cret"))
        async with serving(reset) as server:
            await client.send(post(server.url + "?q=s3cret"))
    assert "s3cret" not in caplog.text
