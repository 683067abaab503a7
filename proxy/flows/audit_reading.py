"""Read the audit log by the page: forwards or backwards from where one was, and never for long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proxy.model import AuditEvent, Viewer, ViewerGuid
from proxy.store.audit import AuditFilter, AuditLog

READ_AT_ONCE = 20_000
"""Lines of one look: twenty milliseconds, in which nobody else reads the store (measured)."""

MOST_LOOKS = 50
"""Of one question: a million lines, a second. What little passes comes on several pages, some of them short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuestion:
    """Which page is wanted."""

    wanted: AuditFilter
    most: int
    is_ascending: bool = True
    """The oldest line first."""
    after: int | None = None
    """The page that comes after this position, in that order; ``None`` with ``before``: the first one."""
    before: int | None = None
    """The page that comes before this position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFound:
    """A page."""

    events: Sequence[AuditEvent]
    viewers: Mapping[ViewerGuid, Viewer]
    next: int | None
    """Ask for what comes after this; ``None``: nothing does."""
    previous: int | None


async def read_audit_log(
    log: AuditLog, asked: AuditQuestion, *, read_at_once: int = READ_AT_ONCE, most_looks: int = MOST_LOOKS
) -> AuditFound:
    """Return a page; one that is shorter than asked for is the last one only when ``next`` (or ``previous``) says so."""
    is_back = asked.before is not None
    is_forward = asked.is_ascending is not is_back
    position = asked.before if is_back else asked.after
    events: list[AuditEvent] = []
    viewers: dict[ViewerGuid, Viewer] = {}
    for _ in range(most_looks):
        page = await log.page(
            asked.wanted,
            position=position,
            is_forward=is_forward,
            most=asked.most - len(events),
            most_read=read_at_once,
        )
        events += page.events
        viewers |= page.viewers
        position = page.reached
        if position is None or len(events) == asked.most:
            break
    if is_back:
        events.reverse()
        return AuditFound(events=events, viewers=viewers, previous=position, next=_last(events, asked))
    return AuditFound(events=events, viewers=viewers, next=position, previous=_first(events, asked))


def _last(events: Sequence[AuditEvent], asked: AuditQuestion) -> int | None:
    """Return the position of the page's last line; of an empty page that whereafter ``before`` itself comes."""
    if events:
        return events[-1].id
    return None if asked.before is None else asked.before - (1 if asked.is_ascending else -1)


def _first(events: Sequence[AuditEvent], asked: AuditQuestion) -> int | None:
    """Return the position of the page's first line, unless it is the very first page."""
    if asked.after is None:
        return None
    return events[0].id if events else asked.after + (1 if asked.is_ascending else -1)
