"""Opening a state file: who may read it, who has it, and what is said when it cannot be used."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from proxy.errors import StoreUnavailable
from proxy.model import ContentGuid, HandleHash, SessionHash
from proxy.store import sqlite as sqlite_engine
from proxy.store import statements
from proxy.store.rows import from_credentials, from_viewer
from proxy.store.sqlite import APPLICATION_ID, open_store
from tests.contract.records import NOON, WAREHOUSE, credentials_of, identified, minutes, sign_in

VIEWER = identified()
CHECKOUT = Path(__file__).parents[3]
OPEN = """
    import asyncio, os, sys
    from pathlib import Path
    from proxy.errors import StoreUnavailable
    from proxy.store.sqlite import open_store

    async def main():
        try:
            store = await open_store(Path(sys.argv[1]))
        except StoreUnavailable as refusal:
            print("refused:", refusal.detail)
        else:
            print("opened")
            await store.close()

    if "as nobody" in sys.argv and os.geteuid() == 0:  # permissions hold everybody back but root
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def open_directory():
    """A directory that other users can reach too (pytest's own cannot be)."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    yield directory
    directory.chmod(0o755)
    shutil.rmtree(directory)


def unmeasured() -> dict[str, str]:
    """Return the environment without coverage's hook: nobody may not write its data file."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def open_elsewhere(path, *how) -> str:
    """Open the store in another process (``as nobody``: without root's rights) and return what it says."""
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(OPEN), str(path), *how],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=30, check=False, env=unmeasured(),
    )  # fmt: skip
    assert finished.stderr == ""
    return finished.stdout


async def refused(path, why):
    with pytest.raises(StoreUnavailable, match=why) as refusal:
        await open_store(path, lock_timeout_s=0.1)
    return refusal.value.detail


async def filled(path, rows=1):
    store = await open_store(path, now=lambda: NOON)
    credentials = await sign_in(store, VIEWER)
    for number in range(rows - 1):
        await sign_in(store, identified(f"v{number}", identity=_person(number)), f"more-{number}")
    await store.close()
    return credentials


def _person(number):
    return replace(VIEWER.identity, subject=f"person-{number}")


async def test_the_state_file_and_all_beside_it_are_readable_by_us_only(path):
    before = os.umask(0)
    try:
        store = await open_store(path)
        await store.claim_state("one", expires_at=NOON)
        modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
        await store.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("state.db", "state.db-wal", "state.db-shm", "state.db.lock"), 0o600)


async def test_a_file_that_others_could_read_is_closed_to_them(path):
    await filled(path)
    side = path.with_name("state.db-wal")
    side.touch()
    for one in (path, side):
        one.chmod(0o644)
    store = await open_store(path)
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path, side)] == [0o600, 0o600]
    await store.close()


async def test_a_second_process_is_refused_until_the_first_lets_go(path):
    store = await open_store(path)
    assert open_elsewhere(path) == (
        f"refused: another oauth-sidecar (process {os.getpid()}) uses this state file: one process per file "
        f"(held by {path}.lock)\n"
    )
    await store.close()
    assert open_elsewhere(path) == "opened\n"


async def test_a_second_name_of_the_same_file_is_the_same_file(path):
    store = await open_store(path)
    link = path.with_name("link.db")
    link.symlink_to(path)
    await refused(link, "one process per file")
    await store.close()


async def test_a_store_that_could_not_be_opened_holds_nothing(path):
    path.write_bytes(b"not a database at all, but long enough to look at" * 100)
    await refused(path, "not a database")
    path.unlink()
    store = await open_store(path)
    await store.close()


async def test_a_missing_directory_is_named_and_not_created(tmp_path):
    detail = await refused(tmp_path / "missing" / "state.db", "does not exist: create it")
    assert str(tmp_path / "missing") in detail
    assert not (tmp_path / "missing").exists()


async def test_a_directory_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    await refused(tmp_path / "file" / "state.db", "is not a directory")
    await refused(tmp_path / "file" / "below" / "state.db", "cannot be used: Not a directory")


async def test_a_directory_where_nothing_can_be_made_is_refused():
    await refused(Path("/proc/self/state.db"), r"/proc/self/state\.db\.lock|/proc/[0-9]+/state\.db\.lock")


async def test_a_state_file_that_is_a_directory_is_refused(path):
    path.mkdir()
    await refused(path, "cannot be used: Is a directory")


