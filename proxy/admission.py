"""The table in memory: session × content → the header block that may be injected, and until when.

A session is found by its own cookie, or, at a content's own host, by the handle that is good there only.

Filled by the slow lane, emptied by changes. A fill that began before a change is thrown away: the slow lane reads
``epoch`` *before* it asks the store, and a moved epoch refuses the fill. Times are epoch seconds.

Nothing in it but tuples, text, bytes and numbers: those the garbage collector looks at a few times and then leaves alone, so
that a full table does not lengthen its pauses (measured with 50,000 sessions: 44 ms with an object and a set for each).
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from math import inf
from operator import itemgetter
from typing import assert_never

from proxy.model import (
    Change,
    ChangesLost,
    ConsentEnded,
    ContentGuid,
    Counted,
    CredentialsChanged,
    DirectoryChanged,
    HandedOut,
    HandleHash,
    HandOut,
    SessionEnded,
    SessionHash,
    ViewerGuid,
)

_REMEMBERED_CHANGES = 4096
"""Against these a fill is compared; one that began before the oldest of them is thrown away."""


_BATCH = 1000
"""Sessions whose activity is reported at once: about a millisecond of work."""

_Block = tuple[ContentGuid, bytes, float, tuple[HandedOut, ...], str]
"""For which content, the header block, until when it is good, the tokens in it, and how requests with it are counted."""

_LINE_OF = itemgetter(4)

_Entry = tuple[str, float, tuple[_Block, ...]]
"""One viewer session: whose, until when, and the blocks of the contents it visited."""

_NOBODY: _Entry = ("", 0.0, ())

_Handle = tuple[HandleHash, ContentGuid]
"""By what a content's own host knows a session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """A yes of the use cases: the header block to inject, good until ``good_until`` (epoch seconds)."""

    session_hash: SessionHash
    viewer_guid: str
    header_block: bytes = field(repr=False)
    good_until: float
    expires_at: float
    """Absolute end of the session, epoch seconds."""
    ask_for: str = ""
    """Guid of an optional integration that a navigation is to ask the viewer for first; empty: none."""
    tokens: tuple[HandedOut, ...] = ()
    """The access tokens in the header block."""
    handle_hash: HandleHash | None = None
    """By what the content's own host knows the session; ``None``: the content is under a path of ``public_url``."""


def _line(viewer: str, content_guid: ContentGuid, tokens: tuple[HandedOut, ...]) -> str:
    """Return by what requests with these tokens are counted; empty: they are not."""
    guids = tuple(integration_guid for integration_guid, _, _ in tokens)
    return Counted(ViewerGuid(viewer), content_guid, guids).as_text() if tokens else ""


def _untold(_hand_out: HandOut) -> None:
    """Tell nobody."""


def session_hash(session_id: str) -> SessionHash:
    """Return the form in which a session id is known here and in the store."""
    return SessionHash(sha256(session_id.encode()).digest())


