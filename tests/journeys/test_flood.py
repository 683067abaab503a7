"""Visitors without a session cost nothing that lasts: no row, no memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.attacks.wire import Wire, request
from tests.journeys.sidecar import Setup
from tests.journeys.stage import Stage, stage
from tests.journeys.stored import audited, rows
from tests.journeys.viewer import NAVIGATION

LINES = [f"{name}: {value}".encode() for name, value in NAVIGATION.items()]
WARM_UP = 10_000
"""Visits after which caches and the allocator have what they need."""

MOST_GROWTH_BYTES = 8 * 1024**2
"""Noise of the allocator; 90,000 forgotten visits of a hundred bytes each would be more."""


def without_a_limit_of_starts(setup: Setup) -> None:
    """All visits come from one address; what is asked here is what a start costs, not how many there may be."""
    setup.more["limits"] = {"max_sign_in_starts_per_address_per_minute": 0}


async def visits(scene: Stage, count: int) -> None:
    """Open that many pages without any cookie, on one connection, following nothing."""
    async with Wire.to(scene.sidecar.url) as wire:
        for number in range(count):
            host = f"localhost:{scene.setup.port}".encode()
            await wire.send(request(b"/sales/%d" % number, *LINES, host=host))
            response = await wire.response()
            assert response.status in {302, 303}
            assert (response.value(b"Location") or b"").startswith(scene.server.url.encode())


async def flood(scene: Stage, count: int, *, connections: int = 8) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(visits(scene, count // connections))


@pytest.mark.parametrize("count", [20_000, pytest.param(100_000, marks=pytest.mark.slow)])
async def test_visits_without_a_session_leave_nothing_behind(tmp_path: Path, count: int) -> None:
    async with stage(tmp_path, change=without_a_limit_of_starts) as scene:
        at_start = rows(scene.setup.state_file)
        await flood(scene, WARM_UP)
        before = scene.sidecar.rss_bytes
        await flood(scene, count - WARM_UP)
        assert scene.sidecar.rss_bytes - before < MOST_GROWTH_BYTES
        assert rows(scene.setup.state_file) == at_start
        assert (scene.content.hits, len(scene.server.journal)) == (0, 0)
        assert await scene.sidecar.stop() == 0
        assert rows(scene.setup.state_file) == at_start
        assert at_start.keys() <= {"noted_integration", "first_seen", "configured"}, "nobody was there yet"
        assert audited(scene.setup.state_file) == {"configuration_loaded"}, "a visit is nothing to write down"
        assert scene.sidecar.log.count(b"\n") < 100, "nor does a visit write a line"