def test_a_directory_without_permission_is_refused(open_directory):
    open_directory.chmod(0o555)
    said = open_elsewhere(open_directory / "state.db", "as nobody")
    assert said == f"refused: {open_directory}/state.db.lock cannot be used: Permission denied\n"
    assert list(open_directory.iterdir()) == []


async def test_a_read_only_state_file_is_refused_and_untouched(open_directory):
    path = open_directory / "state.db"
    await filled(path)
    content = path.read_bytes()
    path.chmod(0o444)
    path.with_name("state.db.lock").chmod(0o666)
    open_directory.chmod(0o777)
    said = open_elsewhere(path, "as nobody")
    assert "refused: " in said
    assert f"{path} cannot be used: Permission denied" in said
    assert path.read_bytes() == content


async def test_a_directory_in_which_everybody_may_replace_the_file_is_warned_of(open_directory):
    open_directory.chmod(0o777)
    with capture_logs() as logs:
        store = await open_store(open_directory / "state.db")
    await store.close()
    assert [(line["log_level"], line["event"]) for line in logs] == [
        ("warning", "everybody may replace the state file")
    ]


async def test_records_are_there_after_reopening_and_leases_of_the_dead_are_not(path):
    store = await open_store(path, now=lambda: NOON)
    credentials = await sign_in(store, VIEWER)
    assert await store.acquire_lease(credentials.guid, owner="dead", now=NOON, until=NOON + minutes(60))
    await store.close()
    store = await open_store(path)
    assert await store.credentials(VIEWER.guid, WAREHOUSE) == credentials
    assert await store.acquire_lease(credentials.guid, owner="new", now=NOON, until=NOON + minutes(1)) == credentials
    await store.close()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda whole: b"\0" * len(whole), "damaged"),
        (lambda whole: os.urandom(len(whole)), "damaged"),
        (lambda whole: b"{}" + whole, "damaged"),
        (lambda whole: whole[: len(whole) // 2 + 100], "damaged"),
        (lambda whole: whole[:4096] + b"\xff" * 4096 + whole[8192:], "damaged"),
        (lambda whole: whole[:200], "damaged"),
    ],
    ids=["zeros", "noise", "shifted", "cut in half", "one page overwritten", "a stump"],
)
async def test_a_damaged_file_is_refused_and_left_as_it_is(path, damage, why):
    await filled(path, rows=40)
    bad = damage(path.read_bytes())
    path.write_bytes(bad)
    await refused(path, why)
    assert path.read_bytes() == bad


async def test_a_large_file_is_served_without_reading_it_whole_and_a_damaged_page_is_noticed_when_it_is_needed(
    path, monkeypatch
):
    await filled(path, rows=40)
    whole = path.read_bytes()
    monkeypatch.setattr(sqlite_engine, "CHECKED_BYTES", len(whole) - 1)
    path.write_bytes(whole[:-4096] + b"\xff" * 4096)

    with capture_logs() as logs:
        store = await open_store(path)
    await store.close()

    assert [line["event"] for line in logs] == ["state file not read whole"]
    monkeypatch.setattr(sqlite_engine, "CHECKED_BYTES", len(whole))
    await refused(path, "damaged")


async def test_clearing_leases_at_start_reads_no_more_rows_than_are_leased(path):
    await filled(path, rows=3)
    other = sqlite3.connect(path)
    plan = " ".join(row[3] for row in other.execute(f"EXPLAIN QUERY PLAN {statements.CLEAR_LEASES}"))
    other.close()

    assert "credentials_leased" in plan


async def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(path):
    await filled(path)
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 99")
    other.close()
    before = path.read_bytes()
    await refused(path, r"written by a newer oauth-sidecar .schema 99, this one knows \d+.; nothing was changed")
    assert path.read_bytes() == before


async def test_another_programs_database_is_refused_and_left_as_it_is(path):
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()
    before = path.read_bytes()
    await refused(path, "another program's database")
    assert path.read_bytes() == before


