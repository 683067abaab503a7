"""A viewer's own key at the Server API, for as long as they are at a content: what Connect calls a visitor API key.

Nothing is kept of it. The key is the sealed hash of the session token that it was exchanged for, so it is worth nothing
once that is: after a sign-out, without the viewer's consent, or at a content that gives no such keys any more. It never lives longer than an hour.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from proxy.flows.content_grants import associated
from proxy.flows.sealed_text import opened_text, sealed_text
from proxy.flows.session_tokens import SessionTokens
from proxy.model import (
    ApiKey,
    Content,
    Directory,
    Integration,
    Named,
    Role,
    Secret,
    SessionTokenHash,
    ViewerGuid,
)
from proxy.policy.access import is_allowed, verified_email
from proxy.policy.guids import visitor_key_guid
from proxy.sealing import NONCE_BYTES, KeyRing, associated_data
from proxy.store.base import Presence

PREFIX = "ovk1_"
"""Of every one, so that scanners for leaked secrets can know it, and no store is asked about other keys."""
LIFE = timedelta(hours=1)

_ASSOCIATED = associated_data("visitor-key")
_LONGEST = 200
"""Characters of a key; ours have 103."""
_TIME_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorKey:
    """A new key."""

    secret: Secret
    expires_at: datetime


class VisitorKeys:
    """Makes them and knows them again."""

    def __init__(
        self,
        *,
        directory: Directory,
        session_tokens: SessionTokens,
        key_ring: KeyRing,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
        renew_claims: Callable[[ViewerGuid], Awaitable[None]],
    ) -> None:
        """``renew_claims``: has it read again who the viewer is, when that is due."""
        self._directory = directory
        self._session_tokens = session_tokens
        self._key_ring = key_ring
        self._now = now
        self._random_bytes = random_bytes
        self._renew_claims = renew_claims

    def make(self, token_hash: SessionTokenHash, presence: Presence) -> VisitorKey:
        """Make the key of whoever's session token has this hash; the caller has redeemed it just now."""
        ends = min(self._now() + LIFE, presence.session.expires_at)
        known = int(ends.timestamp()).to_bytes(_TIME_BYTES) + token_hash
        nonce = self._random_bytes(NONCE_BYTES)
        text = sealed_text(known, key_ring=self._key_ring, associated=_ASSOCIATED, nonce=nonce)
        return VisitorKey(secret=Secret(PREFIX + text), expires_at=datetime.fromtimestamp(int(ends.timestamp()), UTC))

    async def caller(self, key: str) -> ApiKey | None:
        """Return who has this key; ``None``: nobody, or nobody any more."""
        token_hash = self._opened(key)
        found = None if token_hash is None else await self._session_tokens.redeem(token_hash)
        content = None if found is None else self._directory.contents.get(found.content_guid)
        if token_hash is None or found is None or content is None:
            return None
        if isinstance(content.access, Named):  # the page may be gone: nothing else asks who they are now
            await self._renew_claims(found.presence.viewer.guid)
            found = await self._session_tokens.redeem(token_hash)
        if found is None or not gives_keys(content, found.presence, self._directory):
            return None
        viewer = found.presence.viewer
        return ApiKey(
            guid=visitor_key_guid(content.guid, viewer.guid),
            name=f"visitor of {content.name}",
            role=Role.VIEWER,
            hash=token_hash,  # whoever exchanges anew is the same caller still
            user=email_of(found.presence) or "",
        )

    def _opened(self, key: str) -> SessionTokenHash | None:
        if not key.startswith(PREFIX) or len(key) > _LONGEST:
            return None
        known = opened_text(key.removeprefix(PREFIX), key_ring=self._key_ring, associated=_ASSOCIATED)
        if known is None:
            return None
        ends = int.from_bytes(known[:_TIME_BYTES])
        return SessionTokenHash(known[_TIME_BYTES:]) if self._now().timestamp() < ends else None


def gives_keys(content: Content, presence: Presence, directory: Directory) -> bool:
    """Say whether this viewer may have a key there: the content gives them, and the viewer is still let in there."""
    if not content.visitor_api_keys or not is_allowed(content.access, presence.viewer):
        return False
    return lacking_consent(content, presence, directory) is None


def lacking_consent(content: Content, presence: Presence, directory: Directory) -> Integration | None:
    """Return the first integration without which the viewer is not let in there, and to which they do not consent any more."""
    required = (one for one in associated(content, directory) if one.guid not in content.optional)
    lacking = (one for one in required if not one.is_service_account and one.guid not in presence.consents)
    return next(lacking, None)


def email_of(presence: Presence) -> str | None:
    """Return by which verified address the Server API knows the viewer; ``None``: by none."""
    identity = presence.viewer.identity
    return None if identity is None else verified_email(identity)
