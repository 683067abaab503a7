"""SQLite as the store's engine: one file, one process, nothing lost once a unit of work has returned.

Writes go one after the other over one connection; reads have a second one, which the write-ahead log lets run beside
them.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import aiosqlite
import structlog

from proxy.errors import Conflict, StoreUnavailable
from proxy.store import statements
from proxy.store.base import Store
from proxy.store.engine import Row, T, Unit, Values
from proxy.store.sql_store import SqlStore
from proxy.store.sqlite_file import StateFile, find_state_file

APPLICATION_ID = 0x6F_73_63_31
"""Marks the file as ours ("osc1"), so that another program's database is never migrated."""

OLDEST_SQLITE = (3, 35, 0)
"""The first with ``RETURNING``."""

CHECKED_BYTES = 64 * 1024 * 1024
"""A file up to this size is read whole before it is served from (a quarter of a second; 2.6 GB took ten). A damaged page of
a larger one is noticed by whoever needs it."""

LOCK_TIMEOUT_S = 5.0
"""How long a unit waits for a lock held from outside, such as a running backup."""

_log = structlog.get_logger(__name__)

# Its debug lines quote the values of statements: identities and hashes have no place in a log.
logging.getLogger("aiosqlite").setLevel(logging.WARNING)

_REASONS = {
    sqlite3.SQLITE_BUSY: "locked by another program",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_READONLY: "read-only",
    sqlite3.SQLITE_FULL: "full: the disk has no space left",
    sqlite3.SQLITE_IOERR: "failing: the disk reports an input/output error",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "not a database, or damaged",
    sqlite3.SQLITE_CANTOPEN: "not to be opened",
    sqlite3.SQLITE_PERM: "not permitted to us",
    sqlite3.SQLITE_NOLFS: "too large for this file system",
}


async def open_store(
    path: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), lock_timeout_s: float = LOCK_TIMEOUT_S
) -> Store:
    """Open the state file, creating it if there is none; leases that a dead process left are cleared.

    ``StoreUnavailable`` says what is wrong when it cannot be used: no directory, no permission, in use, damaged, another
    program's, of a newer version. Nothing is repaired, replaced or deleted then.
    """
    return SqlStore(await SqliteEngine.open(path, lock_timeout_s=lock_timeout_s), now=now)


async def open_store_as_guest(
    path: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), lock_timeout_s: float = LOCK_TIMEOUT_S
) -> Store:
    """Open the state file beside a process that serves from it, or while none does; for short work.

    Nothing is created, migrated, repaired or cleared: ``StoreUnavailable`` when the file is not there, or not exactly
    of this version.
    """
    return SqlStore(await SqliteEngine.open_as_guest(path, lock_timeout_s=lock_timeout_s), now=now)


