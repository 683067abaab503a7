"""What travels sealed through other hands, a browser's or an app's: base64url without padding, nothing that anybody on the way would re-encode."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from proxy.model import Sealed
from proxy.sealing import KeyRing, SealBroken

_TEXT = re.compile(r"[A-Za-z0-9_-]+")
_LENGTH_BYTES = 4


def packed(fields: Sequence[bytes]) -> bytes:
    """Join fields so that no two lists give the same bytes."""
    return b"".join(len(field).to_bytes(_LENGTH_BYTES, "big") + field for field in fields)


def sealed_text(plain: bytes, *, key_ring: KeyRing, associated: bytes, nonce: bytes) -> str:
    """Seal with 12 fresh random bytes as ``nonce``."""
    return _text(key_ring.seal(plain, associated=associated, nonce=nonce).value)


def opened_fields(text: str, *, key_ring: KeyRing, associated: bytes) -> list[bytes] | None:
    """Open what :func:`sealed_text` sealed of :func:`packed` fields; ``None`` for everything else, whatever is wrong."""
    plain = opened_text(text, key_ring=key_ring, associated=associated)
    return None if plain is None else _unpacked(plain)


def opened_text(text: str, *, key_ring: KeyRing, associated: bytes) -> bytes | None:
    """Open what :func:`sealed_text` sealed; ``None`` for everything else, whatever is wrong."""
    if not _TEXT.fullmatch(text) or len(text) % 4 == 1:
        return None
    sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _text(sealed) != text:  # one spelling each: the last character has bits that decode to nothing
        return None
    try:
        return key_ring.open(Sealed(sealed), associated=associated)
    except SealBroken:
        return None


def _unpacked(plain: bytes) -> list[bytes]:
    fields = []
    while plain:
        end = _LENGTH_BYTES + int.from_bytes(plain[:_LENGTH_BYTES], "big")
        fields.append(plain[_LENGTH_BYTES:end])
        plain = plain[end:]
    return fields


def _text(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).decode().rstrip("=")
