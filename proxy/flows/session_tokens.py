"""What session tokens stand for, remembered: content asks before each call to an API, and the store need not hear of it.

As with admission, a memory that changes empty: whoever reads the store notes ``epoch`` before, and what changed since
is not remembered. A yes comes from memory for five minutes at most; a no only from the store.

What is remembered is tuples of text, bytes and numbers, which the garbage collector leaves alone (see ``proxy.admission``).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import assert_never

from proxy.flows.content_grants import GOOD_FOR
from proxy.model import (
    Change,
    ChangesLost,
    ConsentEnded,
    ContentGuid,
    CredentialsChanged,
    DirectoryChanged,
    Identity,
    IntegrationGuid,
    SessionEnded,
    SessionHash,
    SessionTokenHash,
    SidHash,
    Viewer,
    ViewerGuid,
    ViewerSession,
)
from proxy.store.base import Presence, Store

_REMEMBERED_CHANGES = 4096
"""What was read before the oldest of them is not remembered."""

_Concerned = SessionHash | ViewerGuid | None
"""Whose tokens a change concerns: one session's, one viewer's, or (``None``) everybody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """What a session token stands for."""

    content_guid: ContentGuid
    presence: Presence


class SessionTokens:
    """Redeems session tokens, of one process; the least recently used is forgotten first."""

    def __init__(
        self,
        *,
        store: Store,
        is_present: Callable[[Presence], bool],
        now: Callable[[], datetime],
        max_remembered: int,
    ) -> None:
        """``is_present`` judges a session; what it refuses is read again, as others may have written that it is active."""
        self._store = store
        self._is_present = is_present
        self._now = now
        self._max_remembered = max_remembered
        self._entries: OrderedDict[SessionTokenHash, _Entry] = OrderedDict()
        self._of: dict[SessionHash | ViewerGuid, tuple[SessionTokenHash, ...]] = {}
        self._concerned: deque[_Concerned] = deque(maxlen=_REMEMBERED_CHANGES)
        self.epoch = 0
        """Moves with every change."""

    def __len__(self) -> int:
        return len(self._entries)

    async def redeem(self, token_hash: SessionTokenHash) -> Redeemed | None:
        """Return what the token stands for; ``None``: nothing, or the session is over."""
        entry = self._entries.get(token_hash)
        if entry is not None:
            known = _unpacked(entry)
            if self._now() < entry[-1] and self._is_present(known.presence):
                self._entries.move_to_end(token_hash)
                return known
            self._drop(token_hash)
        epoch = self.epoch
        found = await self._store.redeem_session_token(token_hash)
        if found is None or not self._is_present(found[1]):
            return None
        redeemed = Redeemed(content_guid=found[0], presence=found[1])
        if not self._is_touched(redeemed.presence, since=epoch):
            self._remember(token_hash, redeemed)
        return redeemed

    def apply(self, change: Change) -> None:
        """Forget what a change made untrue."""
        concerned = _concerned(change)
        self.epoch += 1
        self._concerned.append(concerned)
        if concerned is None:
            self._entries.clear()
            self._of.clear()
            return
        for token_hash in self._of.get(concerned, ()):
            self._drop(token_hash)

    def _is_touched(self, presence: Presence, *, since: int) -> bool:
        count = self.epoch - since
        if count > len(self._concerned):
            return True
        ours: tuple[_Concerned, ...] = (presence.session.hash, presence.viewer.guid, None)
        return any(concerned in ours for concerned in islice(reversed(self._concerned), count))

    def _remember(self, token_hash: SessionTokenHash, redeemed: Redeemed) -> None:
        self._drop(token_hash)  # somebody else may have read it meanwhile
        entry = _packed(redeemed, self._now() + GOOD_FOR)
        self._entries[token_hash] = entry
        for one in _owners(entry):
            self._of[one] = (*self._of.get(one, ()), token_hash)
        if len(self._entries) > self._max_remembered:
            self._drop(next(iter(self._entries)))

    def _drop(self, token_hash: SessionTokenHash) -> None:
        entry = self._entries.pop(token_hash, None)
        if entry is None:
            return
        for one in _owners(entry):
            others = tuple(other for other in self._of.pop(one) if other != token_hash)
            if others:
                self._of[one] = others


def _concerned(change: Change) -> _Concerned:
    match change:
        case SessionEnded(session_hash=session_hash):
            return session_hash
        case ConsentEnded(viewer_guid=viewer_guid):  # for one content, but there are few of a viewer
            return viewer_guid
        case CredentialsChanged(viewer_guid=viewer_guid):
            return viewer_guid
        case DirectoryChanged() | ChangesLost():
            return None
        case _:
            assert_never(change)


# ── as it is remembered ──────────────────────────────────────────────────────────────────────────────────────────────

_Person = tuple[str, str, bool, str, str, tuple[str, ...]]
_Entry = tuple[
    ContentGuid, tuple[IntegrationGuid, ...],
    SessionHash, datetime, datetime, datetime, SidHash | None,
    ViewerGuid, IntegrationGuid | None, datetime, _Person | None,
    datetime,
]  # fmt: skip
"""Content and consents, then session, viewer and identity in the order of their fields, then until when it is good."""


def _owners(entry: _Entry) -> tuple[SessionHash | ViewerGuid, ...]:
    return entry[2], entry[7]


def _packed(redeemed: Redeemed, until: datetime) -> _Entry:
    session, viewer = redeemed.presence.session, redeemed.presence.viewer
    return (
        redeemed.content_guid, tuple(redeemed.presence.consents),
        session.hash, session.created_at, session.last_seen_at, session.expires_at, session.sid_hash,
        viewer.guid, viewer.identified_by, viewer.created_at, None if viewer.identity is None else _person(viewer.identity),
        until,
    )  # fmt: skip


def _unpacked(entry: _Entry) -> Redeemed:
    content_guid, consents, session, began, seen, ends, sid_hash, guid, identified_by, known_since, person, _ = entry
    return Redeemed(
        content_guid=content_guid,
        presence=Presence(
            session=ViewerSession(
                hash=session,
                viewer_guid=guid,
                created_at=began,
                last_seen_at=seen,
                expires_at=ends,
                sid_hash=sid_hash,
            ),
            viewer=Viewer(
                guid=guid,
                identity=None if person is None else _identity(person),
                identified_by=identified_by,
                created_at=known_since,
            ),
            consents=frozenset(consents),
        ),
    )


def _person(who: Identity) -> _Person:
    return who.subject, who.email, who.email_verified, who.preferred_username, who.name, who.groups


def _identity(person: _Person) -> Identity:
    subject, email, email_verified, preferred_username, name, groups = person
    return Identity(
        subject=subject,
        email=email,
        email_verified=email_verified,
        preferred_username=preferred_username,
        name=name,
        groups=groups,
    )
