"""The audit log's room in the store: lines are added and read, and the oldest ones go; none is ever changed.

A change of configuration is one transaction with its lines: whoever writes one appends them in it
(:func:`proxy.store.sql_audit.append_in`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from proxy.model import AuditAction, AuditEvent, ContentGuid, Viewer, ViewerGuid


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which lines are wanted; ``None``: whatever stands there."""

    action: AuditAction | None = None
    viewer_guid: ViewerGuid | None = None
    content_guid: ContentGuid | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Lines before this instant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """What one look found."""

    events: Sequence[AuditEvent]
    """In the order that was looked in; each has its ``id``."""
    viewers: Mapping[ViewerGuid, Viewer]
    """Those whom they concern, as they are now; who is gone for good is not among them."""
    reached: int | None
    """Look on from this position: so far nothing else matches. ``None``: there is nothing further."""


class AuditLog(Protocol):
    """The lines, in the order in which they were written; that of ``id``."""

    async def append(self, events: Sequence[AuditEvent]) -> None:
        """Add lines, in one transaction."""

    async def page(
        self, wanted: AuditFilter, *, position: int | None, is_forward: bool, most: int, most_read: int
    ) -> AuditPage:
        """Return at most ``most`` lines behind (``is_forward``) or before a position (``None``: the begin, or the end).

        At most ``most_read`` lines are looked at: a filter that little passes keeps no other reader waiting.
        """

    async def end(self) -> int:
        """Return the position of the last line ever written; 0: none was."""

    async def purge(self, *, before: datetime, most: int) -> int:
        """Delete the oldest lines, as far as they are from before then, at most so many; return how many."""
