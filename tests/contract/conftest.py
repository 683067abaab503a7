"""The engines that the store's contract holds for; a new one joins with one entry."""

from __future__ import annotations

import pytest

from proxy.store.sqlite import open_store
from tests.contract.records import NOON


async def sqlite(tmp_path):
    return await open_store(tmp_path / "state.db", now=lambda: NOON)


ENGINES = [sqlite]


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.__name__)
async def store(request, tmp_path):
    opened = await request.param(tmp_path)
    yield opened
    await opened.close()
