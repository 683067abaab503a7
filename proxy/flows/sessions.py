"""May this browser see that content, and with which header block? The slow lane behind the gateway's table."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from proxy.flows.audit import Record
from proxy.flows.audit_actors import viewer_actor
from proxy.flows.content_grants import OPTIONAL_PATIENCE_S, ContentGrants, Gathered, Lacking
from proxy.flows.credentials import CredentialsKeeper
from proxy.flows.fresh_tokens import Reconnect
from proxy.flows.vouched import VouchedSessions
from proxy.model import (
    AuditAction,
    AuditEvent,
    Change,
    Content,
    ContentGuid,
    CredentialsChanged,
    Directory,
    HandedOut,
    HandleHash,
    Integration,
    SessionEnded,
    SessionHash,
    SessionTokenHash,
    Viewer,
    ViewerGuid,
    ViewerSession,
)
from proxy.policy.access import is_allowed
from proxy.policy.injection import LONG_HEADER_BYTES, header_block, long_headers
from proxy.policy.vouching import identity_of
from proxy.sealing import KeyRing, hash_handle
from proxy.store.base import Presence, Store

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLifetimes:
    """When a viewer session is over."""

    idle: timedelta
    lifetime: timedelta
    """The absolute end, counted from sign-in."""

    def is_alive(self, session: ViewerSession, now: datetime, last_seen_at: datetime | None = None) -> bool:
        """Judge a stored session; ``last_seen_at`` is what this process knows and has not written yet."""
        seen = session.last_seen_at if last_seen_at is None else max(session.last_seen_at, last_seen_at)
        return now < session.expires_at and now < seen + self.idle


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The request may go to the content with this header block."""

    session_hash: SessionHash
    viewer_guid: ViewerGuid
    header_block: bytes = field(repr=False)
    good_until: datetime
    """Ask again then."""
    expires_at: datetime
    """Absolute end of the session."""
    unasked: Integration | None = None
    """An optional integration that the viewer was never asked for here: a navigation may ask, nothing else waits for it."""
    handed_out: tuple[HandedOut, ...] = ()
    """The access tokens in the header block."""
    handle_hash: HandleHash | None = None
    """What the session was found by at the content's own host; ``None``: by its own cookie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInNeeded:
    """There is no live session."""

    integration: Integration | None
    """The one to sign in with; ``None``: nobody can sign in to this content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentNeeded:
    """The viewer must be asked (again) for this integration."""

    integration: Integration


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRefused:
    """The access rule does not name this viewer."""

    viewer: Viewer


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUnavailable:
    """There is a grant but no usable token just now: no request goes to the content."""

    integration: Integration
    retry_after_s: float


Admission = Admitted | SignInNeeded | ConsentNeeded | AccessRefused | TokenUnavailable


