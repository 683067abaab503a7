"""Keys of the Server API, made and revoked at a terminal beside the real process, and shown where viewers come by."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.sidecar import REPOSITORY, Setup
from tests.journeys.stage import Stage, stage

NOTICED_WITHIN_S = 5.0
"""A second is promised; two busy cores may take longer."""


def public(setup: Setup) -> None:
    api = setup.document()["api"]
    assert isinstance(api, dict)
    setup.more["api"] = api | {"public": True}


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, change=public) as the_stage:
        yield the_stage


async def command(scene: Stage, *arguments: str) -> str:
    """Run ``oauth-sidecar api-key …`` and return what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy", "api-key", *arguments, "-c", str(scene.setup.folder / "config.yaml"),
        cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    return out.decode().strip()


async def asks(scene: Stage, key: str, path: str = "/__api__/v1/user", *, at: str = "") -> tuple[int, object]:
    async with scene.http.get((at or scene.setup.api_url) + path, headers={"Authorization": f"Key {key}"}) as answer:
        return answer.status, await answer.json()


async def until(scene: Stage, key: str, status: int) -> None:
    async with asyncio.timeout(NOTICED_WITHIN_S):
        while (await asks(scene, key))[0] != status:
            await asyncio.sleep(0.05)


async def test_a_key_works_from_its_making_to_its_revocation_here_there_and_across_restarts(scene: Stage) -> None:
    key = await command(scene, "create", "--name", "bob", "--role", "publisher", "--user", "bob@example.org")
    await until(scene, key, 200)

    for address in (scene.setup.api_url, scene.sidecar.url):
        status, contents = await asks(scene, key, "/__api__/v1/content", at=address)
        assert (status, [content["app_role"] for content in contents]) == (200, ["owner"])
        assert (await asks(scene, key, "/__api__/v1/api_keys", at=address))[0] == 403

    await scene.sidecar.restart()
    assert (await asks(scene, key))[0] == 200
    await scene.sidecar.restart()  # writes when keys were last used
    [bob] = [one for one in json.loads(await command(scene, "list", "--json")) if one["name"] == "bob"]
    assert bob["last_used"] is not None

    assert await command(scene, "revoke", "bob") == "API key bob revoked"
    await until(scene, key, 401)
    assert (await asks(scene, key, at=scene.sidecar.url))[0] == 401
    assert key.encode() not in scene.sidecar.log
    assert all(key.encode() not in file.read_bytes() for file in scene.setup.folder.glob("state.db*"))


async def test_a_key_revoked_over_the_api_is_refused_by_the_next_request(scene: Stage) -> None:
    ops = await command(scene, "create", "--name", "ops", "--role", "administrator")
    await until(scene, ops, 200)
    url = scene.sidecar.url + "/__api__/v1/api_keys"
    authorized = {"Authorization": f"Key {ops}"}
    async with scene.http.post(url, json={"name": "t", "role": "administrator"}, headers=authorized) as answer:
        made = await answer.json()
    assert (await asks(scene, made["key"]))[0] == 200
    async with scene.http.delete(f"{url}/{made['guid']}", headers=authorized) as answer:
        assert answer.status == 204
    assert (await asks(scene, made["key"]))[0] == 401
    assert (await asks(scene, ops))[0] == 200
