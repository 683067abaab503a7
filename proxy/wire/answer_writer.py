"""Writes one answer anew for its viewer: head re-serialised, body re-framed (RFC 9112 §6, §7.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.wire.answer_reader import Framing, Header
from proxy.wire.heads import answer_head, answer_head_from_control, redirect

if TYPE_CHECKING:
    from proxy.model import Content
    from proxy.wire.request import RequestHead


class AnswerWriter:
    """Collects the bytes of one answer; ``take`` hands over what there is so far."""

    __slots__ = ("_is_chunked", "_is_head_taken", "_ours", "_out", "_request", "is_head_written")

    def __init__(self, request: RequestHead, *, ours: frozenset[bytes]) -> None:
        """``ours``: the folded names of every header that we inject towards contents; none comes back."""
        self._request = request
        self._ours = ours
        self._out: list[bytes] = []
        self._is_chunked = self._is_head_taken = False
        self.is_head_written = False
        """The viewer has a final head: nothing else can be answered any more."""

    def take(self) -> list[bytes]:
        """Return (once) what is to be sent."""
        out, self._out = self._out, []
        self._is_head_taken = self.is_head_written
        return out

    def interim(self, content: Content | None, status: int, reason: bytes, headers: list[Header]) -> None:
        """Pass on a 1xx that the viewer can use: 100 when asked for, 103."""
        request = self._request
        if request.is_http10 or (status == 100 and not request.expects_continue) or status not in {100, 103}:
            return
        passed = headers if status == 103 else []
        self._out.append(answer_head(content, status, reason, passed, b"", ours=self._ours, drop_length=True))

    def switching(self, content: Content | None, headers: list[Header]) -> None:
        """Write the 101 of a WebSocket."""
        reason = b"Switching Protocols"
        self._out.append(answer_head(content, 101, reason, headers, b"", ours=self._ours, drop_length=True))

    def ends_with_connection(self, framing: Framing) -> bool:
        """Whether only the end of the connection can tell this viewer where the body ends."""
        return self._request.is_http10 and framing in {Framing.CHUNKED, Framing.UNTIL_CLOSE}

    def head(
        self, content: Content | None, status: int, reason: bytes, headers: list[Header], framing: Framing, last: bytes
    ) -> None:
        """Write a content's final head; ``last``: the lines about the viewer's connection."""
        is_bodyless = framing is Framing.NONE and not self._request.is_head and status != 304
        last = self._begin(framing, last)
        self._out.append(answer_head(content, status, reason, headers, last, ours=self._ours, drop_length=is_bodyless))

    def head_from_control(
        self, status: int, reason: bytes, headers: list[Header], framing: Framing, last: bytes
    ) -> None:
        """Write a final head of our own application."""
        last = self._begin(framing, last)
        self._out.append(answer_head_from_control(status, reason, headers, last, is_bodyless=status in {204, 304}))

    def redirect(self, location: bytes, last: bytes) -> None:
        """Write a whole answer that sends the viewer to another path here."""
        self.is_head_written = True
        self._out.append(redirect(location, last))

    def body(self, data: bytes) -> None:
        """Write body bytes."""
        if self._is_chunked:
            self._out += (b"%x\r\n" % len(data), data, b"\r\n")
        else:
            self._out.append(data)

    def end(self) -> None:
        """Write what marks the end of the body."""
        if self._is_chunked:
            self._out.append(b"0\r\n\r\n")

    def drop(self) -> None:
        """Forget what was not taken yet; when the head is among it, another answer may still be given."""
        self._out.clear()
        self.is_head_written = self._is_head_taken

    def _begin(self, framing: Framing, last: bytes) -> bytes:
        self.is_head_written = True
        # Compared one by one: an enum's member is hashed by Python code, three times for a set of two.
        is_unframed = framing is Framing.CHUNKED or framing is Framing.UNTIL_CLOSE
        self._is_chunked = is_unframed and not self._request.is_http10
        return b"Transfer-Encoding: chunked\r\n" + last if self._is_chunked else last
