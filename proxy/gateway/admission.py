"""The table in memory: session × content → the header block that may be injected, and until when.

Filled by the slow lane, emptied by changes. A fill that began before a change is thrown away: the slow lane reads
``epoch`` *before* it asks the store, and a moved epoch refuses the fill. Times are epoch seconds.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from math import inf

from proxy.gateway.switchboard import Admit
from proxy.model import Change, ChangesLost, ConsentEnded, ContentGuid, CredentialsChanged, SessionEnded, SessionHash

_REMEMBERED_CHANGES = 4096
"""Against these a fill is compared; one that began before the oldest of them is thrown away."""


class _Entry:
    """One viewer session."""

    __slots__ = ("blocks", "expires_at", "last_seen", "viewer_guid")

    def __init__(self, viewer_guid: str, expires_at: float) -> None:
        self.viewer_guid = viewer_guid
        self.expires_at = expires_at
        self.last_seen = 0.0
        self.blocks: dict[ContentGuid, tuple[bytes, float]] = {}


def session_hash(session_id: str) -> SessionHash:
    """Return the form in which a session id is known here and in the store."""
    return SessionHash(sha256(session_id.encode()).digest())


class AdmissionTable:
    """Bounded; the least recently used session is dropped first (and found again by the slow lane)."""

    def __init__(self, *, max_sessions: int, idle_s: float) -> None:
        self._max_sessions = max_sessions
        self._idle_s = idle_s
        self._entries: OrderedDict[SessionHash, _Entry] = OrderedDict()
        self._of_viewer: dict[str, set[SessionHash]] = {}
        self._flushed_at = 0.0
        self._changes: deque[Change] = deque(maxlen=_REMEMBERED_CHANGES)
        self.epoch = 0
        """Moves with every change."""

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, session_id: str, content_guid: ContentGuid, now: float) -> tuple[SessionHash, bytes] | None:
        """Return session and header block; ``None``: ask the slow lane."""
        key = SessionHash(sha256(session_id.encode()).digest())
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires_at <= now or entry.last_seen + self._idle_s <= now:
            self._drop(key)
            return None
        block = entry.blocks.get(content_guid)
        if block is None or block[1] <= now:
            return None
        entry.last_seen = now
        self._entries.move_to_end(key)
        return key, block[0]

    def fill(self, admit: Admit, content_guid: ContentGuid, *, epoch: int, now: float) -> bool:
        """Remember the slow lane's yes; ``False`` when something it rests on changed since ``epoch``."""
        if epoch != self.epoch and self._is_touched(admit, content_guid, since=epoch):
            return False
        entry = self._entries.get(admit.session_hash)
        if entry is None:
            entry = self._entries[admit.session_hash] = _Entry(admit.viewer_guid, admit.expires_at)
            self._of_viewer.setdefault(admit.viewer_guid, set()).add(admit.session_hash)
            while len(self._entries) > self._max_sessions:
                self._drop(next(iter(self._entries)))
        entry.last_seen = now
        entry.blocks[content_guid] = (admit.header_block, admit.good_until)
        return True

    def viewer_of(self, key: SessionHash) -> str | None:
        """Return the viewer of a session that is in the table."""
        entry = self._entries.get(key)
        return None if entry is None else entry.viewer_guid

    def expires_at_of(self, key: SessionHash) -> float:
        """Return the absolute end of a session, epoch seconds; infinite when it is not in the table."""
        entry = self._entries.get(key)
        return inf if entry is None else entry.expires_at

    def touch(self, key: SessionHash, now: float) -> None:
        """Count an open socket as activity of its session."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.last_seen = now

    def apply(self, change: Change) -> None:
        """Forget what a change made untrue."""
        self.epoch += 1
        self._changes.append(change)
        match change:
            case SessionEnded(session_hash=key):
                self._drop(key)
            case ConsentEnded(viewer_guid=viewer, content_guid=content):
                for entry in self._entries_of(viewer):
                    entry.blocks.pop(content, None)
            case CredentialsChanged(viewer_guid=viewer):
                for entry in self._entries_of(viewer):
                    entry.blocks.clear()
            case ChangesLost():
                self._entries.clear()
                self._of_viewer.clear()

    def seen_since_flush(self, now: float) -> Mapping[SessionHash, datetime]:
        """Return the sessions active since the last call, for the store."""
        since, self._flushed_at = self._flushed_at, now
        return {
            key: datetime.fromtimestamp(entry.last_seen, UTC)
            for key, entry in self._entries.items()
            if entry.last_seen >= since
        }

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
                case ChangesLost():
                    touched = True
            if touched:
                return True
        return False

    def _entries_of(self, viewer_guid: str | None) -> list[_Entry]:
        if viewer_guid is None:
            return list(self._entries.values())
        return [self._entries[key] for key in self._of_viewer.get(viewer_guid, ())]

    def _drop(self, key: SessionHash) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        keys = self._of_viewer[entry.viewer_guid]
        keys.discard(key)
        if not keys:
            del self._of_viewer[entry.viewer_guid]
