"""The gateway as a whole: it listens, ticks once a second, hears of changes, and drains."""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import suppress
from typing import TypedDict

import structlog

from proxy.gateway.patience import check
from proxy.gateway.switchboard import Switchboard
from proxy.gateway.viewer_side import ViewerSide
from proxy.gateway.websocket import CONSENT_GONE, RESTART, SESSION_OVER, Tunnel
from proxy.model import Change, ChangesLost, ConsentEnded, CredentialsChanged, DirectoryChanged, SessionEnded
from proxy.policy.endings import Endings

log = structlog.get_logger("gateway")

_TICK_S = 1.0
_BACKLOG = 1024
_TLS_GOODBYE_S = 2.0
"""How long a closing TLS connection waits for the browser's close_notify, which some never send (asyncio: 30 s)."""


class Gateway:
    """The data plane of one process."""

    def __init__(self, board: Switchboard) -> None:
        self.board = board
        self._servers: list[asyncio.Server] = []
        self._tick: asyncio.TimerHandle | None = None

    async def listen_tcp(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Accept viewers on a TCP port and return it (0 lets the system choose)."""
        server = await self.board.loop.create_server(
            lambda: ViewerSide(self.board), host, port, backlog=_BACKLOG, reuse_address=True, **self._tls_options(tls)
        )
        self._started(server)
        return int(server.sockets[0].getsockname()[1])

    async def listen_unix(self, path: str, tls: ssl.SSLContext | None) -> None:
        """Accept viewers on a Unix socket."""
        self._started(
            await self.board.loop.create_unix_server(
                lambda: ViewerSide(self.board), path, backlog=_BACKLOG, **self._tls_options(tls)
            )
        )

    def apply(self, *changes: Change) -> None:
        """Forget, at once, what changes made untrue, and end what lived on it; applying one again changes nothing."""
        self._end_streams(Endings.of(changes))  # first: who they belong to stands in the table
        for change in changes:
            self.board.admission.apply(change)
            match change:
                case SessionEnded(session_hash=key):
                    for tunnel in tuple(self.board.tunnels.get(key, ())):
                        tunnel.close(SESSION_OVER)
                case ConsentEnded(viewer_guid=viewer, content_guid=content):
                    for tunnel in self._tunnels():
                        if tunnel.content_guid == content and viewer in {None, tunnel.viewer_guid}:
                            tunnel.close(CONSENT_GONE)
                case ChangesLost():
                    for tunnel in self._tunnels():
                        if tunnel.session_hash is not None:
                            tunnel.close(RESTART)  # its page comes back, and is judged anew
                case CredentialsChanged() | DirectoryChanged():
                    pass  # an open socket goes on: its content asks the exchange for the next token

    def _end_streams(self, endings: Endings) -> None:
        """Cut answers under way: an event stream or a download would go on for hours."""
        if endings.are_none:
            return
        board = self.board
        for viewer in tuple(board.connections):
            exchange = viewer.exchange
            if exchange is None or exchange.session_hash is None or exchange.content is None:
                continue
            key, content = exchange.session_hash, exchange.content.guid
            if endings.concern(key, board.admission.viewer_of(key), content):
                exchange.abort()

    async def drain(self, timeout_s: float) -> None:
        """Stop accepting, let running exchanges finish, tell WebSockets to reconnect; cut what is left in the end."""
        board = self.board
        board.is_draining = True
        for server in self._servers:
            server.close()
        for tunnel in self._tunnels():
            tunnel.close(RESTART)
        for viewer in tuple(board.connections):
            viewer.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while board.connections:  # noqa: ASYNC110  # an event per connection would cost every request
                    await asyncio.sleep(0.05)
        if board.connections:
            log.warning("connections cut", count=len(board.connections))
        for viewer in tuple(board.connections):
            viewer.abort()
        await asyncio.sleep(0)
        if self._tick is not None:
            self._tick.cancel()
        for pool in (*board.pools.values(), board.control):
            pool.close()
        for task in tuple(board.tasks):
            task.cancel()
        await asyncio.gather(*board.tasks, return_exceptions=True)

    def _tls_options(self, tls: ssl.SSLContext | None) -> _TlsOptions:
        if tls is None:
            return {}
        patience_s = self.board.limits.head_timeout_s or None  # asyncio: 60 s, and no head comes before the handshake
        return {"ssl": tls, "ssl_handshake_timeout": patience_s, "ssl_shutdown_timeout": _TLS_GOODBYE_S}

    def _started(self, server: asyncio.Server) -> None:
        self._servers.append(server)
        if self._tick is None:
            self._on_tick()

    def _on_tick(self) -> None:
        board = self.board
        self._tick = board.loop.call_later(_TICK_S, self._on_tick)  # first: the clock goes on whatever happens below
        now = board.now = time.time()
        for viewer in tuple(board.connections):
            try:
                check(viewer, now)
            except Exception:
                log.exception("check failed")
                viewer.abort()
        for session in board.tunnels:
            if session is not None:
                board.admission.touch(session, now)
        for pool in board.pools.values():
            pool.expire(now)
        board.control.expire(now)

    def _tunnels(self) -> list[Tunnel]:
        return [tunnel for of_session in self.board.tunnels.values() for tunnel in of_session]


class _TlsOptions(TypedDict, total=False):
    ssl: ssl.SSLContext
    ssl_handshake_timeout: float | None
    ssl_shutdown_timeout: float
