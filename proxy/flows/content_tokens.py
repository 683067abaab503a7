"""The content session token: by which a content shows that it asks for itself, and not for a viewer.

It is derived from the store's keys, so nothing has to be stored. A content has one of two kinds: one that says until when it
is good, in a file that is replaced in time (``proxy.token_files``), or, without such a file, one that never ends, which the
command line can print (``content-env``).
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

from proxy.model import Content, ContentGuid
from proxy.sealing import KeyRing

LONGEST_LIFE = timedelta(hours=24)
"""As Posit Connect's."""

_CLOCK_SET_BACK = timedelta(minutes=5)
"""A token is not refused because the clock was corrected by this much since it was written."""

_PURPOSE = "content-session-token"
_PURPOSE_UNTIL = "content-session-token until"
_UNTIL = re.compile(r"([1-9][0-9]{9})\.(.+)", re.ASCII)


def content_session_token(key_ring: KeyRing, content_guid: ContentGuid) -> str:
    """Return the one that never ends: 43 characters of base64url, the same until the first key is another."""
    return _text(key_ring.handle(_PURPOSE, content_guid.encode()))


def content_session_token_until(key_ring: KeyRing, content_guid: ContentGuid, until: datetime) -> str:
    """Return one that ends: the end in epoch seconds, a dot, and 43 characters of base64url."""
    ends = str(int(until.timestamp()))
    return f"{ends}.{_text(key_ring.handle(_PURPOSE_UNTIL, content_guid.encode(), ends.encode()))}"


def is_content_session_token(token: str, key_ring: KeyRing, content: Content, now: datetime) -> bool:
    """Say whether ``token`` is this content's, of the kind that it has, under any key on the ring."""
    if not content.session_token_file:
        return _is_one_of(token, key_ring.handles(_PURPOSE, content.guid.encode()))
    parts = _UNTIL.fullmatch(token)
    if parts is None:
        return False
    ends, proof = parts.groups()
    left = datetime.fromtimestamp(int(ends), UTC) - now
    is_proven = _is_one_of(proof, key_ring.handles(_PURPOSE_UNTIL, content.guid.encode(), ends.encode()))
    return is_proven and timedelta() < left <= LONGEST_LIFE + _CLOCK_SET_BACK


def _is_one_of(given: str, handles: tuple[bytes, ...]) -> bool:
    as_bytes = given.encode(errors="surrogateescape")
    known = [_text(handle).encode() for handle in handles]
    return any([hmac.compare_digest(as_bytes, one) for one in known])  # noqa: C419  # every one, in any case


def _text(handle: bytes) -> str:
    return urlsafe_b64encode(handle).decode().rstrip("=")
