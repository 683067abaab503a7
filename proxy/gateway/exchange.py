"""One request and its answer: between one viewer connection and, at any moment, at most one content connection.

It ends in exactly one way: the whole answer was written, or the viewer's connection was cut.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from proxy.gateway.content_side import ContentSide
from proxy.gateway.patience import Debtor
from proxy.gateway.ways import answer_here, collect, refuse
from proxy.policy.routing import Reason, Refuse
from proxy.wire.answer_reader import Framing, Header
from proxy.wire.answer_writer import AnswerWriter
from proxy.wire.handshake import has_extension, is_agreed
from proxy.wire.request import Refusal
from proxy.wire.request_writer import RequestWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.gateway.pool import Pool
    from proxy.gateway.viewer_side import ViewerSide
    from proxy.gateway.websocket import Tunnel
    from proxy.model import Content, SessionHash
    from proxy.wire.request import RequestHead

log = structlog.get_logger("gateway")


class Exchange:
    """One request of a viewer and its answer."""

    __slots__ = (
        "_answer", "_pool", "_retried", "_sent", "answer_body", "content", "expires_at", "is_over", "progress_at", "request",
        "request_id", "session_hash", "side", "target", "tunnel", "viewer", "waiting", "when_whole",
    )  # fmt: skip

    def __init__(self, viewer: ViewerSide, request: RequestHead) -> None:
        self.viewer = viewer
        self.request = request
        self.request_id = ""
        self.content: Content | None = None
        self.target = b""
        """What the content sees as request target."""
        self.when_whole: Callable[[], None] | None = None  # done once, when all of the request is here
        self.waiting: asyncio.Task[None] | None = None  # slow lane or dialling; it is told when the viewer gives up
        self.tunnel: Tunnel | None = None
        self.is_over = False
        self.session_hash: SessionHash | None = None
        """Whose request went to the content, until when (epoch seconds); ``None``: nobody's, or not yet."""
        self.expires_at = 0.0
        self.progress_at = viewer.board.now
        self._pool: Pool | None = None
        self.side: ContentSide | None = None
        """The content's end, once there is one."""
        self._retried = False
        self._sent = RequestWriter(request)
        self._answer = AnswerWriter(request, ours=viewer.board.injected)
        self.answer_body = self._answer.body

    @property
    def owed_by(self) -> Debtor:
        """Who has to act now."""
        if self.viewer.is_write_paused or (not self._sent.is_complete and not self.viewer.is_reading_held):
            return Debtor.VIEWER
        if self._answer.is_head_written and not self.viewer.is_reading_held:
            return Debtor.NOBODY
        return Debtor.OURSELVES if self._pool is None or self._pool.is_control else Debtor.CONTENT

    # — where to ———————————————————————————————————————————————————————————————————————————————

    def redirect_here(self, location: bytes) -> None:
        """Send the viewer to another path of the same origin."""
        self._sent.drop_body()
        if self.request.is_upgrade or not self._sent.is_complete:
            self.viewer.is_last_answer = True
        self._answer.redirect(location, self.viewer.connection_header(self.request))
        self.answer_end()

    def go(self, pool: Pool, head: bytes) -> None:
        """Send the request, with this head, over a connection of ``pool``."""
        self._sent.head(head)
        self._pool = pool
        side = None if self.request.is_websocket and not pool.is_control else pool.take(self.viewer.board.now)
        if side is None:
            pool.connect(self, self.viewer.board)
        else:
            self.take_connection(side)

    def drop_request(self) -> bool:
        """Take the request back from whoever has it; ``False`` when it is too late for another to answer it."""
        self._drop_side()
        if self._answer.is_head_written or self._pool is self.viewer.board.control:
            return False
        self._sent.drop_body()
        self.viewer.release_reading()
        return True

    def take_connection(self, side: ContentSide) -> bool:
        """Own a connection and send what is there of the request; ``False`` when nobody waits for it any more."""
        self.waiting = None
        if self.is_over or self.side is not None:
            return False
        self.side = side
        side.own(self)
        self.progress_at = self.viewer.board.now
        side.write(self._sent.start())
        if self.viewer.is_write_paused:
            side.pause_reading()
        if not side.is_write_paused:
            self.viewer.release_reading()
        return True

    # — the viewer's request body ——————————————————————————————————————————————————————————————

    def request_body(self, pieces: list[bytes], *, is_last: bool) -> None:
        """Take body bytes as parsed; ``is_last``: the request is complete."""
        self.progress_at = self.viewer.board.now
        self._sent.body(pieces, is_last=is_last)
        if self.side is not None:
            if self._sent.held_bytes:
                self.side.write(self._sent.take())
        elif self.when_whole is not None:
            collect(self, self._sent)
        elif self._sent.is_full:
            self.viewer.hold_reading()

    def content_ready(self) -> None:
        """The content takes bytes again."""
        self.progress_at = self.viewer.board.now
        self.viewer.release_reading()

    # — the content's answer ———————————————————————————————————————————————————————————————————

    def interim(self, status: int, reason: bytes, headers: list[Header]) -> None:
        """Pass on a 1xx."""
        self._answer.interim(self.content, status, reason, headers)

    def answer_head(self, status: int, reason: bytes, headers: list[Header], framing: Framing) -> None:
        """Write the answer's head, framed anew for this viewer."""
        request, viewer = self.request, self.viewer
        if self._answer.ends_with_connection(framing) or request.is_upgrade or not self._sent.is_complete:
            viewer.is_last_answer = True
        last = viewer.connection_header(request)
        if self._pool is not None and self._pool.is_control:
            self._answer.head_from_control(status, reason, headers, framing, last)
        else:
            self._answer.head(self.content, status, reason, headers, framing, last)

    def flush(self) -> None:
        """Write what the content's last segment brought."""
        out = self._answer.take()
        if out:
            self.progress_at = self.viewer.board.now
            self.viewer.write(out)

    def answer_end(self) -> None:
        """The answer is whole."""
        self._answer.end()
        self.flush()
        side, self.side = self.side, None
        self._finish()
        if side is not None:
            side.release(self.viewer.board.now, request_done=self._sent.owes_nothing)
        self.viewer.exchange_done(request_done=self._sent.is_complete)

    # — WebSocket ——————————————————————————————————————————————————————————————————————————————

    def switching(self, headers: list[Header]) -> None:
        """Check the content's 101; raises when it was not asked for or is not right."""
        if self.tunnel is None or not is_agreed(headers, self.request.named.get(b"sec-websocket-key", b"")):
            raise ValueError("101 refused")
        self.tunnel.agree(has_extension=has_extension(headers))
        self._answer.switching(self.content, headers)

    def switched(self, from_content: bytes) -> None:
        """Become a tunnel: ``from_content`` came right behind the 101."""
        side, tunnel = self.side, self.tunnel
        assert side is not None
        assert tunnel is not None
        self.flush()
        self.tunnel = None
        self.side = None
        self._finish()
        ahead, self.viewer.ahead = self.viewer.ahead, b""
        tunnel.open(side, ahead, from_content)

    # — endings ————————————————————————————————————————————————————————————————————————————————

    def content_failed(self, because: str, reason: Reason = Reason.CONTENT_UNAVAILABLE) -> None:
        """The content cannot be reached, or its answer cannot be used; ``because``: a constant word for the log."""
        if self.is_over:
            return
        name = self.content.name if self.content is not None else "control plane"
        request_id = self.viewer.board.identify(self)
        log.warning("content failed", content=name, reason=reason.value, because=because, request_id=request_id)
        self._answer.drop()
        if self.content is None or self._answer.is_head_written:
            answer_here(self, Refusal(503, "control plane unavailable"))
        else:
            refuse(self, Refuse(reason=reason))

    def content_lost(self) -> None:
        """The content's connection ended before its answer did."""
        side, self.side = self.side, None
        if side is None or self.is_over:
            return
        nothing_was_done = side.is_reused and not side.received and not self._retried
        if nothing_was_done and self.request.is_repeatable and self._pool is not None:
            self._retried = True  # the content closed an idle connection just as it was taken
            self._pool.connect(self, self.viewer.board)
            return
        self.content_failed("connection lost")

    def cancel(self) -> bool:
        """Give up before anything was answered, so that another answer may be given; else cut, and return ``False``."""
        if self._answer.is_head_written:
            self.abort()
            return False
        self.viewer_lost()
        return True

    def abort(self) -> None:
        """Cut both connections: the viewer must not take what it got for the whole answer."""
        self.viewer_lost()
        self.viewer.abort()

    def viewer_lost(self) -> None:
        """The viewer is gone: the content may stop working."""
        self._drop_side()
        self._finish()

    def _drop_side(self) -> None:
        if self.waiting is not None:
            self.waiting.cancel()
            self.waiting = None
        side, self.side = self.side, None
        if side is not None:
            side.abort()

    def _finish(self) -> None:
        self.is_over = True
        if self.tunnel is not None:
            self.viewer.board.unregister(self.tunnel)
            self.tunnel = None
