"""The code flow with every vendor (groups 1 and 18 of the doubles' list): what goes out, what comes of it."""

import re
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from proxy.flows.callback_outcomes import Granted
from proxy.oauth.pkce import s256_challenge
from tests.doubles.profiles import ALL, databricks, snowflake
from tests.doubles.profiles.azure import AZURE, SQL
from tests.doubles.profiles.google import GOOGLE
from tests.doubles.profiles.okta import OKTA
from tests.doubles.rules import query_of
from tests.unit.flows.house import REDIRECT_URI

every_vendor = pytest.mark.parametrize("profile", ALL, ids=lambda profile: profile.name)


@every_vendor
async def test_a_viewer_comes_back_with_a_token_that_the_vendor_knows(world_of, profile):
    world = await world_of(profile)
    seat = await world.signed_in("ada")
    assert world.server.owner_of(await world.token(seat)).id == "ada"
    assert [entry.outcome for entry in world.server.token_requests] == ["ok"]


@every_vendor
async def test_state_is_new_each_time_and_the_code_is_bound_to_us(world_of, profile):
    world = await world_of(profile)
    asked = [query_of(await world.start()) for _ in range(2)]
    assert asked[0]["state"] != asked[1]["state"]
    assert min(len(one["state"]) for one in asked) >= 43
    assert {one["code_challenge_method"] for one in asked} == {"S256"}
    assert asked[0]["code_challenge"] != asked[1]["code_challenge"]
    assert ("nonce" in asked[0]) is ("openid" in asked[0].get("scope", "").split())


@every_vendor
async def test_the_verifier_fits_and_the_redirect_uri_is_the_same_in_both_legs(world_of, profile):
    world = await world_of(profile)
    url = await world.start()
    assert isinstance(await world.come_back(await world.visit(url)), Granted)
    [request] = world.server.token_requests
    verifier = request.value("code_verifier")
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier)
    assert s256_challenge(verifier) == query_of(url)["code_challenge"]
    assert request.value("redirect_uri") == query_of(url)["redirect_uri"] == REDIRECT_URI
    assert request.header("Accept") == "application/json"


SCOPES = {
    "azure": f"openid profile email {SQL}/.default offline_access",
    "databricks": "all-apis offline_access",
    "snowflake": "session:role:ANALYST refresh_token",
    "google": "openid email profile",
    "okta": "openid profile email offline_access",
    "auth0": "openid profile email offline_access",
    "keycloak": "openid profile email",
    "oidc": "openid profile email offline_access",
}


@pytest.mark.parametrize("name", SCOPES)
async def test_each_vendor_is_asked_for_what_yields_a_refresh_token(world_of, name):
    world = await world_of(next(profile for profile in ALL if profile.name == name))
    assert query_of(await world.start())["scope"] == SCOPES[name]
    assert await world.refresh_token(await world.signed_in()) is not None


@pytest.mark.parametrize("profile", [one for one in ALL if one.name != "github-oauth-app"], ids=lambda one: one.name)
async def test_only_entra_is_told_a_scope_when_it_refreshes(world_of, profile):
    world = await world_of(profile)
    asked = query_of(await world.start()).get("scope")
    seat = await world.signed_in()
    before = await world.token(seat)
    world.clock.advance(profile.access_ttl_s + profile.access_spread_s + 1)
    assert await world.token(seat) != before
    [refresh] = world.server.refreshes
    assert (refresh.value("scope"), refresh.outcome) == (asked if profile.template == "azure" else None, "ok")


async def test_google_gives_a_new_refresh_token_at_each_consent(world_of):
    world = await world_of(GOOGLE)
    seat = await world.signed_in()
    first = await world.refresh_token(seat)
    assert isinstance(await world.consent(session_id=seat.session_id), Granted)
    assert await world.refresh_token(seat) not in {None, first}


async def test_entra_is_asked_for_one_resource_and_gives_its_token(world_of):
    world = await world_of(AZURE)
    token = await world.token(await world.signed_in())
    assert world.server.grants.access_tokens[token].scope.split()[0] == f"{SQL}/.default"
    status, _ = await world.call("https://graph.microsoft.com/v1.0/me", token)
    assert status == 401, "the token is of another API"


@pytest.mark.parametrize("profile", [snowflake.SNOWFLAKE, databricks.DATABRICKS, GOOGLE], ids=lambda one: one.name)
async def test_scopes_that_an_administrator_adds_later_do_not_break_a_refresh(world_of, profile):
    world = await world_of(profile)
    seat = await world.signed_in()
    wider = replace(world.first.integration, config={**world.first.integration.config, "scopes": "sql more"})
    world.clock.advance(profile.access_ttl_s + 1)
    answer = await world.house.keeper.fresh(seat.viewer_guid, wider)
    assert world.server.owner_of(answer.access_token.reveal()).id == "ada"


async def test_boxes_that_a_viewer_left_unticked_are_seen_in_the_log(world_of):
    world = await world_of(GOOGLE)
    world.server.decisions.append("reduce_scope:openid email")
    with capture_logs() as logs:
        seat = await world.signed_in()
    [line] = [line for line in logs if line["event"] == "authorization completed"]
    assert line["not_granted"] == ("profile",)
    assert (await world.row(seat)).scope == "openid email"


@pytest.mark.parametrize("profile", [AZURE, snowflake.SNOWFLAKE, OKTA], ids=lambda one: one.name)
async def test_nothing_is_said_to_be_missing_when_all_was_granted(world_of, profile):
    """Entra never repeats offline_access: whether it was granted shows in the refresh token."""
    world = await world_of(profile)
    with capture_logs() as logs:
        await world.signed_in()
    [line] = [line for line in logs if line["event"] == "authorization completed"]
    assert (line["not_granted"], line["has_refresh_token"]) == ((), True)
