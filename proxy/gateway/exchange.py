"""One request and its answer: between one viewer connection and, at any moment, at most one content connection.

It ends in exactly one way: the whole answer was written, or the viewer's connection was cut.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from proxy.gateway.content_side import ContentSide
from proxy.gateway.websocket import Tunnel
from proxy.policy.routing import Reason, Refuse
from proxy.wire.answer_reader import Framing, Header
from proxy.wire.answer_writer import AnswerWriter
from proxy.wire.handshake import has_extension, is_agreed
from proxy.wire.heads import request_head, request_head_to_control
from proxy.wire.request import Refusal
from proxy.wire.request_writer import RequestWriter

if TYPE_CHECKING:
    from proxy.gateway.pool import Pool
    from proxy.gateway.viewer_side import ViewerSide
    from proxy.model import Content, SessionHash
    from proxy.wire.request import RequestHead

log = structlog.get_logger("gateway")

_HELD_BYTES = 65_536
"""Body bytes held while the way to the content is not open yet; then reading pauses."""

_OURS_S = 60
"""How long our own work may take, slow lane or control plane: two questions to a provider (10 s each) and the store."""

_RETRYABLE = frozenset({b"GET", b"HEAD"})


class Exchange:
    """One request of a viewer and its answer."""

    __slots__ = (
        "_answer", "_pool", "_retried", "_sent", "_side", "answer_body", "content", "is_over", "progress_at", "request", "request_id",
        "session_hash", "target", "tunnel", "viewer", "waiting",
    )  # fmt: skip

    def __init__(self, viewer: ViewerSide, request: RequestHead) -> None:
        self.viewer = viewer
        self.request = request
        self.request_id = ""
        self.content: Content | None = None
        self.target = b""
        """What the content sees as request target."""
        self.waiting: asyncio.Task[None] | None = None
        """The slow lane, or the dialling of the content; it is told when the viewer gives up."""
        self.tunnel: Tunnel | None = None
        self.is_over = False
        self.session_hash: SessionHash | None = None
        """Whose request went to the content; ``None``: nobody's, or not yet."""
        self.progress_at = viewer.board.now
        self._pool: Pool | None = None
        self._side: ContentSide | None = None
        self._retried = False
        self._sent = RequestWriter(request)
        self._answer = AnswerWriter(request, ours=viewer.board.injected)
        self.answer_body = self._answer.body

    @property
    def content_side(self) -> ContentSide | None:
        """The content's end, once there is one."""
        return self._side

    @property
    def is_head(self) -> bool:
        """Whether the answer has no body because the request was HEAD."""
        return self.request.method == b"HEAD"

    # — where to ———————————————————————————————————————————————————————————————————————————————

    def forward(self, header_block: bytes, session_hash: SessionHash | None) -> None:
        """Send the request to its content with what that may know of the viewer."""
        board, content = self.viewer.board, self.content
        assert content is not None
        self.session_hash = session_hash
        if self.request.is_websocket:
            if board.is_draining:
                self.refuse(Refuse(reason=Reason.OVERLOADED, retry_after_s=1))
                return
            self.tunnel = Tunnel(board, self.viewer, content.guid, session_hash)
        self._sent.head(
            request_head(
                self.request, public_host=board.public_host, target=self.target, names=board.names, ours=board.injected,
                injected=header_block + self.viewer.peer.forwarded_headers(
                    self.request, content, public_host=board.public_host, proto=board.proto
                ),
            )
        )  # fmt: skip
        self._go(board.pools[content.guid])

    def to_control_plane(self, at_host_of: Content | None = None) -> None:
        """Send the request, as it is, to our own application; ``at_host_of``: the content whose own host was asked."""
        self.request_id = self.viewer.board.next_request_id()
        self._to_control(at_host_of)

    def refuse(self, refusal: Refuse) -> None:
        """Let the control plane answer in the content's place; what is left of the request's body is dropped."""
        board = self.viewer.board
        if self.is_over:
            return
        self._drop_side()
        if self._answer.is_head_written or self._pool is board.control:
            self.answer_here(Refusal(503, "control plane unavailable"))
            return
        self.request_id = self.request_id or board.next_request_id()
        self._sent.drop_body()
        self.viewer.release_reading()
        self._to_control(self.content, refusal)

    def answer_here(self, refusal: Refusal) -> None:
        """Answer without anybody behind us, and close."""
        if self.cancel():
            self.viewer.answer(refusal)

    def redirect_here(self, location: bytes) -> None:
        """Send the viewer to another path of the same origin."""
        self._sent.drop_body()
        if not self._sent.is_complete:
            self.viewer.close_after_answer()
        self._answer.redirect(location, self.viewer.connection_header(self.request))
        self.answer_end()

    def _to_control(self, content: Content | None, refusal: Refuse | None = None) -> None:
        viewer = self.viewer
        self._sent.head(
            request_head_to_control(
                self.request, public_host=viewer.board.public_host, client=viewer.peer.client, request_id=self.request_id,
                content=content, refusal=refusal,
            )
        )  # fmt: skip
        self._go(viewer.board.control)

    def _go(self, pool: Pool) -> None:
        self._pool = pool
        side = None if self.request.is_websocket and not pool.is_control else pool.take(self.viewer.board.now)
        if side is None:
            pool.connect(self, self.viewer.board)
        else:
            self.take_connection(side)

    def take_connection(self, side: ContentSide) -> bool:
        """Own a connection and send what is there of the request; ``False`` when nobody waits for it any more."""
        self.waiting = None
        if self.is_over or self._side is not None:
            return False
        self._side = side
        side.own(self)
        self.progress_at = self.viewer.board.now
        side.write(self._sent.start())
        if self.viewer.is_write_paused:
            side.pause_reading()
        if not side.is_write_paused:
            self.viewer.release_reading()
        return True

    def connect_failed(self, error: Exception) -> None:
        """The content cannot be reached."""
        self.waiting = None
        self._content_failed(Reason.CONTENT_UNAVAILABLE, type(error).__name__)

    # — the viewer's request body ——————————————————————————————————————————————————————————————

    def request_body(self, pieces: list[bytes], *, is_last: bool) -> None:
        """Take body bytes as parsed; ``is_last``: the request is complete."""
        self.progress_at = self.viewer.board.now
        self._sent.body(pieces, is_last=is_last)
        if self._side is not None:
            if self._sent.held_bytes:
                self._side.write(self._sent.take())
        elif self._sent.held_bytes > _HELD_BYTES:
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
            viewer.close_after_answer()
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
        side, self._side = self._side, None
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
        side, tunnel = self._side, self.tunnel
        assert side is not None
        assert tunnel is not None
        self.flush()
        self.tunnel = None
        self._side = None
        self._finish()
        tunnel.open(side, self.viewer.bytes_ahead(), from_content)

    # — endings ————————————————————————————————————————————————————————————————————————————————

    def content_broke(self, because: str) -> None:
        """The content's answer cannot be used."""
        self._content_failed(Reason.CONTENT_UNAVAILABLE, because)

    def content_lost(self) -> None:
        """The content's connection ended before its answer did."""
        side, self._side = self._side, None
        if side is None or self.is_over:
            return
        request = self.request
        nothing_was_done = side.is_reused and not side.received and not self._retried
        if nothing_was_done and request.method in _RETRYABLE and not request.has_body and self._pool is not None:
            self._retried = True  # the content closed an idle connection just as it was taken
            self._pool.connect(self, self.viewer.board)
            return
        self._content_failed(Reason.CONTENT_UNAVAILABLE, "connection lost")

    def check(self, now: float) -> None:
        """Once a second: end what makes no progress."""
        limits, admission = self.viewer.board.limits, self.viewer.board.admission
        if self.session_hash is not None and now >= admission.expires_at_of(self.session_hash):
            log.info("exchange ended", reason="the session is over")
            self.abort()
            return
        still_s = now - max(self.progress_at, self.viewer.taken_at)
        if self.viewer.is_write_paused or (not self._sent.is_complete and not self.viewer.is_reading_held):
            if 0 < limits.body_progress_timeout_s < still_s:
                log.info("exchange ended", reason="no progress by the viewer")
                self.abort()
        elif not self._answer.is_head_written or self.viewer.is_reading_held:
            if self._pool is None or self._pool.is_control:
                if still_s > _OURS_S:
                    self._content_failed(Reason.OVERLOADED, "no answer of ours in time")
            elif 0 < limits.content_response_timeout_s < still_s:
                self._content_failed(Reason.CONTENT_SLOW, "no answer in time")

    def cancel(self) -> bool:
        """Give up before anything was answered, so that another answer may be given; else cut, and return ``False``."""
        if self._answer.is_head_written:
            self.abort()
            return False
        self.viewer_lost()
        return True

    def abort(self) -> None:
        """Cut both connections: the viewer must not take what it got for the whole answer."""
        self._drop_side()
        self._finish()
        self.viewer.abort()

    def viewer_lost(self) -> None:
        """The viewer is gone: the content may stop working."""
        self._drop_side()
        self._finish()

    def _content_failed(self, reason: Reason, because: str) -> None:
        if self.is_over:
            return
        name = self.content.name if self.content is not None else "control plane"
        self.request_id = self.request_id or self.viewer.board.next_request_id()
        log.warning("content failed", content=name, reason=reason.value, because=because, request_id=self.request_id)
        self._answer.drop()
        if self.content is None or self._answer.is_head_written:
            self.answer_here(Refusal(503, "control plane unavailable"))
        else:
            self.refuse(Refuse(reason=reason))

    def _drop_side(self) -> None:
        if self.waiting is not None:
            self.waiting.cancel()
            self.waiting = None
        side, self._side = self._side, None
        if side is not None:
            side.abort()

    def _finish(self) -> None:
        self.is_over = True
        if self.tunnel is not None:
            self.viewer.board.unregister(self.tunnel)
            self.tunnel = None
