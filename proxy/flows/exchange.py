"""Content asks for its viewer's token, or its own: Posit Connect's credential exchange (RFC 8693, Connect's errors).

Two proofs are needed together: the content's own key and a session token that was made for this content. The token
comes from memory while it is fresh; the viewer session is asked for each time, so that signing out counts at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from urllib.parse import urlencode

from proxy.flows.content_grants import associated
from proxy.flows.content_tokens import is_content_session_token
from proxy.flows.credentials import CredentialsKeeper
from proxy.flows.fresh_tokens import Answer, Fresh, Reconnect, RenewedLately, Unavailable
from proxy.flows.refused import Refused
from proxy.flows.service_accounts import OwnToken, ServiceAccounts
from proxy.flows.sessions import Sessions
from proxy.model import Content, ContentGuid, Directory, Integration, Named, Secret, SessionTokenHash, ViewerGuid
from proxy.policy.access import is_allowed
from proxy.policy.freshness import exchange_expires_in
from proxy.policy.rate import RatePerMinute
from proxy.sealing import KeyRing, hash_handle
from proxy.store.base import Presence, Store

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
USER_SESSION_TOKEN = "urn:posit:connect:user-session-token"  # noqa: S105  # the name of a kind of token
CONTENT_SESSION_TOKEN = "urn:posit:connect:content-session-token"  # noqa: S105  # the name of a kind of token
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  # the name of a kind of token


@dataclass(frozen=True, slots=True)
class ContentKey:
    """Proof that the caller is this content: its API key was right."""

    content_guid: ContentGuid


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token for the content."""

    access_token: Secret
    expires_in: int
    """Whole seconds, at least 1: what clients cache by (R's never ask again without it)."""
    issued_token_type: str = ACCESS_TOKEN
    token_type: str = "Bearer"  # noqa: S105  # RFC 6750's word


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """Who asks for whom, both proven."""

    content: Content
    presence: Presence


