"""Content asks for its viewer's token, or its own: Posit Connect's credential exchange (RFC 8693, Connect's errors).

Two proofs are needed together: the content's own key and a session token that was made for this content. While nothing
changes, session and token come from memory; session, access rule and consent are judged each time, and once more when
something changed while a fresh token was waited for. What is refused, and how: ``policy.exchange_refusals``.
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
from proxy.flows.exchange_answers import Issued, Known, line_of, refused, told_later
from proxy.flows.fresh_tokens import Answer, Fresh, Reconnect, RenewedLately, Unavailable
from proxy.flows.refused import Refused
from proxy.flows.service_accounts import OwnToken, ServiceAccounts
from proxy.flows.session_tokens import SessionTokens
from proxy.flows.sessions import Sessions
from proxy.flows.visitor_keys import VisitorKeys, email_of, lacking_consent
from proxy.model import (
    ApiKey,
    AuditEvent,
    Content,
    Directory,
    Integration,
    Named,
    Secret,
    SessionTokenHash,
    ViewerGuid,
)
from proxy.policy.access import is_allowed
from proxy.policy.exchange_refusals import (
    CONTENT_SESSION_TOKEN,
    GRANT_TYPE,
    USER_SESSION_TOKEN,
    VISITOR_API_KEY,
    NoToken,
    not_requestable,
)
from proxy.policy.freshness import exchange_expires_in
from proxy.policy.rate import RatePerMinute
from proxy.sealing import KeyRing, hash_handle
from proxy.store.base import Presence

_KEY = "Key"
"""How a visitor's key is sent: ``Authorization: Key …``; Connect's ``token_type``."""


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
        session_tokens: SessionTokens,
        keeper: CredentialsKeeper,
        sessions: Sessions,
        service_accounts: ServiceAccounts,
        visitor_keys: VisitorKeys,
        key_ring: KeyRing,
        now: Callable[[], datetime],
        record: Callable[[AuditEvent], None],
        public_url: str,
        max_per_minute: int,
    ) -> None:
        """Take the use cases; ``max_per_minute``: per session token, 0: no limit."""
        self._directory = directory
        self._session_tokens = session_tokens
        self._keeper = keeper
        self._sessions = sessions
        self._service_accounts = service_accounts
        self._visitor_keys = visitor_keys
        self._key_ring = key_ring
        self._now = now
        self._record = record
        self._public_url = public_url.rstrip("/")
        self._rate = RatePerMinute(max_per_minute)

    async def redeem(
        self,
        *,
        caller: ApiKey,
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
        known = Known(caller=caller)
        is_viewers = subject_token_type == USER_SESSION_TOKEN
        if grant_type != GRANT_TYPE:
            return self._answered(known, refused(NoToken.GRANT_TYPE))
        if subject_token_type not in {USER_SESSION_TOKEN, CONTENT_SESSION_TOKEN}:
            return self._answered(known, refused(NoToken.SUBJECT_TOKEN_TYPE))
        if (why := not_requestable(requested_token_type, is_viewers=is_viewers)) is not None:
            return self._answered(known, refused(why))
        if requested_token_type == VISITOR_API_KEY:
            return self._answered(known, await self._visitors_key(known, subject_token))
        ask = self._viewers_token if is_viewers else self._own_token
        return self._answered(known, await ask(known, subject_token, audience, _guid, rejected_token))

    async def token(
        self, *, caller: ApiKey, session_token: str | None, integration: str | None, rejected_token: str | None = None
    ) -> Issued | Refused:
        """Answer the short form, ``GET /token``; ``integration`` is a slug, a guid or a name."""
        known = Known(caller=caller)
        return self._answered(
            known, await self._viewers_token(known, session_token, integration, _any_name, rejected_token)
        )

    # — a content asks for itself ——————————————————————————————————————————————————————————————

    async def _own_token(
        self, known: Known, content_token: str | None, audience: str | None, names: _Names, rejected: str | None
    ) -> Issued | Refused:
        """Answer a content that asks for itself. Not counted: nothing is read, and the cache meets the server."""
        integration = self._own(known, content_token, audience, names)
        if isinstance(integration, Refused):
            return integration
        answer = await self._service_accounts.token(
            integration, rejected=None if rejected is None else Secret(rejected)
        )
        # Once more: while we waited it may have been taken from the content, or become another client.
        if self._own(known, content_token, integration.guid, _guid) != integration:
            return refused(NoToken.AUDIENCE)
        match answer:
            case OwnToken() as own:
                return self._issued(known, own)
            case (Unavailable() | RenewedLately()) as later:
                return told_later(later)

    def _own(
        self, known: Known, content_token: str | None, audience: str | None, names: _Names
    ) -> Integration | Refused:
        """Choose the service account, for a content that showed that it asks for itself."""
        content = self._content_of(known)
        if content is None or not is_content_session_token(content_token or "", self._key_ring, content, self._now()):
            return refused(NoToken.CONTENT_TOKEN)
        integration = self._integration(content, audience, names)
        if isinstance(integration, Refused):
            return integration
        known.integration_guid = integration.guid
        return integration if integration.is_service_account else refused(NoToken.VIEWERS_INTEGRATION)

    # — a content asks for its viewer ——————————————————————————————————————————————————————————

    async def _viewers_token(
        self, known: Known, session_token: str | None, asked: str | None, names: _Names, rejected: str | None
    ) -> Issued | Refused:
        token_hash = self._counted(session_token)
        if isinstance(token_hash, Refused):
            return token_hash
        epoch = self._session_tokens.epoch
        asking = await self._asking(known, token_hash)
        if isinstance(asking, Refused):
            return asking
        integration = self._consented(known, asking, asked, names)
        if isinstance(integration, Refused):
            return integration
        answer = await self._answer(asking.presence.viewer.guid, integration, rejected)
        if self._session_tokens.epoch != epoch:  # while we waited they may have signed out, or been disconnected
            asking = await self._asking(known, token_hash)
            if isinstance(asking, Refused):
                return asking
            integration = self._consented(known, asking, integration.guid, _guid)
            if isinstance(integration, Refused):
                return integration
        match answer:
            case Fresh() as fresh:
                return self._issued(known, fresh)
            case Reconnect(because=because):
                why = NoToken.REJECTED if because == "rejected" else NoToken.GRANT_ENDED
                return refused(why, login_url=self._login_url(asking.content, integration))
            case (Unavailable() | RenewedLately()) as later:
                return told_later(later)

    async def _visitors_key(self, known: Known, session_token: str | None) -> Issued | Refused:
        """Answer a content that wants to ask the Server API as its viewer. Which integration is named says nothing."""
        token_hash = self._counted(session_token)
        if isinstance(token_hash, Refused):
            return token_hash
        asking = await self._asking(known, token_hash)
        if isinstance(asking, Refused):
            return asking
        if not asking.content.visitor_api_keys:
            return refused(NoToken.VISITOR_API_KEY)
        if email_of(asking.presence) is None:
            return refused(NoToken.VISITOR_UNKNOWN)
        lacking = lacking_consent(asking.content, asking.presence, self._directory)
        if lacking is not None:
            return refused(NoToken.NO_CONSENT, login_url=self._login_url(asking.content, lacking))
        made = self._visitor_keys.make(token_hash, asking.presence)
        known.expires_at = made.expires_at
        expires_in = max(1, int((made.expires_at - self._now()).total_seconds()))
        return Issued(
            access_token=made.secret, expires_in=expires_in, issued_token_type=VISITOR_API_KEY, token_type=_KEY
        )

    def _counted(self, session_token: str | None) -> SessionTokenHash | Refused:
        token_hash = SessionTokenHash(hash_handle(session_token or ""))
        wait_s = self._rate.wait_s(token_hash, self._now()) if session_token else 0
        if wait_s:  # before the store: a content that asks in a loop shall not keep it busy
            return refused(NoToken.TOO_MANY, retry_after_s=ceil(wait_s))
        return token_hash

    async def _asking(self, known: Known, token_hash: SessionTokenHash) -> _Asking | Refused:
        found = await self._session_tokens.redeem(token_hash)
        if found is None:
            return refused(NoToken.SESSION_OVER)
        known.viewer_guid = found.presence.viewer.guid
        if found.content_guid != known.caller.content_guid:
            return refused(NoToken.OTHER_CONTENT)
        content = self._directory.contents.get(found.content_guid)
        if content is None:
            return refused(NoToken.SESSION_OVER)
        if isinstance(content.access, Named):  # nothing else may come by for hours: a WebSocket stays as it is
            await self._sessions.renew_claims(found.presence.viewer.guid)
            found = await self._session_tokens.redeem(token_hash)
            if found is None:
                return refused(NoToken.SESSION_OVER)
        if not is_allowed(content.access, found.presence.viewer):
            return refused(NoToken.NOT_ALLOWED)
        return _Asking(content=content, presence=found.presence)

    def _consented(self, known: Known, asking: _Asking, asked: str | None, names: _Names) -> Integration | Refused:
        """Choose the integration, one to which the viewer said yes here."""
        integration = self._integration(asking.content, asked, names)
        if isinstance(integration, Refused):
            return integration
        known.integration_guid = integration.guid
        if integration.is_service_account:
            return refused(NoToken.SERVICE_ACCOUNT)
        if integration.guid not in asking.presence.consents:
            return refused(NoToken.NO_CONSENT, login_url=self._login_url(asking.content, integration))
        return integration

    async def _answer(
        self, viewer_guid: ViewerGuid, integration: Integration, rejected: str | None
    ) -> Answer | RenewedLately:
        if rejected is None:
            return await self._keeper.fresh(viewer_guid, integration)
        return await self._keeper.instead_of(Secret(rejected), viewer_guid, integration)

    # — both ———————————————————————————————————————————————————————————————————————————————————

    def _content_of(self, known: Known) -> Content | None:
        guid = known.caller.content_guid
        return None if guid is None else self._directory.contents.get(guid)

    def _integration(self, content: Content, asked: str | None, names: _Names) -> Integration | Refused:
        """Choose the one that is meant; never the first of several."""
        used = associated(content, self._directory)
        if not used:
            return refused(NoToken.NO_ASSOCIATIONS)
        if not asked:
            return used[0] if len(used) == 1 else refused(NoToken.AMBIGUOUS_AUDIENCE)
        for of_one_kind in zip(*map(names, used), strict=True):  # all guids, then all slugs, then all names
            if asked in of_one_kind:
                is_clear = of_one_kind.count(asked) == 1
                return used[of_one_kind.index(asked)] if is_clear else refused(NoToken.AUDIENCE)
        return refused(NoToken.AUDIENCE)

    def _login_url(self, content: Content, integration: Integration) -> str:
        # By name: where the grant looks sound, or the integration is optional, nothing else asks for it.
        query = urlencode({"content": content.guid, "integration": integration.guid})
        return f"{self._public_url}/__oauth__/login?{query}"

    def _issued(self, known: Known, token: Fresh | OwnToken) -> Issued:
        known.scope, known.expires_at = token.scope, token.expires_at
        expires_in = exchange_expires_in(self._now(), token.issued_at, token.expires_at)
        return Issued(access_token=token.access_token, expires_in=expires_in)

    def _answered(self, known: Known, answer: Issued | Refused) -> Issued | Refused:
        """Have it written down."""
        self._record(line_of(known, answer, at=self._now()))
        return answer


_Names = Callable[[Integration], tuple[str, ...]]
"""By which names an integration may be asked for: one may be called what another's slug is, so the first kind counts."""


def _guid(integration: Integration) -> tuple[str, ...]:
    return (integration.guid,)


def _any_name(integration: Integration) -> tuple[str, ...]:
    return integration.guid, integration.slug, integration.name
