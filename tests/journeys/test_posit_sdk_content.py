"""posit-sdk, unmodified, inside content: whose token it gets, what it does with it, and how it learns that there is none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from posit.connect import Client
from posit.connect.errors import ClientError

from proxy.policy.guids import integration_guid
from tests.doubles.vendor_apis import VendorApis
from tests.journeys.content_process import run_as_content
from tests.journeys.sidecar import Setup
from tests.journeys.stage import ACCESS_TOKEN, SESSION_TOKEN, Stage, stage

WAREHOUSE, ROBOT = integration_guid("warehouse"), integration_guid("robot")

DATABRICKS = """
from databricks.sdk.core import ApiClient, Config
from databricks.sdk.service.iam import CurrentUserAPI
from posit.connect.external.databricks import ConnectStrategy, databricks_config

cfg = {config}
print(CurrentUserAPI(ApiClient(cfg)).me().user_name)
"""
"""As posit-sdk's documentation has it, but for Shiny around it."""

SNOWFLAKE = """
import snowflake.connector
from posit.connect.external.snowflake import PositAuthenticator

auth = PositAuthenticator(local_authenticator="EXTERNALBROWSER", {subject})
con = snowflake.connector.connect(
    user="", account="myorg-account", warehouse="WH", authenticator=auth.authenticator, token=auth.token,
    host="{host}", port={port}, protocol="http",
)
print(con.cursor().execute("SELECT CURRENT_USER()").fetchone()[0])
con.close()
"""
"""As posit-sdk's documentation has it, but for Streamlit around it and the address."""


def with_robot(setup: Setup) -> None:
    """Add a service account beside the viewers' integration."""
    [warehouse] = setup.integrations
    config = dict(warehouse["config"]) | {"client_id": "robot", "scopes": "read", "auth_type": "Service Account"}  # type: ignore[call-overload]  # a mapping
    del config["authorization_uri"]
    setup.integrations.append({"name": "robot", "template": "custom", "config": config})
    for content in setup.content:
        content["integrations"] = ["warehouse", "robot"]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, change=with_robot) as the_stage:
        robot = the_stage.server.register("https://nobody.example/", client_id="robot")
        robot.secrets = the_stage.client.secrets
        yield the_stage


async def session_token_of(scene: Stage, person: str = "ada") -> str:
    await scene.signed_in(person)
    return (scene.content.requests[-1].value(SESSION_TOKEN) or b"").decode()


async def credentials(scene: Stage, session_token: str, **more: str) -> dict[str, object] | ClientError:
    """What content's code gets from ``get_credentials``: the credentials, or what the client raises."""

    def ask() -> dict[str, object] | ClientError:
        with Client(scene.setup.api_url, scene.setup.content_keys["sales"]) as client:
            client.session.trust_env = False  # no proxy of this machine in between
            try:
                return dict(client.oauth.get_credentials(session_token, **more))
            except ClientError as error:
                return error

    return await asyncio.to_thread(ask)


# — credentials ———————————————————————————————————————————————————————————————————————————————————


async def test_content_gets_the_token_of_the_viewer_who_asks(scene: Stage) -> None:
    tokens = {person: await session_token_of(scene, person) for person in ("ada", "eve")}
    for person, session_token in tokens.items():
        given = await credentials(scene, session_token, audience=WAREHOUSE)
        assert isinstance(given, dict)
        token, expires_in = str(given.pop("access_token")), given.pop("expires_in")
        assert given == {
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
        }
        assert isinstance(expires_in, int)
        assert 3000 < expires_in <= 3600
        assert [owner.id for owner in [scene.server.owner_of(token)] if owner] == [person]


async def test_content_gets_a_token_of_its_own_and_knows_whether_it_can(scene: Stage) -> None:
    program = f"""
from posit.connect import Client

client = Client()
assert client.oauth.has_content_credentials()
print(client.oauth.get_content_credentials(audience="{ROBOT}").get("access_token"))
"""
    assert scene.server.client_of(await run_as_content(scene, program)) == "robot"


async def test_what_the_exchange_refuses_arrives_as_connects_error(scene: Stage) -> None:
    session_token = await session_token_of(scene)
    refusals = {
        "no such token": await credentials(scene, "a-token-that-never-was", audience=WAREHOUSE),
        "another audience": await credentials(scene, session_token, audience=scene.setup.content_keys["sales"]),
        "no audience of two": await credentials(scene, session_token),
        "a service account": await credentials(scene, session_token, audience=ROBOT),
    }
    said = {what: (one.http_status, one.error_code) for what, one in refusals.items() if isinstance(one, ClientError)}
    assert said == {
        "no such token": (400, 215),
        "another audience": (400, 256),
        "no audience of two": (400, 257),
        "a service account": (400, 252),
    }


