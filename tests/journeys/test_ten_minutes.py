"""Ten minutes with tokens of sixty seconds, through posit-sdk: one WebSocket, and no call to the API that fails.

Time passes ten times as fast for sidecar and provider. The apps call every second, which is every ten seconds of theirs, as the
examples do.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.example_apps import SHINY, STREAMLIT, Example
from tests.journeys.example_scene import staged
from tests.journeys.faketime import why_no_faketime

SPEED = 10
TTL_S = 60.0
LIFETIMES = 10
POSIT_SDK = Path(__file__).parent / "content" / "through_posit_sdk.py"


def of(example: Example) -> object:
    reason = example.why_not or why_no_faketime()
    return pytest.param(example, marks=pytest.mark.skipif(bool(reason), reason=reason or "all is here"))


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("example", [of(STREAMLIT), of(SHINY)], ids=lambda example: example.framework)
async def test_a_page_that_is_open_for_ten_token_lifetimes_never_meets_a_dead_one(
    tmp_path: Path, example: Example
) -> None:
    async with staged(example, tmp_path, ttl_s=TTL_S, speed=SPEED, beside_it=POSIT_SDK) as scene:
        ada, bob = await scene.ada_and_bob()
        asked_before = len(scene.server.token_requests)
        began = scene.server.clock.now()

        calls = await scene.calls_while_nobody_touches_anything(LIFETIMES)

        assert scene.server.clock.now() - began >= TTL_S * LIFETIMES
        for tab in (ada, bob):
            tab.assert_one_open_socket()
        assert scene.api.refused == []
        refreshes = scene.server.token_requests[asked_before:]
        assert {entry.value("grant_type") for entry in refreshes} == {"refresh_token"}
        # Each token is replaced 15 to 20 seconds before its end, when somebody asks: 13 of each viewer, give or take.
        assert 2 * LIFETIMES <= len(refreshes) <= 2 * 20
        assert len({call.token for call in calls}) == pytest.approx(len(refreshes), abs=4)
