"""One real process for a whole module of attacks; each case starts with empty records.

A module of attacks says ``pytestmark = pytest.mark.asyncio(loop_scope="module")``: the doubles live in that loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.attacks.attacker import Attacker
from tests.attacks.oracle import assert_nothing_is_left
from tests.attacks.wire import Wire
from tests.journeys.sidecar import Setup
from tests.journeys.stage import Stage, nothing, stage
from tests.journeys.viewer import Viewer


def house(setup: Setup) -> None:
    """Two more contents: one open to anyone, one for the people of a domain; people have names."""
    upstream = str(setup.content[0]["upstream"])
    setup.add_content("public", upstream, access="anyone")
    setup.add_content("corp", upstream, access={"domains": ["corp.example"]})
    setup.more["sign_in"] = "warehouse"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house_stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """``/sales/`` and ``/salesd/`` with the integration, ``/public/`` and ``/corp/`` (both the first upstream) without.

    A module's ``SETTINGS``, if it has any, are top-level settings for its process; its ``change`` may alter the rest.
    """

    def change(setup: Setup) -> None:
        house(setup)
        setup.more |= getattr(request.module, "SETTINGS", {})
        getattr(request.module, "change", nothing)(setup)

    folder = tmp_path_factory.mktemp("attacks")
    async with stage(folder, contents=("sales", "salesd"), change=change) as the_stage:
        yield the_stage
        await assert_nothing_is_left(the_stage)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(house_stage: Stage) -> Viewer:
    """A viewer who is signed in and has consented for ``/sales/``."""
    return await house_stage.signed_in("ada", "/sales/")


@pytest.fixture
def clean_stage(house_stage: Stage, ada: Viewer) -> Stage:
    """The stage with empty records; Ada is signed in (``ada.cookie_header()``)."""
    for content in house_stage.contents.values():
        content.forget()
    house_stage.server.journal.clear()
    return house_stage


@pytest_asyncio.fixture(loop_scope="module")
async def wire(clean_stage: Stage) -> AsyncIterator[Wire]:
    """A raw connection to the sidecar."""
    async with Wire.to(clean_stage.sidecar.url) as connection:
        yield connection


@pytest.fixture
def attacker(clean_stage: Stage, ada: Viewer) -> Attacker:
    """Somebody with raw sockets, on a stage with empty records."""
    return Attacker(clean_stage, ada)