class SqliteEngine:
    """One open state file."""

    def __init__(self, file: StateFile | None, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self._file = file
        self._writer = writer
        self._reader = reader
        self._turn = asyncio.Lock()
        self._units: set[asyncio.Task[object]] = set()
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, path: Path, *, lock_timeout_s: float) -> SqliteEngine:
        """Hold the file, check and migrate it, and open both connections."""
        _refuse_old_library(sqlite3.sqlite_version_info)
        file = StateFile.hold(path)
        try:
            writer = await _connect(file.path, lock_timeout_s)
            try:
                await _prepare(writer)
                reader = await _connect(file.path, lock_timeout_s)
            except BaseException:
                await writer.close()
                raise
        except BaseException:
            file.release()
            raise
        return cls(file, writer, reader)

    @classmethod
    async def open_as_guest(cls, path: Path, *, lock_timeout_s: float) -> SqliteEngine:
        """Open both connections to a file that another process may hold."""
        _refuse_old_library(sqlite3.sqlite_version_info)
        path = find_state_file(path)
        writer = await _connect(path, lock_timeout_s)
        try:
            with _translated(path):
                await _refuse_other_versions(writer)
            reader = await _connect(path, lock_timeout_s)
        except BaseException:
            await writer.close()
            raise
        return cls(None, writer, reader)

    async def read(self, statement: str, values: Values) -> Sequence[Row]:
        self._refuse_when_closed()
        with _translated():
            return _as_rows(await self._reader.execute_fetchall(statement, dict(values)))

    async def write(self, unit: Unit[T]) -> T:
        self._refuse_when_closed()
        # A task of its own: a caller that is cancelled stops waiting, the unit goes on to its commit.
        task = asyncio.create_task(self._run(unit))
        self._units.add(task)
        task.add_done_callback(self._units.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _run(self, unit: Unit[T]) -> T:
        async with self._turn:
            with _translated():
                async with _transaction(self._writer):
                    return await unit(_SqliteTransaction(self._writer))

    async def _close(self) -> None:
        if self._units:
            await asyncio.wait(self._units)
        try:
            await self._reader.close()
        finally:
            try:
                await self._writer.close()
            finally:
                if self._file is not None:
                    self._file.release()

    def _refuse_when_closed(self) -> None:
        if self._closing is not None:
            raise StoreUnavailable("the store is closed")


class _SqliteTransaction:
    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def rows(self, statement: str, values: Values) -> Sequence[Row]:
        return _as_rows(await self._connection.execute_fetchall(statement, dict(values)))

    async def each(self, statement: str, values: Sequence[Values]) -> None:
        cursor = await self._connection.executemany(statement, [dict(row) for row in values])
        await cursor.close()


@asynccontextmanager
async def _transaction(connection: aiosqlite.Connection) -> AsyncIterator[None]:
    try:
        await connection.execute_fetchall("BEGIN IMMEDIATE")
        yield
        await connection.commit()
    except BaseException:
        with suppress(sqlite3.Error):
            await connection.rollback()  # does nothing when the engine has done it itself
        raise


def _refuse_old_library(version: tuple[int, ...]) -> None:
    if version < OLDEST_SQLITE:
        have, need = (".".join(map(str, numbers)) for numbers in (version, OLDEST_SQLITE))
        raise StoreUnavailable(f"this Python comes with SQLite {have}, {need} is the oldest that will do")


async def _connect(path: Path, lock_timeout_s: float) -> aiosqlite.Connection:
    with _translated(path):
        # "rw": whoever may create the file has done so before (StateFile).
        connection = await aiosqlite.connect(
            f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None, timeout=lock_timeout_s
        )
    connection.row_factory = sqlite3.Row
    try:
        with _translated(path):
            for pragma in ("foreign_keys = ON", "synchronous = FULL", "trusted_schema = OFF", "secure_delete = ON"):
                await connection.execute_fetchall(f"PRAGMA {pragma}")
    except BaseException:
        await connection.close()
        raise
    return connection


async def _prepare(connection: aiosqlite.Connection) -> None:
    """Look before touching: what is not ours, newer, or damaged stays as it is."""
    with _translated():
        version = int(await _pragma(connection, "user_version"))
        tables = await connection.execute_fetchall("SELECT name FROM sqlite_master LIMIT 1")
        if tables and await _pragma(connection, "application_id") != APPLICATION_ID:
            raise StoreUnavailable("the state file is another program's database; nothing was changed")
        migrations = _migrations()
        if version > len(migrations):
            raise StoreUnavailable(
                f"the state file was written by a newer oauth-sidecar (schema {version}, this one knows "
                f"{len(migrations)}); nothing was changed"
            )
        await _check_health(connection)
        if await _pragma(connection, "journal_mode = WAL") != "wal":
            raise StoreUnavailable("the file system under the state file cannot do write-ahead logging")
        for number, script in enumerate(migrations[version:], start=version + 1):
            await _migrate(connection, number, script)
        async with _transaction(connection):
            await connection.execute_fetchall(statements.CLEAR_LEASES)


async def _refuse_other_versions(connection: aiosqlite.Connection) -> None:
    if await _pragma(connection, "application_id") != APPLICATION_ID:
        raise StoreUnavailable("the state file is another program's database, or empty; nothing was changed")
    version, ours = int(await _pragma(connection, "user_version")), len(_migrations())
    if version != ours:
        raise StoreUnavailable(
            f"the state file was written by another version of oauth-sidecar (schema {version}, this one knows {ours}); "
            "nothing was changed: use the version that serves"
        )


async def _check_health(connection: aiosqlite.Connection) -> None:
    pages, page_bytes = int(await _pragma(connection, "page_count")), int(await _pragma(connection, "page_size"))
    if pages * page_bytes > CHECKED_BYTES:
        _log.info("state file not read whole", bytes=pages * page_bytes)
        return
    findings = [row[0] for row in await connection.execute_fetchall("PRAGMA quick_check(1)")]
    if findings != ["ok"]:
        raise StoreUnavailable(
            f"the state file is damaged ({findings[0]}); nothing was changed: restore a backup, or move the file away "
            "to start afresh (every viewer signs in and consents again)"
        )


async def _migrate(connection: aiosqlite.Connection, number: int, script: str) -> None:
    try:
        cursor = await connection.executescript(
            f"BEGIN IMMEDIATE;\n{script}\n"
            f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {number};\nCOMMIT;"
        )
        await cursor.close()
    except BaseException:
        with suppress(sqlite3.Error):
            await connection.rollback()
        raise


async def _pragma(connection: aiosqlite.Connection, pragma: str) -> int | str:
    """Return the first value of the pragma's answer."""
    first = next(iter(await connection.execute_fetchall(f"PRAGMA {pragma}")))
    value: int | str = first[0]
    return value


def _migrations() -> Sequence[str]:
    """Return the scripts in their order; the n-th brings the schema to version n."""
    folder = files("proxy.store") / "migrations"
    found = {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(".sql")}
    return [found[name] for name in sorted(found)]


def _as_rows(found: object) -> Sequence[Row]:
    assert isinstance(found, list)
    return found


@contextmanager
def _translated(path: Path | None = None) -> Iterator[None]:
    """Raise the engine's errors as the store's; a mistake of ours (a wrong parameter) stays what it is."""
    try:
        yield
    except sqlite3.IntegrityError as exc:
        raise Conflict(f"the records forbid it ({exc})") from exc
    except sqlite3.DatabaseError as exc:
        code: int | None = getattr(exc, "sqlite_errorcode", None)  # absent when Python, not SQLite, refuses
        if code is None:
            raise
        reason = _REASONS.get(code & 0xFF, "not usable")
        name = f"{path}: " if path else ""
        raise StoreUnavailable(f"{name}the state file is {reason} ({exc.sqlite_errorname}: {exc})") from exc
