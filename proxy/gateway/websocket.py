"""A WebSocket between viewer and content: bytes pass unchanged, frame headers are followed (RFC 6455).

Following them is what lets us act at a frame boundary: say why the socket ends (4401 session over, 4403 consent gone,
1009 frame too big, 1012 restart), and ping a silent browser.
"""

from __future__ import annotations

import os
from math import inf
from typing import TYPE_CHECKING

from proxy.wire.frames import PING, FrameFollower, close_frame

if TYPE_CHECKING:
    from proxy.gateway.content_side import ContentSide
    from proxy.gateway.switchboard import Switchboard
    from proxy.gateway.viewer_side import ViewerSide
    from proxy.model import ContentGuid, SessionHash

SESSION_OVER = 4401
CONSENT_GONE = 4403
GOING_AWAY = 1001
RESTART = 1012

CLOSING_S = 3.0
"""From the wish to close until the connections are cut, whatever the peers do. Until then the browser may answer the
close frame: cutting at once could reset the connection before it has read the code."""


class Tunnel:
    """One WebSocket; registered under its session before the content is dialled, open after the content's 101."""

    __slots__ = (
        "_board", "_close_code", "_closing_at", "_expires_at", "_from_content", "_from_viewer", "_heard_at", "_opened_at", "_pinged_at", "_side",
        "content_guid", "session_hash", "viewer", "viewer_guid",
    )  # fmt: skip

    def __init__(
        self, board: Switchboard, viewer: ViewerSide, content_guid: ContentGuid, session_hash: SessionHash | None
    ) -> None:
        self._board = board
        self.viewer = viewer
        self.content_guid = content_guid
        self.session_hash = session_hash
        self.viewer_guid = board.admission.viewer_of(session_hash) if session_hash is not None else None
        self._expires_at = board.admission.expires_at_of(session_hash) if session_hash is not None else inf
        self._side: ContentSide | None = None
        largest = board.limits.max_websocket_frame_bytes
        self._from_viewer = FrameFollower(masked=True, max_frame_bytes=largest)
        self._from_content = FrameFollower(masked=False, max_frame_bytes=largest)
        self._opened_at = self._heard_at = self._pinged_at = board.now
        self._close_code = 0
        self._closing_at = 0.0
        board.register(self)

    def agree(self, *, has_extension: bool) -> None:
        """Take note of what the content's 101 says about extensions."""
        self._from_viewer.may_reserve = self._from_content.may_reserve = has_extension

    def open(self, side: ContentSide, from_viewer: bytes, from_content: bytes) -> None:
        """Start after the 101, with what either side sent already."""
        self._side = side
        side.become_tunnel(self)
        self.viewer.become_tunnel(self)
        if from_content:
            self.from_content(from_content)
        if from_viewer:
            self.from_viewer(from_viewer)

    def from_viewer(self, data: bytes) -> None:
        """Pass on what the browser sent."""
        self._heard_at = self._pinged_at = self._board.now
        whole = self._from_viewer.feed(data)
        side = self._side
        if side is None or self._close_code:
            if self._from_viewer.close_seen:
                self.viewer.close_soon()  # the browser's answer to our close frame
            return
        if whole:
            side.write((whole,))
        if self._from_viewer.problem:
            self.close(self._from_viewer.problem)

    def from_content(self, data: bytes) -> None:
        """Pass on what the content sent."""
        if self._close_code:
            if not self._from_content.at_boundary:
                self.viewer.write((self._from_content.feed(data, to_boundary=True),))
                self._say_close()
            return
        whole = self._from_content.feed(data)
        if whole:
            self.viewer.write((whole,))
        if self._from_content.problem:
            self.close(self._from_content.problem)

    def close(self, code: int) -> None:
        """End the socket with ``code``, at the next frame boundary; cut it after ``CLOSING_S`` whatever happens."""
        if self._close_code:
            return
        self._close_code = code
        self._closing_at = self._board.now
        side = self._side
        if side is None:
            self.viewer.abort()  # the handshake is still under way
            return
        if self._from_viewer.at_boundary and not self._from_viewer.close_seen:
            side.write((close_frame(GOING_AWAY if code > 4000 else code, mask=os.urandom(4)),))
        self._say_close()

    def check(self, now: float) -> None:
        """Once a second: cut what will not end, ping a silent browser, notice a dead one."""
        if self._close_code:
            if now - self._closing_at >= CLOSING_S:
                self._cut()
            return
        if now >= self._expires_at:
            self.close(SESSION_OVER)
            return
        if 0 < self._board.limits.max_websocket_age_s <= now - self._opened_at:
            self.close(RESTART)  # not 4401: the session goes on, and pages reconnect by themselves
            return
        every = self._board.limits.websocket_ping_s
        if not every:
            return
        if self.viewer.is_reading_held:
            self._heard_at = now  # it is we who do not listen
        self._heard_at = max(self._heard_at, self.viewer.taken_at)
        if now - self._heard_at > 3 * every:
            self._cut()
        elif now - self._pinged_at >= every and self._from_content.at_boundary and not self._from_content.close_seen:
            self._pinged_at = now
            self.viewer.write((PING,))

    def viewer_lost(self) -> None:
        """The browser is gone: the content gets what was sent, then the end."""
        self._board.unregister(self)
        side, self._side = self._side, None
        if side is not None:
            side.close_soon()

    def content_lost(self) -> None:
        """The content is gone: the browser gets what was sent, then the end."""
        self._board.unregister(self)
        self._side = None
        self.viewer.close_soon()

    @property
    def content_side(self) -> ContentSide | None:
        """The content's end, once the tunnel is open."""
        return self._side

    def _say_close(self) -> None:
        if not self._from_content.at_boundary:
            return
        if not self._from_content.close_seen:
            self.viewer.write((close_frame(self._close_code),))
            self._from_content.close_seen = True

    def _cut(self) -> None:
        side, self._side = self._side, None
        self._board.unregister(self)
        if side is not None:
            side.abort()
        self.viewer.abort()
