"""Secrets at rest: AES-256-GCM under a ring of keys, so that a key can be replaced while the store stays readable.

A sealed value is ``version (1) | key id (4) | nonce (12) | ciphertext and tag``. Version and key id are authenticated
together with what the caller says the value belongs to, so a value moved to another row or column does not open. Each
use of a key has its own HKDF subkey (RFC 5869); no key ever encrypts and authenticates handles at once.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from itertools import pairwise

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from proxy.model import Sealed

KEY_BYTES = 32
NONCE_BYTES = 12
"""96 random bits: NIST SP 800-38D §8.3 allows 2**32 seals per key, a refresh per second for 136 years."""

_VERSION = b"\x01"
_KEY_ID_BYTES = 4
_HEADER_BYTES = len(_VERSION) + _KEY_ID_BYTES
_TAG_BYTES = 16
_SHORTEST = _HEADER_BYTES + NONCE_BYTES + _TAG_BYTES

_KEY_PREFIX = "osk1_"
_KEY_TEXT = re.compile(r"[A-Za-z0-9_-]{43}")
_ASK_KEYGEN = "`oauth-sidecar keygen` prints a good one"
_FEWEST_DISTINCT_BYTES = 16
"""32 random bytes have fewer distinct values than this less than once in 10**12 keys."""


class SealBroken(Exception):  # it says what happened to the seal; nothing here went wrong
    """A sealed value cannot be opened: changed, truncated, of another row, or under a key that is not on the ring."""


class KeyRing:
    """Keys of which the first seals and all open."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take keys of 32 bytes each; ``ValueError`` when there is none, one is of another length, or one stands twice."""
        if not keys:
            raise ValueError("at least one key is needed")
        if any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"each key has exactly {KEY_BYTES} bytes")
        self._keys = tuple(keys)
        self._first_id = _key_id(keys[0])
        self._ciphers = {_key_id(key): AESGCM(_subkey(key, "seal")) for key in keys}
        if len(self._ciphers) != len(keys):
            raise ValueError("the same key stands twice")

    def seal(self, plaintext: bytes, *, associated: bytes, nonce: bytes) -> Sealed:
        """Encrypt under the first key; ``associated`` (see :func:`associated_data`) is needed again to open.

        The nonce is 12 random bytes, never used twice.
        """
        if len(nonce) != NONCE_BYTES:
            raise ValueError(f"a nonce has exactly {NONCE_BYTES} bytes")
        header = _VERSION + self._first_id
        ciphertext = self._ciphers[self._first_id].encrypt(nonce, plaintext, header + associated)
        return Sealed(header + nonce + ciphertext)

    def open(self, sealed: Sealed, *, associated: bytes) -> bytes:
        """Decrypt; :class:`SealBroken` for whatever was not sealed just so by a key on this ring."""
        value = sealed.value
        if len(value) < _SHORTEST:
            raise SealBroken("truncated")
        header, nonce = value[:_HEADER_BYTES], value[_HEADER_BYTES : _HEADER_BYTES + NONCE_BYTES]
        if not header.startswith(_VERSION):
            raise SealBroken("unknown version")
        cipher = self._ciphers.get(header[len(_VERSION) :])
        if cipher is None:
            raise SealBroken("sealed under a key that is not on the ring")
        try:
            return cipher.decrypt(nonce, value[_HEADER_BYTES + NONCE_BYTES :], header + associated)
        except InvalidTag as exc:
            raise SealBroken("changed, or sealed for something else") from exc

    def handle(self, purpose: str, *parts: bytes) -> bytes:
        """Derive 32 bytes that only a holder of the first key can: the same for the same purpose and parts."""
        return self.handles(purpose, *parts)[0]

    def handles(self, purpose: str, *parts: bytes) -> tuple[bytes, ...]:
        """Derive the handle of each key, the first key's first: what was given out before a rotation is known still."""
        message = b"".join(map(_length_prefixed, parts))
        return tuple(hmac.digest(_subkey(key, f"handle {purpose}"), message, "sha256") for key in self._keys)


def associated_data(*parts: str) -> bytes:
    """Join (table, column, viewer guid, integration guid) so that no two lists of parts give the same bytes."""
    return b"".join(_length_prefixed(part.encode()) for part in parts)


def parse_key(text: str) -> bytes:
    """Read a key as :func:`format_key` writes it (plain base64 will do, with or without padding).

    ``ValueError``, which never quotes the key, for anything that is not 32 bytes or that nobody drew at random.
    """
    encoded = text.strip().removeprefix(_KEY_PREFIX)
    if not encoded:
        raise ValueError(f"the key is empty; {_ASK_KEYGEN}")
    encoded = encoded.removesuffix("=").replace("+", "-").replace("/", "_")
    if not _KEY_TEXT.fullmatch(encoded):
        raise ValueError(f"a key is {KEY_BYTES} bytes in base64 (43 characters); {_ASK_KEYGEN}")
    raw = urlsafe_b64decode(encoded + "=")
    if format_key(raw) != _KEY_PREFIX + encoded:
        raise ValueError(f"the key's last character is mistyped; {_ASK_KEYGEN}")
    if _is_weak(raw):
        raise ValueError(f"the key is a placeholder or follows a pattern; {_ASK_KEYGEN}")
    return raw


def format_key(raw: bytes) -> str:
    """Write a key for a configuration file: ``osk1_`` and base64url without padding."""
    return _KEY_PREFIX + urlsafe_b64encode(raw).decode().rstrip("=")


def hash_handle(text: str) -> bytes:
    """Hash a session id, session token or API key (all at least 128 random bits, so a plain SHA-256 is enough).

    Bytes of a header that were no UTF-8 (aiohttp hands them on as surrogates) make a handle that nobody has.
    """
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"oauth-sidecar key id" + key).digest()[:_KEY_ID_BYTES]


def _subkey(key: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"oauth-sidecar 1 {purpose}".encode()).derive(key)


def _length_prefixed(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part


def _is_weak(raw: bytes) -> bool:
    is_text = all(0x20 <= byte < 0x7F for byte in raw)
    steps = {(after - before) % 256 for before, after in pairwise(raw)}
    return is_text or len(steps) == 1 or len(set(raw)) < _FEWEST_DISTINCT_BYTES
