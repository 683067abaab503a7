"""Integration types through the real process: what goes to their servers is theirs, and content gets the token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.doubles.profile import PLAIN
from tests.doubles.rules import query_of
from tests.journeys.sidecar import Setup
from tests.journeys.stage import stage

TYPES: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "snowflake": (
        {"account_url": "myorg-acct.snowflakecomputing.com", "scopes": "session:role:ANALYST"},
        {"scope": "session:role:ANALYST refresh_token"},
        "post",
    ),
    "databricks": (
        {"workspace_host": "{url}", "token_endpoint_auth_method": "client_secret_basic"},
        {"scope": "all-apis offline_access"},
        "basic",
    ),
    "github": ({}, {}, "post"),
    "bigquery": (
        {"authorization_parameters": "prompt=select_account"},
        {
            "access_type": "offline",
            "prompt": "select_account",
            "scope": "openid email profile https://www.googleapis.com/auth/bigquery",
        },
        "post",
    ),
}
"""Type → what its integration says beside the double's endpoints, what viewers are sent with, how the secret is shown."""


@pytest.mark.parametrize("template", TYPES)
async def test_a_type_asks_for_what_is_its_own_and_content_gets_the_token(tmp_path: Path, template: str) -> None:
    config, expected, client_auth = TYPES[template]

    async with stage(tmp_path, change=lambda setup: become(setup, template, config)) as scene:
        if template == "databricks":  # it does not decode what Basic carries
            scene.server.profile = replace(PLAIN, basic_encoding="raw")
        viewer = await scene.viewer("ada")
        at_provider = await viewer.until_redirected_to(scene.server.url, "/sales/")
        asked = query_of(at_provider.location)
        assert asked["code_challenge_method"] == "S256"
        assert {name: asked.get(name) for name in expected} == expected
        if template == "bigquery":  # Google says who it is in each callback, and this double is not Google
            return
        page = await viewer.follow(at_provider)

        assert page.status == 200, page.text[:300]
        assert scene.owner_of(scene.new_content_request()) == "ada"
        [request] = scene.server.token_requests
        assert (request.outcome, request.client_auth) == ("ok", client_auth)
        assert (request.value("client_id") is None) is (client_auth == "basic")


def become(setup: Setup, template: str, config: Mapping[str, str]) -> None:
    """Make the integration one of this type, with the double's endpoints in the place of its own."""
    [integration] = setup.integrations
    known = integration["config"]
    assert isinstance(known, dict)
    kept = {name: known[name] for name in ("authorization_uri", "token_uri", "client_id", "client_secret")}
    place = known["token_uri"].removesuffix("/token")
    integration |= {"template": template, "config": kept | {n: v.replace("{url}", place) for n, v in config.items()}}
