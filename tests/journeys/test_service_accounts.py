"""A content asks for itself: the token of a service account, over the real process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.policy.guids import integration_guid
from tests.doubles import faults
from tests.journeys.content_process import content_variables, run_as_content
from tests.journeys.sidecar import Setup
from tests.journeys.stage import ACCESS_TOKEN, SESSION_TOKEN, Stage, stage
from tests.journeys.viewer import Page

OWN = "urn:posit:connect:content-session-token"
ROBOT = "12121212-1212-4212-8212-121212121212"


def with_robot(setup: Setup) -> None:
    [warehouse] = setup.integrations
    config = dict(warehouse["config"]) | {"client_id": "robot", "scopes": "read", "auth_type": "Service Account"}  # type: ignore[call-overload]  # a mapping
    del config["authorization_uri"]
    setup.integrations.append({"name": "robot", "guid": ROBOT, "template": "custom", "config": config})
    for content in setup.content:
        content["integrations"] = ["warehouse", "robot"]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, contents=("sales", "stock"), change=with_robot) as the_stage:
        robot = the_stage.server.register("https://nobody.example/", client_id="robot")
        robot.secrets = the_stage.client.secrets
        yield the_stage


async def own(scene: Stage, content: str = "sales", *, of: str = "", **form: str) -> Page:
    """Ask as a content does that has what ``content-env`` prints (``of``: for another content)."""
    token = (await content_variables(scene, of or content))["CONNECT_CONTENT_SESSION_TOKEN"]
    return await scene.exchange(content, token, **{"subject_token_type": OWN, "audience": ROBOT, **form})


def asked(scene: Stage) -> list[str]:
    return [entry.value("grant_type") or "" for entry in scene.server.token_requests]


async def test_content_gets_a_token_of_its_own_before_anybody_visits(scene: Stage) -> None:
    answer = await own(scene)
    given = json.loads(answer.text)
    assert (answer.status, given["token_type"]) == (200, "Bearer")
    assert 3000 < given["expires_in"] <= 3600
    assert scene.server.client_of(given["access_token"]) == "robot"
    assert scene.server.owner_of(given["access_token"]) is None
    [request] = scene.server.token_requests
    assert (request.value("grant_type"), request.value("scope")) == ("client_credentials", "read")


async def test_fifty_questions_of_two_contents_are_one_request(scene: Stage) -> None:
    tokens = {
        name: (await content_variables(scene, name))["CONNECT_CONTENT_SESSION_TOKEN"] for name in ("sales", "stock")
    }
    form = {"subject_token_type": OWN, "audience": ROBOT}
    answers = await asyncio.gather(
        *(scene.exchange(name, token, **form) for _ in range(25) for name, token in tokens.items())
    )
    assert {answer.status for answer in answers} == {200}
    assert len({json.loads(answer.text)["access_token"] for answer in answers}) == 1
    assert asked(scene) == ["client_credentials"]


async def test_posit_sdk_gets_it_unmodified(scene: Stage) -> None:
    program = f"""
from posit.connect import Client
client = Client()
assert client.oauth.has_content_credentials
print(client.oauth.get_content_credentials(audience="{ROBOT}")["access_token"])
"""
    assert scene.server.client_of(await run_as_content(scene, program)) == "robot"


async def test_viewers_consent_to_nothing_more_and_never_carry_it(scene: Stage) -> None:
    given = json.loads((await own(scene)).text)["access_token"]
    await scene.signed_in("ada")
    seen = scene.new_content_request()
    assert scene.owner_of(seen) == "ada"
    assert seen.values(ACCESS_TOKEN) == seen.values(b"X-Forwarded-Access-Token-Warehouse")
    assert given.encode() not in seen.head
    assert asked(scene) == ["client_credentials", "authorization_code"]


async def test_what_does_not_fit_is_refused_with_connects_codes(scene: Stage) -> None:
    await scene.signed_in("ada")
    viewers = (scene.new_content_request().value(SESSION_TOKEN) or b"").decode()
    answers = {
        "a viewer's token for the robot": await scene.exchange("sales", viewers, audience=ROBOT),
        "a viewer's token as the content's": await own_with(scene, viewers),
        "another content's": await own(scene, of="stock"),
        "none": await own_with(scene, ""),
        "the robot's for a viewer integration": await own(scene, audience=integration_guid("warehouse")),
        "none of several": await own(scene, audience=""),
        "nobody's": await own(scene, audience="13131313-1313-4313-8313-131313131313"),
    }
    assert {name: (answer.status, json.loads(answer.text)["code"]) for name, answer in answers.items()} == {
        "a viewer's token for the robot": (400, 252),
        "a viewer's token as the content's": (400, 236),
        "another content's": (400, 236),
        "none": (400, 236),
        "the robot's for a viewer integration": (400, 252),
        "none of several": (400, 257),
        "nobody's": (400, 256),
    }
    assert asked(scene) == ["authorization_code"]


async def test_a_refused_client_is_asked_about_once_and_said_to_be_down(scene: Stage) -> None:
    scene.server.faults.always("token", faults.status(401, error="invalid_client"))
    answers = [await own(scene) for _ in range(3)]
    assert [(answer.status, json.loads(answer.text)["code"]) for answer in answers] == [(503, 241)] * 3
    assert all(0 < int(answer.headers["Retry-After"]) <= 60 for answer in answers)
    assert len(scene.server.token_requests) == 1
    assert scene.sidecar.log.count(b"needs its administrator") == 1


async def own_with(scene: Stage, token: str) -> Page:
    return await scene.exchange("sales", token, subject_token_type=OWN, audience=ROBOT)
