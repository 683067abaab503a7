"""A gateway on loopback between raw sockets: a scripted content behind it, a recording control plane beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_network

from aiohttp import web

from proxy.admission import AdmissionTable, Admit, session_hash
from proxy.gateway.control import ControlPool
from proxy.gateway.listener import Gateway
from proxy.gateway.pool import Pool
from proxy.gateway.switchboard import Switchboard
from proxy.model import Anyone, Content, ContentGuid, SignedIn, TcpUpstream, Upstream
from proxy.policy.cookies import cookie_names
from proxy.policy.header_names import injected_names
from proxy.policy.limits import Limits
from proxy.policy.routing import Reason, Refuse, Routes

PUBLIC_URL = "http://localhost"
NAMES = cookie_names(PUBLIC_URL)
HOST = b"localhost"
BLOCK = b"X-Forwarded-Access-Token: token-of-ada\r\nPosit-Connect-User-Session-Token: handle-of-ada\r\n"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawContent:
    """A content on a raw socket: records what arrives, answers what its handler writes."""

    handler: Handler
    received: list[bytearray] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    lost: int = 0
    port: int = 0
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        record = bytearray()
        self.received.append(record)
        self.writers.append(writer)
        read = reader.feed_data

        def recording(data: bytes) -> None:
            record.extend(data)
            read(data)

        reader.feed_data = recording  # type: ignore[method-assign]  # the bytes as they arrive
        try:
            await self.handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.lost += 1
        finally:
            writer.close()

    @property
    def bytes(self) -> bytes:
        return b"".join(bytes(record) for record in self.received)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in self.writers:
                writer.transport.abort()


async def read_head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def answering(*answers: bytes, then_close: bool = False) -> Handler:
    """Return a handler that gives these answers, in turn, to requests without body, then repeats the last one."""
    left = list(answers)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_head(reader)
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()
            if then_close:
                return

    return handler


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Harness:
    gateway: Gateway
    board: Switchboard
    content: RawContent
    port: int
    admitted: dict[str, Admit]
    slow_calls: list[str | None]
    control_requests: list[web.BaseRequest]
    control_gate: asyncio.Event
    """Clear it, and the control plane waits before it answers."""
    _cleanup: list[Callable[[], Awaitable[object]]]

    async def connect(self) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        return Client(reader, writer)

    async def ask(self, raw: bytes) -> bytes:
        """Send bytes on a new connection and return all that comes until it closes."""
        client = await self.connect()
        client.send(raw)
        try:
            return await client.rest()
        finally:
            client.close()

    async def stop(self) -> None:
        self.control_gate.set()
        for step in reversed(self._cleanup):
            await step()


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, raw: bytes) -> None:
        self.writer.write(raw)

    async def head(self) -> bytes:
        return await asyncio.wait_for(read_head(self.reader), 10)

    async def exactly(self, count: int) -> bytes:
        return await asyncio.wait_for(self.reader.readexactly(count), 10)

    async def rest(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(), 10)

    async def until_cut(self) -> bytes:
        """Return what comes until the connection ends, with or without a reset."""
        got = b""
        try:
            while data := await asyncio.wait_for(self.reader.read(65_536), 10):
                got += data
        except ConnectionResetError:
            pass
        self.close()
        return got

    def close(self) -> None:
        self.writer.transport.abort()


def content_at(upstream: Upstream, **changes: object) -> Content:
    return replace(
        Content(
            guid=ContentGuid("content-sales"),
            name="sales",
            title="Sales",
            owner="",
            path="/sales/",
            upstream=upstream,
            app_mode="python-streamlit",
            access=SignedIn(),
        ),
        **changes,
    )


def get(path: str = "/sales/", *, session: str | None = "ada", extra: bytes = b"", method: bytes = b"GET") -> bytes:
    cookie = f"Cookie: {NAMES.session}={session}\r\n".encode() if session else b""
    return b"%b %b HTTP/1.1\r\nHost: localhost\r\n%b%b\r\n" % (method, path.encode(), cookie, extra)


async def start(
    handler: Handler, *, limits: Limits | None = None, trusted_proxies: Sequence[str] = (), **content_changes: object
) -> Harness:
    """Start everything; the session ``ada`` is known, whoever else asks is sent to sign in."""
    raw = RawContent(handler)
    await raw.start()
    upstream = content_changes.pop("upstream", TcpUpstream("127.0.0.1", raw.port))
    public = content_at(upstream, guid=ContentGuid("content-open"), name="open", path="/open/", access=Anyone())
    content = content_at(upstream, **content_changes)
    admitted: dict[str, Admit] = {}
    slow_calls: list[str | None] = []
    control_requests: list[web.BaseRequest] = []

    control_gate = asyncio.Event()
    control_gate.set()

    async def control(request: web.BaseRequest) -> web.StreamResponse:
        control_requests.append(request)
        await control_gate.wait()
        body = await request.read()
        reason = request.headers.get("Oauth-Sidecar-Reason", "")
        return web.Response(status=500 if reason else 200, text=f"control:{reason}:{len(body)}")

    server = web.Server(control)

    async def slow_lane(session_id: str | None, asked: Content) -> Admit | Refuse:
        slow_calls.append(session_id)
        admit = admitted.get(session_id or "")
        return admit or Refuse(reason=Reason.SIGN_IN, integration_guid="integration-warehouse")

    limits = limits or Limits()
    loop = asyncio.get_running_loop()
    board = Switchboard(
        public_host=HOST,
        proto=b"http",
        own_origin=PUBLIC_URL,
        names=NAMES,
        routes=Routes([content, public]),
        limits=limits,
        trusted_proxies=tuple(ip_network(proxy) for proxy in trusted_proxies),
        injected=injected_names([], []),
        admission=AdmissionTable(max_sessions=1000, idle_s=3600),
        slow_lane=slow_lane,
        pools={
            each.guid: Pool(each.upstream, max_idle_s=limits.content_keep_alive_s, connect_timeout_s=2)
            for each in (content, public)
        },
        control=ControlPool(server, max_pairs=4),
        loop=loop,
        request_id_prefix="t-",
    )
    admitted["ada"] = Admit(
        session_hash=session_hash("ada"),
        viewer_guid="viewer-ada",
        header_block=BLOCK,
        good_until=board.now + 3600,
        expires_at=board.now + 3600,
    )
    gateway = Gateway(board)
    port = await gateway.listen_tcp("127.0.0.1", 0, None)
    cleanup = [server.shutdown, raw.stop, lambda: gateway.drain(0.2)]
    return Harness(gateway, board, raw, port, admitted, slow_calls, control_requests, control_gate, cleanup)
