"""Writes one request anew for its content: a head of ours, then the body re-framed, held while there is no connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.wire.request import RequestHead


_HELD_BYTES = 65_536
"""So much of a body waits for its way to be open, or to be whole."""


class RequestWriter:
    """What of one request is to be sent; the head may be sent twice, body bytes once."""

    __slots__ = ("_body", "_head", "_is_body_dropped", "_request", "held_bytes", "is_complete")

    def __init__(self, request: RequestHead) -> None:
        self._request = request
        self._head = b""
        self._body: list[bytes] = []
        self._is_body_dropped = False
        self.held_bytes = 0
        """Body bytes that wait for ``start`` or ``take``."""
        self.is_complete = False
        """The viewer has sent all of it."""

    @property
    def is_full(self) -> bool:
        """Whether no more of the body should be taken before some of it was sent."""
        return self.held_bytes > _HELD_BYTES

    @property
    def owes_nothing(self) -> bool:
        """Whether the content has, or was never promised, the whole body."""
        return self.is_complete or self._is_body_dropped

    def head(self, head: bytes) -> None:
        """Settle the head."""
        self._head = head

    def drop_body(self) -> None:
        """Send no body, neither what is held nor what still comes."""
        self._is_body_dropped = True
        self._body = []
        self.held_bytes = 0

    def body(self, pieces: list[bytes], *, is_last: bool) -> None:
        """Take body bytes as parsed; ``is_last``: the request is complete, and what is said of it again means nothing."""
        if self.is_complete:
            return
        self.is_complete = is_last
        if self._is_body_dropped:
            return
        if self._request.is_chunked:
            pieces = [part for piece in pieces for part in (b"%x\r\n" % len(piece), piece, b"\r\n")]
            if is_last:
                pieces.append(b"0\r\n\r\n")
        if pieces:
            self._body += pieces
            self.held_bytes += sum(map(len, pieces))

    def start(self) -> list[bytes]:
        """Return what a new connection gets: the head, and the body so far."""
        return [self._head, *self.take()]

    def take(self) -> list[bytes]:
        """Return (once) the body bytes that are held."""
        body, self._body, self.held_bytes = self._body, [], 0
        return body
