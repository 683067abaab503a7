"""What all tests share: nothing but the doubles that many of them start."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.protected_api import ProtectedApi


@pytest.fixture
async def authorization_server() -> AsyncIterator[AuthorizationServer]:
    async with AuthorizationServer.running() as server:
        yield server


@pytest.fixture
async def protected_api(authorization_server: AuthorizationServer) -> AsyncIterator[ProtectedApi]:
    async with ProtectedApi.running(authorization_server) as api:
        yield api
