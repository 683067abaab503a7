"""R as content authors have it: whether it is on this machine, and what they write in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "content_examples"
RSCRIPT = shutil.which("Rscript")
WITHIN_S = 60


def why_no_r(*packages: str) -> str:
    """Why nothing can be run in R with these packages on this machine; empty: it can."""
    if RSCRIPT is None:
        return "R is not installed (Debian: r-base-core)"
    missing = [package for package in packages if package not in _installed()]
    return f"not installed for R: {', '.join(missing)}" if missing else ""


def needs_r(*packages: str) -> pytest.MarkDecorator:
    """Skip a test, with the reason, where R or one of the packages is missing."""
    reason = why_no_r(*packages)
    return pytest.mark.skipif(bool(reason), reason=reason or "all is here")


def run_r(*arguments: str, environment: Mapping[str, str], told: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``Rscript`` in the folder of the examples, knowing this environment only; ``told``: what it reads."""
    assert RSCRIPT is not None
    return subprocess.run(
        [RSCRIPT, "--vanilla", *arguments],
        cwd=EXAMPLES, env={"PATH": os.environ["PATH"]} | dict(environment), input=told,
        capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip


@cache
def _installed() -> frozenset[str]:
    return frozenset(run_r("-e", "cat(.packages(all.available = TRUE))", environment={}).stdout.split())
