"""Which answers under way a batch of changes ends: one look at each connection, however many changes there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from proxy.model import Change, ChangesLost, ConsentEnded, ContentGuid, SessionEnded, SessionHash


@dataclass(frozen=True, slots=True, kw_only=True)
class Endings:
    """What ended; ``are_none`` is the usual case."""

    sessions: frozenset[SessionHash]
    consents: frozenset[tuple[str | None, ContentGuid]]
    """Viewer (``None``: everybody) and content."""
    everything: bool

    @classmethod
    def of(cls, changes: Iterable[Change]) -> Endings:
        """Collect what ends answers; new credentials end none."""
        changes = tuple(changes)
        return cls(
            sessions=frozenset(change.session_hash for change in changes if isinstance(change, SessionEnded)),
            consents=frozenset(
                (change.viewer_guid, change.content_guid) for change in changes if isinstance(change, ConsentEnded)
            ),
            everything=any(isinstance(change, ChangesLost) for change in changes),
        )

    @property
    def are_none(self) -> bool:
        """Whether no answer can be concerned."""
        return not (self.sessions or self.consents or self.everything)

    def concern(self, session_hash: SessionHash, viewer_guid: str | None, content_guid: ContentGuid) -> bool:
        """Whether an answer of this content to this session ends; ``None``: nobody remembers whose session it is."""
        if self.everything or session_hash in self.sessions:
            return True
        if viewer_guid is None:  # then rather an answer too many: a page can ask again
            return any(content == content_guid for _, content in self.consents)
        return (viewer_guid, content_guid) in self.consents or (None, content_guid) in self.consents
