"""The store's protocol: what the use cases need to remember, as units of work.

Each method is one transaction that is either whole or not there, survives the cancellation of its caller, and raises
:class:`~proxy.errors.StoreUnavailable` when the engine is locked, read-only, full or damaged. Secrets arrive sealed or
hashed. Each method that changes what others may have prepared from it appends a row to the change feed in the same
transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from proxy.model import (
    AuditEvent,
    Consent,
    ContentGuid,
    Credentials,
    CredentialsGuid,
    EndedGrant,
    HandleHash,
    IntegrationGuid,
    News,
    NotedIntegration,
    Sealed,
    SessionHash,
    SessionTokenHash,
    SidHash,
    Viewer,
    ViewerGuid,
    ViewerSession,
)
from proxy.store.administration import DirectoryRecords
from proxy.store.api_keys import StoredApiKeys
from proxy.store.audit import AuditLog
from proxy.store.configured import ConfiguredThings
from proxy.store.people import People


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSession:
    """A stored viewer session with its viewer; the caller judges whether it is still alive."""

    session: ViewerSession
    viewer: Viewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence(KnownSession):
    """A session in front of one content."""

    consents: frozenset[IntegrationGuid]
    """Integrations whose token this content may have from this viewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSession(KnownSession):
    """A session with everything its viewer lets contents have."""

    consents: frozenset[tuple[ContentGuid, IntegrationGuid]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected:
    """How much ended with an integration's credentials."""

    credentials: int
    consents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """All that one finished authorization writes, in one transaction."""

    credentials: Credentials
    """Replaces the row of the same viewer and integration, whatever its guid and generation.

    Its guid is new: a refresh that still runs for the replaced row then finds nothing to write to.
    """
    consent: Consent | None
    """``None``: a sign-in for a content that does not use this integration."""
    session: ViewerSession | None
    """A new session; ``None``: the viewer keeps the one they have."""
    ended_session: SessionHash | None
    """The session that the new one replaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderLogout:
    """What a provider says once: these sessions are over."""

    id: str
    """As with a ``state``: used once."""
    usable_until: datetime
    identified_by: IntegrationGuid
    subject: str | None
    """Whose; ``None``: whoever's ``sid_hash`` is."""
    sid_hash: SidHash | None
    """Of which session there, and then of those, too, that began without one; ``None``: of all of ``subject``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshedTokens:
    """What one successful refresh writes."""

    access_token: Sealed
    refresh_token: Sealed | None
    """``None``: keep the stored one."""
    issued_at: datetime
    expires_at: datetime | None
    refresh_expires_at: datetime | None
    """``None``: keep the stored value when ``refresh_token`` is ``None`` too, else unknown."""
    scope: str | None
    """``None``: unchanged."""


class Store(Protocol):
    """The sidecar's records; what has a name of its own here is a room with a protocol of its own."""

    api_keys: StoredApiKeys
    people: People
    configured: ConfiguredThings

    @property
    def audit(self) -> AuditLog:
        """The room of the audit log."""

    @property
    def administration(self) -> DirectoryRecords:
        """The room of what was made through the Server API."""

    async def close(self) -> None:
        """Finish what runs and let go of the engine; afterwards the store cannot be used."""

    async def check(self) -> None:
        """Raise ``StoreUnavailable`` unless a write would work now (for the readiness probe; writes nothing lasting).

        Callers at the same time share one probe.
        """

    # — sign-in ————————————————————————————————————————————————————————————————————————————————

    async def claim_state(self, state_id: str, *, expires_at: datetime) -> bool:
        """Mark a ``state``, or a ticket, as used; ``False`` when it was before. Kinds never meet: theirs are random, and ``end_sessions_of`` marks its own."""

    async def ensure_viewer(self, viewer: Viewer) -> Viewer:
        """Return the viewer with this identity, creating or bringing up to date its claims.

        A viewer without identity is always created. With identity, ``(identified_by, identity.subject)`` is unique and
        the stored guid and ``created_at`` win.
        """

    async def complete_authorization(self, completed: Completed) -> None:
        """Write credentials, consent and session together.

        ``Conflict`` when the viewer is gone: one without identity may have ended their last session meanwhile.
        Feed: ``CredentialsChanged``; ``SessionEnded`` for ``ended_session``.
        """

    # — sessions ———————————————————————————————————————————————————————————————————————————————

    async def session(self, session_hash: SessionHash) -> KnownSession | None:
        """Return the session, alive or not; ``None`` when there is no such row."""

    async def presence(self, session_hash: SessionHash, content_guid: ContentGuid) -> Presence | None:
        """Return the session with this viewer's consents for the content."""

    async def note_asked(
        self,
        session_hash: SessionHash,
        *,
        content_guid: ContentGuid,
        integration_guid: IntegrationGuid,
        now: datetime,
    ) -> bool:
        """Remember that this viewer is asked whether the content may have the integration's token.

        Forgotten with the consent that answers it (``complete_authorization``), and with a viewer without identity. Noting
        it again changes nothing. ``False`` when the session is gone.
        """

    async def asked(self, viewer_guid: ViewerGuid, content_guid: ContentGuid) -> frozenset[IntegrationGuid]:
        """Return the integrations that the viewer was asked for here and has not consented to since."""

    async def add_handle(
        self, handle_hash: HandleHash, *, session_hash: SessionHash, content_guid: ContentGuid
    ) -> bool:
        """Let a content's own host know the session by this handle; adding it again changes nothing.

        ``False`` when the session is gone.
        """

    async def presence_at_host(self, handle_hash: HandleHash, content_guid: ContentGuid) -> Presence | None:
        """Return the session of a handle that is good for this content; ``None`` for any other."""

    async def touch_sessions(self, last_seen: Mapping[SessionHash, datetime]) -> None:
        """Move ``last_seen_at`` forward (never back); unknown sessions are ignored."""

    async def begin_session(self, session: ViewerSession) -> None:
        """Write a session without a flow before it; one of the same hash begins anew, with this viewer and these times."""

    async def end_session(self, session_hash: SessionHash) -> bool:
        """Delete the session, its handles and its session tokens; ``False`` when it was gone.

        With the last session of a viewer without identity, viewer, credentials and consents go too. Feed:
        ``SessionEnded``.
        """

    async def end_viewer(self, viewer_guid: ViewerGuid) -> Sequence[SessionHash]:
        """End all sessions of the viewer as ``end_session`` does, and their credentials; return which sessions.

        Consents of a viewer with identity stay. Feed: ``SessionEnded``, ``CredentialsChanged``.
        """

    async def end_sessions_of(
        self, logout: ProviderLogout, *, line: AuditEvent | None = None
    ) -> Sequence[SessionHash] | None:
        """End the sessions that a provider says are over, as ``end_session`` does; ``None``: it was said before.

        ``line``, here and below: what the audit log says of each ended session, but for whose it was.

        What was said and what ends are one transaction: a message that ended nothing may be sent again.
        """

    async def add_session_token(
        self, token_hash: SessionTokenHash, *, session_hash: SessionHash, content_guid: ContentGuid
    ) -> bool:
        """Remember a session token; adding it again changes nothing. ``False`` when the session is gone."""

    async def redeem_session_token(self, token_hash: SessionTokenHash) -> tuple[ContentGuid, Presence] | None:
        """Return the content the token was made for and the session it belongs to."""

    # — credentials ————————————————————————————————————————————————————————————————————————————

    async def credentials(self, viewer_guid: ViewerGuid, integration_guid: IntegrationGuid) -> Credentials | None:
        """Return the viewer's tokens for the integration."""

    async def acquire_lease(
        self, credentials_guid: CredentialsGuid, *, owner: str, now: datetime, until: datetime
    ) -> Credentials | None:
        """Take the refresh lease and return the row as it is now; ``None`` while somebody else holds it (or no row).

        An owner takes its own lease again; a lease whose end is not after ``now`` is free.
        """

    async def release_lease(self, credentials_guid: CredentialsGuid, *, owner: str) -> None:
        """Give the lease back; nothing happens when it is no longer held."""

    async def save_refresh(
        self, credentials_guid: CredentialsGuid, *, generation: int, tokens: RefreshedTokens, now: datetime
    ) -> Credentials | None:
        """Store a refresh that started from ``generation`` and release the lease, whoever holds it.

        When the row ended meanwhile, what is to be given back are these tokens. Return the row after it: generation + 1 with these tokens, or, when something newer stands already, that newer
        row unchanged. ``None`` when the row is gone. Feed: ``CredentialsChanged``.
        """

    async def end_credentials(
        self,
        credentials_guid: CredentialsGuid,
        *,
        generation: int,
        because: str,
        keep_refresh_token: bool,
        claims: str | None,
        now: datetime,
    ) -> Credentials | None:
        """Record that the grant is dead (or, with ``keep_refresh_token``, that the provider wants interaction).

        ``claims``: what it wants to be asked with.

        Counts only at an unchanged ``generation``: otherwise, as with ``save_refresh``, return what stands. Consents
        stay. Releases the lease. Feed: ``CredentialsChanged``.
        """

    async def take_claims(self, viewer_guid: ViewerGuid, integration_guid: IntegrationGuid) -> str | None:
        """Return the claims challenge that waits for the viewer's next authorization request, and forget it."""

    # — what is to be given back ———————————————————————————————————————————————————————————————
    # Whatever deletes credentials keeps their tokens here, unless the grant is dead: ``end_session``, ``disconnect``, …

    async def add_ended_grant(self, credentials: Credentials, *, now: datetime) -> None:
        """Remember tokens that were granted and never became credentials here."""

    async def ended_grants(self, *, now: datetime, most: int) -> Sequence[EndedGrant]:
        """Return those that are due, the longest waiting first. A grant whose refresh still ran is due after its lease."""

    async def put_off_revocation(self, grant: EndedGrant, *, until: datetime, others_too: bool) -> None:
        """Count a failure and come back later; ``others_too``: with all of this integration, not before either."""

    async def forget_ended_grant(self, grant: EndedGrant) -> None:
        """Delete it, unless its tokens are others by now."""

    async def is_account_in_use(self, grant: EndedGrant) -> bool:
        """Say whether anybody's living credentials are of the same account, client and server; ``False``: not known."""

    # — integrations that are gone —————————————————————————————————————————————————————————————

    async def note_integrations(
        self, configured: Sequence[NotedIntegration], *, unusable: Sequence[IntegrationGuid] = (), now: datetime
    ) -> None:
        """Keep these as they are now; of all others that there are grants of, remember since when they are gone.

        ``unusable``: those that are there and cannot be read, which are not gone.
        """

    async def noted_integration(self, integration_guid: IntegrationGuid, fingerprint: bytes) -> Sealed | None:
        """Return what this client was; ``None``: nothing is known of it."""

    async def gone_integrations(self, *, before: datetime) -> Sequence[NotedIntegration]:
        """Return those that have been gone since then, or longer."""

    async def credentials_of(
        self, noted: NotedIntegration, *, after: CredentialsGuid, most: int
    ) -> Sequence[Credentials]:
        """Return credentials of this client, by guid, those after ``after``."""

    async def give_up_credentials(self, guids: Sequence[CredentialsGuid]) -> None:
        """Delete these credentials; consents stay. No feed: nobody could use them."""

    async def forget_integrations(self) -> None:
        """Forget those that are gone and have neither credentials nor anything to be given back."""

    # — for operators ——————————————————————————————————————————————————————————————————————————

    async def sessions(self) -> Sequence[ListedSession]:
        """Return every stored session, alive or not, the oldest first."""

    async def viewers(self) -> Sequence[Viewer]:
        """Return everybody who is known, with a session or without."""

    async def end_sessions(self, hashes: Sequence[SessionHash], *, line: AuditEvent | None = None) -> int:
        """End these sessions as ``end_session`` does, all or none; return how many were still there."""

    async def disconnect(
        self, integration_guid: IntegrationGuid, *, viewer_guid: ViewerGuid | None, line: AuditEvent | None = None
    ) -> Disconnected:
        """Delete the credentials and consents of one viewer (``None``: of all) for the integration.

        ``line``: what the audit log says of each viewer who had any.

        A refresh under way finds nothing to write to. Feed: ``ConsentEnded`` per content, ``CredentialsChanged``.
        """

    # — housekeeping ———————————————————————————————————————————————————————————————————————————

    async def purge(
        self, *, now: datetime, idle_since: datetime, line: AuditEvent | None = None
    ) -> Sequence[SessionHash]:
        """Delete used states and sessions that are over (absolute end passed, or not seen since ``idle_since``).

        Ends the sessions as ``end_session`` does; return their hashes. Forgets, too, changes older than an hour, and
        viewers without identity whose sign-in stopped before it had a session or credentials.
        """

    async def changes_since(self, position: int) -> tuple[int, Sequence[News]]:
        """Return the feed after ``position`` and the new position; ``-1`` asks for the present position only.

        At most a thousand changes at once: ask again until there are none. ``ChangesLost`` comes first when some after
        ``position`` were forgotten already.
        """
