"""What every connection of the gateway shares: where requests may go, who is known, the limits and the clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from proxy.admission import AdmissionTable, Admit
from proxy.model import Content, ContentGuid, SessionHash
from proxy.policy.cookies import CookieNames
from proxy.policy.limits import Limits
from proxy.policy.routing import Refuse, Routes
from proxy.policy.vouching import Vouching

if TYPE_CHECKING:
    from proxy.gateway.exchange import Exchange
    from proxy.gateway.pool import Pool
    from proxy.gateway.viewer_side import ViewerSide
    from proxy.gateway.websocket import Tunnel

Network = IPv4Network | IPv6Network


SlowLane = Callable[[str | None, Content], Awaitable[Admit | Refuse]]
"""Asks the use cases about a cookie's value (``None``: there is none) in front of a content."""


MOST_REFUSED = 256
"""Connections that were one too many and are told so; beyond that they are cut without a word."""


@dataclass(slots=True, kw_only=True)
class Switchboard:
    """The shared state of one gateway; changed only on its event loop."""

    public_host: bytes
    """What a browser sends as ``Host``, in lower case."""
    proto: bytes
    own_origin: str
    names: CookieNames
    routes: Routes
    """The contents under a path of ``public_url``."""
    contents_by_host: Mapping[bytes, Content] = field(default_factory=dict)
    """The contents on an origin of their own, by ``Host`` in lower case."""
    limits: Limits
    trusted_proxies: tuple[Network, ...]
    injected: frozenset[bytes]
    """Folded names of every header that we inject."""
    vouching: Vouching | None = None
    """How a proxy in front says who the viewer is, on each request; ``None``: a cookie does."""
    admission: AdmissionTable
    slow_lane: SlowLane
    pools: Mapping[ContentGuid, Pool]
    control: Pool
    loop: asyncio.AbstractEventLoop
    request_id_prefix: str
    now: float = field(default_factory=time.time)
    """Epoch seconds, at most a second old: refreshed by the listener's tick."""
    is_draining: bool = False
    requests: int = 0
    """Requests that something was said about; also numbers the request ids."""
    tunnels: dict[SessionHash | None, set[Tunnel]] = field(default_factory=dict)
    """Open and opening WebSockets by session; ``None``: content that is open to anyone."""
    connections: set[ViewerSide] = field(default_factory=set)
    """Every open one of a viewer, also those that are on their way out."""
    refused: set[ViewerSide] = field(default_factory=set)
    """Those of them that were one too many: answered, and closed within seconds."""
    per_peer: dict[str, int] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Start a task of the slow lane; it is held here until it ends."""
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def admit_connection(self, viewer: ViewerSide, peer: str) -> bool:
        """Count a viewer's connection; ``False``: it is one too many, and takes nobody's place."""
        limits, of_peer = self.limits, self.per_peer.get(peer, 0)
        is_full = 0 < limits.max_connections <= len(self.connections) - len(self.refused)
        self.connections.add(viewer)
        if is_full or (peer and 0 < limits.max_connections_per_peer <= of_peer):
            self.refused.add(viewer)
            return False
        self.per_peer[peer] = of_peer + 1
        return True

    @property
    def is_overrun(self) -> bool:
        """Whether so many are being refused that even telling them why would take too much."""
        return len(self.refused) > min(self.limits.max_connections, MOST_REFUSED)

    def connection_closed(self, viewer: ViewerSide, peer: str) -> None:
        """Stop counting a viewer's connection."""
        self.connections.discard(viewer)
        if viewer in self.refused:
            self.refused.discard(viewer)
            return
        self.per_peer[peer] -= 1
        if not self.per_peer[peer]:
            del self.per_peer[peer]

    def register(self, tunnel: Tunnel) -> None:
        """Remember a WebSocket under its session, so that the session's end reaches it."""
        self.tunnels.setdefault(tunnel.session_hash, set()).add(tunnel)

    def unregister(self, tunnel: Tunnel) -> None:
        """Forget a WebSocket that ended."""
        of_session = self.tunnels.get(tunnel.session_hash)
        if of_session is not None:
            of_session.discard(tunnel)
            if not of_session:
                del self.tunnels[tunnel.session_hash]

    def identify(self, exchange: Exchange) -> str:
        """Return the id that page, log and audit log show for one request; it gets one with the first use."""
        if not exchange.request_id:
            self.requests += 1
            exchange.request_id = f"{self.request_id_prefix}{self.requests:x}"
        return exchange.request_id
