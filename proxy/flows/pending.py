"""``state``: the sealed :class:`~proxy.model.PendingAuthorization`, so that nothing is stored for a stranger.

At most 2,048 ASCII characters (Snowflake's limit), base64url without padding: nothing in it that a provider would strip
or re-encode.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime

from proxy.model import ContentGuid, IntegrationGuid, PendingAuthorization, Sealed
from proxy.sealing import KeyRing, SealBroken, associated_data

MAX_STATE_CHARS = 2048
_STATE = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_STATE_CHARS}}}")
_MAX_PLAIN_BYTES = MAX_STATE_CHARS * 3 // 4 - 64
"""Room for the seal's header, nonce and tag (33 bytes now)."""

_FIELDS = 8
_LENGTH_BYTES = 4
_ASSOCIATED = associated_data("state", "1")


def to_state(pending: PendingAuthorization, *, key_ring: KeyRing, nonce: bytes) -> str:
    """Seal with 12 fresh random bytes as ``nonce``; a ``return_to`` that does not fit is left out.

    :func:`from_state` then returns an empty one, which means the content's root.
    """
    plain = _packed(pending)
    if len(plain) > _MAX_PLAIN_BYTES:
        plain = _packed(replace(pending, return_to=""))
    return _text(key_ring.seal(plain, associated=_ASSOCIATED, nonce=nonce).value)


def from_state(state: str, *, key_ring: KeyRing) -> PendingAuthorization | None:
    """Open; ``None`` for everything that was not sealed here, whatever is wrong with it.

    An empty ``return_to`` means the content's root. Whether it has expired is the caller's question.
    """
    if not _STATE.fullmatch(state) or len(state) % 4 == 1:
        return None
    sealed = urlsafe_b64decode(state + "=" * (-len(state) % 4))
    if _text(sealed) != state:  # one spelling per state: the last character has bits that decode to nothing
        return None
    try:
        plain = key_ring.open(Sealed(sealed), associated=_ASSOCIATED)
    except SealBroken:
        return None
    return _unpack(plain)


def _packed(pending: PendingAuthorization) -> bytes:
    fields = (
        pending.id.encode(),
        pending.integration_guid.encode(),
        pending.content_guid.encode(),
        pending.code_verifier.encode(),
        pending.nonce.encode(),
        pending.return_to.encode(),
        pending.binding_hash,
        str(int(pending.expires_at.timestamp())).encode(),
    )
    return b"".join(len(field).to_bytes(_LENGTH_BYTES, "big") + field for field in fields)


def _unpack(plain: bytes) -> PendingAuthorization | None:
    fields = _unpacked(plain)
    if len(fields) != _FIELDS:  # sealed by another release
        return None
    id_, integration, content, verifier, nonce, return_to, binding_hash, expires_at = fields
    return PendingAuthorization(
        id=id_.decode(),
        integration_guid=IntegrationGuid(integration.decode()),
        content_guid=ContentGuid(content.decode()),
        code_verifier=verifier.decode(),
        nonce=nonce.decode(),
        return_to=return_to.decode(),
        binding_hash=binding_hash,
        expires_at=datetime.fromtimestamp(int(expires_at), UTC),
    )


def _unpacked(plain: bytes) -> list[bytes]:
    fields = []
    while plain:
        end = _LENGTH_BYTES + int.from_bytes(plain[:_LENGTH_BYTES], "big")
        fields.append(plain[_LENGTH_BYTES:end])
        plain = plain[end:]
    return fields


def _text(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).decode().rstrip("=")
