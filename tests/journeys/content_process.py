"""Python that content authors write, in a process of its own that knows only what ``content-env`` prints."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.journeys.stage import SESSION_TOKEN, Stage

CHECKOUT = Path(__file__).parents[2]


async def run_as_content(
    scene: Stage, program: str, *, folders: tuple[Path, ...] = (), more: Mapping[str, str] | None = None
) -> str:
    """Run a program; return its last line. ``folders`` go before ``content_examples``; ``more``: environment."""
    environment = await content_variables(scene)
    path = os.pathsep.join(map(str, [*folders, CHECKOUT / "content_examples"]))
    finished = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program],
        env=environment | {"PYTHONPATH": path} | (more or {}),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.splitlines()[-1]


async def content_variables(scene: Stage, content: str = "sales") -> dict[str, str]:
    """Return what ``content-env`` prints."""
    printed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "proxy", "content-env", content, "-c", str(scene.setup.folder / "config.yaml")],
        cwd=CHECKOUT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(line.split("=", 1) for line in printed.stdout.splitlines())


async def handle_of_ada(scene: Stage) -> str:
    """Sign ada in at the first content; return the session token that came with her request."""
    await scene.signed_in("ada")
    return (scene.new_content_request().value(SESSION_TOKEN) or b"").decode()
