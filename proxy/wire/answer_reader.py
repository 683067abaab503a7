"""Reads the answers on one content connection, one after the other (RFC 9112 §6), on llhttp in strict mode.

What llhttp cannot know is decided here: that the request was HEAD, how the body's end will be known, and that nothing
may follow a whole answer.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Protocol

import httptools

Header = tuple[bytes, bytes]

_MAX_INTERIM = 16
"""1xx answers before the final one; a content that sends more is broken."""
_MAX_HEADERS = 256
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class Framing(Enum):
    """How the end of an answer's body is known (RFC 9112 §6.3)."""

    NONE = auto()
    LENGTH = auto()
    CHUNKED = auto()
    UNTIL_CLOSE = auto()


class BrokenAnswer(Exception):
    """The content's answer breaks the protocol; the message is a constant word for the log."""


class Listener(Protocol):
    """Who is told of an answer's parts, in the order in which they come."""

    def switching(self, headers: list[Header]) -> None:
        """Judge a 101; raise when it was not asked for or is not right."""

    def interim(self, status: int, reason: bytes, headers: list[Header]) -> None:
        """Take another 1xx."""

    def answer_head(self, status: int, reason: bytes, headers: list[Header], framing: Framing) -> None:
        """Take the final head."""

    def answer_body(self, data: bytes) -> None:
        """Take body bytes, unframed."""


class AnswerReader:
    """One answer at a time; ``begin`` names who hears of the next one."""

    __slots__ = (
        "_between_bytes", "_head_bytes", "_headers", "_interim", "_is_head", "_is_head_done", "_listener", "_max_head_bytes",
        "_parser", "_reason", "framing", "is_complete", "keep_alive",
    )  # fmt: skip

    def __init__(self, *, max_head_bytes: int) -> None:
        self._max_head_bytes = max_head_bytes
        self._parser = httptools.HttpResponseParser(self)
        self._listener: Listener | None = None

    def begin(self, listener: Listener, *, is_head: bool) -> None:
        """Read the next answer for ``listener``; ``is_head``: it answers a HEAD request, so it has no body."""
        self._listener = listener
        self._is_head = is_head
        self._headers: list[Header] = []
        self._reason = b""
        self._head_bytes = self._interim = 0
        self._between_bytes = 0  # since the last segment with a byte of the body in it
        self._is_head_done = False
        self.framing = Framing.NONE
        self.is_complete = False
        self.keep_alive = True
        """Whether the content lets the connection serve another request."""

    def rest(self) -> None:
        """Forget who listened: nothing is expected."""
        self._listener = None

    @property
    def may_follow(self) -> bool:
        """Whether another request may follow on the connection: the answer is whole, and both sides want it so."""
        return self.is_complete and self.keep_alive

    def feed(self, data: bytes) -> bytes | None:
        """Read on, telling the listener; return what came behind a 101, which is no longer HTTP.

        Raises ``BrokenAnswer``. What follows a whole answer is no fault of that answer: it only ends ``keep_alive``.
        """
        try:
            if self._is_head_done:
                self._feed_body(data)
            else:
                self._feed_head(data)
        except httptools.HttpParserUpgrade as upgrade:
            return data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            self.keep_alive = False
            if not self.is_complete:
                raise BrokenAnswer(str(error.__context__ or type(error).__name__)) from error
        return None

    def end(self) -> bool:
        """Take the end of the connection; ``True``: that was the end of a body which only it could end."""
        if self.framing is not Framing.UNTIL_CLOSE:
            return False
        self.is_complete, self.keep_alive = True, False
        return True

    def _feed_head(self, data: bytes) -> None:
        allowance = self._max_head_bytes - self._head_bytes
        self._head_bytes += len(data)
        if len(data) <= allowance:
            self._parser.feed_data(data)
            return
        self._parser.feed_data(data[:allowance])
        if not self._is_head_done:
            raise httptools.HttpParserError("head too large")
        self._parser.feed_data(data[allowance:])

    def _feed_body(self, data: bytes) -> None:
        """Parse on: sizes of chunks and trailers may be as long as a head, because httptools keeps a trailer whole."""
        if self._between_bytes > self._max_head_bytes:
            raise httptools.HttpParserError("trailers too large")
        self._between_bytes += len(data)
        self._parser.feed_data(data)

    # — httptools ——————————————————————————————————————————————————————————————————————————————

    def on_message_begin(self) -> None:
        if self.is_complete:
            raise BrokenAnswer("more than one answer")

    def on_status(self, status: bytes) -> None:
        self._reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        headers = self._headers
        if len(headers) >= _MAX_HEADERS:
            raise BrokenAnswer("too many headers")
        headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        status = parser.get_status_code()
        if _CONTROL.search(self._reason):
            self._reason = b""  # llhttp lets everything but CR and LF through here
        if status < 200:
            self._interim_head(status)
            return
        self._is_head_done = True
        headers, self._headers = self._headers, []  # what comes now are trailers, which nobody gets
        is_bodyless = self._is_head or status in {204, 304}
        self.framing = Framing.NONE if is_bodyless else self._body_framing(headers)
        self.keep_alive = parser.should_keep_alive() and not self._is_head
        if status == 204 and any(name.lower() in _FRAMING and value != b"0" for name, value in headers):
            self.keep_alive = False  # content that announces a body sends it as well (R's httpuv does)
        assert self._listener is not None
        self._listener.answer_head(status, self._reason, headers, self.framing)
        if is_bodyless:
            self.is_complete = True

    def _interim_head(self, status: int) -> None:
        assert self._listener is not None
        self._interim += 1
        if status == 101:
            self._listener.switching(self._headers)
        elif self._interim > _MAX_INTERIM:
            raise BrokenAnswer("endless interim answers")
        else:
            self._listener.interim(status, self._reason, self._headers)

    def _body_framing(self, headers: list[Header]) -> Framing:
        framing = Framing.UNTIL_CLOSE
        for name, value in headers:
            folded = name.lower()
            if folded == b"transfer-encoding":
                if value.strip().lower() != b"chunked" or framing is Framing.CHUNKED:
                    raise BrokenAnswer("unknown transfer encoding")
                framing = Framing.CHUNKED
            elif folded == b"content-length" and framing is not Framing.CHUNKED:
                framing = Framing.LENGTH
        if framing is Framing.CHUNKED and self._parser.get_http_version() == "1.0":
            raise BrokenAnswer("chunked in HTTP/1.0")
        return framing

    def on_body(self, body: bytes) -> None:
        if self.framing is Framing.NONE:
            raise BrokenAnswer("body where none may be")
        self._between_bytes = 0
        if self._listener is not None:
            self._listener.answer_body(body)

    def on_message_complete(self) -> None:
        if self._is_head_done:
            self.is_complete = True
        else:
            self._headers, self._reason = [], b""  # that was an interim answer
