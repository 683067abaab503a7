"""Opening a state file beside the process that serves from it: for the command line."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from proxy.errors import StoreUnavailable
from proxy.store.sqlite import open_store, open_store_as_guest
from tests.contract.records import NOON, identified, minutes, session_hash, sign_in
from tests.unit.store.test_sqlite_file import filled, open_elsewhere

VIEWER = identified()


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "state.db"


async def as_guest(path):
    return await open_store_as_guest(path, now=lambda: NOON, lock_timeout_s=0.1)


async def guest_refused(path, why):
    with pytest.raises(StoreUnavailable, match=why):
        await as_guest(path)


async def test_a_guest_reads_and_writes_beside_the_process_that_serves_and_takes_nothing_from_it(path):
    host = await open_store(path, now=lambda: NOON)
    credentials = await sign_in(host, VIEWER)
    until = NOON + minutes(1)
    await host.acquire_lease(credentials.guid, owner="refresher", now=NOON, until=until)
    guest = await as_guest(path)
    assert [listed.viewer for listed in await guest.sessions()] == [VIEWER]
    assert await guest.acquire_lease(credentials.guid, owner="guest", now=NOON, until=until) is None, "leases stand"
    await guest.end_session(session_hash("s1"))
    await guest.close()
    assert await host.session(session_hash("s1")) is None
    await host.check()
    assert "another oauth-sidecar" in open_elsewhere(path), "a guest that leaves does not let go of the lock"
    await host.close()


async def test_a_guest_needs_nobody_who_serves(path):
    await filled(path)
    guest = await as_guest(path)
    assert len(await guest.sessions()) == 1
    assert await guest.end_sessions([session_hash("s1")]) == 1
    await guest.close()
    assert sorted(found.name for found in path.parent.iterdir()) == ["state.db", "state.db.lock"]


async def test_a_guest_creates_nothing(path):
    await guest_refused(path, "there is no state file")
    await guest_refused(path / "below", "there is no state file")
    path.mkdir()
    await guest_refused(path, "is not a file")
    assert [found.name for found in path.parent.iterdir()] == ["state.db"]


@pytest.mark.parametrize("version", [0, 99])
async def test_a_guest_migrates_nothing(path, version):
    await filled(path)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    before = path.read_bytes()
    await guest_refused(path, "another version")
    assert path.read_bytes() == before


async def test_a_guest_leaves_what_is_not_ours(path):
    path.write_bytes(b"")
    await guest_refused(path, "another program's database, or empty")
    path.write_bytes(b"no database at all" * 1000)
    await guest_refused(path, "not a database")


async def test_a_name_with_signs_of_an_address_is_a_name(tmp_path):
    odd = tmp_path / "a?mode=memory#b%20c.db"
    await filled(odd)
    guest = await as_guest(odd)
    assert len(await guest.sessions()) == 1
    await guest.close()
