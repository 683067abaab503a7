"""Who may what, cell by cell, asked of the real process: on the listener of contents, and where viewers come by."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from proxy.policy.guids import content_guid
from proxy.policy.permissions import ABOUT_CONTENT, TABLE, Grant, Verb
from proxy.web.guards import CallerMay
from proxy.web.routes import API_LISTENER, Route
from tests.journeys.sidecar import Setup
from tests.journeys.stage import Stage, stage

KEYS = {
    "publisher": "eves-Hq7Zr2vTn5wXy8Bd3Fh6Jm9Lp4Ss1U0",
    "owner": "bobs-Kq7Zr2vTn5wXy8Bd3Fh6Jm9Lp4Ss1U0c",
    "administrator": "opss-Wq7Zr2vTn5wXy8Bd3Fh6Jm9Lp4Ss1U0",
}
NOTHING = "00000000-0000-4000-8000-000000000000"


def change(setup: Setup) -> None:
    """Sales is Bob's, and open to one address: no publisher may see it but its owner."""
    setup.content[0] |= {"access": {"emails": ["ada@example.org"]}}
    setup.more["sign_in"] = "warehouse"
    api = setup.document()["api"]
    assert isinstance(api, dict)
    people = [
        {"name": "eve", "role": "publisher", "user": "eve@example.org", "key": KEYS["publisher"]},
        {"name": "bob", "role": "publisher", "user": "bob@example.org", "key": KEYS["owner"]},
        {"name": "ops", "role": "administrator", "key": KEYS["administrator"]},
    ]
    setup.more["api"] = api | {"public": True, "keys": [*api["keys"], *people]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with stage(tmp_path_factory.mktemp("permissions"), change=change) as the_stage:
        yield the_stage


def expected(verb: Verb, who: str) -> Grant:
    """About sales, and about nothing that is there: what is theirs is 404 then, and no longer a question of who asks."""
    grant: Grant = getattr(TABLE[verb], who)
    if grant is Grant.OWN and verb in ABOUT_CONTENT and who == "publisher":
        return Grant.NO
    return Grant.YES if grant is Grant.OWN else grant


async def asked(scene: Stage, at: str, method: str, path: str, key: str | None) -> tuple[int, int | None]:
    """Ask with a body that makes nothing; return status and code."""
    headers = {} if key is None else {"Authorization": f"Key {key}"}
    body = b"{}" if method in {"POST", "PATCH", "PUT"} and not path.endswith(("credentials", "verify")) else b""
    async with scene.http.request(method, at + path, headers=headers, data=body, allow_redirects=False) as answer:
        text = await answer.text()
        said = json.loads(text) if text else None
        return answer.status, said.get("code") if isinstance(said, dict) else None


ROUTES: list[tuple[Verb, Route]] = [(row.guard.verb, row) for row in API_LISTENER if isinstance(row.guard, CallerMay)]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("who", ["anonymous", "content", "publisher", "owner", "administrator"])
async def test_the_process_does_what_the_table_says(scene: Stage, who: str) -> None:
    key = {"anonymous": None, "content": scene.setup.content_keys["sales"], **KEYS}[who]
    rows = [(verb, row.method, row.path) for verb, row in ROUTES]
    rows.append((Verb.LIST_ALL_OAUTH_SESSIONS, "GET", "/__api__/v1/oauth/sessions?all=True"))
    wrong = []
    for verb, method, pattern in rows:
        path = (
            pattern.replace("{content_guid}", content_guid("sales"))
            .replace("{guid}", NOTHING)
            .replace("{key}", "custom")
        )
        for at in (scene.setup.api_url, scene.sidecar.url):
            status, code = await asked(scene, at, method, path, key)
            if TABLE[verb].is_local and at == scene.sidecar.url:
                is_right = status in {401, 404} if who == "anonymous" else status == 404
            else:
                match expected(verb, who):
                    case Grant.YES:
                        is_right = status not in {401, 403, 405} and status < 500
                    case Grant.NO:
                        is_right = (status, code) == (403, TABLE[verb].code)
                    case _:
                        is_right = (status, code) == (401, 24)
            if not is_right:
                wrong.append((verb.value, method, path, at, status, code))
    assert wrong == []