async def test_who_has_to_connect_again_is_told_where(scene: Stage) -> None:
    scene.server.access_ttl_s = 2
    session_token = await session_token_of(scene)
    scene.server.grants.revoke_user("ada")
    await scene.until_dead(scene.content.requests[-1].value(ACCESS_TOKEN) or b"")

    given = await credentials(scene, session_token, audience=WAREHOUSE)

    assert isinstance(given, ClientError)
    assert (given.http_status, given.error_code) == (400, 219)
    assert given.error_message.startswith("Refresh token is invalid")
    assert given.payload["login_url"].startswith(f"{scene.sidecar.url}/__oauth__/login?")


async def test_a_client_as_the_viewer_is_refused_with_a_reason(scene: Stage) -> None:
    given = await credentials(scene, await session_token_of(scene), requested_token_type="urn:posit:connect:api-key")
    assert isinstance(given, ClientError)
    assert (given.http_status, given.error_code) == (400, 250)
    assert json.loads(str(given))["error_message"] == given.error_message


# — the vendors' clients, through posit-sdk ———————————————————————————————————————————————————————


@pytest.mark.parametrize("config", ["Config(credentials_strategy", "databricks_config(posit_connect_strategy"])
async def test_the_databricks_strategy_drives_databricks_own_client(scene: Stage, tmp_path: Path, config: str) -> None:
    skip_without("databricks.sdk")
    token = await session_token_of(scene)
    async with VendorApis.running(scene.server) as apis:
        program = DATABRICKS.format(
            config=f'{config}=ConnectStrategy(user_session_token={token!r}, audience="{WAREHOUSE}"), host="{apis.url}")'
        )
        assert await run_as_content(scene, program, more={"HOME": str(tmp_path)}) == "ada"
        assert [(call.what, call.owner) for call in apis.calls] == [("databricks", "ada")]


async def test_the_databricks_strategy_falls_back_to_the_contents_own_account(scene: Stage, tmp_path: Path) -> None:
    skip_without("databricks.sdk")
    async with VendorApis.running(scene.server) as apis:
        program = DATABRICKS.format(
            config=f'Config(credentials_strategy=ConnectStrategy(audience="{ROBOT}"), host="{apis.url}")'
        )
        assert await run_as_content(scene, program, more={"HOME": str(tmp_path)}) == "robot"
        assert [(call.what, call.owner) for call in apis.calls] == [("databricks", "robot")]


async def test_the_databricks_strategy_goes_on_when_a_token_dies(scene: Stage, tmp_path: Path) -> None:
    """It exchanges for every call, so no token is ever too old for one."""
    skip_without("databricks.sdk")
    scene.server.access_ttl_s = 2
    token = await session_token_of(scene)
    async with VendorApis.running(scene.server) as apis:
        program = DATABRICKS.format(
            config="Config(credentials_strategy=ConnectStrategy("
            f'user_session_token={token!r}, audience="{WAREHOUSE}"), host="{apis.url}")'
        )
        program += "import time\ntime.sleep(2.2)\nprint(CurrentUserAPI(ApiClient(cfg)).me().user_name)\n"
        assert await run_as_content(scene, program, more={"HOME": str(tmp_path)}) == "ada"
        assert [call.owner for call in apis.calls] == ["ada", "ada"]
        assert len({call.token for call in apis.calls}) == 2


@pytest.mark.parametrize("subject", ["viewer", "content"])
async def test_the_snowflake_authenticator_connects_as_whom_the_token_is_of(
    scene: Stage, tmp_path: Path, subject: str
) -> None:
    skip_without("snowflake.connector")
    token = await session_token_of(scene)
    subjects = {
        "viewer": f'user_session_token={token!r}, audience="{WAREHOUSE}"',
        "content": "content_session_token=__import__('os').environ['CONNECT_CONTENT_SESSION_TOKEN'], "
        f'audience="{ROBOT}"',
    }
    async with VendorApis.running(scene.server) as apis:
        host, _, port = apis.url.removeprefix("http://").partition(":")
        program = SNOWFLAKE.format(subject=subjects[subject], host=host, port=port)
        said = await run_as_content(scene, program, more={"HOME": str(tmp_path)})
        assert said == {"viewer": "ada", "content": "robot"}[subject]


def skip_without(package: str) -> None:
    try:
        found = find_spec(package)
    except ModuleNotFoundError:  # of a package above it
        found = None
    if found is None:
        pytest.skip(f"{package} is not installed (extra `clients`)")
