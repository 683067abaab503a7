"""Dash under a path, in a real browser, over TLS: each callback is a request of its own, with a token that is fresh."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Response

from tests.journeys.example_apps import DASH
from tests.journeys.example_scene import Scene, Tab, look_for_secrets, staged

REASON = DASH.why_not
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.skipif(bool(REASON), reason=REASON or "all is here")]

TTL_S = 4.0
LIFETIMES = 3
CALLBACK = "/orders/_dash-update-component"


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with staged(DASH, tmp_path, ttl_s=TTL_S) as scene:
        yield scene


async def test_callbacks_act_as_their_viewer_until_the_grant_or_the_session_ends(scene: Scene) -> None:
    ada, bob = await scene.ada_and_bob()
    await scene.calls_while_nobody_touches_anything(LIFETIMES)
    for tab in (ada, bob):
        await look_for_secrets(tab, scene.app_url)

    scene.server.grants.revoke_user("ada")
    assert await status_of_a_callback(ada, refused=True) == 401, "each callback is a request, so the sidecar says it"
    await ada.page.reload()
    await scene.consent(ada.page, "Ada Lovelace")
    await ada.sees("The API answered Ada Lovelace")
    assert ada.page.url == scene.app_url

    await scene.press_sign_out(ada)
    assert await status_of_a_callback(ada, refused=True) == 401
    calls = len(scene.api.calls)
    assert await status_of_a_callback(bob) == 200
    await bob.sees("The API answered Bob Bärkeley")
    assert {call.user_id for call in scene.api.calls[calls:]} == {"bob"}


async def status_of_a_callback(tab: Tab, *, refused: bool = False) -> int:
    """Wait for the page's next callback, or the next one that is refused; return its status."""

    def is_it(answer: Response) -> bool:
        return urlsplit(answer.url).path == CALLBACK and not (refused and answer.ok)

    async with tab.page.expect_response(is_it, timeout=15_000) as answered:
        pass
    return (await answered.value).status
