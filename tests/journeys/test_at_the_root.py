"""The example apps at `/`, where they have the whole origin, in a real browser, over TLS: public_url's, or one of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.chromium import SITE
from tests.journeys.example_apps import DASH, SHINY, SHINY_R, STREAMLIT, Example
from tests.journeys.example_scene import Scene, look_for_secrets, staged

EXAMPLES = [
    pytest.param(app, marks=pytest.mark.skipif(bool(app.why_not), reason=app.why_not or "all is here"))
    for app in (STREAMLIT, SHINY, SHINY_R, DASH)
]
pytestmark = [pytest.mark.browser, pytest.mark.slow]

TTL_S = 4.0


async def shows_each_viewer_what_is_theirs(scene: Scene) -> None:
    ada, bob = await scene.ada_and_bob()
    await scene.calls_while_nobody_touches_anything(lifetimes=1)
    for tab in (ada, bob):
        await look_for_secrets(tab, scene.app_url)
        assert tab.sight.errors(scene.app_url) == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.framework)
async def test_an_app_at_the_root_shows_each_viewer_what_is_theirs(tmp_path: Path, example: Example) -> None:
    async with staged(example, tmp_path, ttl_s=TTL_S, path="/") as scene:
        await shows_each_viewer_what_is_theirs(scene)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.framework)
async def test_an_app_on_a_host_of_its_own_shows_each_viewer_what_is_theirs(tmp_path: Path, example: Example) -> None:
    async with staged(example, tmp_path, ttl_s=TTL_S, host=f"orders.{SITE}") as scene:
        await shows_each_viewer_what_is_theirs(scene)
        assert scene.app_url.encode() not in scene.tap.from_content, "it needs to be told of no host"
        assert f"X-Forwarded-Host: orders.{SITE}:".encode() in scene.tap.to_content
        assert b"X-Forwarded-Prefix" not in scene.tap.to_content


@pytest.mark.skipif(bool(SHINY.why_not), reason=SHINY.why_not or "all is here")
async def test_the_apps_own_sign_out_button_works_on_a_host_of_its_own(tmp_path: Path) -> None:
    async with staged(SHINY, tmp_path, ttl_s=TTL_S, host=f"orders.{SITE}") as scene:
        ada, bob = await scene.ada_and_bob()
        await scene.press_sign_out(ada)
        await ada.assert_closed_by_sign_out()
        await bob.sees("The API answered Bob Bärkeley")
        bob.assert_one_open_socket()
