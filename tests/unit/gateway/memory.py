"""A gateway without sockets: transports in memory, a loop that is stepped until nothing is left to do.

Every event is one call; when it returns, all that follows from it has happened. So a search can try thousands of orders,
and "it hangs" is a fact instead of a timeout.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

from proxy.admission import AdmissionTable, Admit, session_hash
from proxy.gateway import patience
from proxy.gateway.content_side import ContentSide
from proxy.gateway.listener import Gateway
from proxy.gateway.pool import BoundedPool, Pool
from proxy.gateway.switchboard import Switchboard
from proxy.gateway.viewer_side import ViewerSide
from proxy.model import Anyone, Content, ContentGuid, TcpUpstream
from proxy.policy.header_names import injected_names
from proxy.policy.limits import Limits
from proxy.policy.routing import Reason, Refuse, Routes
from tests.unit.gateway.harness import BLOCK, HOST, NAMES, PUBLIC_URL, content_at

NOW = 1_800_000_000.0
_STEPS = 5_000
UPSTREAM = TcpUpstream("content.internal", 80)


class Line(asyncio.Transport):
    """One transport: what the gateway writes is taken at once, or held while the other end is ``stalled``."""

    def __init__(self, world: World, protocol: asyncio.Protocol, *, peer: str = "", high_bytes: int = 65_536) -> None:
        super().__init__({"peername": (peer, 1)} if peer else {})
        self.world = world
        self.protocol = protocol
        self.taken = bytearray()
        """What the other end has read."""
        self.on_taken: Callable[[Line], None] = lambda line: None
        self.is_stalled = False
        self.is_paused = False
        """The gateway does not read."""
        self.eof_taken = False
        self.is_lost = False
        self._high_bytes = high_bytes
        self._buffer = bytearray()
        self._unread = bytearray()
        self._eof_written = self._eof_unread = False
        self._is_closing = False
        self._has_paused_writer = False
        world.lines.append(self)

    # — the other end ——————————————————————————————————————————————————————————————————————————

    def send(self, data: bytes) -> None:
        """Bytes for the gateway; they wait while it does not read."""
        self._unread += data
        self.world.do(self._read)

    def send_eof(self) -> None:
        self._eof_unread = True
        self.world.do(self._read)

    def lose(self) -> None:
        """A reset."""
        self._is_closing = True
        self.world.do(self._lost, ConnectionResetError("reset"))

    def stall(self) -> None:
        """Read no more."""
        self.is_stalled = True

    def unstall(self) -> None:
        self.is_stalled = False
        self.world.do(self._flush)

    @property
    def is_open(self) -> bool:
        return not self.is_lost and not self._is_closing

    # — asyncio.Transport ——————————————————————————————————————————————————————————————————————

    def write(self, data: bytes) -> None:
        assert isinstance(data, bytes | bytearray | memoryview)
        assert not self._eof_written, "written after the end"
        if self.is_lost or self._is_closing:
            return
        self._buffer += data
        if self.is_stalled:
            if len(self._buffer) > self._high_bytes and not self._has_paused_writer:
                self._has_paused_writer = True
                self.protocol.pause_writing()
        else:
            self.world.loop.call_soon(self._flush)

    def write_eof(self) -> None:
        self._eof_written = True
        self.world.loop.call_soon(self._flush)

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return len(self._buffer)

    def is_closing(self) -> bool:
        return self._is_closing or self.is_lost

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self.world.loop.call_soon(self._flush)

    def abort(self) -> None:
        self._is_closing = True
        self._buffer.clear()
        self.world.loop.call_soon(self._lost, None)

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False
        self.world.loop.call_soon(self._read)

    def is_reading(self) -> bool:
        return not self.is_paused and self.is_open

    # — within —————————————————————————————————————————————————————————————————————————————————

    def _read(self) -> None:
        if self.is_paused or not self.is_open:
            return
        if self._unread:
            data = bytes(self._unread)
            self._unread.clear()
            self.protocol.data_received(data)
            self.world.loop.call_soon(self._read)
        elif self._eof_unread:
            self._eof_unread = False
            if not self.protocol.eof_received():
                self.close()

    def _flush(self) -> None:
        if self.is_lost or self.is_stalled:
            return
        if self._buffer:
            self.taken += self._buffer
            self._buffer.clear()
            if self._has_paused_writer:
                self._has_paused_writer = False
                self.protocol.resume_writing()
            self.on_taken(self)
        if self._buffer:
            return
        self.eof_taken = self.eof_taken or self._eof_written
        if self._is_closing:
            self._lost(None)

    def _lost(self, error: Exception | None) -> None:
        if not self.is_lost:
            self.is_lost = True
            self.protocol.connection_lost(error)


class World:
    """A gateway with everything around it in memory.

    ``dial`` is awaited before a connection to a content stands; it may fail. ``control`` answers as our application.
    """

    def __init__(
        self,
        *,
        on_content: Callable[[Line], None] = lambda line: None,
        dial: Callable[[], Awaitable[None]] | None = None,
        slow_lane: Callable[[str | None, Content], Awaitable[Admit | Refuse]] | None = None,
        limits: Limits | None = None,
        high_bytes: int = 65_536,
    ) -> None:
        self.loop = asyncio.SelectorEventLoop()
        self.loop.set_exception_handler(lambda loop, context: self.faults.append(context))
        self.lines: list[Line] = []
        self.faults: list[dict[str, object]] = []
        self.control_requests: list[bytes] = []
        self.content_lines: list[Line] = []
        self._on_content = on_content
        self._dial = dial
        self._high_bytes = high_bytes
        self._viewers = 0
        limits = limits or Limits()
        public = content_at(UPSTREAM, guid=ContentGuid("content-open"), name="open", path="/open/", access=Anyone())
        contents = (content_at(UPSTREAM), public)
        self.board = Switchboard(
            public_host=HOST,
            proto=b"http",
            own_origin=PUBLIC_URL,
            names=NAMES,
            routes=Routes(contents),
            limits=limits,
            trusted_proxies=(),
            injected=injected_names([], []),
            admission=AdmissionTable(max_sessions=100, idle_s=1e9),
            slow_lane=slow_lane or self._sign_in,
            pools={content.guid: _ContentPool(self, limits) for content in contents},
            control=_ControlPool(self),
            loop=self.loop,
            request_id_prefix="t-",
            now=NOW,
        )
        self.gateway = Gateway(self.board)

    @staticmethod
    async def _sign_in(session_id: str | None, content: Content) -> Admit | Refuse:
        return Refuse(reason=Reason.SIGN_IN)

    def admit(self, session: str) -> Admit:
        """Let a session in; its header block is in the table."""
        admit = Admit(
            session_hash=session_hash(session),
            viewer_guid=f"viewer-{session}",
            header_block=BLOCK,
            good_until=NOW + 1e9,
            expires_at=NOW + 1e9,
        )
        table = self.board.admission
        table.fill(admit, ContentGuid("content-sales"), epoch=table.epoch, now=self.board.now)
        return admit

    def viewer(self, peer: str = "") -> Line:
        """Connect a viewer, from an address of their own unless one is given."""
        self._viewers += 1
        side = ViewerSide(self.board)
        line = Line(self, side, peer=peer or f"10.0.0.{self._viewers % 250}", high_bytes=self._high_bytes)
        self.do(side.connection_made, line)
        return line

    def do(self, event: Callable[..., object], *arguments: object) -> None:
        """Let one event happen and everything that follows from it."""
        if self.loop.is_running():
            self.loop.call_soon(event, *arguments)
            return
        self.loop.call_soon(event, *arguments)
        self.settle()

    def settle(self) -> None:
        """Step the loop until nothing is left that could happen by itself."""
        for _ in range(_STEPS):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()
            if not self.loop._ready:  # nothing public tells
                break
        else:
            raise AssertionError("the gateway goes on and on")
        assert not self.faults, self.faults

    def tick(self, seconds: float) -> None:
        """Let time pass, as the listener's clock does."""
        board = self.board
        board.now += seconds

        def check() -> None:
            for viewer in tuple(board.connections):
                patience.check(viewer, board.now)
            for pool in (*board.pools.values(), board.control):
                pool.expire(board.now)

        self.do(check)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop, whatever is left; a test looks before."""
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        for _ in range(5):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()
        self.loop.close()

    async def open_content(self, pool: Pool) -> ContentSide:
        if self._dial is not None and not pool.is_control:
            await self._dial()
        side = ContentSide(pool, self.board.limits.max_head_bytes)
        line = Line(self, side, high_bytes=self._high_bytes)
        if pool.is_control:
            line.on_taken = self._control
        else:
            self.content_lines.append(line)
            self._on_content(line)
        side.connection_made(line)
        return side

    def _control(self, line: Line) -> None:
        """Answer for the application: by name of what it was asked."""
        end = line.taken.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(line.taken[: end + 4])
        length = 0
        for name, _, value in (field.partition(b":") for field in head.split(b"\r\n")[1:]):
            if name.lower() == b"content-length":
                length = int(value)
        is_chunked = b"\r\nTransfer-Encoding: chunked\r\n" in head
        rest = line.taken[end + 4 :]
        if len(rest) < length or (is_chunked and not rest.endswith(b"0\r\n\r\n")):
            return
        line.taken.clear()
        self.control_requests.append(head)
        body = b"control " + head.split(b" ", 2)[1]
        answer = b"HTTP/1.1 500 Control\r\nContent-Length: %d\r\n\r\n" % len(body)
        line.send(answer + (b"" if head.startswith(b"HEAD ") else body))


class _ContentPool(Pool):
    def __init__(self, world: World, limits: Limits) -> None:
        super().__init__(
            UPSTREAM, max_idle_s=limits.content_keep_alive_s, connect_timeout_s=limits.content_connect_timeout_s
        )
        self._world = world

    async def _open(self, switchboard: Switchboard) -> ContentSide:
        return await self._world.open_content(self)


class _ControlPool(BoundedPool):
    is_control = True

    def __init__(self, world: World) -> None:
        super().__init__(max_connections=2, max_idle_s=30, connect_timeout_s=5)
        self._world = world

    async def _open(self, switchboard: Switchboard) -> ContentSide:
        return await self._world.open_content(self)
