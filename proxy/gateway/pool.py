"""Connections to one upstream: idle ones are taken last-in first-out, new ones are opened when none is idle."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from proxy.gateway.content_side import ContentSide
from proxy.model import TcpUpstream, UnixUpstream, Upstream

if TYPE_CHECKING:
    from proxy.gateway.exchange import Exchange
    from proxy.gateway.switchboard import Switchboard


class Pool:
    """The connections to one content.

    A connection is idle here, owned by one exchange, or closed. It comes back only after a whole request and a whole
    answer with not a byte left over (``ContentSide`` judges); whatever arrives while it is idle ends it.
    """

    is_control = False

    def __init__(self, upstream: Upstream | None, *, max_idle_s: float, connect_timeout_s: float) -> None:
        self._upstream = upstream
        self._max_idle_s = max_idle_s
        self._connect_timeout_s = connect_timeout_s
        self._idle: dict[ContentSide, None] = {}  # in the order in which they came back
        self.open: set[ContentSide] = set()

    def take(self, now: float) -> ContentSide | None:
        """Return an idle connection that may still be used."""
        while self._idle:
            side, _ = self._idle.popitem()
            if side.is_usable and now - side.idle_since < self._max_idle_s:
                return side
            side.abort()
        return None

    def connect(self, exchange: Exchange, switchboard: Switchboard) -> None:
        """Open a connection for ``exchange``, which is told of it or of the failure."""
        exchange.waiting = switchboard.spawn(self._connect(exchange, switchboard))

    def give_back(self, side: ContentSide, now: float) -> None:
        """Keep a connection whose exchange ended cleanly."""
        side.idle_since = now
        self._idle[side] = None

    def forget(self, side: ContentSide) -> None:
        """Drop a connection that was closed."""
        self.open.discard(side)
        self._idle.pop(side, None)

    def close(self) -> None:
        """Close every connection, also those in use."""
        for side in tuple(self.open):
            side.abort()

    def expire(self, now: float) -> None:
        """Close what was idle for too long: content closes such connections too, and the races are lost requests."""
        while self._idle:
            side = next(iter(self._idle))
            if now - side.idle_since < self._max_idle_s:
                return
            del self._idle[side]
            side.abort()

    async def _connect(self, exchange: Exchange, switchboard: Switchboard) -> None:
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                side = await self._open(switchboard)
        except Exception as error:  # noqa: BLE001 - not only of the network: a name that IDNA refuses is a ValueError
            exchange.waiting = None
            exchange.content_failed(type(error).__name__)
            return
        if not side.is_usable:
            exchange.waiting = None
            exchange.content_failed("lost before it was taken")
            return
        if not exchange.take_connection(side):
            self.give_back(side, switchboard.now)

    async def _open(self, switchboard: Switchboard) -> ContentSide:
        side = ContentSide(self, switchboard.limits.max_head_bytes)
        try:
            await self._dial(switchboard.loop, side)
        except asyncio.CancelledError:
            self.forget(side)  # given up just as it stood: uvloop closes it and never says ``connection_lost``
            raise
        return side

    async def _dial(self, loop: asyncio.AbstractEventLoop, side: ContentSide) -> None:
        match self._upstream:
            case TcpUpstream(host=host, port=port):
                await loop.create_connection(lambda: side, host, port)
            case UnixUpstream(socket_path=path):
                await loop.create_unix_connection(lambda: side, path)
            case None:
                raise OSError("no upstream")


class BoundedPool(Pool):
    """A pool with an upper limit of connections: exchanges beyond it wait their turn, in order."""

    def __init__(self, *, max_connections: int, max_idle_s: float, connect_timeout_s: float) -> None:
        super().__init__(None, max_idle_s=max_idle_s, connect_timeout_s=connect_timeout_s)
        self._max_connections = max_connections
        self._opening = 0
        self._waiting: deque[tuple[Exchange, Switchboard]] = deque()

    def connect(self, exchange: Exchange, switchboard: Switchboard) -> None:
        """Open a connection, or queue the exchange until one is free."""
        if len(self.open) + self._opening < self._max_connections:
            self._opening += 1
            # Not the exchange's to cancel: a connection that it no longer wants serves the next one.
            switchboard.spawn(self._connect(exchange, switchboard))
        else:
            self._waiting.append((exchange, switchboard))

    def give_back(self, side: ContentSide, now: float) -> None:
        """Hand the connection to the next that waits, else keep it."""
        while self._waiting and side.is_usable:
            exchange, _ = self._waiting.popleft()
            if exchange.take_connection(side):
                return
        super().give_back(side, now)

    def forget(self, side: ContentSide) -> None:
        """Drop a closed connection and open one for the next that waits."""
        super().forget(side)
        self._open_for_next()

    def _open_for_next(self) -> None:
        while self._waiting and len(self.open) + self._opening < self._max_connections:
            exchange, switchboard = self._waiting.popleft()
            if not exchange.is_over:
                self.connect(exchange, switchboard)

    async def _connect(self, exchange: Exchange, switchboard: Switchboard) -> None:
        try:
            await super()._connect(exchange, switchboard)
        finally:
            self._opening -= 1
            self._open_for_next()  # also after a failure: nothing else would wake the queue
