"""Code written for Posit Connect, and the file to copy, unmodified, against the real process."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.stage import SESSION_TOKEN, Stage, stage

CHECKOUT = Path(__file__).parents[2]
DOCUMENTED = re.compile(r"```python\n(from posit\.connect import Client\n.*?)```", re.DOTALL)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as the_stage:
        yield the_stage


async def run_as_content(scene: Stage, program: str) -> str:
    """Run a program in a process that has only what ``content-env`` prints; return its last line."""
    printed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "proxy", "content-env", "sales", "-c", str(scene.setup.folder / "config.yaml")],
        cwd=CHECKOUT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    environment = dict(line.split("=", 1) for line in printed.stdout.splitlines())
    finished = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program],
        env=environment | {"PYTHONPATH": str(CHECKOUT / "content_examples")},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.splitlines()[-1]


async def handle_of_ada(scene: Stage) -> str:
    await scene.signed_in("ada")
    return (scene.new_content_request().value(SESSION_TOKEN) or b"").decode()


async def test_the_posit_sdk_lines_of_the_documentation_work_as_written(scene: Stage) -> None:
    handle = await handle_of_ada(scene)
    [lines] = DOCUMENTED.findall((CHECKOUT / "docs" / "content.md").read_text())
    token = await run_as_content(scene, f"session_token = {handle!r}\n{lines}\nprint(token)")
    owner = scene.server.owner_of(token)
    assert owner is not None
    assert owner.id == "ada"


async def test_the_file_to_copy_gets_the_viewers_token(scene: Stage) -> None:
    handle = await handle_of_ada(scene)
    headers = {"Posit-Connect-User-Session-Token": handle}
    token = await run_as_content(scene, f"from viewer_token import viewer_token\nprint(viewer_token({headers!r}))")
    owner = scene.server.owner_of(token)
    assert owner is not None
    assert owner.id == "ada"
