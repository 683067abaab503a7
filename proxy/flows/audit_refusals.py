"""What is refused is told, but whoever asks in a loop does not fill the disk: so many lines a minute, the rest is counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from proxy.model import SIDECAR, AuditAction, AuditEvent

TOLD_OF_ONE_SOURCE = 10
"""Lines a minute and kind, of one key, content and address."""

TOLD_OF_ALL = 60
"""Lines a minute and kind."""

MOST_SOURCES = 40
"""Of a minute; what others ask for is counted together. An attacker has as many addresses as they like: with this they fill
145,000 lines a day at most, 42 MB, with each kind."""

_BOUNDED = frozenset({AuditAction.ACCESS_REFUSED, AuditAction.EXCHANGE_REFUSED})
"""What nobody needs to be anybody for, or costs who does it nothing."""

_Source = tuple[str, ...]


class Refusals:
    """Judges the refusals of one minute after the other."""

    def __init__(self) -> None:
        self._told: dict[_Source, int] = {}
        self._told_of_all: dict[AuditAction, int] = {}
        self._more: dict[_Source, AuditEvent] = {}
        """One line for each source, its count growing."""

    @property
    def size(self) -> int:
        """How much is remembered."""
        return len(self._told) + len(self._more)

    def may_be_told(self, event: AuditEvent) -> bool:
        """Whether the event has a line of its own; else it was counted."""
        if event.action not in _BOUNDED:
            return True
        source = self._source(event)
        told, of_all = self._told.get(source, 0), self._told_of_all.get(event.action, 0)
        if told < TOLD_OF_ONE_SOURCE and of_all < TOLD_OF_ALL:
            self._told[source] = told + 1
            self._told_of_all[event.action] = of_all + 1
            return True
        counted = self._more.get(source)
        self._more[source] = _counted(event, len(source) > 1) if counted is None else _one_more(counted)
        return False

    def end_of_minute(self, minute: datetime) -> Iterator[AuditEvent]:
        """Give the lines of what was counted in the minute that began then, and begin anew."""
        more, self._more, self._told, self._told_of_all = self._more, {}, {}, {}
        for event in more.values():
            yield replace(event, at=minute)

    def _source(self, event: AuditEvent) -> _Source:
        source = (
            event.action, event.actor.id, event.actor.name, event.content_guid or "", event.detail.get("address", ""),
        )  # fmt: skip
        is_known = source in self._told or source in self._more
        return source if is_known or self.size < MOST_SOURCES else (event.action,)


def _counted(event: AuditEvent, is_of_one: bool) -> AuditEvent:
    """Return the line of what is counted with this event: what all of it have in common."""
    if not is_of_one:
        return AuditEvent(at=event.at, action=event.action, actor=SIDECAR, detail={"of": "other sources"})
    shared = {name: value for name, value in event.detail.items() if name == "address"}
    return AuditEvent(
        at=event.at, action=event.action, actor=event.actor, content_guid=event.content_guid,
        detail={**shared, "of": "further ones in this minute"},
    )  # fmt: skip


def _one_more(counted: AuditEvent) -> AuditEvent:
    return replace(counted, count=counted.count + 1)
