"""The API over real keys and a real store, for what people and keys are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from random import Random

import pytest
import pytest_asyncio

from proxy.flows.api_keys import ApiKeys
from proxy.flows.users import Users
from proxy.model import ApiKey, Content, Directory, Roles
from proxy.sealing import hash_handle
from proxy.store.sqlite import open_store
from proxy.web.routes import api_application
from tests.unit.web.api.described import DescribedClient
from tests.unit.web.api.scene import Scene, running
from tests.unit.web.conftest import (
    ADMINISTRATOR,
    CALLERS,
    SALES,
    SINCE,
    STOCK,
    WAREHOUSE,
    api_services,
    as_served,
)


@dataclass
class Office:
    """An API whose keys and people are real."""

    api: DescribedClient
    keys: ApiKeys
    store: object

    async def get(self, path: str, key: str = ADMINISTRATOR):
        return await self.api.get(path, headers={"Authorization": f"Key {key}"})

    async def said(self, path: str, key: str = ADMINISTRATOR):
        answer = await self.get(path, key)
        assert answer.status == 200, await answer.text()
        return await answer.json()


def configured() -> list[ApiKey]:
    """The keys of the other tests, with hashes that are right."""
    return [replace(key, hash=hash_handle(text)) for text, key in CALLERS.items()]


@pytest.fixture
async def store(flows, tmp_path):
    opened = await open_store(tmp_path / "state.db", now=flows.now)
    yield opened
    await opened.close()


@pytest.fixture
async def office(aiohttp_client, flows, store):
    contents: dict[str, Content] = {content.guid: content for content in (SALES, STOCK)}
    keys = ApiKeys(configured=configured(), contents=contents, store=store, now=flows.now,
                   random_bytes=Random(7).randbytes)  # fmt: skip
    directory = Directory(contents=contents, integrations={WAREHOUSE.guid: WAREHOUSE}, sign_in=WAREHOUSE.guid)
    roles = Roles(administrators=frozenset({"grace@example.org"}), publishers=frozenset({"linus@example.org"}))
    users = Users(directory=directory, roles=roles, store=store, keys=keys, since=lambda: SINCE)
    app = api_application(api_services(flows, keys=keys, users=users))
    return Office(api=DescribedClient(await aiohttp_client(await as_served(app))), keys=keys, store=store)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory) -> AsyncIterator[Scene]:
    """The whole sidecar, one for all tests of a module: they change nothing, or put it back."""
    async with running(tmp_path_factory.mktemp("scene")) as scene:
        yield scene
