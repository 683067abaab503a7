"""Hand-outs on request have a line each, but whoever asks in a loop does not fill the disk: so many a minute, then a count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from proxy.model import AuditAction, AuditEvent

TOLD_OF_ONE = 100
"""Lines a minute of one viewer (or of none), content, integration and who asks: 42 MB a day."""

MOST_REMEMBERED = 20_000
"""Of a minute: 11 MiB when more of each is counted (measured). What is beyond has a line each time: none is without one."""

_REPEATED = frozenset({AuditAction.HAND_OUT_EXCHANGE, AuditAction.HAND_OUT_WEBSOCKET})
"""What a content's code, or a script in a viewer's browser, can repeat as fast as it is answered."""

_Source = tuple[str, ...]


class Repeats:
    """Judges the hand-outs of one minute after the other."""

    def __init__(self) -> None:
        self._told: dict[_Source, int] = {}
        self._more: dict[_Source, AuditEvent] = {}
        """One line for each source, its count growing; scope and end are those of the last."""

    def may_be_told(self, event: AuditEvent) -> bool:
        """Whether the event has a line of its own; else it was counted."""
        if event.action not in _REPEATED:
            return True
        source = (
            event.action, event.actor.id, event.viewer_guid or "", event.content_guid or "", event.integration_guid or "",
            event.detail.get("kind", ""),
        )  # fmt: skip
        told = self._told.get(source)
        if told is None and len(self._told) >= MOST_REMEMBERED:
            return True
        if told is None or told < TOLD_OF_ONE:
            self._told[source] = 1 if told is None else told + 1
            return True
        counted = self._more.get(source)
        self._more[source] = replace(
            event, request_id="", count=1 if counted is None else counted.count + 1,
            detail={**event.detail, "of": "further ones in this minute"},
        )  # fmt: skip
        return False

    def end_of_minute(self, minute: datetime) -> Iterator[AuditEvent]:
        """Give the lines of what was counted in the minute that began then, and begin anew."""
        more, self._more, self._told = self._more, {}, {}
        for event in more.values():
            yield replace(event, at=minute)
