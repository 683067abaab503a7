"""One connection to a content: the request goes out, the answer is parsed and told to the exchange that owns it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from proxy.wire.answer_reader import AnswerReader, BrokenAnswer

if TYPE_CHECKING:
    from proxy.gateway.exchange import Exchange
    from proxy.gateway.pool import Pool
    from proxy.gateway.websocket import Tunnel

_FLUSH_S = 5.0


class ContentSide(asyncio.Protocol):
    """The content's end of one exchange at a time."""

    __slots__ = (
        "_is_reading_paused", "_pool", "_reader", "_write_paused", "exchange", "idle_since", "is_reused", "received", "transport", "tunnel",
    )  # fmt: skip

    def __init__(self, pool: Pool, max_head_bytes: int) -> None:
        self._pool = pool
        self.transport: asyncio.Transport | None = None
        self._reader: AnswerReader | None = AnswerReader(max_head_bytes=max_head_bytes)
        self.exchange: Exchange | None = None
        self.tunnel: Tunnel | None = None
        self.idle_since = 0.0
        self.is_reused = False
        self.received = False
        self._write_paused = self._is_reading_paused = False

    # — the exchange's view ————————————————————————————————————————————————————————————————————

    @property
    def is_usable(self) -> bool:
        """Whether a request could be sent now."""
        return self.transport is not None and not self.transport.is_closing()

    def own(self, exchange: Exchange) -> None:
        """Serve ``exchange`` from now on."""
        self.exchange = exchange
        self.received = False
        if self._reader is not None:
            self._reader.begin(exchange, is_head=exchange.request.is_head)

    def write(self, pieces: Sequence[bytes]) -> None:
        """Send bytes of the request."""
        if self.transport is not None:
            self.transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    @property
    def is_write_paused(self) -> bool:
        """Whether the content does not keep up with what is sent to it."""
        return self._write_paused

    def pause_reading(self) -> None:
        """Stop reading the answer: the viewer does not keep up."""
        self._is_reading_paused = True
        if self.is_usable and self.transport is not None:
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._is_reading_paused = False
        if self.is_usable and self.transport is not None:
            self.transport.resume_reading()

    def release(self, now: float, *, request_done: bool) -> None:
        """End the present exchange: back to the pool if nothing is owed on either side, else closed."""
        self.exchange = None
        reader = self._reader
        if reader is not None and reader.may_follow and request_done and self.is_usable and self._has_sent_all():
            reader.rest()
            if self._is_reading_paused:  # for a viewer that takes the end of its answer slowly
                self.resume_reading()
            self.is_reused = True
            self._pool.give_back(self, now)
        else:
            self.abort()

    def _has_sent_all(self) -> bool:
        # After an early answer, the rest of the request's body may still stand before the next request.
        return self.transport is not None and not self.transport.get_write_buffer_size()

    def abort(self) -> None:
        """Close at once."""
        self.exchange = None
        self.tunnel = None
        if self.transport is not None:
            self.transport.abort()

    def close_soon(self) -> None:
        """Close after what was written has gone out; cut when that takes too long."""
        self.exchange = self.tunnel = None
        transport = self.transport
        if transport is not None:
            transport.close()
            if transport.get_write_buffer_size():
                asyncio.get_running_loop().call_later(_FLUSH_S, transport.abort)

    def become_tunnel(self, tunnel: Tunnel) -> None:
        """From now on every byte is the tunnel's; the parser is dropped."""
        self.exchange = None
        self.tunnel = tunnel
        self._reader = None

    # — asyncio.Protocol ———————————————————————————————————————————————————————————————————————

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's do not inherit from asyncio's
        self._pool.open.add(self)

    def data_received(self, data: bytes) -> None:
        if self.tunnel is not None:
            self.tunnel.from_content(data)
            return
        exchange, reader = self.exchange, self._reader
        if exchange is None or reader is None:
            self.abort()  # a byte on an idle connection belongs to nobody
            return
        self.received = True
        try:
            behind = reader.feed(data)
        except BrokenAnswer as fault:
            exchange.content_failed(str(fault))
            return
        if behind is not None:
            exchange.switched(behind)
        elif reader.is_complete:
            exchange.answer_end()
        else:
            exchange.flush()

    def eof_received(self) -> None:
        if self.exchange is not None and self._reader is not None and self._reader.end():
            self.exchange.answer_end()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._pool.forget(self)
        if self.tunnel is not None:
            self.tunnel.content_lost()
        elif self.exchange is not None:
            self.exchange.content_lost()

    def pause_writing(self) -> None:
        self._write_paused = True
        if self.tunnel is not None:
            self.tunnel.viewer.hold_reading()
        elif self.exchange is not None:
            self.exchange.viewer.hold_reading()

    def resume_writing(self) -> None:
        self._write_paused = False
        if self.tunnel is not None:
            self.tunnel.viewer.release_reading()
        elif self.exchange is not None:
            self.exchange.content_ready()
