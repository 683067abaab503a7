"""The example apps at `/`, where they have the whole origin, in a real browser, over TLS."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.example_apps import DASH, SHINY, STREAMLIT, Example
from tests.journeys.example_scene import look_for_secrets, staged

EXAMPLES = [
    pytest.param(app, marks=pytest.mark.skipif(bool(app.why_not), reason=app.why_not or "all is here"))
    for app in (STREAMLIT, SHINY, DASH)
]
pytestmark = [pytest.mark.browser, pytest.mark.slow]

TTL_S = 4.0


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.framework)
async def test_an_app_at_the_root_shows_each_viewer_what_is_theirs(tmp_path: Path, example: Example) -> None:
    async with staged(example, tmp_path, ttl_s=TTL_S, path="/") as scene:
        ada, bob = await scene.ada_and_bob()
        await scene.calls_while_nobody_touches_anything(lifetimes=1)
        for tab in (ada, bob):
            await look_for_secrets(tab, scene.app_url)
            assert tab.sight.errors(scene.app_url) == []
