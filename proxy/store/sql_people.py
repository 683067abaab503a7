"""People over any SQL engine; see :mod:`proxy.store.people` for what each method promises."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.model import IntegrationGuid, Viewer
from proxy.store.engine import Engine, Values
from proxy.store.rows import to_viewer

_COLUMNS = "SELECT guid, identified_by, identity, created_at AS viewer_created_at FROM viewer"
VIEWER = f"{_COLUMNS} WHERE guid = :guid"
WITH_EMAIL = f"""
{_COLUMNS} WHERE identified_by = :identified_by AND email = :email ORDER BY created_at, guid LIMIT 1
"""
PAGE = f"{_COLUMNS} WHERE identified_by = :identified_by AND guid > :after ORDER BY guid LIMIT :most"


class SqlPeople:
    """The room for people."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def viewer(self, guid: str) -> Viewer | None:
        return await self._first(VIEWER, {"guid": guid})

    async def page(self, identified_by: IntegrationGuid, *, after: str, most: int) -> Sequence[Viewer]:
        values: Values = {"identified_by": identified_by, "after": after, "most": most}
        return [to_viewer(row) for row in await self._engine.read(PAGE, values)]

    async def with_email(self, email: str, identified_by: IntegrationGuid) -> Viewer | None:
        return await self._first(WITH_EMAIL, {"email": email, "identified_by": identified_by})

    async def _first(self, statement: str, values: Values) -> Viewer | None:
        found = await self._engine.read(statement, values)
        return to_viewer(found[0]) if found else None
