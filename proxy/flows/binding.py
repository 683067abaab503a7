"""Whether a browser is the one that began: a flow, or a hand-over, is tied to a cookie set there at its start."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from proxy.policy.cookies import MAX_BINDINGS
from proxy.sealing import hash_handle


def is_bound(binding_hash: bytes, bindings: Sequence[str]) -> bool:
    """Say whether one of the browser's binding cookies has this SHA-256; more than 32 of them are not looked at."""
    return any(hmac.compare_digest(hash_handle(value), binding_hash) for value in bindings[:MAX_BINDINGS])
