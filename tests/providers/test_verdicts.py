"""What the vendors' refusals mean for a grant: gone, kept, or a matter for the administrator (groups 4, 5, 6 and 15)."""

from dataclasses import replace
from urllib.parse import urlencode

import pytest
from structlog.testing import capture_logs

from proxy.flows.callback_outcomes import Granted
from proxy.flows.fresh_tokens import Fresh, Reconnect, Unavailable
from proxy.model import CredentialsState
from tests.doubles import faults
from tests.doubles.profiles import databricks, snowflake
from tests.doubles.profiles.auth0 import AUTH0
from tests.doubles.profiles.azure import AZURE, CLAIMS
from tests.doubles.profiles.github import GITHUB_APP
from tests.doubles.profiles.google import GOOGLE
from tests.doubles.profiles.keycloak import KEYCLOAK
from tests.doubles.profiles.okta import OKTA, RATE_LIMITED
from tests.doubles.profiles.plain import CUSTOM
from tests.doubles.rules import query_of


async def at_the_end(world):
    """Sign in, and wait until the access token is over."""
    seat = await world.signed_in()
    world.clock.advance(world.server.access_ttl_s + world.server.profile.access_spread_s + 1)
    return seat


async def state_of(world, seat):
    row = await world.row(seat)
    return row.state, row.refresh_token is not None, row.ended_because


# — dead ——————————————————————————————————————————————————————————————————————————————————————————

REVOCABLE = [
    databricks.DATABRICKS, databricks.NEWER_ERRORS, snowflake.SNOWFLAKE, CUSTOM, GOOGLE, GITHUB_APP, KEYCLOAK, OKTA, replace(AUTH0, access_ttl_s=3600), AZURE,
]  # fmt: skip


@pytest.mark.parametrize("profile", REVOCABLE, ids=lambda profile: profile.name)
async def test_a_grant_that_was_revoked_at_the_vendor_is_given_up_and_the_viewer_is_asked(world_of, profile):
    world = await world_of(profile)
    seat = await at_the_end(world)
    world.server.grants.revoke_user("ada")
    assert isinstance(await world.ask(seat), Reconnect)
    assert (await state_of(world, seat))[:2] == (CredentialsState.ENDED, False)
    assert isinstance(await world.ask(seat), Reconnect)
    assert len(world.server.refreshes) == 1
    assert isinstance(await world.consent(session_id=seat.session_id), Granted)
    assert isinstance(await world.ask(seat), Fresh)


@pytest.mark.parametrize("standing", ["signin_frequency", "revoked", "spa_expired"])
async def test_entras_numbers_of_a_dead_grant_end_it(world_of, standing):
    world = await world_of(AZURE)
    seat = await at_the_end(world)
    world.server.standing["ada"] = standing
    assert await world.ask(seat) == Reconnect("entra_says_dead")
    assert await state_of(world, seat) == (CredentialsState.ENDED, False, "entra_says_dead")


async def test_an_idle_grant_of_entras_is_over_after_ninety_days(world_of):
    world = await world_of(AZURE)
    seat = await world.signed_in()
    world.clock.advance(90 * 86_400)
    assert await world.ask(seat) == Reconnect("entra_says_dead")


async def test_googles_session_control_ends_the_grant(world_of):
    world = await world_of(GOOGLE)
    seat = await at_the_end(world)
    world.server.standing["ada"] = "session_control"
    assert await world.ask(seat) == Reconnect("session_control")


async def test_the_grant_that_google_dropped_for_a_hundred_newer_ones_is_over(world_of):
    world = await world_of(replace(GOOGLE, max_families=2))
    seat = await world.signed_in()
    for _ in range(2):
        await world.consent()
    world.clock.advance(3600)
    assert isinstance(await world.ask(seat), Reconnect)


# — the vendor wants to see the viewer ————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    ("profile", "standing", "because"),
    [
        (AZURE, "mfa_required", "claims_challenge"),
        (AZURE, "obo_style", "claims_challenge"),
        (AZURE, "mfa_unchallenged", "interaction_required"),
        (AZURE, "ca_blocked", "interaction_required"),
        (AZURE, "not_consented", "interaction_required"),
        (AZURE, "disabled", "invalid_grant"),
        (AZURE, "unheard_of", "invalid_grant"),
        (AUTH0, "mfa_required", "mfa_required"),
    ],
)
async def test_a_policy_keeps_the_grant_and_asks_the_viewer(world_of, profile, standing, because):
    world = await world_of(profile)
    seat = await at_the_end(world)
    world.server.standing["ada"] = standing
    assert await world.ask(seat) == Reconnect(because)
    assert await state_of(world, seat) == (CredentialsState.INTERACTION_REQUIRED, True, because)
    for _ in range(20):
        world.clock.advance(60)
        await world.ask(seat)
    assert len(world.server.refreshes) == 1, "nobody asks again by itself"


async def test_entras_claims_go_along_exactly_as_they_came_and_once(world_of):
    world = await world_of(AZURE)
    seat = await at_the_end(world)
    world.server.standing["ada"] = "mfa_required"
    await world.ask(seat)
    first, second = [query_of(await world.start(seat.session_id)) for _ in range(2)]
    assert (first.get("claims"), second.get("claims")) == (CLAIMS, None)


