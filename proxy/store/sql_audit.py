"""The audit log over any SQL engine. There is no statement that changes a line, and one that deletes: from the old end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from proxy.model import AuditAction, AuditEvent
from proxy.store.audit import AuditFilter, AuditPage
from proxy.store.audit_rows import from_event, to_event
from proxy.store.engine import Engine, Transaction, Values
from proxy.store.rows import integer, micros, optional_micros, to_viewer

WAITED_AT_MOST = timedelta(days=1)
"""How much later than it happened a line is looked for: it waits for a store that is ill, and no longer than its process
lives."""

_APPEND = """
INSERT INTO audit (
    written_at, at, action, actor_kind, actor_id, actor_name, viewer_guid, content_guid, integration_guid,
    scope, expires_at, request_id, count, detail
) VALUES (
    :written_at, :at, :action, :actor_kind, :actor_id, :actor_name, :viewer_guid, :content_guid, :integration_guid,
    :scope, :expires_at, :request_id, :count, :detail
)
"""

_END = "SELECT COALESCE(MAX(id), 0) AS id FROM audit"
_LINE_FROM = "SELECT id, written_at FROM audit WHERE id >= :id ORDER BY id LIMIT 1"

# A sequence of ids from the old end, so that what is younger stays whatever the clock did.
_PURGE = """
DELETE FROM audit WHERE id IN (SELECT id FROM audit ORDER BY id LIMIT :most)
AND id < COALESCE((SELECT MIN(id) FROM (SELECT id, at FROM audit ORDER BY id LIMIT :most) WHERE at >= :before), :all)
RETURNING id
"""
_ALL = 2**63 - 1
_KEEP_SINCE = "UPDATE audit_kept_since SET at = :before"
"""A trigger refuses to let younger lines go than this says."""

_BY = {
    "line": "id > 0",
    "viewer": "viewer_guid = :viewer_guid",
    "action": f"action = :action AND action <> '{AuditAction.HAND_OUT_HEADER}'",
}
"""What is looked up, by index; everything else is looked at."""

_BEYOND = {
    True: "SELECT id FROM audit WHERE {by} AND id > :position AND id < :stop ORDER BY id LIMIT 1 OFFSET :most_read",
    False: "SELECT id FROM audit WHERE {by} AND id < :position AND id > :stop ORDER BY id DESC LIMIT 1 OFFSET :most_read",
}
_MATCHING = """
SELECT audit.*, v.guid, v.identified_by, v.identity, v.created_at AS viewer_created_at
FROM audit LEFT JOIN viewer v ON v.guid = audit.viewer_guid WHERE {by} AND {between}
AND (:action IS NULL OR action = :action)
AND (:viewer_guid IS NULL OR viewer_guid = :viewer_guid)
AND (:content_guid IS NULL OR content_guid = :content_guid)
AND (:since IS NULL OR at >= :since) AND (:until IS NULL OR at < :until)
ORDER BY {order} LIMIT :most
"""
_PAGE = {
    True: _MATCHING.replace("{between}", "id > :position AND id < :stop").replace("{order}", "id"),
    False: _MATCHING.replace("{between}", "id < :position AND id > :stop").replace("{order}", "id DESC"),
}


class SqlAuditLog:
    """The lines in a database; see :class:`proxy.store.audit.AuditLog` for what each method promises."""

    def __init__(self, engine: Engine, *, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    async def append(self, events: Sequence[AuditEvent]) -> None:
        values = [from_event(event, written_at=self._now()) for event in events]
        if values:
            await self._engine.write(lambda transaction: transaction.each(_APPEND, values))

    async def page(
        self, wanted: AuditFilter, *, position: int | None, is_forward: bool, most: int, most_read: int
    ) -> AuditPage:
        first, last = await self._first_since(wanted.since), await self._last_until(wanted.until)
        if is_forward:
            position, stop = max(position or 0, first - 1), last + 1
        else:
            position, stop = min(last + 1 if position is None else position, last + 1), first - 1
        by = _BY["viewer" if wanted.viewer_guid else "action" if _is_looked_up(wanted.action) else "line"]
        values: Values = {
            "position": position,
            "stop": stop,
            "action": wanted.action,
            "viewer_guid": wanted.viewer_guid,
            "content_guid": wanted.content_guid,
            "since": optional_micros(wanted.since),
            "until": optional_micros(wanted.until),
            "most": most,
            "most_read": most_read,
        }
        beyond = await self._engine.read(_BEYOND[is_forward].replace("{by}", by), values)
        if beyond:
            values = {**values, "stop": integer(beyond[0]["id"])}
        rows = await self._engine.read(_PAGE[is_forward].replace("{by}", by), values)
        if len(rows) == most:
            reached: int | None = integer(rows[-1]["id"])
        elif beyond:
            reached = integer(beyond[0]["id"]) + (-1 if is_forward else 1)
        else:
            reached = None
        viewers = [to_viewer(row) for row in rows if row["guid"] is not None]
        return AuditPage(
            events=[to_event(row) for row in rows], viewers={viewer.guid: viewer for viewer in viewers}, reached=reached
        )

    async def end(self) -> int:
        return integer((await self._engine.read(_END, {}))[0]["id"])

    async def purge(self, *, before: datetime, most: int) -> int:
        values: Values = {"before": micros(before), "most": most, "all": _ALL}

        async def unit(transaction: Transaction) -> int:
            await transaction.rows(_KEEP_SINCE, {"before": values["before"]})
            return len(await transaction.rows(_PURGE, values))

        return await self._engine.write(unit)

    async def _first_since(self, since: datetime | None) -> int:
        """Return the position of the first line that may be from after an instant: it was not written earlier."""
        return 1 if since is None else await self._first_written_at(since)

    async def _last_until(self, until: datetime | None) -> int:
        return await self.end() if until is None else await self._first_written_at(until + WAITED_AT_MOST) - 1

    async def _first_written_at(self, instant: datetime) -> int:
        """Find by halves: lines are written in the order of their ids, so no index is needed for it.

        A clock that was set back misses by as many lines as were written in that span.
        """
        low, high, wanted = 1, await self.end() + 1, micros(instant)
        while low < high:
            middle = (low + high) // 2
            line = await self._engine.read(_LINE_FROM, {"id": middle})
            if line and integer(line[0]["written_at"]) < wanted:
                low = integer(line[0]["id"]) + 1
            else:
                high = middle
        return low


async def append_in(transaction: Transaction, events: Sequence[AuditEvent], *, now: datetime) -> None:
    """Add lines in a transaction that is under way: what they tell of and they are written together, or not at all."""
    await transaction.each(_APPEND, [from_event(event, written_at=now) for event in events])


def _is_looked_up(action: AuditAction | None) -> bool:
    return action not in {None, AuditAction.HAND_OUT_HEADER}
