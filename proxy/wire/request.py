"""The head of one request as the viewer sent it, and what is refused before anything is decided.

llhttp refuses most of what is malformed; what it lets through and we must not is here (measured: fifty hostile heads
against httptools 0.9). A refusal is a status and a constant word for the log.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.policy.routing import Malformed, split_target

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


class RequestHead:
    """One request head, filled by the parser's callbacks."""

    __slots__ = (
        "cookies",
        "headers",
        "is_http10",
        "is_upgrade",
        "keep_alive",
        "method",
        "named",
        "path",
        "query",
        "repeated",
        "target",
    )

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        self.path = self.query = b""
        """The target's halves, once it was found usable."""
        self.headers: list[Header] = []
        self.named: dict[bytes, bytes] = {}
        """The headers of ``_SINGULAR``, names in lower case."""
        self.cookies: list[bytes] = []
        self.repeated = b""
        """A singular header that came twice."""
        self.is_http10 = False
        self.is_upgrade = False
        """The parser saw ``Upgrade`` and a ``Connection`` that names it."""
        self.keep_alive = True

    def index(self) -> None:
        """Find the headers that decide something; to be called once, with ``headers`` complete."""
        for name, value in self.headers:
            folded = name.lower()
            if folded in _SINGULAR:
                if folded in self.named:
                    self.repeated = folded
                self.named[folded] = value
            elif folded == b"cookie":
                self.cookies.append(value)

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
        if self.repeated:
            return Refusal(400, "header repeated")
        return self._framing_refusal() or self._shape_refusal()

    def _framing_refusal(self) -> Refusal | None:
        coding = self.named.get(b"transfer-encoding")
        if coding is not None:
            if self.is_http10:
                return Refusal(400, "transfer-encoding in HTTP/1.0")
            if b"content-length" in self.named:
                return Refusal(400, "two framings")
            if coding.strip().lower() != b"chunked":
                return Refusal(501, "transfer-encoding unknown")
        length = self.named.get(b"content-length")
        if length is not None and not length.isdigit():
            return Refusal(400, "content-length")
        if self.named.get(b"expect", b"100-continue").strip().lower() != b"100-continue":
            return Refusal(417, "expectation unknown")
        return None

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
