"""The catalogue of attacks: which rows it has, how a case says its row, and which rows wait for what is not built yet.

Sections: A headers, C paths, D redirects, E the code flow, F sessions, H the data plane, I WebSockets. ``test_rows``
compares this table with the cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import pytest

Case = TypeVar("Case")

CATALOGUE = {
    "A": (1, 2, 4, 5, 7, 8, 10, 11, 13, 14),
    "C": (25, 26, 28, 29, 31, 32, 34, 35, 37, 38, 40, 41),
    "D": (43, 44, 46, 47, 49),
    "E": (50, 52, 53, 55, 56, 58, 59, 61, 62, 64, 65, 67, 68, 70, 71, 73, 74, 76),
    "F": (77, 79, 80, 82, 83, 85, 86, 88, 89, 91, 92, 94, 95),
    "H": (119, 121, 122, 124, 125, 127, 128, 130, 131, 133, 134, 136),
    "I": (137, 139, 140, 142, 143, 145, 146, 148, 149, 151, 152),
}

ELSEWHERE = {
    40: "read again whenever the tokens of the sign-in are refreshed: tests/unit/flows/test_viewer_claims.py",
    41: "a configuration that cannot be evaluated: tests/unit/config",
    76: "waits for a sign-in from the command line; the redirect URI is compared by the provider",
    86: "needs a clock that a process does not have: tests/unit/flows, tests/unit/gateway",
    88: "waits for back-channel logout",
    89: "waits for back-channel logout",
    95: "needs a clock that a process does not have: tests/unit/flows",
    136: "Unix sockets: tests/unit/gateway, tests/journeys/test_live_connections.py",
    149: "soak and footprint wait for the benchmarks",
    151: "waits for HTTP/2, which is not spoken",
    152: "draining: tests/journeys/test_live_connections.py",
}
"""Rows without a case here, and why."""


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
