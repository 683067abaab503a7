"""The content's half of a WebSocket handshake (RFC 6455 §4.2.2); the viewer's half is judged in ``request``."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from hashlib import sha1

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_for(key: bytes) -> bytes:
    """Return the ``Sec-WebSocket-Accept`` that belongs to a key."""
    return base64.b64encode(sha1(key.strip() + _GUID, usedforsecurity=False).digest())


def is_agreed(headers: Sequence[tuple[bytes, bytes]], key: bytes) -> bool:
    """Say whether these are the headers of a 101 that answers the handshake with this key."""
    named = {name.lower(): value.strip() for name, value in headers}
    upgrade = named.get(b"upgrade", b"").lower()
    return upgrade == b"websocket" and named.get(b"sec-websocket-accept") == accept_for(key)


def has_extension(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Say whether the content agreed to an extension, which may then use a frame's reserved bits."""
    return any(name.lower() == b"sec-websocket-extensions" for name, _ in headers)
