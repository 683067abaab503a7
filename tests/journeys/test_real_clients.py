"""Code written for Posit Connect, and the file to copy, unmodified, against the real process."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.content_process import CHECKOUT, handle_of_ada, run_as_content
from tests.journeys.stage import Stage, stage

DOCUMENTED = re.compile(r"```python\n(from posit\.connect import Client\n.*?)```", re.DOTALL)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as the_stage:
        yield the_stage


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
