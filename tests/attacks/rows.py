"""How a case says which row of ``tests.attacks.catalogue`` it belongs to; ``test_rows`` compares the two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import pytest

Case = TypeVar("Case")


def row(number: int, *values: Case) -> dict[str, Case]:
    """Name cases after their row and value: ``row 2: x_forwarded_user``."""
    return {f"row {number}: {_shown(value)}": value for value in values}


def cases(argument: str, table: Mapping[str, object]) -> pytest.MarkDecorator:
    """Run a test once for each entry of a table whose keys start with ``row <number>:``."""
    assert all(name.startswith("row ") for name in table)
    return pytest.mark.parametrize(argument, table.values(), ids=table.keys())


def _shown(value: object) -> str:
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return (text.encode("unicode_escape").decode() or "nothing")[:70]
