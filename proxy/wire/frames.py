"""WebSocket frame headers (RFC 6455 §5.2), followed but never changed: enough to know where a frame ends."""

from __future__ import annotations

_CONTROL = 0x8
_KNOWN_OPCODES = frozenset({0x0, 0x1, 0x2, 0x8, 0x9, 0xA})
_CLOSE = 0x8
_WHOLE_MESSAGE = frozenset({0x81, 0x82})
_LARGEST_SHORT = 125
"""Bytes of payload; longer ones have their length in further bytes."""

PROTOCOL_ERROR = 1002
TOO_BIG = 1009

PING = b"\x89\x00"
"""An empty ping as a server sends it (unmasked)."""


def close_frame(code: int, *, mask: bytes | None = None) -> bytes:
    """Return a close frame with ``code`` and no reason; ``mask`` (4 bytes) makes it a client's."""
    payload = code.to_bytes(2, "big")
    if mask is None:
        return b"\x88\x02" + payload
    return b"\x88\x82" + mask + bytes((payload[0] ^ mask[0], payload[1] ^ mask[1]))


class FrameFollower:
    """Follows one direction of a WebSocket connection from frame header to frame header.

    A header that arrived in pieces is held back until it is whole (at most 13 bytes); payload is only counted. So
    what was passed on always ends inside a payload or between two frames.
    """

    __slots__ = (
        "_held", "_largest_short", "_least", "_left", "_mask_bit", "_masked", "_max_frame_bytes", "close_seen", "may_reserve",
        "problem",
    )  # fmt: skip

    def __init__(self, *, masked: bool, max_frame_bytes: int) -> None:
        self._masked = masked
        self._max_frame_bytes = max_frame_bytes
        self._least = 6 if masked else 2  # bytes of the shortest header
        self._mask_bit = 0x80 if masked else 0
        self._largest_short = min(_LARGEST_SHORT, max_frame_bytes or _LARGEST_SHORT)
        self._held = b""
        self._left = 0
        self.may_reserve = False
        """An extension was agreed upon, so that data frames may have RSV1 (RFC 7692 §6)."""
        self.close_seen = False
        """A close frame went by: nothing may follow it."""
        self.problem = 0
        """The close code that the peer's mistake calls for; 0: none so far."""

    @property
    def at_boundary(self) -> bool:
        """Whether a frame of ours could stand after what was passed on."""
        return not self._left

    def feed(self, data: bytes, *, to_boundary: bool = False) -> bytes:
        """Follow ``data``; return what may be passed on.

        That is all of it less an unfinished header, or what comes before a frame that is not allowed (then ``problem``
        is set), or, with ``to_boundary``, only what completes the present frame.
        """
        if self._is_one_short_message(data):
            return data
        if self._held:
            data, self._held = self._held + data, b""
        position, end = 0, len(data)
        while position < end:
            if self._left:
                step = min(self._left, end - position)
                self._left -= step
                position += step
            else:
                head_bytes = self._header(data, position)
                if self.problem:
                    break
                if not head_bytes:
                    self._held = data[position:]
                    break
                position += head_bytes
            if to_boundary and not self._left:
                break
        return data[:position]

    def _is_one_short_message(self, data: bytes) -> bool:
        """Whether this is the usual segment, four times cheaper so: one whole text or binary message of up to 125 bytes."""
        size = len(data) - self._least
        return (
            0 <= size <= self._largest_short
            and data[1] == self._mask_bit + size
            and data[0] in _WHOLE_MESSAGE
            and not (self._left or self._held or self.close_seen or self.problem)
        )

    def _header(self, data: bytes, at: int) -> int:
        """Read the header at ``at`` and return its length; 0: not whole yet (or ``problem`` is set)."""
        available = len(data) - at
        if available < 2:
            return 0
        first, second = data[at], data[at + 1]
        size = second & 0x7F
        if self._is_fault(first, second, size):
            self.problem = PROTOCOL_ERROR
            return 0
        length_bytes = 2 if size == 126 else 8 if size == 127 else 0
        total = 2 + length_bytes + (4 if self._masked else 0)
        if available < total:
            return 0
        if length_bytes:
            size = int.from_bytes(data[at + 2 : at + 2 + length_bytes], "big")
        if self._max_frame_bytes and size > self._max_frame_bytes:
            self.problem = TOO_BIG
            return 0
        self.close_seen = first & 0x0F == _CLOSE
        self._left = size
        return total

    def _is_fault(self, first: int, second: int, size: int) -> bool:
        opcode = first & 0x0F
        if self.close_seen or bool(second & 0x80) is not self._masked:
            return True
        is_control = bool(opcode & _CONTROL)
        if opcode not in _KNOWN_OPCODES or first & (0x30 if self.may_reserve and not is_control else 0x70):
            return True
        return is_control and (size > 125 or not first & 0x80)
