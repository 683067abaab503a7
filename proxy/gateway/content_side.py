"""One connection to a content: the request goes out, the answer is parsed and told to the exchange that owns it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

import httptools

if TYPE_CHECKING:
    from proxy.gateway.exchange import Exchange
    from proxy.gateway.pool import Pool
    from proxy.gateway.websocket import Tunnel

Header = tuple[bytes, bytes]

_MAX_INTERIM = 16
"""1xx answers before the final one; a content that sends more is broken."""
_MAX_HEADERS = 256
_FLUSH_S = 5.0
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class Framing(Enum):
    """How the end of an answer's body is known (RFC 9112 §6.3)."""

    NONE = auto()
    LENGTH = auto()
    CHUNKED = auto()
    UNTIL_CLOSE = auto()


class _BrokenAnswer(Exception):
    """The content's answer breaks the protocol; the message is a constant word for the log."""


class ContentSide(asyncio.Protocol):
    """The content's end of one exchange at a time."""

    __slots__ = (
        "_ended", "_framing", "_head_bytes", "_head_done", "_headers", "_interim", "_keep_alive", "_max_head_bytes",
        "_parser", "_pool", "_reason", "_write_paused", "exchange", "idle_since", "is_reused", "received", "transport",
        "tunnel",
    )  # fmt: skip

    def __init__(self, pool: Pool, max_head_bytes: int) -> None:
        self._pool = pool
        self._max_head_bytes = max_head_bytes
        self.transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self.exchange: Exchange | None = None
        self.tunnel: Tunnel | None = None
        self.idle_since = 0.0
        self.is_reused = False
        self.received = False
        self._write_paused = False
        self._begin()

    def _begin(self) -> None:
        self._headers: list[Header] = []
        self._reason = b""
        self._head_done = self._ended = False
        self._head_bytes = self._interim = 0
        self._framing = Framing.NONE
        self._keep_alive = True

    # — the exchange's view ————————————————————————————————————————————————————————————————————

    @property
    def is_usable(self) -> bool:
        """Whether a request could be sent now."""
        return self.transport is not None and not self.transport.is_closing()

    def own(self, exchange: Exchange) -> None:
        """Serve ``exchange`` from now on."""
        self.exchange = exchange
        self.received = False

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
        if self.is_usable and self.transport is not None:
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self.is_usable and self.transport is not None:
            self.transport.resume_reading()

    def release(self, now: float, *, request_done: bool) -> None:
        """End the present exchange: back to the pool if nothing is owed on either side, else closed."""
        self.exchange = None
        if self._ended and self._keep_alive and request_done and self.is_usable and self._has_sent_all():
            self._begin()
            self.resume_reading()  # it may stand paused for a viewer that takes the end of its answer slowly
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
        self._parser = None

    # — asyncio.Protocol ———————————————————————————————————————————————————————————————————————

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's do not inherit from asyncio's
        self._pool.open.add(self)

    def data_received(self, data: bytes) -> None:
        if self.tunnel is not None:
            self.tunnel.from_content(data)
            return
        exchange = self.exchange
        if exchange is None or self._parser is None:
            self.abort()  # a byte on an idle connection belongs to nobody
            return
        self.received = True
        try:
            self._feed(data)
        except httptools.HttpParserUpgrade as upgrade:
            exchange.switched(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._keep_alive = False
            if self._ended:
                exchange.answer_end()  # the answer is whole; what follows it is dropped with the connection
            else:
                exchange.content_broke(str(error.__context__ or type(error).__name__))
        else:
            if self._ended:
                exchange.answer_end()
            else:
                exchange.flush()

    def eof_received(self) -> None:
        if self.tunnel is None and self.exchange is not None and self._framing is Framing.UNTIL_CLOSE:
            self._ended, self._keep_alive = True, False
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

    # — httptools ——————————————————————————————————————————————————————————————————————————————

    def _feed(self, data: bytes) -> None:
        assert self._parser is not None
        if not self._head_done:
            allowance = self._max_head_bytes - self._head_bytes
            self._head_bytes += len(data)
            if len(data) > allowance:
                self._parser.feed_data(data[:allowance])
                if not self._head_done:
                    raise httptools.HttpParserError("head too large")
                data = data[allowance:]
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        if self._ended:
            raise _BrokenAnswer("more than one answer")

    def on_status(self, status: bytes) -> None:
        self._reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_done:
            return  # a trailer: not passed on
        if len(self._headers) >= _MAX_HEADERS:
            raise _BrokenAnswer("too many headers")
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser, exchange = self._parser, self.exchange
        assert parser is not None
        assert exchange is not None
        status = parser.get_status_code()
        if status < 200:
            self._interim += 1
            if status == 101:
                exchange.switching(self._headers)
                return
            if self._interim > _MAX_INTERIM:
                raise _BrokenAnswer("endless interim answers")
            exchange.interim(status, self._reason, self._headers)
            return
        self._head_done = True
        if _CONTROL.search(self._reason):
            self._reason = b""  # llhttp lets everything but CR and LF through here
        is_bodyless = exchange.is_head or status in {204, 304}
        self._framing = Framing.NONE if is_bodyless else self._body_framing()
        self._keep_alive = parser.should_keep_alive() and not exchange.is_head
        if status == 204 and any(name.lower() in _FRAMING and value != b"0" for name, value in self._headers):
            self._keep_alive = False  # content that announces a body sends it as well (R's httpuv does)
        exchange.answer_head(status, self._reason, self._headers, self._framing)
        if is_bodyless:
            self._ended = True

    def _body_framing(self) -> Framing:
        framing = Framing.UNTIL_CLOSE
        for name, value in self._headers:
            folded = name.lower()
            if folded == b"transfer-encoding":
                if value.strip().lower() != b"chunked" or framing is Framing.CHUNKED:
                    raise _BrokenAnswer("unknown transfer encoding")
                framing = Framing.CHUNKED
            elif folded == b"content-length" and framing is not Framing.CHUNKED:
                framing = Framing.LENGTH
        if framing is Framing.CHUNKED and self._parser is not None and self._parser.get_http_version() == "1.0":
            raise _BrokenAnswer("chunked in HTTP/1.0")
        return framing

    def on_body(self, body: bytes) -> None:
        if self._framing is Framing.NONE:
            raise _BrokenAnswer("body where none may be")
        if self.exchange is not None:
            self.exchange.answer_body(body)

    def on_message_complete(self) -> None:
        if self._head_done:
            self._ended = True
        else:
            self._headers, self._reason = [], b""  # that was an interim answer
