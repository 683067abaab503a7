"""What ended here is worth nothing at the provider, whoever ended it: seen from the provider, through the real process."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.doubles import faults
from tests.journeys.stage import ACCESS_TOKEN, Stage, stage
from tests.journeys.test_endings import operator, sign_in_with_the_warehouse
from tests.journeys.viewer import Viewer

WITHIN_S = 15.0


async def given_back(scene: Stage, count: int) -> list[tuple[str | None, str | None, str]]:
    """Wait for so many revocations; return token, hint and outcome of each."""
    async with asyncio.timeout(WITHIN_S):
        while len(scene.server.journal.at("/revoke")) < count:
            await asyncio.sleep(0.1)
    seen = scene.server.journal.at("/revoke")
    return [(entry.value("token"), entry.value("token_type_hint"), entry.outcome) for entry in seen]


def last_access_token(scene: Stage) -> str:
    return (scene.content.requests[-1].value(ACCESS_TOKEN) or b"").decode()


async def sign_out(viewer: Viewer, body: str) -> None:
    headers = {
        "Origin": viewer.url,
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    answer = await viewer.send("POST", "/__oauth__/logout", headers=headers, body=body.encode())
    assert answer.status == 303


async def test_the_command_line_ends_a_grant_at_the_provider_too(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        await scene.signed_in("ada")
        access_token = last_access_token(scene)
        assert scene.server.owner_of(access_token) is not None
        await operator(scene, "disconnect", "--all", "--integration", "warehouse")
        (refresh, first, _), (access, second, _) = await given_back(scene, 2)
        assert (first, access, second) == ("refresh_token", access_token, "access_token")
        assert refresh in {token for family in scene.server.grants.families for token in family.refresh_tokens}
        assert scene.server.owner_of(access_token) is None


async def test_a_restart_between_the_end_and_the_provider_loses_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        await scene.signed_in("ada")
        access_token = last_access_token(scene)
        assert await scene.sidecar.stop() == 0
        await operator(scene, "disconnect", "--all", "--integration", "warehouse")
        await scene.sidecar.start()
        await given_back(scene, 2)
        assert scene.server.owner_of(access_token) is None


async def test_signing_out_does_not_wait_for_a_provider_that_is_down(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        viewer = await scene.signed_in("ada")
        scene.server.faults.always("revoke", faults.TIMEOUT)
        async with asyncio.timeout(5):
            await sign_out(viewer, "")
        assert (await viewer.xhr("/sales/")).status == 401
        async with asyncio.timeout(WITHIN_S):
            while not scene.server.journal.at("/revoke"):
                await asyncio.sleep(0.1)


async def test_signing_out_everywhere_ends_the_other_browser_and_the_grant(tmp_path: Path) -> None:
    async with stage(tmp_path, change=sign_in_with_the_warehouse) as scene:
        laptop, desk = await scene.signed_in("ada"), await scene.signed_in("ada")
        bob = await scene.signed_in("bob")
        await sign_out(laptop, "everywhere=yes")
        assert (await laptop.xhr("/sales/")).status == 401
        assert (await desk.xhr("/sales/")).status == 401
        assert (await bob.xhr("/sales/")).status == 200
        await given_back(scene, 2)
        assert scene.server.owner_of(last_access_token(scene)) is not None  # it was Bob's
        assert (await desk.visit("/sales/")).status == 200
