"""The main job on real input: Streamlit under a path, in a real browser, over TLS, through ten token lifetimes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.example_apps import STREAMLIT
from tests.journeys.example_scene import Scene, Tab, look_for_secrets, staged

REASON = STREAMLIT.why_not
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.skipif(bool(REASON), reason=REASON or "all is here")]

TTL_S = 5.0
LIFETIMES = 10


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with staged(STREAMLIT, tmp_path, ttl_s=TTL_S) as scene:
        yield scene


async def test_a_viewer_sees_their_own_orders_for_as_long_as_the_page_is_open(scene: Scene) -> None:
    ada, bob = await scene.ada_and_bob()
    await scene.calls_while_nobody_touches_anything(LIFETIMES)
    for tab in (ada, bob):
        tab.assert_one_open_socket()
        await look_for_secrets(tab, scene.app_url)

    await sign_out(ada, scene)
    await ada.assert_closed_by_sign_out()
    await bob.sees("The API answered Bob Bärkeley")
    assert not bob.sockets[0].is_closed()


async def sign_out(tab: Tab, scene: Scene) -> None:
    """Sign out in a second tab, with a form of its own as Streamlit shows none; the next visit starts the flow."""
    second = await tab.page.context.new_page()
    await second.goto(f"{scene.app_url}_stcore/health")
    async with second.expect_navigation():
        await second.evaluate(
            "const form = document.createElement('form'); form.method = 'post'; form.action = '/__oauth__/logout';"
            "document.body.append(form); form.submit()"
        )
    assert second.url.startswith(scene.setup.url)
    await second.goto(scene.app_url)
    assert second.url.startswith(scene.server.url)
