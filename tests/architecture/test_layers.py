"""The house keeps its shape: who may import whom, and what the lower floors never touch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest


def test_every_import_contract_holds():
    # In a process of its own: it configures logging, and so would silence the loggers of every later test.
    command = [Path(sys.executable).with_name("lint-imports"), "--config", "pyproject.toml", "--no-cache"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


PURE = [
    path
    for place in ("policy", "providers", "oauth", "model", "sealing.py", "errors.py")
    for path in ([Path("proxy", place)] if place.endswith(".py") else sorted(Path("proxy", place).glob("*.py")))
]
CLOCKS_AND_DICE = {
    "now",
    "today",
    "utcnow",
    "time",
    "monotonic",
    "urandom",
    "uuid1",
    "uuid4",
    "token_bytes",
    "open",
    "print",
}


@pytest.mark.parametrize("path", PURE, ids=str)
def test_below_the_line_nothing_awaits_and_nobody_asks_what_time_it_is(path):
    """Import contracts see modules; this sees ``datetime.now()`` and ``async def``."""
    for node in ast.walk(ast.parse(path.read_text())):
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await), f"{path}:{node.lineno}"
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            # A key ring's own ``open`` opens a seal, not a file.
            is_method_of_ours = isinstance(node.func, ast.Attribute) and name == "open"
            assert name not in CLOCKS_AND_DICE or is_method_of_ours, f"{path}:{node.lineno} calls {name}"
