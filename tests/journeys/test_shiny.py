"""Shiny for Python and for R under a path, in a real browser, over TLS: one WebSocket, and tokens that come and go beneath it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.journeys.example_apps import SHINY, SHINY_R, Example
from tests.journeys.example_scene import Scene, look_for_secrets, staged

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TTL_S = 4.0
LIFETIMES = 3


def where_it_runs(example: Example) -> object:
    reason = example.why_not
    return pytest.param(example, marks=pytest.mark.skipif(bool(reason), reason=reason or "all is here"))


@pytest.fixture(params=[where_it_runs(SHINY), where_it_runs(SHINY_R)], ids=["python", "r"])
async def scene(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    async with staged(request.param, tmp_path, ttl_s=TTL_S) as scene:
        yield scene


async def test_one_websocket_outlives_its_tokens_until_the_grant_or_the_session_ends(scene: Scene) -> None:
    ada, bob = await scene.ada_and_bob()
    await scene.calls_while_nobody_touches_anything(LIFETIMES)
    for tab in (ada, bob):
        tab.assert_one_open_socket()
        await look_for_secrets(tab, scene.app_url)

    scene.server.grants.revoke_user("ada")
    await ada.page.get_by_role("link", name="Connect again").click(timeout=20_000)
    await scene.consent(ada.page, "Ada Lovelace")
    await ada.sees("The API answered Ada Lovelace")
    assert ada.page.url == scene.app_url

    await scene.press_sign_out(ada)
    await ada.assert_closed_by_sign_out()
    await expect(ada.page.locator("#shiny-disconnected-overlay")).to_be_visible()
    await bob.sees("The API answered Bob Bärkeley")
    bob.assert_one_open_socket()
