"""What stands in a store file, counted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

BOOKKEEPING = frozenset({"probe", "migration", "schema_version", "audit", "audit_kept_since"})
"""Tables that say something about the store itself, or about the past."""


def audited(state_file: Path) -> set[str]:
    """The actions that the audit log has lines of."""
    with closing(sqlite3.connect(f"file:{state_file}?mode=ro", uri=True)) as connection:
        return {action for (action,) in connection.execute("SELECT DISTINCT action FROM audit")}


def rows(state_file: Path) -> dict[str, int]:
    """Rows by table, as far as there are any."""
    with closing(sqlite3.connect(f"file:{state_file}?mode=ro", uri=True)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        kept = [name for name in tables if not name.startswith("sqlite_") and name not in BOOKKEEPING]
        counts = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in kept}
    return {name: count for name, count in counts.items() if count}
