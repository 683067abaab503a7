"""One viewer connection: requests are parsed one after the other, each becomes an exchange."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import structlog

from proxy.gateway.dispatch import dispatch
from proxy.gateway.exchange import Exchange
from proxy.gateway.patience import FLUSH_S
from proxy.wire.heads import refusal as answer_of_ours
from proxy.wire.peer import Peer
from proxy.wire.request import Refusal
from proxy.wire.request_reader import RequestReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.gateway.content_side import ContentSide
    from proxy.gateway.switchboard import Switchboard
    from proxy.gateway.websocket import Tunnel
    from proxy.wire.request import RequestHead

log = structlog.get_logger("gateway")

_LINGER_S = 2.0
"""After an early answer: how long what the viewer still sends is read and dropped, so that no reset overtakes it."""
_AHEAD_BYTES = 65_536
"""WebSocket frames that a viewer may send before the content has agreed; then reading pauses."""


class ViewerSide(asyncio.Protocol):
    """The viewer's end: idle, active with one exchange, a tunnel, or closing."""

    __slots__ = (
        "_is_deaf", "_reader", "_transport", "ahead", "board", "closing_at", "exchange", "head_since", "idle_since",
        "is_last_answer", "is_reading_held", "is_write_paused", "left_unsent", "peer", "taken_at", "tunnel",
    )  # fmt: skip

    def __init__(self, board: Switchboard) -> None:
        self.board = board
        self.exchange: Exchange | None = None
        self.tunnel: Tunnel | None = None
        self.is_write_paused = False
        self.is_reading_held = False
        self.taken_at = 0.0
        self.left_unsent = 0
        self._transport: asyncio.Transport | None = None
        self._reader: RequestReader | None = RequestReader(
            max_head_bytes=board.limits.max_head_bytes,
            max_headers=board.limits.max_headers,
            max_target_bytes=board.limits.max_target_bytes,
        )
        self.peer = Peer("", ())
        self._is_deaf = False
        self.is_last_answer = False
        """The connection ends with the present answer."""
        self.closing_at = 0.0
        self.ahead = b""
        """What the viewer sent behind its handshake."""
        self.idle_since = board.now
        self.head_since = 0.0

    # — the exchange's view ————————————————————————————————————————————————————————————————————

    def write(self, pieces: Sequence[bytes]) -> None:
        """Send bytes of an answer."""
        if self._transport is not None:
            self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def hold_reading(self) -> None:
        """Stop reading: what comes cannot be passed on at once."""
        if not self.is_reading_held and self._transport is not None and not self._transport.is_closing():
            self.is_reading_held = True
            self._transport.pause_reading()

    def release_reading(self) -> None:
        """Read on."""
        if self.is_reading_held:
            self.is_reading_held = False
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()

    def connection_header(self, request: RequestHead) -> bytes:
        """Return the ``Connection`` line that the answer to ``request`` needs."""
        is_last = self.is_last_answer or self.board.is_draining or not self.board.limits.keep_alive_s
        if is_last or not request.keep_alive:
            self.is_last_answer = True
            return b"Connection: close\r\n"
        return b"Connection: keep-alive\r\n" if request.is_http10 else b""

    def exchange_done(self, *, request_done: bool) -> None:
        """Go on after a whole answer: the next request, or the end."""
        self.exchange = None
        if not request_done or (self.is_last_answer and self._is_deaf):
            self._linger()
        elif self.is_last_answer:
            self.close_soon()
        else:
            if self._reader is not None:
                self._reader.next_request()
            self.idle_since = self.board.now
            if self.is_write_paused:
                self.hold_reading()  # who does not take answers is asked for no more requests
            else:
                self.release_reading()

    def become_tunnel(self, tunnel: Tunnel) -> None:
        """From now on every byte is the tunnel's; the parser is dropped."""
        self.exchange = None
        self.tunnel = tunnel
        self._reader = None
        self.release_reading()

    def close_soon(self) -> None:
        """Close after what was written has gone out."""
        self._is_deaf = True
        self.closing_at = self.closing_at or self.board.now + FLUSH_S
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._is_deaf = True
        if self._transport is not None:
            self._transport.abort()

    def drain(self) -> None:
        """Close now if idle, else after the present answer."""
        self.is_last_answer = True
        if self.exchange is None and self.tunnel is None:
            self.close_soon()

    @property
    def unsent_bytes(self) -> int:
        """What was written and not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    @property
    def is_in_head(self) -> bool:
        """Whether a request head has begun and not ended."""
        return self.exchange is None and self._reader is not None and self._reader.head_bytes > 0

    # — asyncio.Protocol ———————————————————————————————————————————————————————————————————————

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's do not inherit from asyncio's
        peer = transport.get_extra_info("peername")
        self.peer = Peer(peer[0] if isinstance(peer, tuple) else "", self.board.trusted_proxies)
        if not self.board.admit_connection(self, self.peer.address):
            if self.board.is_overrun:
                log.info("connection cut", reason="too many connections", client=self.peer.address)
                self.abort()
            else:
                self.answer(Refusal(503, "too many connections"))

    def data_received(self, data: bytes) -> None:
        if self.tunnel is not None:
            self.tunnel.from_viewer(data)
            return
        reader = self._reader
        if self._is_deaf or reader is None:
            return
        if reader.head.is_upgrade:
            self.ahead += data
            if len(self.ahead) > _AHEAD_BYTES:
                self.hold_reading()
            return
        if not reader.head_bytes:
            self.head_since = self.board.now
        refusal = reader.feed(data)
        if refusal is None:
            self._progress(reader)
        elif self.exchange is None or self.exchange.cancel():
            self.answer(refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._is_deaf = True
        self.board.connection_closed(self, self.peer.address)
        if self.tunnel is not None:
            self.tunnel.viewer_lost()
        elif self.exchange is not None:
            self.exchange.viewer_lost()
        self.exchange = None

    def pause_writing(self) -> None:
        self.is_write_paused = True
        source = self._content_side()
        if source is not None:
            source.pause_reading()

    def resume_writing(self) -> None:
        self.is_write_paused = False
        if self.exchange is not None:
            self.exchange.progress_at = self.board.now
        elif self.tunnel is None:
            self.release_reading()
        source = self._content_side()
        if source is not None:
            source.resume_reading()

    def _content_side(self) -> ContentSide | None:
        if self.tunnel is not None:
            return self.tunnel.content_side
        return None if self.exchange is None else self.exchange.side

    def _progress(self, reader: RequestReader) -> None:
        """Hand on what the last segment completed."""
        if reader.has_more:  # the answer ends, then the connection: what follows is ignored
            self._is_deaf = self.is_last_answer = True
        if not reader.is_head_done:
            return
        if self.exchange is not None:
            body = reader.take_body()
            if body or reader.is_complete:
                self.exchange.request_body(body, is_last=reader.is_complete)
            return
        if self.peer.is_proxy:
            self.peer.speaks(reader.head)
        self.ahead, reader.behind_upgrade = reader.behind_upgrade, b""
        exchange = self.exchange = Exchange(self, reader.head)
        exchange.request_body(reader.take_body(), is_last=reader.is_complete)
        dispatch(exchange)

    def answer(self, refusal: Refusal) -> None:
        """Answer without an exchange, and close."""
        log.info("request refused", reason=refusal.because, status=refusal.status, client=self.peer.address)
        self.write((answer_of_ours(refusal.status, None if self._reader is None else self._reader.head),))
        self._linger()

    def _linger(self) -> None:
        """Send the end, then read and drop for a moment, so that the viewer can read the answer (RFC 9112 §9.6)."""
        self._is_deaf = True
        self.closing_at = self.board.now + _LINGER_S
        self.release_reading()
        if self._transport is not None:
            if self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()
