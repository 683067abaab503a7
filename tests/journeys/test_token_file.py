"""A content reads its own session token from a file, which is replaced while it works: over the real process."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.journeys.content_process import content_variables, run_as_content
from tests.journeys.sidecar import Setup
from tests.journeys.stage import Stage, stage
from tests.journeys.test_service_accounts import OWN, ROBOT, with_robot

LIFE_S = 10
"""Of the token whose end is waited for: whoever read it has half of that to use it, on a busy machine too."""


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Stage]:
    async with filed(tmp_path, life="24h") as the_stage:
        yield the_stage


@asynccontextmanager
async def filed(tmp_path: Path, *, life: str) -> AsyncIterator[Stage]:
    """A content that has its token in a file, beside one that has none."""

    def with_file(setup: Setup) -> None:
        with_robot(setup)
        (tmp_path / "run").mkdir(mode=0o700)
        setup.content[0]["session_token_file"] = str(tmp_path / "run" / "connect-token")
        api = dict(setup.document()["api"])  # type: ignore[call-overload]  # a mapping
        setup.more["api"] = api | {"session_token_lifetime": life}

    async with stage(tmp_path, contents=("sales", "stock"), change=with_file) as the_stage:
        robot = the_stage.server.register("https://nobody.example/", client_id="robot")
        robot.secrets = the_stage.client.secrets
        yield the_stage


async def code_of(scene: Stage, token: str) -> int:
    answer = await scene.exchange("sales", token, subject_token_type=OWN, audience=ROBOT)
    return 200 if answer.status == 200 else int(json.loads(answer.text)["code"])


async def test_posit_sdk_goes_on_while_the_token_is_replaced_and_the_old_one_ends(tmp_path: Path) -> None:
    async with filed(tmp_path, life=f"{LIFE_S}s") as scene:
        await posit_sdk_goes_on(scene)


async def posit_sdk_goes_on(scene: Stage) -> None:
    variables = await content_variables(scene)
    file = Path(variables["CONNECT_CONTENT_SESSION_TOKEN_FILE"])
    assert "CONNECT_CONTENT_SESSION_TOKEN" not in variables
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first = file.read_text().strip()
    assert await code_of(scene, first) == 200

    program = f"""
import os, time
from posit.connect import Client
client = Client()
assert client.oauth.has_content_credentials
met, until = set(), time.monotonic() + 30
while len(met) < 3 and time.monotonic() < until:
    with open(os.environ["CONNECT_CONTENT_SESSION_TOKEN_FILE"]) as file:
        met.add(file.read())
    given = client.oauth.get_content_credentials(audience="{ROBOT}")["access_token"]
    time.sleep(0.2)
print(len(met), given)
"""
    count, token = (await run_as_content(scene, program)).split()
    assert (int(count), scene.server.client_of(token)) == (3, "robot")

    await asyncio.sleep(max(0.0, int(first.partition(".")[0]) - scene.server.clock.now()) + 0.1)
    assert await code_of(scene, first) == 236
    assert await code_of(scene, file.read_text().strip()) == 200


async def test_a_restart_ends_no_token_and_writes_a_new_one(scene: Stage) -> None:
    file = Path((await content_variables(scene))["CONNECT_CONTENT_SESSION_TOKEN_FILE"])
    before = file.read_text().strip()
    await asyncio.sleep(1.1)  # ends are whole seconds
    await scene.sidecar.restart()
    assert file.read_text().strip() != before
    assert await code_of(scene, before) == 200


async def test_the_token_of_a_content_without_a_file_is_none_for_one_with_a_file(scene: Stage) -> None:
    of_stock = (await content_variables(scene, "stock"))["CONNECT_CONTENT_SESSION_TOKEN"]
    assert await code_of(scene, of_stock) == 236
    in_file = Path((await content_variables(scene))["CONNECT_CONTENT_SESSION_TOKEN_FILE"]).read_text().strip()
    answer = await scene.exchange("stock", in_file, subject_token_type=OWN, audience=ROBOT)
    assert json.loads(answer.text)["code"] == 236


async def test_a_folder_that_everybody_may_write_keeps_it_from_starting(scene: Stage) -> None:
    file = Path((await content_variables(scene))["CONNECT_CONTENT_SESSION_TOKEN_FILE"])
    await scene.sidecar.stop()
    file.parent.chmod(0o777)
    with pytest.raises(AssertionError, match="everybody may write into the folder"):
        await scene.sidecar.start()
    file.parent.chmod(0o700)
    await scene.sidecar.start()
