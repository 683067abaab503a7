"""A house with an open door."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from proxy.model import Directory
from tests.unit.flows.house import Clock, House, Provider, directory, open_house

Build = Callable[..., Awaitable[House]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
async def build(tmp_path: Path, clock: Clock, provider: Provider) -> AsyncIterator[Build]:
    """Make houses on one state file, one after the other: each call is a restart."""
    houses: list[House] = []

    async def build_one(of: Directory | None = None) -> House:
        if houses:
            await houses[-1].close()
        house = await open_house(tmp_path / "state.db", clock, provider, of or directory(), seed=len(houses) + 1)
        houses.append(house)
        return house

    yield build_one
    if houses:
        await houses[-1].close()


@pytest.fixture
async def house(build: Build) -> House:
    return await build()