async def test_a_database_locked_from_outside_is_refused_and_can_be_opened_later(path):
    await filled(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    await refused(path, "locked by another program")
    other.execute("ROLLBACK")
    other.close()
    await (await open_store(path)).close()


async def test_a_migration_that_fails_leaves_the_file_at_the_version_it_had(path, monkeypatch):
    known = sqlite_engine._migrations()
    await filled(path)
    another = "CREATE TABLE half (done TEXT); CREATE TABLE credentials (again TEXT);"
    monkeypatch.setattr(sqlite_engine, "_migrations", lambda: [*known, another])
    await refused(path, "already exists")
    monkeypatch.undo()
    store = await open_store(path)
    assert await store.credentials(VIEWER.guid, WAREHOUSE) is not None
    await store.close()


async def test_a_new_migration_runs_once_and_keeps_the_records(path, monkeypatch):
    known = sqlite_engine._migrations()
    await filled(path)
    monkeypatch.setattr(sqlite_engine, "_migrations", lambda: [*known, "CREATE TABLE added (one TEXT);"])
    for _ in range(2):
        store = await open_store(path)
        assert await store.credentials(VIEWER.guid, WAREHOUSE) is not None
        await store.close()


async def of_the_first_schema(path, monkeypatch):
    """Write a file as the first version did, with a viewer in it."""
    first, *_ = sqlite_engine._migrations()
    with monkeypatch.context() as earlier:
        earlier.setattr(sqlite_engine, "_migrations", lambda: [first])
        store = await open_store(path)
        await store.close()
    with closing(sqlite3.connect(path)) as old, old:
        columns = "guid, identified_by, subject, identity, created_at"
        places = ", ".join(f":{column}" for column in columns.split(", "))
        old.execute(f"INSERT INTO viewer ({columns}) VALUES ({places})", from_viewer(VIEWER))


async def test_a_viewer_of_the_first_schema_is_found_by_their_address(path, monkeypatch):
    await of_the_first_schema(path, monkeypatch)
    store = await open_store(path)
    found = await store.people.with_email("ada@example.org", WAREHOUSE)
    await store.close()
    assert found == VIEWER


async def test_a_file_of_the_first_schema_opens_with_its_records_and_takes_handles(path, monkeypatch):
    await of_the_first_schema(path, monkeypatch)
    store = await open_store(path)
    assert await store.ensure_viewer(VIEWER) == VIEWER
    handle = HandleHash(b"h" * 32)
    assert not await store.add_handle(handle, session_hash=SessionHash(b"s" * 32), content_guid=ContentGuid("sales"))
    await store.close()


async def test_a_grant_of_the_first_schema_is_known_to_be_its_accounts(path, monkeypatch):
    """Fails when nobody fills in whose it is: the end of another grant of that account revokes it along (RFC 7009)."""
    await of_the_first_schema(path, monkeypatch)
    granted = credentials_of(VIEWER)
    with closing(sqlite3.connect(path)) as old, old:
        values = from_credentials(granted)
        columns = [column for _, column, *_ in old.execute("PRAGMA table_info (credentials)") if column in values]
        names = ", ".join(columns)
        places = ", ".join(f":{column}" for column in columns)
        old.execute(f"INSERT INTO credentials ({names}) VALUES ({places})", values)
    store = await open_store(path)
    await store.add_ended_grant(credentials_of(VIEWER, guid="another"), now=NOON)
    [another] = await store.ended_grants(now=NOON, most=1)
    found = await store.credentials(VIEWER.guid, WAREHOUSE), await store.is_account_in_use(another)
    await store.close()
    assert found == (granted, True)


async def test_the_file_says_whose_it_is_and_writes_are_durable(path):
    store = await open_store(path)
    writer = store._engine._writer
    found = {
        pragma: await sqlite_engine._pragma(writer, pragma)
        for pragma in ("application_id", "user_version", "journal_mode", "synchronous", "foreign_keys", "secure_delete")
    }
    await store.close()
    assert found == {
        "application_id": APPLICATION_ID,
        "user_version": len(sqlite_engine._migrations()),
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
    }


def test_a_sqlite_that_is_too_old_is_named():
    with pytest.raises(StoreUnavailable, match=r"SQLite 3\.26\.0, 3\.35\.0 is the oldest"):
        sqlite_engine._refuse_old_library((3, 26, 0))


async def test_a_file_system_without_write_ahead_logging_is_refused():
    connection = await sqlite_engine._connect(Path(":memory:"), 0.1)
    with pytest.raises(StoreUnavailable, match="write-ahead logging"):
        await sqlite_engine._prepare(connection)
    await connection.close()


async def test_a_disk_without_room_for_the_lock_is_refused_and_nothing_is_held(path):
    room, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        await refused(path, "cannot be used: File too large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
    await (await open_store(path)).close()
