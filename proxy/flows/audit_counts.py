"""Counted hand-outs, waiting to be written: as text and number, until their turn comes."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from proxy.model import Actor, ActorKind, AuditAction, AuditEvent, Counted


class Counts:
    """The counts of whole minutes, the oldest first."""

    def __init__(self) -> None:
        self._minutes: deque[tuple[datetime, dict[str, int]]] = deque()

    def __len__(self) -> int:
        return sum(len(counts) for _, counts in self._minutes)

    def add(self, minute: datetime, counts: dict[str, int]) -> None:
        """Take the counts of the minute that began then."""
        if counts:
            self._minutes.append((minute, counts))

    def take(self, most: int) -> list[AuditEvent]:
        """Return at most so many lines of the oldest minute, and forget them here."""
        if not self._minutes:
            return []
        minute, counts = self._minutes[0]
        taken = [_line(minute, *counts.popitem()) for _ in range(min(most, len(counts)))]
        if not counts:
            self._minutes.popleft()
        return taken


def _line(minute: datetime, text: str, count: int) -> AuditEvent:
    counted = Counted.of(text)
    integrations = counted.integration_guids
    return AuditEvent(
        at=minute,
        action=AuditAction.HAND_OUT_HEADER,
        actor=Actor(kind=ActorKind.VIEWER, id=counted.viewer_guid),
        viewer_guid=counted.viewer_guid,
        content_guid=counted.content_guid,
        integration_guid=integrations[0],
        count=count,
        detail={"counted": "1m"}
        if len(integrations) == 1
        else {"counted": "1m", "integrations": " ".join(integrations)},
    )
