"""The authorization code flow, from the redirect to the callback (RFC 6749 §4.1, RFC 7636, RFC 9207, RFC 9700).

Nothing is stored for a visitor who only starts: ``state`` carries the sealed pending authorization. The callback checks
seal, age, browser (binding cookie) and issuer before it spends the state, and spends the state before it spends the
code: twenty replays make one token request.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import structlog

from proxy.errors import Conflict
from proxy.flows.callback_outcomes import (
    CallbackOutcome,
    CodeRefused,
    Declined,
    Granted,
    IssuerMismatch,
    Malformed,
    ProviderFailed,
    ProviderUnavailable,
    Replayed,
    StateRefused,
)
from proxy.flows.pending import from_state, to_state
from proxy.flows.recipes import Recipe, access_expiry, recipe, refresh_expiry
from proxy.flows.sessions import SessionLifetimes
from proxy.flows.token_seal import TokenSeal
from proxy.model import (
    Change,
    Consent,
    Content,
    Credentials,
    CredentialsChanged,
    CredentialsGuid,
    CredentialsState,
    Directory,
    Identity,
    Integration,
    PendingAuthorization,
    Secret,
    SessionEnded,
    SessionHash,
    Viewer,
    ViewerGuid,
    ViewerSession,
)
from proxy.oauth.authorization import (
    AuthorizationCode,
    CallbackError,
    CallbackParameters,
    MalformedCallback,
    authorization_url,
    parse_callback,
)
from proxy.oauth.message import LostAnswer, NotSent, OutboundRequest, OutboundResponse, Outcome, Send
from proxy.oauth.pkce import code_verifier, s256_challenge
from proxy.oauth.token import TokenError, TokenResponse, Unreadable, code_request, parse_token_response
from proxy.oauth.userinfo import parse_userinfo, userinfo_request
from proxy.policy.redirects import return_target
from proxy.policy.refresh_verdict import Operator, Retry, RetryOnce, verdict
from proxy.providers.base import identity_from_userinfo
from proxy.sealing import NONCE_BYTES, KeyRing, hash_handle
from proxy.store.base import Completed, KnownSession, Store

__all__ = [
    "Authorization",
    "CallbackOutcome",
    "CodeRefused",
    "Declined",
    "Granted",
    "IssuerMismatch",
    "Malformed",
    "ProviderFailed",
    "ProviderUnavailable",
    "Replayed",
    "StateRefused",
]

PENDING_FOR = timedelta(minutes=10)
"""Time for signing in at the provider; Azure's and GitHub's codes live as long."""

MAX_BINDINGS = 32
"""Flows that one browser may have open at once; more cookies than this are not looked at."""

DEFAULT_RETRY_AFTER_S = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flow:
    """A callback that belongs to an open flow of this browser."""

    pending: PendingAuthorization
    content: Content
    integration: Integration
    recipe: Recipe
    return_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grant:
    """What the provider gave."""

    tokens: TokenResponse
    issued_at: datetime
    account: Identity | None


class Authorization:
    """Starts and completes flows."""

    def __init__(
        self,
        *,
        directory: Directory,
        store: Store,
        key_ring: KeyRing,
        send: Send,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
        publish: Callable[[Change], None],
        redirect_uri: str,
        lifetimes: SessionLifetimes,
    ) -> None:
        self._directory = directory
        self._store = store
        self._key_ring = key_ring
        self._send = send
        self._now = now
        self._random_bytes = random_bytes
        self._publish = publish
        self._redirect_uri = redirect_uri
        self._lifetimes = lifetimes
        self._seal = TokenSeal(key_ring=key_ring, random_bytes=random_bytes)

    # — the redirect ———————————————————————————————————————————————————————————————————————————

    def start(self, *, content: Content, integration: Integration, return_to: str, binding: str) -> str:
        """Return the URL at the provider; ``binding`` is the value of the cookie that goes with it. Stores nothing."""
        known = recipe(integration)
        pending = PendingAuthorization(
            id=self._random_text(16),
            integration_guid=integration.guid,
            content_guid=content.guid,
            code_verifier=code_verifier(self._random_bytes(32)),
            nonce=self._random_text(16) if "openid" in known.scope.split() else "",
            return_to=return_target(return_to, content),
            binding_hash=hash_handle(binding),
            expires_at=self._now() + PENDING_FOR,
        )
        return authorization_url(
            known.server,
            known.client,
            redirect_uri=self._redirect_uri,
            scope=known.scope,
            state=to_state(pending, key_ring=self._key_ring, nonce=self._random_bytes(NONCE_BYTES)),
            code_challenge=s256_challenge(pending.code_verifier),
            nonce=pending.nonce or None,
        )

    # — the callback ———————————————————————————————————————————————————————————————————————————

    async def complete(self, raw_query: str, *, bindings: Sequence[str], session_id: str | None) -> CallbackOutcome:
        """Finish the flow that ``state`` names, for a browser with these binding cookies and this session."""
        parameters = parse_callback(raw_query)
        if isinstance(parameters, MalformedCallback):
            return Malformed()
        flow = self._open_flow(parameters, bindings)
        if isinstance(flow, StateRefused):
            return _refused(flow)
        if _is_foreign_issuer(parameters.iss, flow.recipe):
            return _refused(
                IssuerMismatch(content=flow.content, integration=flow.integration, return_to=flow.return_to)
            )
        if parameters.error is not None:
            return _refused(_callback_error(flow, parameters.error))
        if not self._is_wanted(flow):
            return _refused(StateRefused(because="gone", return_to=flow.return_to))
        if not await self._store.claim_state(flow.pending.id, expires_at=flow.pending.expires_at):
            return Replayed(content=flow.content, return_to=flow.return_to)
        assert parameters.code is not None, "parse_callback gives a code or an error"
        grant = await self._redeem(flow, parameters.code)
        if not isinstance(grant, _Grant):
            return _refused(grant)
        return await self._write(flow, grant, session_id)

    def _open_flow(self, parameters: CallbackParameters, bindings: Sequence[str]) -> _Flow | StateRefused:
        if parameters.state is None:  # Snowflake sends errors without state: no other flow is touched
            because = "missing" if parameters.error is None else "error_without_state"
            return StateRefused(because=because, return_to=None)
        pending = from_state(parameters.state, key_ring=self._key_ring)
        if pending is None:
            return StateRefused(because="unreadable", return_to=None)
        content = self._directory.contents.get(pending.content_guid)
        is_ours = _is_bound(pending, bindings)
        # In a browser that did not start the flow, nothing that its starter chose is repeated.
        way_back = None if content is None else _return_to(pending, content) if is_ours else content.path
        if pending.expires_at <= self._now():
            return StateRefused(because="expired", return_to=way_back)
        if not is_ours:
            return StateRefused(because="other_browser", return_to=way_back)
        integration = self._directory.integrations.get(pending.integration_guid)
        if content is None or integration is None or way_back is None:
            return StateRefused(because="gone", return_to=way_back)
        return _Flow(
            pending=pending, content=content, integration=integration, recipe=recipe(integration), return_to=way_back
        )

    def _is_wanted(self, flow: _Flow) -> bool:
        """Whether the content still uses the integration, or everybody signs in with it."""
        return flow.integration.guid in flow.content.integrations or self._is_sign_in(flow)

    def _is_sign_in(self, flow: _Flow) -> bool:
        return flow.integration.guid == self._directory.sign_in

    # — the code, and who it was ———————————————————————————————————————————————————————————————

    async def _redeem(self, flow: _Flow, code: AuthorizationCode) -> _Grant | CodeRefused | ProviderUnavailable:
        issued_at = self._now()
        outcome = await self._send_safely(
            code_request(
                flow.recipe.server,
                flow.recipe.client,
                code=code,
                redirect_uri=self._redirect_uri,
                code_verifier=flow.pending.code_verifier,
            )
        )
        answer = self._read_tokens(outcome)
        if not isinstance(answer, TokenResponse):
            return _no_tokens(flow, answer)
        account = await self._account(flow, answer)
        if account is None and self._is_sign_in(flow):
            return _code_refused(flow, "identity")
        if isinstance(account, NotSent | LostAnswer):
            if self._is_sign_in(flow):
                return _unavailable(flow, None)
            account = None
        return _Grant(tokens=answer, issued_at=issued_at, account=account)

    async def _account(self, flow: _Flow, tokens: TokenResponse) -> Identity | NotSent | LostAnswer | None:
        if flow.recipe.server.userinfo_endpoint is None:
            return None
        request = userinfo_request(flow.recipe.server, tokens.access_token)
        outcome = await self._send_safely(request)
        if isinstance(outcome, LostAnswer):  # reading twice does no harm
            outcome = await self._send(request)
        if not isinstance(outcome, OutboundResponse):
            return outcome
        if outcome.status >= 500:
            return LostAnswer("userinfo answered 5xx")
        claims = parse_userinfo(outcome)
        return None if claims is None else identity_from_userinfo(claims)

    async def _send_safely(self, request: OutboundRequest) -> Outcome:
        """Send; once more when it certainly did not arrive. A code is never sent twice otherwise: it is single-use."""
        outcome = await self._send(request)
        return await self._send(request) if isinstance(outcome, NotSent) else outcome

    def _read_tokens(self, outcome: Outcome) -> TokenResponse | TokenError | Unreadable | NotSent | LostAnswer:
        return parse_token_response(outcome, now=self._now()) if isinstance(outcome, OutboundResponse) else outcome

    # — what is written ————————————————————————————————————————————————————————————————————————

    async def _write(self, flow: _Flow, grant: _Grant, session_id: str | None) -> Granted | StateRefused:
        known = await self._known_session(session_id)
        viewer, keeps_session = await self._viewer(flow, grant, known)
        if viewer is None:
            return _refused(StateRefused(because="session_over", return_to=flow.return_to))
        now = self._now()
        new_id = None if keeps_session else self._random_text(32)
        completed = Completed(
            credentials=self._credentials(flow, grant, viewer.guid, now),
            consent=self._consent(flow, viewer.guid, now),
            session=None if new_id is None else self._session(new_id, viewer.guid, now),
            ended_session=None if keeps_session or known is None else known.session.hash,
        )
        try:
            await self._store.complete_authorization(completed)
        except Conflict:  # signed out since the lines above, and the viewer ended with it
            return _refused(StateRefused(because="session_over", return_to=flow.return_to))
        self._announce(completed, flow)
        return Granted(
            content=flow.content, return_to=flow.return_to, session_id=None if new_id is None else Secret(new_id)
        )

    async def _viewer(self, flow: _Flow, grant: _Grant, known: KnownSession | None) -> tuple[Viewer | None, bool]:
        """Return whose tokens these are, and whether they keep their session; ``None``: nobody is signed in."""
        now = self._now()
        if self._is_sign_in(flow):
            return await self._store.ensure_viewer(self._new_viewer(now, flow, grant.account)), False
        if known is not None and self._lifetimes.is_alive(known.session, now) and self._may_keep(known.viewer):
            return known.viewer, True
        if self._directory.sign_in is not None:
            return None, False
        return await self._store.ensure_viewer(self._new_viewer(now, flow, None)), False

    def _announce(self, completed: Completed, flow: _Flow) -> None:
        credentials = completed.credentials
        self._publish(CredentialsChanged(credentials.viewer_guid, credentials.integration_guid))
        if completed.ended_session is not None:
            self._publish(SessionEnded(completed.ended_session))
        log.info(
            "authorization completed",
            viewer=credentials.viewer_guid,
            integration=credentials.integration_guid,
            content=flow.content.guid,
            is_new_session=completed.session is not None,
        )

    async def _known_session(self, session_id: str | None) -> KnownSession | None:
        return None if session_id is None else await self._store.session(SessionHash(hash_handle(session_id)))

    def _may_keep(self, viewer: Viewer) -> bool:
        """Whether this viewer is who the present ``sign_in`` says; without one every viewer is."""
        return viewer.identified_by == self._directory.sign_in

    def _new_viewer(self, now: datetime, flow: _Flow, identity: Identity | None) -> Viewer:
        return Viewer(
            guid=ViewerGuid(self._new_guid()),
            identity=identity,
            identified_by=None if identity is None else flow.integration.guid,
            created_at=now,
        )

    def _credentials(self, flow: _Flow, grant: _Grant, viewer_guid: ViewerGuid, now: datetime) -> Credentials:
        tokens, of = grant.tokens, (viewer_guid, flow.integration.guid)
        return Credentials(
            guid=CredentialsGuid(self._new_guid()),
            viewer_guid=viewer_guid,
            integration_guid=flow.integration.guid,
            fingerprint=flow.recipe.fingerprint,
            generation=1,
            state=CredentialsState.ACTIVE,
            access_token=self._seal.seal(tokens.access_token, "access_token", of),
            refresh_token=None
            if tokens.refresh_token is None
            else self._seal.seal(tokens.refresh_token, "refresh_token", of),
            issued_at=grant.issued_at,
            expires_at=access_expiry(tokens, flow.recipe.provider, issued_at=grant.issued_at),
            refresh_expires_at=refresh_expiry(tokens, issued_at=grant.issued_at),
            scope=flow.recipe.scope if tokens.scope is None else tokens.scope,
            account=grant.account,
            created_at=now,
            updated_at=now,
        )

    def _consent(self, flow: _Flow, viewer_guid: ViewerGuid, now: datetime) -> Consent | None:
        if flow.integration.guid not in flow.content.integrations:
            return None
        return Consent(
            viewer_guid=viewer_guid,
            content_guid=flow.content.guid,
            integration_guid=flow.integration.guid,
            created_at=now,
        )

    def _session(self, session_id: str, viewer_guid: ViewerGuid, now: datetime) -> ViewerSession:
        return ViewerSession(
            hash=SessionHash(hash_handle(session_id)),
            viewer_guid=viewer_guid,
            created_at=now,
            last_seen_at=now,
            expires_at=now + self._lifetimes.lifetime,
        )

    def _random_text(self, count: int) -> str:
        return urlsafe_b64encode(self._random_bytes(count)).decode().rstrip("=")

    def _new_guid(self) -> str:
        return str(UUID(bytes=self._random_bytes(16), version=4))


def _is_bound(pending: PendingAuthorization, bindings: Sequence[str]) -> bool:
    return any(hmac.compare_digest(hash_handle(value), pending.binding_hash) for value in bindings[:MAX_BINDINGS])


def _return_to(pending: PendingAuthorization, content: Content) -> str:
    return return_target(pending.return_to or content.path, content)


def _is_foreign_issuer(iss: str | None, known: Recipe) -> bool:
    """RFC 9207 §2.4; where the issuer is not known there is nothing to compare (the documented residual risk)."""
    if known.server.issuer is None:
        return False
    return known.server.iss_in_response_supported if iss is None else iss != known.server.issuer


def _callback_error(flow: _Flow, error: CallbackError) -> Declined | ProviderFailed:
    if error.error == "access_denied":
        return Declined(content=flow.content, integration=flow.integration, return_to=flow.return_to)
    return ProviderFailed(
        content=flow.content, integration=flow.integration, return_to=flow.return_to, error=error.error
    )


def _no_tokens(
    flow: _Flow, answer: TokenError | Unreadable | NotSent | LostAnswer
) -> CodeRefused | ProviderUnavailable:
    match verdict(answer, dead_patterns=flow.recipe.provider.dead_patterns):
        case Retry(retry_after_s=retry_after_s):
            return _unavailable(flow, retry_after_s)
        case RetryOnce():
            return _unavailable(flow, None)
        case Operator():
            return _code_refused(flow, "client")
        case _:
            return _code_refused(flow, "code")


def _code_refused(flow: _Flow, because: str) -> CodeRefused:
    return CodeRefused(content=flow.content, integration=flow.integration, return_to=flow.return_to, because=because)


def _unavailable(flow: _Flow, retry_after_s: float | None) -> ProviderUnavailable:
    return ProviderUnavailable(
        content=flow.content,
        integration=flow.integration,
        return_to=flow.return_to,
        retry_after_s=DEFAULT_RETRY_AFTER_S if retry_after_s is None else retry_after_s,
    )


Refusal = Declined | StateRefused | IssuerMismatch | CodeRefused | ProviderFailed | ProviderUnavailable
Refused = TypeVar("Refused", bound=Refusal)


def _refused(outcome: Refused) -> Refused:
    """Write the one line of a refusal: its reason, never what the provider or the viewer wrote."""
    match outcome:
        case StateRefused(because=because):
            log.info("authorization not completed", outcome="StateRefused", because=because)
        case _:
            log.info(
                "authorization not completed",
                outcome=type(outcome).__name__,
                because=outcome.because if isinstance(outcome, CodeRefused) else "",
                integration=outcome.integration.guid,
                content=outcome.content.guid,
            )
    return outcome
