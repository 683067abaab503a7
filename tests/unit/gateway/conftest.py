from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from tests.unit.gateway import harness


def pytest_asyncio_loop_factories(config, item):
    """Run every gateway test on the loop of production and on the plain one."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[harness.Harness]]]:
    running: list[harness.Harness] = []

    async def starting(handler: harness.Handler, **changes: object) -> harness.Harness:
        one = await harness.start(handler, **changes)
        running.append(one)
        return one

    yield starting
    for one in running:
        await one.stop()