class AdmissionTable:
    """Bounded; the least recently used session is dropped first (and found again by the slow lane)."""

    def __init__(self, *, max_sessions: int, idle_s: float, tell: Callable[[HandOut], None] = _untold) -> None:
        """``tell`` hears of each token that comes into the table, and of each WebSocket's handshake."""
        self._tell = tell
        self._found: list[_Block] = []
        """What requests found since they were last counted: counting each at once took ten times as long (0.15 µs)."""
        self._counts: Counter[str] = Counter()
        self._max_sessions = max_sessions
        self._idle_s = idle_s
        self._entries: dict[SessionHash, _Entry] = {}
        self._last_seen: OrderedDict[SessionHash, float] = OrderedDict()
        """The same keys, the least recently used first."""
        self._of_viewer: dict[str, tuple[SessionHash, ...]] = {}
        self._by_handle: dict[_Handle, SessionHash] = {}
        self._handles_of: dict[SessionHash, tuple[_Handle, ...]] = {}
        self._flushed_at = 0.0
        self._changes: deque[Change] = deque(maxlen=_REMEMBERED_CHANGES)
        self.epoch = 0
        """Moves with every change."""

    def __len__(self) -> int:
        return len(self._entries)

    def find_at_host(self, handle: bytes, content_guid: ContentGuid, now: float) -> tuple[SessionHash, bytes] | None:
        """Find by the hash of a cookie of a content's own host; a session's own cookie is nothing there."""
        key = self._by_handle.get((HandleHash(handle), content_guid))
        return None if key is None else self.find(key, content_guid, now)

    def find(self, session: bytes, content_guid: ContentGuid, now: float) -> tuple[SessionHash, bytes] | None:
        """Return session and header block, by the hash of the session's cookie; ``None``: ask the slow lane."""
        key = SessionHash(session)
        entry = self._entries.get(key)
        if entry is None:
            return None
        _, expires_at, blocks = entry
        if expires_at <= now or self._last_seen[key] + self._idle_s <= now:
            self._drop(key)
            return None
        for one in blocks:  # not taken apart: each part that is touched is a miss of the processor's cache
            if one[0] == content_guid and now < one[2]:
                self._last_seen[key] = now
                self._last_seen.move_to_end(key)
                self._found.append(one)
                return key, one[1]
        return None

    def fill(self, admit: Admit, content_guid: ContentGuid, *, epoch: int, now: float) -> bool:
        """Remember the slow lane's yes; ``False`` when something it rests on changed since ``epoch``."""
        if epoch != self.epoch and self._is_touched(admit, content_guid, since=epoch):
            return False
        key, viewer, expires_at = admit.session_hash, admit.viewer_guid, admit.expires_at
        entry = self._entries.get(key)
        others: tuple[_Block, ...] = ()
        if entry is None:
            self._of_viewer[viewer] = (*self._of_viewer.get(viewer, ()), key)
        else:
            viewer, expires_at, blocks = entry
            others = tuple(block for block in blocks if block[0] != content_guid)
        block = (
            content_guid,
            admit.header_block,
            admit.good_until,
            admit.tokens,
            _line(viewer, content_guid, admit.tokens),
        )
        self._entries[key] = (viewer, expires_at, (*others, block))
        self._last_seen[key] = now
        while len(self._entries) > self._max_sessions:
            self._drop(next(iter(self._last_seen)))
        if admit.handle_hash is not None:
            self._add_handle(key, (admit.handle_hash, content_guid))
        self._hand_out(viewer, content_guid, admit.tokens)
        return True

    def shake_hands(self, key: SessionHash | None, content_guid: ContentGuid, request_id: str) -> None:
        """Tell of a WebSocket's handshake, whose headers have just been found or filled."""
        viewer, _, blocks = self._entries.get(key, _NOBODY) if key is not None else _NOBODY
        for guid, _, _, tokens, _ in blocks:
            if guid == content_guid:
                self._hand_out(viewer, guid, tokens, request_id=request_id)

    def count(self) -> Iterator[None]:
        """Count, a batch at each step, the requests that found something: to be done every second or so."""
        found, self._found = self._found, []
        for start in range(0, len(found), _BATCH):
            self._counts.update(map(_LINE_OF, found[start : start + _BATCH]))
            yield

    def take_counts(self) -> dict[str, int]:
        """Return how many requests found tokens since the last call, by the text of a ``model.hand_outs.Counted``."""
        for _ in self.count():
            pass
        counts, self._counts = self._counts, Counter()
        counts.pop("", None)  # of blocks without a token
        return counts

    def viewer_of(self, key: SessionHash) -> str | None:
        """Return the viewer of a session that is in the table."""
        entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def expires_at_of(self, key: SessionHash) -> float:
        """Return the absolute end of a session, epoch seconds; infinite when it is not in the table."""
        entry = self._entries.get(key)
        return inf if entry is None else entry[1]

    def touch(self, key: SessionHash, now: float) -> None:
        """Count an open socket as activity of its session."""
        if key in self._last_seen:
            self._last_seen[key] = now
            self._last_seen.move_to_end(key)

    def apply(self, change: Change) -> None:
        """Forget what a change made untrue."""
        self.epoch += 1
        self._changes.append(change)
        match change:
            case SessionEnded(session_hash=key):
                self._drop(key)
            case ConsentEnded(viewer_guid=viewer, content_guid=content):
                self._forget_blocks(viewer, content)
            case CredentialsChanged(viewer_guid=viewer):
                self._forget_blocks(viewer, None)
            case DirectoryChanged(content_guids=contents):
                for content in contents:
                    self._forget_blocks(None, content)
            case ChangesLost():
                self._entries.clear()
                self._last_seen.clear()
                self._of_viewer.clear()
                self._by_handle.clear()
                self._handles_of.clear()
            case _:
                assert_never(change)

    def seen_since_flush(self, now: float) -> Iterator[Mapping[SessionHash, datetime]]:
        """Give the sessions active since the last call, for the store: in batches, at least one, which may be empty.

        The caller lets others run in between. Who stops early gets what was left, and more, with the next call.
        """
        since = self._flushed_at
        keys = [key for key, last_seen in self._last_seen.items() if last_seen >= since]
        for start in range(0, max(1, len(keys)), _BATCH):
            yield {
                key: datetime.fromtimestamp(last_seen, UTC)
                for key in keys[start : start + _BATCH]
                if (last_seen := self._last_seen.get(key)) is not None
            }
        self._flushed_at = now

    def _is_touched(self, admit: Admit, content_guid: ContentGuid, *, since: int) -> bool:
        count = self.epoch - since
        if count > len(self._changes):
            return True
        for change in islice(reversed(self._changes), count):
            match change:
                case SessionEnded(session_hash=key):
                    touched = key == admit.session_hash
                case ConsentEnded(viewer_guid=viewer, content_guid=content):
                    touched = content == content_guid and viewer in {None, admit.viewer_guid}
                case CredentialsChanged(viewer_guid=viewer):
                    touched = viewer == admit.viewer_guid
                case DirectoryChanged(content_guids=contents):
                    touched = content_guid in contents
                case ChangesLost():
                    touched = True
                case _:
                    assert_never(change)
            if touched:
                return True
        return False

    def _hand_out(
        self, viewer: str, content_guid: ContentGuid, tokens: tuple[HandedOut, ...], *, request_id: str | None = None
    ) -> None:
        """Tell of tokens that go out; ``request_id``: of a handshake."""
        if tokens:
            self._tell(
                HandOut(
                    viewer_guid=ViewerGuid(viewer),
                    content_guid=content_guid,
                    tokens=tokens,
                    is_handshake=request_id is not None,
                    request_id=request_id or "",
                )
            )

    def _add_handle(self, key: SessionHash, handle: _Handle) -> None:
        if handle not in self._by_handle:
            self._by_handle[handle] = key
            self._handles_of[key] = (*self._handles_of.get(key, ()), handle)

    def _forget_blocks(self, viewer_guid: str | None, content_guid: ContentGuid | None) -> None:
        """Forget the blocks of one viewer or (``None``) all, for one content or (``None``) all."""
        entries = self._entries
        for key in entries if viewer_guid is None else self._of_viewer.get(viewer_guid, ()):
            viewer, expires_at, blocks = entries[key]
            for block in blocks:  # of 50,000 sessions without one: 16 ms, not 56 (measured)
                if content_guid is None or block[0] == content_guid:
                    kept = [other for other in blocks if content_guid is not None and other[0] != content_guid]
                    entries[key] = (viewer, expires_at, tuple(kept) if kept else ())
                    break

    def _drop(self, key: SessionHash) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        del self._last_seen[key]
        for handle in self._handles_of.pop(key, ()):
            del self._by_handle[handle]
        others = tuple(other for other in self._of_viewer.pop(entry[0]) if other != key)
        if others:
            self._of_viewer[entry[0]] = others
