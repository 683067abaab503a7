"""The authorization code flow, from the redirect to the callback (RFC 6749 §4.1, RFC 7636, RFC 9207, RFC 9700).

Nothing is stored for a visitor who only starts: ``state`` carries the sealed pending authorization. The callback is judged
(``callback``) before its state is spent, and the state is spent before the code (``redeeming``): twenty replays make one
token request. What the provider gave is then written in one transaction (``granted_records``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from proxy.errors import Conflict
from proxy.flows.audit import Record
from proxy.flows.audit_actors import viewer_actor
from proxy.flows.callback import CallbackRefused, Callbacks, CodeReceived, Flow, unlocated
from proxy.flows.callback_outcomes import (
    AccountRefused,
    CallbackOutcome,
    CodeRefused,
    Granted,
    Malformed,
    ProviderUnavailable,
    Replayed,
    StateRefused,
)
from proxy.flows.granted_records import GrantedRecords, change_of_account, random_text
from proxy.flows.identities import Identities
from proxy.flows.pending import to_state
from proxy.flows.recipes import Recipe, recipe
from proxy.flows.redeeming import Grant, redeem
from proxy.flows.servers import AuthorizationServers, Unlocated
from proxy.flows.sessions import SessionLifetimes
from proxy.flows.token_seal import TokenSeal
from proxy.model import (
    AuditAction,
    AuditEvent,
    Change,
    Content,
    Credentials,
    CredentialsChanged,
    Directory,
    Integration,
    PendingAuthorization,
    Secret,
    SessionEnded,
    SessionHash,
    Viewer,
)
from proxy.oauth.authorization import authorization_url
from proxy.oauth.message import Send
from proxy.oauth.pkce import code_verifier, s256_challenge
from proxy.policy.accounts import AccountChange, shown_name
from proxy.policy.redirects import return_target
from proxy.providers.registration import missing_scopes
from proxy.sealing import NONCE_BYTES, KeyRing, hash_handle
from proxy.store.base import Completed, KnownSession, Store

PENDING_FOR = timedelta(minutes=10)
"""Time for signing in at the provider; Azure's and GitHub's codes live as long."""

log = structlog.get_logger(__name__)


class Authorization:
    """Starts and completes flows."""

    def __init__(
        self,
        *,
        directory: Directory,
        store: Store,
        key_ring: KeyRing,
        servers: AuthorizationServers,
        identities: Identities,
        send: Send,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
        publish: Callable[[Change], None],
        record: Record,
        redirect_uri: str,
        lifetimes: SessionLifetimes,
    ) -> None:
        self._directory = directory
        self._store = store
        self._key_ring = key_ring
        self._servers = servers
        self._identities = identities
        self._send = send
        self._now = now
        self._random_bytes = random_bytes
        self._publish = publish
        self._record = record
        self._redirect_uri = redirect_uri
        self._lifetimes = lifetimes
        self._callbacks = Callbacks(directory=directory, key_ring=key_ring, servers=servers, now=now)
        self._records = GrantedRecords(
            seal=TokenSeal(key_ring=key_ring, random_bytes=random_bytes), random_bytes=random_bytes, lifetimes=lifetimes
        )

    async def start(
        self, *, content: Content, integration: Integration, return_to: str, binding: str, session_id: str | None
    ) -> str | ProviderUnavailable:
        """Return the URL at the provider; ``binding`` is the value of the cookie that goes with it. Stores nothing.

        A claims challenge that waits for the viewer of this session goes along, once: one that the provider does not
        take must not be in the way of every further attempt.
        """
        known = recipe(integration)
        at = await self._servers.locate(known)
        if isinstance(at, Unlocated):
            return _refused(unlocated(content, integration, return_target(return_to, content)))
        viewer = await self._present_viewer(session_id)
        pending = PendingAuthorization(
            id=random_text(self._random_bytes, 16),
            integration_guid=integration.guid,
            fingerprint=known.fingerprint,
            content_guid=content.guid,
            code_verifier=code_verifier(self._random_bytes(32)),
            nonce=random_text(self._random_bytes, 16) if "openid" in known.scope.split() else "",
            return_to=return_target(return_to, content),
            binding_hash=hash_handle(binding),
            viewer_guid=None if viewer is None else viewer.guid,
            expires_at=self._now() + PENDING_FOR,
        )
        return authorization_url(
            at.server,
            at.client,
            redirect_uri=self._redirect_uri,
            scope=known.scope,
            state=to_state(pending, key_ring=self._key_ring, nonce=self._random_bytes(NONCE_BYTES)),
            code_challenge=s256_challenge(pending.code_verifier) if known.uses_pkce else None,
            nonce=pending.nonce or None,
            extra=await self._parameters(known, viewer),
        )

    async def _parameters(self, known: Recipe, viewer: Viewer | None) -> Sequence[tuple[str, str]]:
        claims = None if viewer is None else await self._store.take_claims(viewer.guid, known.integration.guid)
        if claims is None:
            return known.authorization_parameters
        return [*(pair for pair in known.authorization_parameters if pair[0] != "claims"), ("claims", claims)]

    async def complete(self, raw_query: str, *, bindings: Sequence[str], session_id: str | None) -> CallbackOutcome:
        """Finish the flow that ``state`` names, for a browser with these binding cookies and this session."""
        received = await self._callbacks.judge(raw_query, bindings=bindings)
        if not isinstance(received, CodeReceived):
            return _refused(received)
        flow = received.flow
        because = None if flow.is_sign_in else await self._fault_of_viewer(flow.pending, session_id)
        if because is not None:
            return _refused(StateRefused(because=because, content=flow.content, return_to=_way_on(flow, because)))
        if not await self._store.claim_state(flow.pending.id, expires_at=flow.pending.expires_at):
            return Replayed(content=flow.content, return_to=flow.return_to)
        grant = await redeem(
            received,
            redirect_uri=self._redirect_uri,
            send=self._send,
            now=self._now,
            random_bytes=self._random_bytes,
            identities=self._identities,
        )
        if not isinstance(grant, Grant):
            return _refused(grant)
        return await self._write(flow, grant, session_id)

    async def _write(self, flow: Flow, grant: Grant, session_id: str | None) -> Granted | StateRefused | AccountRefused:
        known = await self._known_session(session_id)
        viewer, keeps_session = await self._viewer(flow, grant, known)
        if viewer is None:
            return _refused(StateRefused(because="session_over", content=flow.content, return_to=flow.return_to))
        stands = await self._store.credentials(viewer.guid, flow.integration.guid)
        change = change_of_account(flow, grant, stands)
        if stands is not None and change is not AccountChange.NONE:
            _tell_of_account(stands, change, is_refused=flow.integration.pin_identity)
            if flow.integration.pin_identity:
                return await self._refuse_account(flow, grant, stands, change)
        now = self._now()
        new_id = None if keeps_session else random_text(self._random_bytes, 32)
        completed = Completed(
            credentials=self._records.credentials(flow, grant, viewer.guid, now, replaces=stands),
            consent=self._records.consent(flow, viewer.guid, now),
            session=None if new_id is None else self._records.session(new_id, viewer.guid, now, sid=grant.sid),
            ended_session=None if keeps_session or known is None else known.session.hash,
        )
        if not self._is_still_asked_for(flow):  # an administrator was faster than the provider
            await self._store.add_ended_grant(completed.credentials, now=now)
            return _refused(StateRefused(because="gone", content=flow.content, return_to=flow.return_to))
        try:
            await self._store.complete_authorization(completed)
        except Conflict:  # signed out since the lines above, and the viewer ended with it
            await self._store.add_ended_grant(completed.credentials, now=now)
            return _refused(StateRefused(because="session_over", content=flow.content, return_to=flow.return_to))
        self._announce(completed, flow)
        if not keeps_session and known is not None:
            self._write_down_end(known.viewer)
        self._write_down(completed, flow, viewer)
        return Granted(
            content=flow.content, return_to=flow.return_to, session_id=None if new_id is None else Secret(new_id)
        )

    def _is_still_asked_for(self, flow: Flow) -> bool:
        """Say whether the integration is the same client still, and the content uses it."""
        integration = self._directory.integrations.get(flow.integration.guid)
        content = self._directory.contents.get(flow.content.guid)
        if integration is None or content is None or recipe(integration).fingerprint != flow.recipe.fingerprint:
            return False
        return flow.is_sign_in or integration.guid in content.integrations

    async def _refuse_account(
        self, flow: Flow, grant: Grant, stands: Credentials, change: AccountChange
    ) -> AccountRefused:
        """Give the grant back, unless it may be of the account whose grant goes on."""
        assert stands.account is not None, "else there was nothing to compare with"
        is_known = change is AccountChange.OTHER
        if is_known:
            now = self._now()
            refused = self._records.credentials(flow, grant, stands.viewer_guid, now, replaces=None)
            await self._store.add_ended_grant(refused, now=now)
        return _refused(
            AccountRefused(
                content=flow.content,
                integration=flow.integration,
                return_to=flow.return_to,
                expected=shown_name(stands.account),
                is_known=is_known,
            )
        )

    async def _known_session(self, session_id: str | None) -> KnownSession | None:
        return None if session_id is None else await self._store.session(SessionHash(hash_handle(session_id)))

    async def _present_viewer(self, session_id: str | None) -> Viewer | None:
        known = await self._known_session(session_id)
        is_alive = known is not None and self._lifetimes.is_alive(known.session, self._now())
        return known.viewer if known is not None and is_alive else None

    async def _fault_of_viewer(self, pending: PendingAuthorization, session_id: str | None) -> str | None:
        """Return why what is granted here would be nobody's, or somebody else's; ``None``: all is well.

        A browser may have been handed on: what its last viewer grants must not become the next one's.
        """
        viewer = await self._present_viewer(session_id)
        if viewer is None or not self._may_keep(viewer):
            return None if self._directory.identified_by is None else "session_over"
        return None if pending.viewer_guid in {None, viewer.guid} else "other_viewer"

    async def _viewer(self, flow: Flow, grant: Grant, known: KnownSession | None) -> tuple[Viewer | None, bool]:
        """Return whose tokens these are, and whether they keep their session; ``None``: nobody is signed in."""
        now = self._now()
        goes_on = known is not None and self._lifetimes.is_alive(known.session, now) and self._may_keep(known.viewer)
        if flow.is_sign_in:
            viewer = await self._store.ensure_viewer(self._records.viewer(flow, grant.account, now))
            return viewer, goes_on and known is not None and _is_same_sign_in(known, viewer, grant)
        if known is not None and goes_on:
            return known.viewer, True
        if self._directory.identified_by is not None:
            return None, False
        return await self._store.ensure_viewer(self._records.viewer(flow, None, now)), False

    def _may_keep(self, viewer: Viewer) -> bool:
        """Whether this viewer is who the present ``sign_in`` says; without one every viewer is."""
        return viewer.identified_by == self._directory.identified_by

    def _announce(self, completed: Completed, flow: Flow) -> None:
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
            has_refresh_token=credentials.refresh_token is not None,
            not_granted=missing_scopes(flow.recipe.provider, credentials.scope or "", flow.recipe.scope),
        )

    def _write_down_end(self, viewer: Viewer) -> None:
        self._record(
            AuditEvent(
                at=self._now(), action=AuditAction.SIGN_OUT, actor=viewer_actor(viewer), viewer_guid=viewer.guid,
                detail={"because": "signed_in_anew"},
            )
        )  # fmt: skip

    def _write_down(self, completed: Completed, flow: Flow, viewer: Viewer) -> None:
        credentials = completed.credentials
        account = "" if credentials.account is None else shown_name(credentials.account)
        actions = {AuditAction.SIGN_IN: completed.session, AuditAction.CONSENT: completed.consent}
        for action in (action for action, written in actions.items() if written is not None):
            self._record(
                AuditEvent(
                    at=self._now(), action=action, actor=viewer_actor(viewer), viewer_guid=viewer.guid,
                    content_guid=flow.content.guid, integration_guid=flow.integration.guid,
                    scope=credentials.scope or "", expires_at=credentials.expires_at, detail={"account": account},
                )
            )  # fmt: skip


def _way_on(flow: Flow, because: str) -> str:
    """Return where to start again: nobody is shown what somebody else had open."""
    return flow.content.path if because == "other_viewer" else flow.return_to


def _tell_of_account(stands: Credentials, change: AccountChange, *, is_refused: bool) -> None:
    log.warning(
        "another account at the provider" if change is AccountChange.OTHER else "account at the provider unknown",
        viewer=stands.viewer_guid,
        integration=stands.integration_guid,
        is_refused=is_refused,
    )


def _is_same_sign_in(known: KnownSession, viewer: Viewer, grant: Grant) -> bool:
    """Whether somebody who is signed in consented once more; a new session would close what they have open."""
    sid_hash = None if grant.sid is None else hash_handle(grant.sid)
    return known.viewer.guid == viewer.guid and known.session.sid_hash == sid_hash


Refused = TypeVar("Refused", bound=CallbackRefused | CodeRefused | AccountRefused | ProviderUnavailable)


def _refused(outcome: Refused) -> Refused:
    """Write the one line of a refusal: its reason, never what the provider or the viewer wrote."""
    match outcome:
        case Malformed():
            log.info("authorization not completed", outcome="Malformed")
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
