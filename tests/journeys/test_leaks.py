"""The search finds what it is meant to find."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.doubles.grants import REFRESH_MARKER
from tests.journeys.leaks import Leaks


@pytest.mark.parametrize(
    "hidden",
    [
        b"x RT-seed-refresh- x",
        base64.b64encode(b"{RT-seed-refresh-ab"),
        base64.urlsafe_b64encode(b"{}RT-seed-refresh-ab"),
        base64.b64encode(b"RT-seed-refresh-ab"),
        b"RT-seed-refresh-".hex().encode(),
    ],
)
def test_a_secret_is_found_however_it_is_written(tmp_path: Path, hidden: bytes) -> None:
    (tmp_path / "state.db-wal").write_bytes(hidden)
    leaks = Leaks()
    leaks.search_store(tmp_path / "state.db")
    assert leaks.found == [f"store state.db-wal: {REFRESH_MARKER}"]


def test_clean_bytes_are_clean(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"RT-sealed AT seed")
    leaks = Leaks()
    leaks.search_store(tmp_path / "state.db")
    assert leaks.found == []
