"""Worlds, made by a test as it needs them and closed after it; none of them may see a secret in a query."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from ssl import SSLContext

import pytest

from tests.doubles.profiles import ALL
from tests.journeys.authority import Authority
from tests.providers.opening import open_world, spread
from tests.providers.signing import Signing, new_signing
from tests.providers.world import World

Open = Callable[..., Awaitable[World]]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def tls(authority: Authority) -> SSLContext:
    return spread(ALL, authority)


@pytest.fixture(scope="session")
def signing() -> Signing:
    return new_signing()


@pytest.fixture
async def world_of(tmp_path: Path, authority: Authority, tls: SSLContext) -> AsyncIterator[Open]:
    worlds: list[World] = []
    async with AsyncExitStack() as stack:

        async def make(*profiles, **settings) -> World:
            folder = tmp_path / str(len(worlds))
            folder.mkdir()
            worlds.append(await open_world(stack, folder, authority, settings.pop("tls", tls), *profiles, **settings))
            return worlds[-1]

        yield make
    for world in worlds:
        assert [entry.path for place in world.places for entry in place.server.journal if entry.leak_in_query] == []
