"""A running store whose disk or file turns bad: a clear error, nothing half written, and it goes on when that is over."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.errors import Conflict, StoreUnavailable
from proxy.model import Sealed
from proxy.store.sqlite import open_store
from tests.contract.records import (
    NOON,
    SALES,
    WAREHOUSE,
    completed_of,
    credentials_of,
    identified,
    session_hash,
    sign_in,
    tokens,
)

VIEWER = identified()
CHECKOUT = Path(__file__).parents[3]


@pytest.fixture
async def store(tmp_path):
    opened = await open_store(tmp_path / "state.db", now=lambda: NOON, lock_timeout_s=0.05)
    yield opened
    await opened.close()


async def pragma(store, text):
    await store._engine._writer.execute_fetchall(f"PRAGMA {text}")


async def save(store, credentials, number=2, size=0):
    return await store.save_refresh(
        credentials.guid,
        generation=number - 1,
        tokens=tokens(number, access_token=Sealed(b"x" * size)),
        now=NOON,
    )


async def test_a_store_turned_read_only_refuses_writes_serves_reads_and_recovers(store):
    credentials = await sign_in(store, VIEWER)
    await pragma(store, "query_only = ON")
    for attempt in (save(store, credentials), store.check(), store.end_session(session_hash("s1"))):
        with pytest.raises(StoreUnavailable, match="read-only"):
            await attempt
    assert await store.credentials(VIEWER.guid, WAREHOUSE) == credentials
    assert (await store.presence(session_hash("s1"), SALES)).consents == {WAREHOUSE}
    await pragma(store, "query_only = OFF")
    assert (await save(store, credentials)).generation == 2


async def test_a_full_store_keeps_what_it_has_and_recovers(store):
    credentials = await sign_in(store, VIEWER)
    await pragma(store, "max_page_count = 1")  # never below what is used: no page can be added
    with pytest.raises(StoreUnavailable, match="full"):
        await save(store, credentials, size=100_000)
    assert await store.credentials(VIEWER.guid, WAREHOUSE) == credentials
    await pragma(store, "max_page_count = 100000")
    assert (await save(store, credentials, size=100_000)).generation == 2


async def test_a_database_locked_from_outside_is_said_so_and_waited_for(store, tmp_path):
    credentials = await sign_in(store, VIEWER)
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked by another program"):
        await save(store, credentials)
    with pytest.raises(StoreUnavailable, match="locked by another program"):
        await store.check()
    assert await store.credentials(VIEWER.guid, WAREHOUSE) == credentials
    other.execute("ROLLBACK")
    other.close()
    await store.check()
    assert (await save(store, credentials)).generation == 2


def test_a_disk_that_refuses_to_grow_the_file_is_an_error_and_loses_nothing(tmp_path):
    script = """
        import asyncio, resource, sys
        from pathlib import Path
        from proxy.errors import StoreUnavailable
        from proxy.model import Sealed
        from proxy.store.sqlite import open_store
        from tests.contract.records import *

        async def main():
            store = await open_store(Path(sys.argv[1]), now=lambda: NOON)
            credentials = await sign_in(store, identified())
            _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, most))
            big = tokens(access_token=Sealed(b"x" * 1_000_000))
            try:
                await store.save_refresh(credentials.guid, generation=1, tokens=big, now=NOON)
            except StoreUnavailable as refusal:
                print(refusal.detail)
            print(await store.credentials(credentials.viewer_guid, WAREHOUSE) == credentials)
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
            print((await store.save_refresh(credentials.guid, generation=1, tokens=big, now=NOON)).generation)
            await store.close()

        asyncio.run(main())
    """
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "state.db")],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert finished.stderr == ""
    said, unchanged, generation = finished.stdout.splitlines()
    assert "input/output error" in said or "full" in said
    assert (unchanged, generation) == ("True", "2")


async def test_a_page_that_turns_bad_while_running_is_an_error_and_nothing_is_deleted(tmp_path):
    path = tmp_path / "state.db"
    store = await open_store(path, now=lambda: NOON)
    credentials = await sign_in(store, VIEWER)
    await save(store, credentials, size=20_000)
    await store.close()
    store = await open_store(path, now=lambda: NOON)
    with path.open("r+b") as file:
        whole = file.read()
        file.seek(4096)
        file.write(b"\xff" * (len(whole) - 4096))
    for connection in (store._engine._reader, store._engine._writer):
        await connection.execute_fetchall("PRAGMA shrink_memory")
    with pytest.raises(StoreUnavailable, match="damaged"):
        await store.credentials(VIEWER.guid, WAREHOUSE)
    size = path.stat().st_size
    await store.close()
    assert path.stat().st_size == size


async def test_a_row_that_cannot_be_read_back_is_an_error_and_is_kept(store):
    credentials = await sign_in(store, VIEWER)
    writer = store._engine._writer
    await writer.execute_fetchall("UPDATE credentials SET state = 'unheard of'")
    with pytest.raises(StoreUnavailable, match="damaged"):
        await store.credentials(VIEWER.guid, WAREHOUSE)
    with pytest.raises(StoreUnavailable, match="damaged"):
        await store.acquire_lease(credentials.guid, owner="a", now=NOON, until=NOON)
    assert await writer.execute_fetchall("SELECT lease_owner FROM credentials WHERE lease_owner IS NOT NULL") == []
    await writer.execute_fetchall("UPDATE credentials SET state = 'active'")
    assert await store.credentials(VIEWER.guid, WAREHOUSE) == credentials


async def test_sealed_bytes_are_kept_as_they_are_whether_or_not_anybody_can_open_them(tmp_path):
    unopenable = Sealed(bytes(range(256)))
    path = tmp_path / "state.db"
    store = await open_store(path)
    credentials = credentials_of(VIEWER, access_token=unopenable, refresh_token=Sealed(b""))
    await sign_in(store, VIEWER, credentials=credentials)
    await store.end_session(session_hash("s1"))
    await store.purge(now=NOON.replace(year=2100), idle_since=NOON.replace(year=2100))
    await store.close()
    store = await open_store(path)
    assert await store.credentials(VIEWER.guid, WAREHOUSE) == credentials
    await store.close()


async def test_a_unit_cut_off_by_the_end_of_the_loop_leaves_no_half_and_no_open_transaction(store):
    await store.ensure_viewer(VIEWER)
    for steps in range(12):
        writing = asyncio.create_task(store.complete_authorization(completed_of(VIEWER, f"s{steps}")))
        for _ in range(steps):
            await asyncio.sleep(0)
        for unit in list(store._engine._units):
            unit.cancel()  # what asyncio.run does to every task at its end
        await asyncio.wait([writing])
        session = await store.session(session_hash(f"s{steps}"))
        announced = len((await store.changes_since(0))[1])
        assert (session is not None) == (announced > 0)
        if session is not None:
            break
    await store.check()


async def test_reads_do_not_wait_for_a_running_unit(store):
    credentials = await sign_in(store, VIEWER)
    hold, held = asyncio.Event(), asyncio.Event()

    async def slow(transaction):
        await transaction.rows("UPDATE credentials SET scope = 'half'", {})
        held.set()
        await hold.wait()

    unit = asyncio.create_task(store._engine.write(slow))
    await held.wait()
    assert await store.credentials(VIEWER.guid, WAREHOUSE) == credentials
    hold.set()
    await unit
    assert (await store.credentials(VIEWER.guid, WAREHOUSE)).scope == "half"


async def test_what_the_records_forbid_is_a_conflict(store):
    await store.ensure_viewer(VIEWER)
    with pytest.raises(Conflict):
        await store.ensure_viewer(replace(VIEWER, identity=replace(VIEWER.identity, subject="another")))


async def test_a_mistake_of_ours_is_not_passed_off_as_a_broken_store(store):
    with pytest.raises(sqlite3.ProgrammingError):
        await store._engine.read("SELECT :missing", {})


async def test_a_statement_the_schema_does_not_know_is_an_error_with_its_reason(store):
    with pytest.raises(StoreUnavailable, match=r"not usable .SQLITE_ERROR: no such table: nowhere"):
        await store._engine.read("SELECT * FROM nowhere", {})


async def test_stored_values_are_not_logged_even_at_debug(store, caplog):
    with caplog.at_level(logging.DEBUG):
        await sign_in(store, VIEWER)
    assert "ada@example.org" not in caplog.text
