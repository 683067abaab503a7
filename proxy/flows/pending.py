"""``state``: the sealed :class:`~proxy.model.PendingAuthorization`, so that nothing is stored for a stranger.

At most 2,048 ASCII characters (Snowflake's limit), base64url without padding: nothing in it that a provider would strip
or re-encode.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from proxy.flows.sealed_text import opened_fields, packed, sealed_text
from proxy.model import ContentGuid, IntegrationGuid, PendingAuthorization, ViewerGuid
from proxy.sealing import KeyRing, associated_data

MAX_STATE_CHARS = 2048
_MAX_PLAIN_BYTES = MAX_STATE_CHARS * 3 // 4 - 64
"""Room for the seal's header, nonce and tag (33 bytes now)."""

_FIELDS = 10
_ASSOCIATED = associated_data("state", "1")


def to_state(pending: PendingAuthorization, *, key_ring: KeyRing, nonce: bytes) -> str:
    """Seal with 12 fresh random bytes as ``nonce``; a ``return_to`` that does not fit is left out.

    :func:`from_state` then returns an empty one, which means the content's root.
    """
    plain = _packed(pending)
    if len(plain) > _MAX_PLAIN_BYTES:
        plain = _packed(replace(pending, return_to=""))
    return sealed_text(plain, key_ring=key_ring, associated=_ASSOCIATED, nonce=nonce)


def from_state(state: str, *, key_ring: KeyRing) -> PendingAuthorization | None:
    """Open; ``None`` for everything that was not sealed here, whatever is wrong with it.

    An empty ``return_to`` means the content's root. Whether it has expired is the caller's question.
    """
    if len(state) > MAX_STATE_CHARS:
        return None
    fields = opened_fields(state, key_ring=key_ring, associated=_ASSOCIATED)
    if fields is None or len(fields) != _FIELDS:  # the latter: sealed by another release
        return None
    id_, integration, fingerprint, content, verifier, nonce, return_to, binding_hash, viewer, expires_at = fields
    return PendingAuthorization(
        id=id_.decode(),
        integration_guid=IntegrationGuid(integration.decode()),
        fingerprint=fingerprint,
        content_guid=ContentGuid(content.decode()),
        code_verifier=verifier.decode(),
        nonce=nonce.decode(),
        return_to=return_to.decode(),
        binding_hash=binding_hash,
        viewer_guid=ViewerGuid(viewer.decode()) if viewer else None,
        expires_at=datetime.fromtimestamp(int(expires_at), UTC),
    )


def _packed(pending: PendingAuthorization) -> bytes:
    return packed((
        pending.id.encode(),
        pending.integration_guid.encode(),
        pending.fingerprint,
        pending.content_guid.encode(),
        pending.code_verifier.encode(),
        pending.nonce.encode(),
        pending.return_to.encode(),
        pending.binding_hash,
        (pending.viewer_guid or "").encode(),
        str(int(pending.expires_at.timestamp())).encode(),
    ))  # fmt: skip