async def test_a_viewer_who_shows_the_second_factor_goes_on(world_of):
    world = await world_of(AZURE)
    seat = await at_the_end(world)
    world.server.standing["ada"] = "mfa_required"
    await world.ask(seat)
    assert isinstance(await world.consent(session_id=seat.session_id), Granted)
    assert world.server.owner_of(await world.token(seat)).id == "ada"


async def test_a_viewer_who_turns_back_still_has_the_refresh_token_and_it_is_good(world_of):
    world = await world_of(AZURE)
    seat = await at_the_end(world)
    world.server.standing["ada"] = "mfa_required"
    await world.ask(seat)
    await world.start(seat.session_id)
    world.server.standing.clear()
    kept = await world.refresh_token(seat)
    family, _ = world.server.grants.rotate(kept, client_id="sidecar", now=world.server.clock.now())
    assert family.user_id == "ada"


# — our registration is wrong —————————————————————————————————————————————————————————————————————

WITH_SECRET = [AZURE, databricks.DATABRICKS, snowflake.SNOWFLAKE, CUSTOM, GOOGLE, GITHUB_APP, KEYCLOAK, OKTA, AUTH0]


@pytest.mark.parametrize("profile", WITH_SECRET, ids=lambda profile: profile.name)
async def test_a_secret_that_was_changed_costs_nobody_the_grant_and_is_told_once(world_of, profile):
    world = await world_of(profile)
    ada, bob = await world.signed_in("ada"), await world.signed_in("bob")
    world.clock.advance(profile.access_ttl_s + profile.access_spread_s + 1)
    before, world.first.client.secrets = world.first.client.secrets, ["another secret"]
    with capture_logs() as logs:
        for _ in range(50):  # ten minutes
            for seat in (ada, bob):
                assert isinstance(await world.ask(seat), Unavailable)
            world.clock.advance(12)
    assert len(world.server.refreshes) <= 11, "once a minute, for all viewers together"
    assert len([line for line in logs if line["log_level"] == "error"]) == 1
    world.first.client.secrets = [*before, "another secret"]
    world.clock.advance(60)
    for seat, person in ((ada, "ada"), (bob, "bob")):
        assert world.server.owner_of(await world.token(seat)).id == person


async def test_two_proofs_at_databricks_would_be_our_mistake_and_no_dead_grant(world_of):
    world = await world_of(databricks.DATABRICKS)
    seat = await at_the_end(world)
    refused = faults.raw_body(
        b'{"error":"invalid_request","error_description":"Cannot supply multiple client credentials. Use one."}',
        code=401,
    )
    world.server.faults.put("token", refused)
    with capture_logs() as logs:
        assert isinstance(await world.ask(seat), Unavailable)
    assert [line["log_level"] for line in logs if line["event"].startswith("refresh refused")] == ["error"]
    assert await state_of(world, seat) == (CredentialsState.ACTIVE, True, "")


# — not now ———————————————————————————————————————————————————————————————————————————————————————


async def test_entra_is_left_alone_for_five_minutes_when_it_sees_a_loop(world_of):
    world = await world_of(AZURE)
    seat = await at_the_end(world)
    world.server.standing["ada"] = "client_loop"
    assert isinstance(await world.ask(seat), Unavailable)
    world.server.standing.clear()
    for _ in range(29):
        world.clock.advance(10)
        assert isinstance(await world.ask(seat), Unavailable)
    assert len(world.server.refreshes) == 1
    world.clock.advance(11)
    assert isinstance(await world.ask(seat), Fresh)


async def test_a_stumble_of_entras_is_tried_again_while_the_caller_waits(world_of):
    world = await world_of(AZURE)
    seat = await at_the_end(world)
    stumble = faults.raw_body(b'{"error":"temporarily_unavailable","error_codes":[90033]}', code=400)
    world.server.faults.put("token", stumble)
    assert isinstance(await world.ask(seat), Fresh)
    assert len(world.server.refreshes) == 2


async def test_oktas_rate_limit_is_no_token_and_no_end(world_of):
    world = await world_of(OKTA)
    seat = await at_the_end(world)
    world.server.faults.put("token", RATE_LIMITED, times=3)
    assert isinstance(await world.ask(seat), Unavailable)
    assert await state_of(world, seat) == (CredentialsState.ACTIVE, True, "")
    world.clock.advance(61)
    assert isinstance(await world.ask(seat), Fresh)


async def test_githubs_form_is_read_though_json_was_wanted(world_of):
    def as_form(members, _):
        told = {name: value for name, value in members.items() if value is not None}
        return urlencode(told).encode(), "application/x-www-form-urlencoded; charset=utf-8"

    world = await world_of(replace(GITHUB_APP, render=as_form))
    seat = await at_the_end(world)
    assert world.server.owner_of(await world.token(seat)).id == "ada"
    world.server.grants.revoke_user("ada")
    world.clock.advance(28_801)
    assert await world.ask(seat) == Reconnect("github_says_dead")
