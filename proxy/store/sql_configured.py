"""What was configured, over any SQL engine; see :mod:`proxy.store.configured` for what each method promises."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime

from proxy.model import AuditEvent
from proxy.store.configured import Configured
from proxy.store.engine import Engine, Row, Transaction, Values
from proxy.store.rows import text
from proxy.store.sql_audit import append_in

REMEMBERED = "SELECT guid, name, settings FROM configured ORDER BY guid"
FORGET = "DELETE FROM configured"
REMEMBER = "INSERT INTO configured (guid, name, settings) VALUES (:guid, :name, :settings)"


class SqlConfigured:
    """The room for what was configured."""

    def __init__(self, engine: Engine, *, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    async def remembered(self) -> Sequence[Configured]:
        return [_to_configured(row) for row in await self._engine.read(REMEMBERED, {})]

    async def remember(self, present: Sequence[Configured], *, lines: Sequence[AuditEvent]) -> None:
        async def remember(transaction: Transaction) -> None:
            await transaction.rows(FORGET, {})
            await transaction.each(REMEMBER, [_from_configured(one) for one in present])
            await append_in(transaction, lines, now=self._now())

        await self._engine.write(remember)


def _from_configured(one: Configured) -> Values:
    settings = {name: hashed.hex() for name, hashed in one.settings.items()}
    return {"guid": one.guid, "name": one.name, "settings": json.dumps(settings)}


def _to_configured(row: Row) -> Configured:
    settings = {name: bytes.fromhex(hashed) for name, hashed in json.loads(text(row["settings"])).items()}
    return Configured(guid=text(row["guid"]), name=text(row["name"]), settings=settings)