class Sessions:
    """Judges, touches and ends viewer sessions."""

    def __init__(
        self,
        *,
        directory: Directory,
        store: Store,
        key_ring: KeyRing,
        keeper: CredentialsKeeper,
        now: Callable[[], datetime],
        publish: Callable[[Change], None],
        record: Record,
        lifetimes: SessionLifetimes,
        optional_patience_s: float = OPTIONAL_PATIENCE_S,
    ) -> None:
        self._directory = directory
        self._store = store
        self._key_ring = key_ring
        self._keeper = keeper
        self._now = now
        self._publish = publish
        self._record = record
        self._lifetimes = lifetimes
        self._vouched_sessions = VouchedSessions(store=store, key_ring=key_ring, lifetime=lifetimes.lifetime)
        self._grants = ContentGrants(
            directory=directory, store=store, keeper=keeper, now=now, optional_patience_s=optional_patience_s
        )
        self._unwritten: dict[SessionHash, datetime] = {}
        self._warned_of: set[tuple[ContentGuid, str]] = set()

    async def admit(self, session_id: str | None, content: Content) -> Admission:
        """Judge one browser, by its session cookie, in front of one content; ``StoreUnavailable`` when nobody can know."""
        if session_id is None:
            return self._sign_in_needed(content)
        if self._directory.is_vouched:
            return await self._judge(await self._vouched(session_id, content), content)
        presence = await self._store.presence(SessionHash(hash_handle(session_id)), content.guid)
        return await self._judge(presence, content)

    async def admit_at_host(self, handle: str | None, content: Content) -> Admission:
        """Judge one browser at the content's own host, by its cookie there; a session's own cookie is nothing there."""
        if handle is None or self._directory.is_vouched:  # the proxy in front vouches on every host
            return await self.admit(handle, content)
        handle_hash = HandleHash(hash_handle(handle))
        admission = await self._judge(await self._store.presence_at_host(handle_hash, content.guid), content)
        return replace(admission, handle_hash=handle_hash) if isinstance(admission, Admitted) else admission

    async def end_at_host(self, handle: str, content: Content) -> bool:
        """End the session that the content's own host knows by this handle; ``False`` when there is none."""
        if self._directory.is_vouched:
            return await self.end(handle)
        presence = await self._store.presence_at_host(HandleHash(hash_handle(handle)), content.guid)
        return presence is not None and await self.end(presence.session.hash)

    async def _judge(self, presence: Presence | None, content: Content) -> Admission:
        if presence is None or not self.is_present(presence):
            return self._sign_in_needed(content)
        presence = await self.with_claims_of_now(presence, content)
        if presence is None:
            return self._sign_in_needed(content)
        if not is_allowed(content.access, presence.viewer):
            self._write_down(AuditAction.ACCESS_REFUSED, presence.viewer, content, because="access_rule")
            return AccessRefused(viewer=presence.viewer)
        match await self._grants.gather(presence, content):
            case Gathered() as gathered:
                return await self._admitted(presence, content, gathered)
            case Lacking(integration=integration, because=because):
                if isinstance(because, Reconnect):
                    return ConsentNeeded(integration=integration)
                return TokenUnavailable(integration=integration, retry_after_s=because.retry_after_s)

    async def note_asked(self, session_id: str | None, content: Content, integration: Integration) -> None:
        """Remember that the viewer is sent to consent to what is optional: they are not sent again by themselves."""
        if session_id is not None and integration.guid in content.optional:
            await self._store.note_asked(
                SessionHash(hash_handle(session_id)),
                content_guid=content.guid,
                integration_guid=integration.guid,
                now=self._now(),
            )

    def is_present(self, presence: Presence) -> bool:
        """Whether the session is alive and its viewer is who the present ``sign_in`` vouches for."""
        noted = self._unwritten.get(presence.session.hash)
        return (
            self._lifetimes.is_alive(presence.session, self._now(), noted)
            and presence.viewer.identified_by == self._directory.identified_by
        )

    async def with_claims_of_now(self, presence: Presence, content: Content) -> Presence | None:
        """Have the tokens of the sign-in refreshed when they are due: with them comes who the viewer is now.

        Whatever comes of it, what is stored counts: a provider that is down, or ends the grant, signs nobody out. ``None``:
        the session ended meanwhile.
        """
        if self._directory.sign_in is None:
            return presence
        await self.renew_claims(presence.viewer.guid)
        return await self._store.presence(presence.session.hash, content.guid)

    async def renew_claims(self, viewer_guid: ViewerGuid) -> None:
        """Have the tokens of the sign-in refreshed when they are due; without a sign-in there is nothing to do."""
        if self._directory.sign_in is not None:
            await self._keeper.fresh(viewer_guid, self._directory.integrations[self._directory.sign_in])

    async def end(self, session: str | SessionHash) -> bool:
        """End a session by cookie value or hash; ``False`` when it was gone. What it granted ends elsewhere."""
        session_hash = session if isinstance(session, bytes) else SessionHash(hash_handle(session))
        known = await self._store.session(session_hash)
        was_there = await self._store.end_session(session_hash)
        self._unwritten.pop(session_hash, None)
        # Published even when the row was gone: another process may have ended it, and our table not know yet.
        self._publish(SessionEnded(session_hash))
        if known is not None and known.viewer.identity is None:  # a viewer without identity ended with it
            for integration_guid in self._directory.integrations:
                self._publish(CredentialsChanged(known.viewer.guid, integration_guid))
        if was_there and known is not None:
            log.info("viewer session ended", viewer=known.viewer.guid)
            self._write_down(AuditAction.SIGN_OUT, known.viewer)
        return was_there

    async def end_everywhere(self, session_id: str) -> None:
        """End every session of this session's viewer, and what they granted; of one that is over, only itself.

        The tokens are given back at the provider (``token_revocation``).
        """
        known = await self._store.session(SessionHash(hash_handle(session_id)))
        if known is None or not self._lifetimes.is_alive(known.session, self._now()):
            await self.end(session_id)
            return
        ended = await self._store.end_viewer(known.viewer.guid)
        for session_hash in {known.session.hash, *ended}:
            self._unwritten.pop(session_hash, None)
            self._publish(SessionEnded(session_hash))
        for integration_guid in self._directory.integrations:
            self._publish(CredentialsChanged(known.viewer.guid, integration_guid))
        log.info("viewer signed out everywhere", viewer=known.viewer.guid, sessions=len(ended))
        self._write_down(AuditAction.SIGN_OUT, known.viewer, sessions=str(len(ended)))
        self._write_down(AuditAction.REVOCATION, known.viewer, because="signed_out_everywhere")

    def _write_down(self, action: AuditAction, viewer: Viewer, content: Content | None = None, **detail: str) -> None:
        self._record(
            AuditEvent(
                at=self._now(), action=action, actor=viewer_actor(viewer), viewer_guid=viewer.guid,
                content_guid=None if content is None else content.guid, detail=detail,
            )
        )  # fmt: skip

    async def touch(self, last_seen: Mapping[SessionHash, datetime]) -> None:
        """Write when sessions were last active; what cannot be written now goes with the next call."""
        self._unwritten.update(last_seen)
        batch = dict(self._unwritten)
        if not batch:
            return
        await self._store.touch_sessions(batch)
        for session_hash, seen in batch.items():
            if self._unwritten.get(session_hash) == seen:
                del self._unwritten[session_hash]

    async def _vouched(self, line: str, content: Content) -> Presence | None:
        """Return the session of whom the proxy names (``policy.vouching``), begun when there is none that lives.

        What it says makes the session: another address or other groups are another one, and so are judged at once.
        """
        identity, session_hash = identity_of(line), SessionHash(hash_handle(line))
        presence = await self._store.presence(session_hash, content.guid)
        if presence is not None and self.is_present(presence) and presence.viewer.identity == identity:
            return presence
        viewer = await self._vouched_sessions.begin(session_hash, identity, now=self._now())
        self._write_down(AuditAction.SIGN_IN, viewer, content, because="vouched_for")
        return await self._store.presence(session_hash, content.guid)

    def _sign_in_needed(self, content: Content) -> SignInNeeded:
        if self._directory.is_vouched:
            return SignInNeeded(integration=None)
        if self._directory.sign_in is not None:
            return SignInNeeded(integration=self._directory.integrations[self._directory.sign_in])
        required = (one for one in self._grants.viewers_own(content) if one.guid not in content.optional)
        return SignInNeeded(integration=next(required, None))

    async def _admitted(self, presence: Presence, content: Content, gathered: Gathered) -> Admitted | SignInNeeded:
        session = presence.session
        session_token = self._session_token(session.hash, content)
        is_known = await self._store.add_session_token(
            SessionTokenHash(hash_handle(session_token)), session_hash=session.hash, content_guid=content.guid
        )
        if not is_known:  # signed out meanwhile
            return self._sign_in_needed(content)
        block = header_block(
            session_token=session_token,
            tokens=gathered.tokens,
            identity=presence.viewer.identity,
            rules=content.headers,
        )
        self._warn_of_long_headers(block, content)
        return Admitted(
            session_hash=session.hash,
            viewer_guid=presence.viewer.guid,
            header_block=block,
            good_until=min(gathered.good_until, session.expires_at),
            expires_at=session.expires_at,
            unasked=await self._grants.unasked(presence, content),
            handed_out=tuple(_handed_out(gathered, block)),
        )

    def _warn_of_long_headers(self, block: bytes, content: Content) -> None:
        """Say once for each content and header that the content's server may refuse it, and so every request."""
        for name in long_headers(block):
            if (content.guid, name) not in self._warned_of:
                self._warned_of.add((content.guid, name))
                log.warning("header is long", content=content.name, header=name, over_bytes=LONG_HEADER_BYTES)

    def _session_token(self, session_hash: SessionHash, content: Content) -> str:
        handle = self._key_ring.handle("session-token", session_hash, content.guid.encode())
        return urlsafe_b64encode(handle).decode().rstrip("=")


def _handed_out(gathered: Gathered, block: bytes) -> Iterator[HandedOut]:
    """Give the tokens that are in the block: a content's rules may leave them out, and so does their length."""
    for token, facts in zip(gathered.tokens, gathered.facts, strict=True):
        value = "" if token.access_token is None else token.access_token.reveal()
        if facts is not None and f": {value}\r\n".encode("utf-8", "replace") in block:
            yield facts
