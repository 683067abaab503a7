"""Where clients of the Server API meet the running sidecar."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.office import Office, office


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Office]:
    """Ask at ``api.listen``."""
    async with office(tmp_path) as an_office:
        yield an_office


@pytest.fixture(params=["api.listen", "public_url"])
async def anywhere(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Office]:
    """Ask at either address."""
    async with office(tmp_path, public=request.param == "public_url") as an_office:
        yield an_office
