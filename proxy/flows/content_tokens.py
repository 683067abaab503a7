"""The content session token: by which a content shows that it asks for itself, and not for a viewer.

It is derived from the store's keys, so the command line can print it (``content-env``) and nothing has to be stored.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode

from proxy.model import ContentGuid
from proxy.sealing import KeyRing

_PURPOSE = "content-session-token"


def content_session_token(key_ring: KeyRing, content_guid: ContentGuid) -> str:
    """Return the token of a content: 43 characters of base64url, the same until the first key is another."""
    return _text(key_ring.handle(_PURPOSE, content_guid.encode()))


def is_content_session_token(token: str, key_ring: KeyRing, content_guid: ContentGuid) -> bool:
    """Say whether ``token`` is this content's, under any key on the ring."""
    given = token.encode(errors="surrogateescape")
    known = [_text(handle).encode() for handle in key_ring.handles(_PURPOSE, content_guid.encode())]
    return any([hmac.compare_digest(given, one) for one in known])  # noqa: C419  # every one, in any case


def _text(handle: bytes) -> str:
    return urlsafe_b64encode(handle).decode().rstrip("=")
