"""What all tests share: nothing but the doubles that many of them start."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Generator

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count a skipped test as failed where everything is installed: ``OAUTH_SIDECAR_TESTS_SKIP_NOTHING``."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("OAUTH_SIDECAR_TESTS_SKIP_NOTHING"):
        report.outcome = "failed"
    return report
