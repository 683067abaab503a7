"""All fourteen are there, and each test says by itself which fault it was seen to fail with."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.danger.points import POINTS, Fault

REPOSITORY = Path(__file__).parents[2]
FAULTS = [fault for point in POINTS.values() for fault in point.faults]


@cache
def docstrings(module: str) -> dict[str, str]:
    """Docstrings of a module's top level by name, on one line each; of the module itself for a state machine's class."""
    tree = ast.parse((REPOSITORY / module).read_text())
    found = {"TestGateway": ast.get_docstring(tree) or ""}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = ast.get_docstring(node) or ""
    return {name: " ".join(text.split()) for name, text in found.items()}


def test_there_are_fourteen() -> None:
    assert list(POINTS) == list(range(1, 15))
    assert all(point.faults for point in POINTS.values())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.says)
def test_every_test_names_the_fault_it_was_seen_to_fail_with(fault: Fault) -> None:
    for test in fault.tests:
        module, _, name = test.partition("::")
        assert f"Seen to fail with {fault.says}" in docstrings(module)[name], test


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.says)
def test_every_fault_can_still_be_put_in(fault: Fault) -> None:
    """Who moves or rewrites that place looks for the fault anew: ``python -m tests.danger NUMBER``."""
    assert (REPOSITORY / fault.file).read_text().count(fault.old) == 1
