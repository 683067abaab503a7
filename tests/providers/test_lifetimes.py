"""How long tokens are handed out and when new ones are asked for (groups 11, 12 and 22)."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from proxy.flows.fresh_tokens import Fresh, Reconnect
from proxy.policy.freshness import exchange_expires_in
from tests.doubles import faults
from tests.doubles.profiles import databricks
from tests.doubles.profiles.azure import AZURE, v1_members
from tests.doubles.profiles.databricks import string_numbers
from tests.doubles.profiles.github import OAUTH_APP
from tests.doubles.profiles.keycloak import KEYCLOAK
from tests.doubles.profiles.plain import CUSTOM
from tests.doubles.profiles.snowflake import SNOWFLAKE

# — what the answer says ——————————————————————————————————————————————————————————————————————————

SAID = {
    "a number": (1200, 1200),
    "a string": ("1200", 1200),
    "a float in a string": ("1200.9", 1200),
    "a float": (1200.9, 1200),
    "zero": (0, 3600),
    "negative": (-5, 3600),
    "NaN": (float("nan"), 3600),
    "infinity": (float("inf"), 3600),
    "null": (None, 3600),
    "words": ("soon", 3600),
    "huge": (10**12, 365 * 86_400),
}


@pytest.mark.parametrize("case", SAID)
async def test_a_lifetime_is_read_however_it_is_written_and_content_is_told_a_sound_one(world_of, case):
    said, ttl_s = SAID[case]
    world = await world_of(CUSTOM)
    world.server.faults.put("token", faults.with_members({"expires_in": said}))
    answer = await world.ask(await world.signed_in())
    assert isinstance(answer, Fresh)
    assert (answer.expires_at - answer.issued_at).total_seconds() == ttl_s
    told = exchange_expires_in(world.clock(), answer.issued_at, answer.expires_at)
    assert type(told) is int
    assert 1 <= told <= ttl_s - min(300, max(45, ttl_s / 10))


@pytest.mark.parametrize(
    ("profile", "ttl_s"), [(CUSTOM, 3600), (SNOWFLAKE, 600), (KEYCLOAK, 300), (databricks.DATABRICKS, 3600)]
)
async def test_an_answer_without_a_lifetime_means_the_vendors_own(world_of, profile, ttl_s):
    world = await world_of(profile)
    world.server.faults.put("token", faults.MISSING_EXPIRES)
    answer = await world.ask(await world.signed_in())
    assert (answer.expires_at - answer.issued_at).total_seconds() == ttl_s


@pytest.mark.parametrize(
    "profile",
    [replace(AZURE, members=v1_members), replace(databricks.DATABRICKS, members=string_numbers)],
    ids=lambda profile: profile.name,
)
async def test_numbers_in_strings_are_numbers(world_of, profile):
    world = await world_of(profile)
    answer = await world.ask(await world.signed_in())
    ends_at = world.server.grants.access_tokens[answer.access_token.reveal()].expires_at
    assert answer.expires_at.timestamp() == ends_at


async def test_the_token_of_a_github_oauth_app_has_no_end_and_is_never_refreshed(world_of):
    world = await world_of(OAUTH_APP)
    seat = await world.signed_in()
    for _ in range(4):
        answer = await world.ask(seat)
        assert isinstance(answer, Fresh)
        assert answer.expires_at is None
        assert exchange_expires_in(world.clock(), answer.issued_at, None) == 3600
        world.clock.advance(90 * 86_400)
    assert world.server.refreshes == []
    assert (await world.row(seat)).scope == "repo gist"


async def test_a_github_token_without_an_end_that_was_rejected_sends_the_viewer_there(world_of):
    world = await world_of(OAUTH_APP)
    seat = await world.signed_in()
    token = await world.token(seat)
    world.clock.advance(60)
    assert await world.reject(seat, token) == Reconnect("rejected")


# — when ——————————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(("ttl_s", "ahead_s"), [(60, 20), (600, 60), (3600, 300), (28_800, 300)])
async def test_a_refresh_ahead_happens_at_its_point_and_nobody_waits_for_it(world_of, ttl_s, ahead_s):
    world = await world_of(replace(CUSTOM, access_ttl_s=ttl_s))
    seat = await world.signed_in()
    first = await world.token(seat)
    world.clock.advance(ttl_s - ahead_s - 1)
    assert await world.token(seat) == first
    assert world.server.refreshes == []
    world.clock.advance(2)
    assert await world.token(seat) == first, "served while the new one is on its way"
    await world.settled()
    assert await world.token(seat) != first
    assert len(world.server.refreshes) == 1


@pytest.mark.parametrize(("ttl_s", "least_s"), [(60, 15), (600, 45), (3600, 45), (28_800, 45)])
@pytest.mark.parametrize("profile", [CUSTOM, databricks.DATABRICKS], ids=lambda profile: profile.name)
async def test_no_token_is_handed_out_that_is_almost_over(world_of, profile, ttl_s, least_s):
    world = await world_of(replace(profile, access_ttl_s=ttl_s))
    seat = await world.signed_in()
    world.clock.advance(ttl_s - least_s + 1)
    answer = await world.ask(seat)
    assert (answer.expires_at - world.clock()).total_seconds() >= least_s
    assert len(world.server.refreshes) == 1


@pytest.mark.parametrize("profile", [databricks.DATABRICKS, databricks.SINGLE_USE], ids=lambda profile: profile.name)
async def test_databricks_never_sees_a_token_in_its_last_half_minute(world_of, profile):
    world = await world_of(profile)
    seat = await world.signed_in()
    for passes_s in (0, 3500, 50, 4, 2, 10, 20, 20, 3500, 55, 5, 5):
        world.clock.advance(passes_s)
        status, told = await world.call(f"{profile.origin}/api/2.0/preview/scim/v2/Me", await world.token(seat))
        assert (status, told.get("id")) == (200, "scim-ada"), f"after {passes_s} s"


# — clocks ————————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("skew_s", [-600, 600])
async def test_the_date_of_the_vendor_changes_no_lifetime_and_is_told_of_once_an_hour(world_of, skew_s):
    world = await world_of(SNOWFLAKE)
    world.server.date_offset_s = skew_s
    seat = await world.signed_in()
    with capture_logs() as logs:
        for _ in range(7):  # 70 minutes
            answer = await world.ask(seat)
            assert 599 <= (answer.expires_at - answer.issued_at).total_seconds() <= 600
            world.clock.advance(600)
    assert len(world.server.refreshes) == 6
    told = [line["ahead_of_the_server_s"] for line in logs if line["event"] == "clocks differ"]
    assert told == [pytest.approx(-skew_s, abs=2)]


@pytest.mark.parametrize("skew_s", [-29, 0, 29])
async def test_a_little_difference_of_the_clocks_is_nobodys_concern(world_of, skew_s):
    world = await world_of(SNOWFLAKE)
    world.server.date_offset_s = skew_s
    seat = await world.signed_in()
    world.clock.advance(601)
    with capture_logs() as logs:
        await world.ask(seat)
    assert "clocks differ" not in {line["event"] for line in logs}


async def test_a_restart_in_the_middle_of_a_tokens_life_keeps_what_is_left(world_of):
    world = await world_of(SNOWFLAKE)
    seat = await world.signed_in()
    before = await world.ask(seat)
    world.clock.advance(300)
    await world.restart()
    after = await world.ask(seat)
    assert (after.access_token, after.expires_at) == (before.access_token, before.expires_at)
    world.clock.advance(256)
    assert await world.token(seat) != before.access_token.reveal()


async def test_a_clock_that_is_set_back_revives_no_grant(world_of):
    world = await world_of(SNOWFLAKE)
    seat = await world.signed_in()
    world.clock.advance(601)
    world.server.grants.revoke_user("ada")
    assert isinstance(await world.ask(seat), Reconnect)
    world.clock.advance(-600)
    assert isinstance(await world.ask(seat), Reconnect)