class Exchange:
    """Redeems session tokens."""

    def __init__(
        self,
        *,
        directory: Directory,
        store: Store,
        keeper: CredentialsKeeper,
        sessions: Sessions,
        service_accounts: ServiceAccounts,
        key_ring: KeyRing,
        now: Callable[[], datetime],
        public_url: str,
        max_per_minute: int,
    ) -> None:
        """Take the use cases; ``max_per_minute``: per session token, 0: no limit."""
        self._directory = directory
        self._store = store
        self._keeper = keeper
        self._sessions = sessions
        self._service_accounts = service_accounts
        self._key_ring = key_ring
        self._now = now
        self._public_url = public_url.rstrip("/")
        self._rate = RatePerMinute(max_per_minute)

    async def redeem(
        self,
        *,
        key: ContentKey,
        subject_token: str | None,
        audience: str | None,
        requested_token_type: str | None,
        subject_token_type: str | None,
        grant_type: str | None,
        rejected_token: str | None = None,
    ) -> Issued | Refused:
        """Answer the form of ``POST …/oauth/integrations/credentials``; ``audience`` is an integration's guid.

        ``rejected_token`` is ours: the token that an API did not take; the answer has another one, or says why not.
        """
        if grant_type != GRANT_TYPE:
            return _refused(213, "The grant_type must be " + GRANT_TYPE)
        if subject_token_type not in {USER_SESSION_TOKEN, CONTENT_SESSION_TOKEN}:
            text = f"The subject_token_type must be {USER_SESSION_TOKEN} or {CONTENT_SESSION_TOKEN}"
            return _refused(214, text)
        if requested_token_type not in {None, "", ACCESS_TOKEN}:
            return _refused(242, "The requested_token_type must be " + ACCESS_TOKEN)
        if subject_token_type == CONTENT_SESSION_TOKEN:
            return await self._own_token(key, subject_token, audience, rejected_token)
        asking = await self._asking(key, subject_token)
        if isinstance(asking, Refused):
            return asking
        integration = self._integration(asking.content, audience, lambda one: {one.guid})
        if isinstance(integration, Refused):
            return integration
        return await self._token(asking, integration, rejected_token)

    async def token(
        self, *, key: ContentKey, session_token: str | None, integration: str | None, rejected_token: str | None = None
    ) -> Issued | Refused:
        """Answer the short form, ``GET /token``; ``integration`` is a slug, a guid or a name."""
        asking = await self._asking(key, session_token)
        if isinstance(asking, Refused):
            return asking
        named = self._integration(asking.content, integration, lambda one: {one.slug, one.guid, one.name})
        return named if isinstance(named, Refused) else await self._token(asking, named, rejected_token)

    async def _own_token(
        self, key: ContentKey, content_token: str | None, audience: str | None, rejected: str | None
    ) -> Issued | Refused:
        """Answer a content that asks for itself. Not counted: nothing is read, and the cache meets the server."""
        content = self._directory.contents.get(key.content_guid)
        if content is None or not is_content_session_token(content_token or "", self._key_ring, key.content_guid):
            text = (
                "Invalid content session token: `oauth-sidecar content-env` prints the one that goes with this API key."
            )
            return _refused(236, text)
        integration = self._integration(content, audience, lambda one: {one.guid})
        if isinstance(integration, Refused):
            return integration
        if not integration.is_service_account:
            return _refused(252, "A viewer integration takes a user session token, not a content session token.")
        match await self._service_accounts.token(integration, rejected=None if rejected is None else Secret(rejected)):
            case OwnToken() as own:
                return self._issued(own)
            case Unavailable() as unavailable:
                return _unavailable(unavailable)
            case RenewedLately() as lately:
                return _renewed_lately(lately)

    def _issued(self, token: Fresh | OwnToken) -> Issued:
        expires_in = exchange_expires_in(self._now(), token.issued_at, token.expires_at)
        return Issued(access_token=token.access_token, expires_in=expires_in)

    async def _asking(self, key: ContentKey, session_token: str | None) -> _Asking | Refused:
        found = None
        if session_token:
            token_hash = SessionTokenHash(hash_handle(session_token))
            wait_s = self._rate.wait_s(token_hash, self._now())
            if wait_s:  # before the store: a content that asks in a loop shall not keep it busy
                text = "Rate limit exceeded: too many exchanges of one session token."
                return _refused(277, text, status=429, retry_after_s=ceil(wait_s))
            found = await self._store.redeem_session_token(token_hash)
        if found is None or not self._sessions.is_present(found[1]):
            return _refused(215, "Invalid subject_token: the viewer's session is over, or this was never a token.")
        content_guid, presence = found
        if content_guid != key.content_guid:
            return _refused(22, "This API key belongs to another content than the session token.", status=403)
        content = self._directory.contents.get(content_guid)
        if content is None:
            return _refused(215, "Invalid subject_token: its content is gone.")
        if isinstance(content.access, Named):  # nothing else may come by for hours: a WebSocket stays as it is
            now_present = await self._sessions.with_claims_of_now(presence, content)
            if now_present is None:
                return _refused(215, "Invalid subject_token: the viewer's session is over.")
            presence = now_present
        if not is_allowed(content.access, presence.viewer):
            return _refused(19, "The viewer may not see this content.", status=403)
        return _Asking(content=content, presence=presence)

    def _integration(
        self, content: Content, asked: str | None, names: Callable[[Integration], set[str]]
    ) -> Integration | Refused:
        """Choose the one that is meant; never the first of several."""
        used = associated(content, self._directory)
        if not used:
            return _refused(212, "No OAuth integrations have been associated with this content item.")
        if not asked:
            if len(used) > 1:
                return _refused(257, "Several OAuth integrations are associated with this content item: say which.")
            return used[0]
        for integration in used:
            if asked in names(integration):
                return integration
        return _refused(256, "This OAuth integration is not associated with this content item.")

    async def _token(self, asking: _Asking, integration: Integration, rejected: str | None) -> Issued | Refused:
        if integration.is_service_account:
            return _refused(252, "A service account takes the content session token, not a viewer's.")
        # By name: where the grant looks sound, or the integration is optional, nothing else asks for it.
        login_url = f"{self._public_url}/__oauth__/login?"
        login_url += urlencode({"content": asking.content.guid, "integration": integration.guid})
        if integration.guid not in asking.presence.consents:
            return _refused(220, "The viewer has not consented to this integration here.", login_url=login_url)
        match await self._answer(asking.presence.viewer.guid, integration, rejected):
            case Fresh() as fresh:
                return self._issued(fresh)
            case Reconnect(because="rejected"):
                text = "The token was rejected and cannot be renewed: the viewer must connect again."
                return _refused(219, text, login_url=login_url)
            case Reconnect():
                return _refused(219, "Refresh token is invalid: the viewer must connect again.", login_url=login_url)
            case Unavailable() as unavailable:
                return _unavailable(unavailable)
            case RenewedLately() as lately:
                return _renewed_lately(lately)

    async def _answer(
        self, viewer_guid: ViewerGuid, integration: Integration, rejected: str | None
    ) -> Answer | RenewedLately:
        if rejected is None:
            return await self._keeper.fresh(viewer_guid, integration)
        return await self._keeper.instead_of(Secret(rejected), viewer_guid, integration)


def _unavailable(unavailable: Unavailable) -> Refused:
    text = "Unable to retrieve a token just now: the authorization server does not give one."
    return _refused(241, text, status=503, retry_after_s=unavailable.retry_after_s)


def _renewed_lately(lately: RenewedLately) -> Refused:
    text = "Rate limit exceeded: the rejected token is new. Ask the API why it was rejected."
    return _refused(277, text, status=429, retry_after_s=ceil(lately.retry_after_s))


def _refused(
    code: int, text: str, *, status: int = 400, login_url: str | None = None, retry_after_s: float | None = None
) -> Refused:
    return Refused(status=status, code=code, text=text, login_url=login_url, retry_after_s=retry_after_s)
