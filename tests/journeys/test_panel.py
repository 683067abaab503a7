"""Panel publishes the headers of a page's request in the page: with its preset there is no access token among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.example_apps import PANEL
from tests.journeys.example_scene import Scene, Tab, look_for_secrets, staged, where_tokens_are

REASON = PANEL.why_not
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.skipif(bool(REASON), reason=REASON or "all is here")]

TTL_S = 4.0
LIFETIMES = 3


async def open_app(scene: Scene, name: str) -> Tab:
    tab = await scene.sign_in(name)
    await tab.sees(f"The API answered {name}")
    assert tab.page.url == scene.app_url
    return tab


async def test_the_app_acts_as_its_viewer_for_hours_and_no_access_token_is_in_any_browser(tmp_path: Path) -> None:
    async with staged(PANEL, tmp_path, ttl_s=TTL_S, sends_tokens=False) as scene:
        ada, bob = await open_app(scene, "Ada Lovelace"), await open_app(scene, "Bob Bärkeley")
        await ada.never_sees("Bob")
        await scene.calls_while_nobody_touches_anything(LIFETIMES)
        for tab in (ada, bob):
            tab.assert_one_open_socket()
            await look_for_secrets(tab, scene.app_url)

        await scene.press_sign_out(ada)
        await ada.assert_closed_by_sign_out()
        await bob.sees("The API answered Bob Bärkeley")


async def test_without_the_preset_the_token_is_in_the_page_and_in_the_websockets_subprotocol(tmp_path: Path) -> None:
    """The control: what the journey above does not find is found where it is."""
    async with staged(PANEL, tmp_path, ttl_s=60.0, headers={"preset": "all"}) as scene:
        ada = await open_app(scene, "Ada Lovelace")
        assert {"page", "script", "body of /orders/", "handshake"} <= await where_tokens_are(ada, scene.app_url)
