"""The head of one request as the viewer sent it, and what is refused before anything is decided.

llhttp refuses most of what is malformed; what it lets through and we must not is here (measured: fifty hostile heads
against httptools 0.9). A refusal is a status and a constant word for the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from proxy.policy.cookies import session_ids
from proxy.policy.routing import Malformed, split_target

if TYPE_CHECKING:
    from proxy.policy.cookies import CookieNames

Header = tuple[bytes, bytes]

_METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})
_FORBIDDEN_METHODS = frozenset({b"CONNECT", b"TRACE"})
_REPEATABLE = frozenset({b"GET", b"HEAD"})
SAFE_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS"})

_SINGULAR = frozenset({
    b"host", b"content-length", b"transfer-encoding", b"expect", b"origin", b"upgrade", b"sec-websocket-key",
    b"sec-websocket-version", b"sec-fetch-site",
})  # fmt: skip
"""Headers that decide something here: more than one of a kind is refused, never chosen from."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that the gateway gives itself, then closes."""

    status: int
    because: str


class HeaderSet:
    """The headers of a request, and what follows from them alone.

    A page that polls, or a callback that fires, sends the same headers again and again over one connection: equal ones
    share one set, so that what follows from them is worked out once.
    """

    __slots__ = ("_cookie", "_cookies", "_is_cookie_read", "lines", "named", "pairs", "refusal")

    def __init__(self, pairs: list[Header]) -> None:
        self.pairs = pairs
        self.named: dict[bytes, bytes] = {}
        """The headers of ``_SINGULAR``, names in lower case."""
        self.lines: bytes | None = None
        """What contents get of them, once it was worked out (``heads.request_head``)."""
        self._cookies: list[bytes] = []
        self._cookie: tuple[str, bytes] | None = None
        self._is_cookie_read = False
        is_repeated = False
        for name, value in pairs:
            folded = name.lower()
            if folded in _SINGULAR:
                is_repeated = is_repeated or folded in self.named
                self.named[folded] = value
            elif folded == b"cookie":
                self._cookies.append(value)
        self.refusal = Refusal(400, "header repeated") if is_repeated else self._framing_refusal()
        """Why no request can have these headers."""

    def cookie(self, names: CookieNames) -> tuple[str, bytes] | None:
        """Return our session cookie's value and its SHA-256; ``None`` without one that can be believed."""
        if not self._is_cookie_read:
            self._is_cookie_read = True
            found = session_ids(self._cookies, names) if self._cookies else None
            self._cookie = (found[0], sha256(found[0].encode()).digest()) if found else None
        return self._cookie

    def _framing_refusal(self) -> Refusal | None:
        coding, length = self.named.get(b"transfer-encoding"), self.named.get(b"content-length")
        if coding is not None:
            if length is not None:
                return Refusal(400, "two framings")
            if coding.strip().lower() != b"chunked":
                return Refusal(501, "transfer-encoding unknown")
        if length is not None and not length.isdigit():
            return Refusal(400, "content-length")
        if self.named.get(b"expect", b"100-continue").strip().lower() != b"100-continue":
            return Refusal(417, "expectation unknown")
        return None


_NO_HEADERS = HeaderSet([])


class RequestHead:
    """One request head, filled by the reader."""

    __slots__ = ("is_http10", "is_upgrade", "keep_alive", "method", "named", "path", "query", "set", "target")

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        self.path = self.query = b""
        """The target's halves, once it was found usable."""
        self.set = _NO_HEADERS
        self.named = _NO_HEADERS.named
        self.is_http10 = False
        self.is_upgrade = False
        """The parser saw ``Upgrade`` and a ``Connection`` that names it."""
        self.keep_alive = True

    def has(self, headers: HeaderSet) -> None:
        """Take the headers, which are complete."""
        self.set = headers
        self.named = headers.named

    @property
    def headers(self) -> list[Header]:
        """All headers as they were received."""
        return self.set.pairs

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return b"transfer-encoding" in self.named

    @property
    def content_length(self) -> bytes | None:
        """The announced length as it was written; the parser has read it as a number."""
        return self.named.get(b"content-length")

    @property
    def has_body(self) -> bool:
        """Whether a body is announced."""
        return self.is_chunked or self.content_length not in {None, b"0"}

    @property
    def is_head(self) -> bool:
        """Whether the answer has a head alone."""
        return self.method == b"HEAD"

    @property
    def is_repeatable(self) -> bool:
        """Whether sending it twice does no harm, and all of it is still there to be sent."""
        return self.method in _REPEATABLE and not self.has_body

    @property
    def expects_continue(self) -> bool:
        """Whether the viewer waits for a 100 before it sends the body."""
        return b"expect" in self.named and not self.is_http10

    def refusal(self, *, version: str, max_target_bytes: int) -> Refusal | None:
        """Return why this request is answered here and now."""
        if self.method in _FORBIDDEN_METHODS:
            return Refusal(405, "method forbidden")
        if self.method not in _METHODS:
            return Refusal(501, "method unknown")
        if version not in {"1.0", "1.1"}:
            return Refusal(505, "version")
        if len(self.target) > max_target_bytes:
            return Refusal(414, "target too long")
        if self.is_http10 and b"transfer-encoding" in self.named:
            return Refusal(400, "transfer-encoding in HTTP/1.0")
        return self.set.refusal or self._shape_refusal()

    def _shape_refusal(self) -> Refusal | None:
        if not self.is_http10 and not self.named.get(b"host"):
            return Refusal(400, "host missing")
        split = split_target(self.target)
        if isinstance(split, Malformed):
            return Refusal(400, split.because)
        self.path, self.query = split
        if self.is_upgrade and not self.is_websocket:
            return Refusal(400, "upgrade refused")
        return None

    @property
    def is_websocket(self) -> bool:
        """Whether this is a whole WebSocket handshake (RFC 6455 §4.1)."""
        return (
            self.is_upgrade
            and self.method == b"GET"
            and not self.is_http10
            and not self.has_body
            and self.named.get(b"upgrade", b"").strip().lower() == b"websocket"
            and self.named.get(b"sec-websocket-version", b"").strip() == b"13"
            and len(self.named.get(b"sec-websocket-key", b"").strip()) == 24
        )
