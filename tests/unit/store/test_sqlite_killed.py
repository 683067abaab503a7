"""Killed at every statement of a login and of a refresh: after a restart each is whole or not there."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from proxy.store.sqlite import open_store
from tests.contract.records import NOON, SALES, WAREHOUSE, identified, minutes, session_hash

VIEWER = identified()
CHECKOUT = Path(__file__).parents[3]

DIE = """
    import asyncio, os, signal, sys
    from pathlib import Path
    from proxy.store.sqlite import open_store
    from tests.contract.records import *

    path, work, statement = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

    async def main():
        store = await open_store(path, now=lambda: NOON)
        credentials = completed_of(identified()).credentials
        if work == "refresh":
            await sign_in(store, identified())
            await store.acquire_lease(credentials.guid, owner="killed", now=NOON, until=NOON + minutes(60))
        else:
            await store.ensure_viewer(identified())

        seen = 0
        def count(sql):
            nonlocal seen
            seen += 1
            if seen == statement:
                os.kill(os.getpid(), signal.SIGKILL)
        await store._engine._writer.set_trace_callback(count)

        if work == "refresh":
            await store.save_refresh(credentials.guid, generation=1, tokens=tokens(), now=NOON)
        else:
            await store.complete_authorization(completed_of(identified()))
        os.write(1, b"committed")
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(main())
"""


def killed(path, work, statement) -> bool:
    """Return whether the work had said that it was committed before it was killed."""
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DIE), str(path), work, str(statement)],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (finished.returncode, finished.stderr) == (-signal.SIGKILL, "")
    return finished.stdout == "committed"


@pytest.mark.parametrize("statement", [1, 2, 3, 4, 5, 6, 7, 99])
async def test_a_killed_login_is_whole_or_not_there(tmp_path, statement):
    was_committed = killed(tmp_path / "state.db", "login", statement)
    store = await open_store(tmp_path / "state.db")
    credentials = await store.credentials(VIEWER.guid, WAREHOUSE)
    presence = await store.presence(session_hash("s1"), SALES)
    _, changes = await store.changes_since(0)
    await store.close()
    assert was_committed == (statement == 99)
    assert (credentials is not None) == (presence is not None) == bool(changes)
    assert (credentials is not None) >= was_committed
    assert presence is None or presence.consents == {WAREHOUSE}


@pytest.mark.parametrize("statement", [1, 2, 3, 4, 99])
async def test_a_killed_refresh_is_whole_or_not_there_and_the_lease_is_free(tmp_path, statement):
    was_committed = killed(tmp_path / "state.db", "refresh", statement)
    store = await open_store(tmp_path / "state.db")
    found = await store.credentials(VIEWER.guid, WAREHOUSE)
    again = await store.acquire_lease(found.guid, owner="restarted", now=NOON, until=NOON + minutes(1))
    _, changes = await store.changes_since(0)
    await store.close()
    assert was_committed == (statement == 99)
    assert again == found
    assert len(changes) == found.generation
    assert found.generation == (2 if was_committed else 1)
    assert found.refresh_token.value == f"sealed rt {found.generation}".encode()
