"""Keys of the Server API over any SQL engine; see :mod:`proxy.store.api_keys` for what each method promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from proxy.model import ApiKey, ApiKeyGuid, ApiKeysChanged, AuditEvent
from proxy.store.api_key_rows import from_api_key, to_api_key, to_use
from proxy.store.engine import Engine, Transaction, Values
from proxy.store.feed import announce
from proxy.store.rows import micros
from proxy.store.sql_audit import append_in

ADD = """
INSERT INTO api_key (guid, name, role, hash, user_email, content_guid, created_at)
VALUES (:guid, :name, :role, :hash, :user_email, :content_guid, :created_at)
"""
REMOVE = "DELETE FROM api_key WHERE guid = :guid RETURNING guid"
FORGET_USE = "DELETE FROM api_key_use WHERE guid = :guid"
ALL = """
SELECT k.*, u.last_used_at FROM api_key k LEFT JOIN api_key_use u ON u.guid = k.guid ORDER BY k.created_at, k.guid
"""
TOUCH = """
INSERT INTO api_key_use (guid, last_used_at) VALUES (:guid, :at)
ON CONFLICT (guid) DO UPDATE SET last_used_at = excluded.last_used_at
WHERE api_key_use.last_used_at < excluded.last_used_at
"""
USES = "SELECT guid, last_used_at FROM api_key_use"


class SqlApiKeys:
    """The room for API keys."""

    def __init__(self, engine: Engine, *, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    async def add(self, key: ApiKey, *, line: AuditEvent) -> None:
        now = self._now()

        async def add(transaction: Transaction) -> None:
            await transaction.rows(ADD, from_api_key(key))
            await append_in(transaction, [line], now=now)
            await announce(transaction, [ApiKeysChanged()], now=now)

        await self._engine.write(add)

    async def remove(self, guid: ApiKeyGuid, *, line: AuditEvent) -> bool:
        now = self._now()
        values: Values = {"guid": guid}

        async def remove(transaction: Transaction) -> bool:
            if not await transaction.rows(REMOVE, values):
                return False
            await transaction.rows(FORGET_USE, values)
            await append_in(transaction, [line], now=now)
            await announce(transaction, [ApiKeysChanged()], now=now)
            return True

        return await self._engine.write(remove)

    async def all(self) -> Sequence[ApiKey]:
        return [to_api_key(row) for row in await self._engine.read(ALL, {})]

    async def touch(self, last_used: Mapping[ApiKeyGuid, datetime]) -> None:
        values: list[Values] = [{"guid": guid, "at": micros(at)} for guid, at in last_used.items()]
        if values:
            await self._engine.write(lambda transaction: transaction.each(TOUCH, values))

    async def last_used(self) -> Mapping[ApiKeyGuid, datetime]:
        return dict(to_use(row) for row in await self._engine.read(USES, {}))
