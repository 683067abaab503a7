"""Reads the requests of one viewer connection, one after the other (RFC 9112), on llhttp in strict mode.

Bytes go in, heads and bodies come out; who gets them is the caller's business. Two things llhttp does not do are done
here: an unfinished head, and what stands around the chunks of a body, is counted before it is parsed; and what follows a
request that is not answered yet is left alone.
"""

from __future__ import annotations

import httptools

from proxy.wire.request import HeaderSet, Refusal, RequestHead

_REMEMBERED_BYTES = 4096
"""Of a head whose headers the next one may share: browsers send one to three thousand."""


class _Refused(Exception):
    """Raised inside a parser callback: this request is answered by ``refusal``."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.because)
        self.refusal = refusal


class _Pipelined(Exception):
    """Raised inside a parser callback: another request began before the answer to the last one ended."""


class RequestReader:
    """One request at a time; ``next_request`` makes room for the following one."""

    __slots__ = (
        "_before", "_between_bytes", "_body", "_headers", "_last", "_max_head_bytes", "_max_headers", "_max_target_bytes",
        "_parser", "behind_upgrade", "has_more", "head", "head_bytes", "is_complete", "is_head_done",
    )  # fmt: skip

    def __init__(self, *, max_head_bytes: int, max_headers: int, max_target_bytes: int) -> None:
        self._max_head_bytes = max_head_bytes
        self._max_headers = max_headers
        self._max_target_bytes = max_target_bytes
        self._parser = httptools.HttpRequestParser(self)
        self._last = self._before = HeaderSet([])
        self.has_more = False
        """Bytes came behind a request that is not answered yet: they are ignored, and so is all that follows."""
        self.behind_upgrade = b""
        """What came in one segment behind the head of an upgrade: no longer HTTP."""
        self.next_request()

    def next_request(self) -> None:
        """Be ready for the next head."""
        self.head = RequestHead()
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._between_bytes = 0  # since the last segment with a byte of the body in it
        self.head_bytes = 0
        """Bytes of the present head so far (and of what came in one segment with its end)."""
        self.is_head_done = self.is_complete = False

    def feed(self, data: bytes) -> Refusal | None:
        """Read on; return why the present request cannot be served. After that, nothing may be fed any more."""
        try:
            if self.is_head_done:
                self._feed_body(data)
            else:
                self._feed_head(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.behind_upgrade = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            cause = error.__cause__ or error.__context__
            if isinstance(cause, _Pipelined) or self.is_complete:
                self.has_more = True
                return None
            return cause.refusal if isinstance(cause, _Refused) else Refusal(400, "malformed")
        return None

    def _feed_head(self, data: bytes) -> None:
        """Parse no more of a head than it may have; then the rest of the segment, if the head ended in time."""
        allowance = self._max_head_bytes - self.head_bytes
        self.head_bytes += len(data)
        if len(data) <= allowance:
            self._parser.feed_data(data)
            return
        self._parser.feed_data(data[:allowance])  # an upgrade's offset is one in the whole segment too
        if not self.is_head_done:
            raise httptools.HttpParserCallbackError from _Refused(Refusal(431, "head too large"))
        self._parser.feed_data(data[allowance:])

    def _feed_body(self, data: bytes) -> None:
        """Parse on: sizes of chunks and trailers may be as long as a head, because httptools keeps a trailer whole."""
        if self._between_bytes > self._max_head_bytes and not self.is_complete:
            raise httptools.HttpParserCallbackError from _Refused(Refusal(431, "trailers too large"))
        self._between_bytes += len(data)
        self._parser.feed_data(data)

    def take_body(self) -> list[bytes]:
        """Return (once) the body bytes that came since the last call."""
        body, self._body = self._body, []
        return body

    # — httptools ——————————————————————————————————————————————————————————————————————————————

    def on_message_begin(self) -> None:
        if self.is_head_done:
            raise _Pipelined

    def on_url(self, url: bytes) -> None:
        self.head.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        headers = self._headers
        if len(headers) >= self._max_headers:
            raise _Refused(Refusal(431, "too many headers"))
        headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser, head = self._parser, self.head
        self.is_head_done = True
        headers, self._headers = self._headers, []  # what comes now are trailers, which nobody gets
        head.has(self._last if headers == self._last.pairs else self._headers_of_another(headers))
        head.method = parser.get_method()
        version = parser.get_http_version()
        head.is_http10 = version == "1.0"
        head.keep_alive = parser.should_keep_alive()
        head.is_upgrade = parser.should_upgrade()
        refusal = head.refusal(version=version, max_target_bytes=self._max_target_bytes)
        if refusal is not None:
            raise _Refused(refusal)

    def _headers_of_another(self, headers: list[tuple[bytes, bytes]]) -> HeaderSet:
        """Look at the request before the last one; what is new is remembered, but nothing large on an idle connection."""
        self._last, self._before = self._before, self._last
        if headers == self._last.pairs:
            return self._last
        new = HeaderSet(headers)
        if self.head_bytes <= _REMEMBERED_BYTES:
            self._last = new
        return new

    def on_body(self, body: bytes) -> None:
        self._between_bytes = 0
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.is_complete = True
