"""How we prove to each vendor who we are, for viewers and for ourselves (groups 16, 17 and 23)."""

import pytest

from proxy.flows.callback_outcomes import CodeRefused
from proxy.flows.fresh_tokens import Fresh, Unavailable
from proxy.flows.service_accounts import OwnToken
from tests.doubles.profiles import databricks, snowflake
from tests.doubles.profiles.auth0 import AUTH0
from tests.doubles.profiles.azure import AZURE, GRAPH, SQL
from tests.doubles.profiles.github import GITHUB_APP
from tests.doubles.profiles.google import GOOGLE
from tests.doubles.profiles.keycloak import KEYCLOAK
from tests.doubles.profiles.okta import OKTA
from tests.doubles.profiles.plain import CUSTOM, OIDC

SECRET = "a+b/c=%:é &"
"""Each character has broken somebody's encoding."""

BASIC = [AZURE, databricks.DATABRICKS, snowflake.SNOWFLAKE, CUSTOM, OIDC, GOOGLE, KEYCLOAK, OKTA, AUTH0]
POST = [*BASIC, GITHUB_APP]
PUBLIC = [AZURE, databricks.DATABRICKS, snowflake.SNOWFLAKE, CUSTOM, OIDC, KEYCLOAK, OKTA, AUTH0]


def named(profiles):
    return pytest.mark.parametrize("profile", profiles, ids=lambda profile: profile.name)


async def requests_of(world):
    """Sign in, refresh, and return the two requests."""
    seat = await world.signed_in()
    world.clock.advance(world.server.profile.access_ttl_s + world.server.profile.access_spread_s + 1)
    assert isinstance(await world.ask(seat), Fresh)
    code, refresh = world.server.token_requests
    assert (code.outcome, refresh.outcome) == ("ok", "ok")
    return code, refresh


@named(BASIC)
async def test_basic_carries_any_secret_as_the_vendor_reads_it_and_nothing_beside(world_of, profile):
    world = await world_of(profile, secret=SECRET, config={"token_endpoint_auth_method": "client_secret_basic"})
    for request in await requests_of(world):
        assert request.client_auth == "basic"
        assert (request.value("client_id"), request.value("client_secret")) == (None, None)


@named(POST)
async def test_the_body_carries_any_secret_and_no_header_does(world_of, profile):
    world = await world_of(profile, secret=SECRET, config={"token_endpoint_auth_method": "client_secret_post"})
    for request in await requests_of(world):
        assert (request.client_auth, request.value("client_secret")) == ("post", SECRET)
        assert request.header("Authorization") is None


@named(PUBLIC)
async def test_without_a_secret_the_code_is_bound_by_pkce_alone(world_of, profile):
    world = await world_of(profile, is_public=True)
    for request in await requests_of(world):
        assert (request.client_auth, request.value("client_id")) == ("none", "sidecar")


@named([AZURE, snowflake.SNOWFLAKE, CUSTOM, KEYCLOAK, OKTA, AUTH0])
async def test_a_key_signs_a_new_short_statement_for_each_request(world_of, profile, signing):
    with_certificate = {"certificate": signing.certificate} if profile is AZURE else {}
    config = {"private_key": signing.private_key, **with_certificate}
    world = await world_of(profile, certificate=signing.certificate, config=config)
    for request in await requests_of(world):
        assert (request.client_auth, request.value("client_id")) == ("assertion", "sidecar")
    code, refresh = world.server.assertions.seen
    assert code["jti"] != refresh["jti"]
    assert {code["aud"], refresh["aud"]} == {world.server.url + world.server.token_requests[0].path}
    assert all(0 < claims["exp"] - claims["iat"] <= 300 for claims in (code, refresh))


async def test_an_assertion_whose_certificate_entra_does_not_know_is_our_mistake(world_of, signing):
    config = {"private_key": signing.private_key, "certificate": signing.certificate}
    world = await world_of(AZURE, certificate=signing.certificate, config=config)
    world.first.client.certificates.clear()
    world.first.client.secrets = ["a secret instead"]
    outcome = await world.consent()
    assert isinstance(outcome, CodeRefused)
    assert outcome.because == "client"


# — for ourselves —————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    ("profile", "scopes", "asked", "how"),
    [
        (AZURE, f"{SQL}/.default", f"{SQL}/.default", "post"),
        (databricks.DATABRICKS, "", "all-apis", "basic"),
        (CUSTOM, "read", "read", "post"),
        (KEYCLOAK, "", None, "basic"),
        (OKTA, "read", "read", "basic"),
        (AUTH0, "", None, "post"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
async def test_a_service_account_gets_a_token_of_its_own_and_keeps_it_until_shortly_before_its_end(
    world_of, profile, scopes, asked, how
):
    world = await world_of(profile, secret=SECRET, config={"scopes": scopes, "auth_type": "Service Account"})

    async def token() -> str:
        own = await world.house.service_accounts.token(world.first.integration)
        assert isinstance(own, OwnToken), own
        return own.access_token.reveal()

    first = await token()
    assert world.server.client_of(first) == "sidecar"
    world.clock.advance(profile.access_ttl_s - 301)
    assert await token() == first
    world.clock.advance(profile.access_spread_s + 302)
    assert await token() != first
    entries = world.server.token_requests
    assert {entry.value("grant_type") for entry in entries} == {"client_credentials"}, "what refreshes it is nobody's"
    assert [(entry.value("scope"), entry.client_auth) for entry in entries] == [(asked, how)] * 2


@pytest.mark.parametrize("scopes", ["", "openid", f"{SQL}/user_impersonation", f"{SQL}/.default {GRAPH}/.default"])
async def test_entra_gives_a_service_account_nothing_but_the_whole_of_one_resource(world_of, scopes):
    world = await world_of(AZURE, config={"scopes": scopes, "auth_type": "Service Account"})
    assert isinstance(await world.house.service_accounts.token(world.first.integration), Unavailable)
    assert [entry.outcome for entry in world.server.token_requests] == ["invalid_scope"]
