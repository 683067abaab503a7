"""The control plane as an upstream: our own aiohttp application behind socket pairs, in the same process.

Only public API on both ends: the application's server is a protocol factory, one end of each pair is accepted by it,
the other end is an ordinary content connection. The pair cannot be reached from outside.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from proxy.gateway.content_side import ContentSide
from proxy.gateway.pool import BoundedPool

if TYPE_CHECKING:
    from proxy.gateway.switchboard import Switchboard

MAX_PAIRS = 64
IDLE_S = 30.0
"""Below aiohttp's own keep-alive (75 s), so that the application never closes first."""


class ControlPool(BoundedPool):
    """Connections to the application."""

    is_control = True

    def __init__(self, server: Callable[[], asyncio.BaseProtocol], *, max_pairs: int = MAX_PAIRS) -> None:
        super().__init__(max_connections=max_pairs, max_idle_s=IDLE_S, connect_timeout_s=5.0)
        self._server = server

    async def _open(self, switchboard: Switchboard) -> ContentSide:
        theirs, ours = socket.socketpair()
        theirs.setblocking(False)
        ours.setblocking(False)
        accepted: asyncio.BaseTransport | None = None
        try:
            accepted, _ = await switchboard.loop.connect_accepted_socket(self._server, sock=theirs)
            _, side = await switchboard.loop.create_connection(
                lambda: ContentSide(self, switchboard.limits.max_head_bytes), sock=ours
            )
        except BaseException:
            # A socket that a transport has is the transport's to close: else the application never hears of the end.
            if accepted is None:
                theirs.close()
            else:
                accepted.close()
            ours.close()
            raise
        return side
