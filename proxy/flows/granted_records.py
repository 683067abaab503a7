"""What a granted authorization writes, as values: viewer, credentials, consent and session."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from proxy.flows.callback import Flow
from proxy.flows.recipes import access_expiry, refresh_expiry
from proxy.flows.redeeming import Grant
from proxy.flows.sessions import SessionLifetimes
from proxy.flows.token_seal import TokenSeal
from proxy.model import (
    Consent,
    Credentials,
    CredentialsGuid,
    CredentialsState,
    Identity,
    SessionHash,
    SidHash,
    Viewer,
    ViewerGuid,
    ViewerSession,
)
from proxy.policy.accounts import AccountChange, account_change
from proxy.providers.registration import granted_scope
from proxy.sealing import SealBroken, hash_handle


class GrantedRecords:
    """Makes the records of one deployment."""

    def __init__(self, *, seal: TokenSeal, random_bytes: Callable[[int], bytes], lifetimes: SessionLifetimes) -> None:
        self._seal = seal
        self._random_bytes = random_bytes
        self._lifetimes = lifetimes

    def viewer(self, flow: Flow, identity: Identity | None, now: datetime) -> Viewer:
        """Return a new viewer; without ``identity`` one who lives as long as their sessions."""
        return Viewer(
            guid=ViewerGuid(self._new_guid()),
            identity=identity,
            identified_by=None if identity is None else flow.integration.guid,
            created_at=now,
        )

    def credentials(
        self, flow: Flow, grant: Grant, viewer_guid: ViewerGuid, now: datetime, *, replaces: Credentials | None
    ) -> Credentials:
        """Return the tokens, sealed for this viewer and integration.

        ``replaces``: the row that stands there. Its refresh token goes on when the grant has none (Google gives one at the
        first consent only) and both are of the same client, server and known account. Not done: waiting for a refresh that
        rotates it at this moment; servers that rotate give a new one here.
        """
        tokens, of = grant.tokens, (viewer_guid, flow.integration.guid)
        refresh_token, refresh_ends_at = tokens.refresh_token, refresh_expiry(tokens, issued_at=grant.issued_at)
        if refresh_token is None and replaces is not None and _is_same_grant(flow, grant, replaces):
            refresh_token = self._refresh_token(replaces)
            refresh_ends_at = refresh_ends_at or replaces.refresh_expires_at
        return Credentials(
            guid=CredentialsGuid(self._new_guid()),
            viewer_guid=viewer_guid,
            integration_guid=flow.integration.guid,
            fingerprint=flow.recipe.fingerprint,
            generation=1,
            state=CredentialsState.ACTIVE,
            access_token=self._seal.seal(tokens.access_token, "access_token", of),
            refresh_token=None if refresh_token is None else self._seal.seal(refresh_token, "refresh_token", of),
            issued_at=grant.issued_at,
            expires_at=access_expiry(tokens, flow.recipe.provider, issued_at=grant.issued_at),
            refresh_expires_at=refresh_ends_at,
            scope=granted_scope(flow.recipe.provider, tokens.scope) or flow.recipe.scope,
            account=grant.account,
            former_account=_former_account(flow, grant, replaces),
            created_at=now,
            updated_at=now,
        )

    def consent(self, flow: Flow, viewer_guid: ViewerGuid, now: datetime) -> Consent | None:
        """Return the consent; ``None`` for a sign-in in front of a content that does not use the integration."""
        if flow.integration.guid not in flow.content.integrations:
            return None
        return Consent(
            viewer_guid=viewer_guid,
            content_guid=flow.content.guid,
            integration_guid=flow.integration.guid,
            created_at=now,
        )

    def session(self, session_id: str, viewer_guid: ViewerGuid, now: datetime, *, sid: str | None) -> ViewerSession:
        """Return the session whose cookie value is ``session_id``; ``sid``: where the provider names its own."""
        return ViewerSession(
            hash=SessionHash(hash_handle(session_id)),
            viewer_guid=viewer_guid,
            created_at=now,
            last_seen_at=now,
            expires_at=now + self._lifetimes.lifetime,
            sid_hash=None if sid is None else SidHash(hash_handle(sid)),
        )

    def _refresh_token(self, row: Credentials) -> str | None:
        try:
            opened = self._seal.refresh_token(row)
        except SealBroken:  # under a key that is gone: as good as none
            return None
        return None if opened is None else opened.reveal()

    def _new_guid(self) -> str:
        return str(UUID(bytes=self._random_bytes(16), version=4))


def change_of_account(flow: Flow, grant: Grant, stands: Credentials | None) -> AccountChange:
    """Compare a grant with the row that it would replace; of another client or server nothing can be compared."""
    if stands is None or stands.fingerprint != flow.recipe.fingerprint:
        return AccountChange.NONE
    return account_change(stands.account, grant.account)


def _former_account(flow: Flow, grant: Grant, stands: Credentials | None) -> Identity | None:
    if stands is None:
        return None
    is_other = change_of_account(flow, grant, stands) is AccountChange.OTHER
    return stands.account if is_other else stands.former_account


def _is_same_grant(flow: Flow, grant: Grant, stands: Credentials) -> bool:
    return (
        stands.fingerprint == flow.recipe.fingerprint
        and grant.account is not None
        and stands.account is not None
        and stands.account.subject == grant.account.subject
    )


def random_text(random_bytes: Callable[[int], bytes], count: int) -> str:
    """Return ``count`` random bytes as base64url without padding."""
    return urlsafe_b64encode(random_bytes(count)).decode().rstrip("=")
