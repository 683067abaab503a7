"""The ``curl`` of the owner's document, as the documentation shows it: nothing but the host name is another."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.content_process import CHECKOUT
from tests.journeys.office import BOB, EVE, Office, office

CURL = re.compile(r"```sh\n(curl -H .*?/associations \\\n.*?)```", re.DOTALL)

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.fixture(params=["api.listen", "public_url"])
async def place(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Office]:
    async with office(tmp_path, public=request.param == "public_url") as an_office:
        yield an_office


def documented() -> str:
    [found] = CURL.findall((CHECKOUT / "docs" / "coming-from-posit-connect.md").read_text())
    return str(found)


async def run(place: Office, who: str, integration: str, content: str) -> subprocess.CompletedProcess[str]:
    command = documented()
    for placeholder, value in {
        "https://connect.example.org": place.url,
        "<content-guid>": content,
        "<oauth-integration-guid>": integration,
    }.items():
        assert command.count(placeholder) == 1
        command = command.replace(placeholder, value)
    return await asyncio.to_thread(
        subprocess.run,
        ["bash", "-euc", command],
        env={"PATH": os.environ["PATH"], "CONNECT_API_KEY": place.keys[who], "NO_PROXY": "*"},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


async def test_it_associates_and_the_next_visit_asks_for_consent(place: Office) -> None:
    guid = await place.registered()

    said = await run(place, BOB, guid, place.sales)

    assert (said.returncode, said.stdout) == (0, ""), said.stderr
    session_token = await place.session_token_of("ada")
    token = await place.asks("sales", lambda client: client.oauth.get_credentials(session_token)["access_token"])
    assert [owner.id for owner in [place.crm.owner_of(token)] if owner] == ["ada"]


async def test_whoever_may_not_reads_why_and_nothing_changes(place: Office) -> None:
    guid = await place.registered()

    refused = json.loads((await run(place, EVE, guid, place.sales)).stdout)

    assert refused["code"] == 22
    assert refused["error"]
    assert await place.asks(BOB, lambda client: client.content.get(place.sales).oauth.associations.find()) == []
