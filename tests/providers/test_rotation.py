"""Refresh tokens that are good once, and answers that get lost (groups 7 to 10)."""

import asyncio
from dataclasses import replace

import pytest

from proxy.errors import StoreUnavailable
from proxy.flows.exchange_answers import Issued
from proxy.flows.fresh_tokens import Fresh, Reconnect, RenewedLately, Unavailable
from proxy.model import CredentialsState
from proxy.policy.exchange_refusals import GRANT_TYPE, USER_SESSION_TOKEN
from tests.doubles import faults
from tests.doubles.profiles import databricks, snowflake
from tests.doubles.profiles.auth0 import AUTH0
from tests.doubles.profiles.azure import AZURE
from tests.doubles.profiles.github import GITHUB_APP
from tests.doubles.profiles.keycloak import REVOKING
from tests.doubles.profiles.okta import OKTA
from tests.doubles.profiles.plain import CUSTOM

LOGIN = snowflake.SNOWFLAKE.origin + "/session/v1/login-request"


async def log_in(world, token: str) -> str:
    """Open a session at Snowflake as its connector does; return its code, ``ok`` for none."""
    body = {"data": {"AUTHENTICATOR": "OAUTH", "TOKEN": token}}
    _, told = await world.call(LOGIN, token, body=body)
    return "ok" if told["success"] else told["code"]


async def exchange(world, session_token: str) -> Issued:
    issued = await world.house.exchange.redeem(
        caller=world.house.key(world.first.content),
        grant_type=GRANT_TYPE,
        subject_token_type=USER_SESSION_TOKEN,
        subject_token=session_token,
        requested_token_type=None,
        audience=None,
    )
    assert isinstance(issued, Issued), issued
    return issued


async def session_token(world, seat) -> str:
    lines = dict(line.split(": ", 1) for line in (await world.header_block(seat)).splitlines())
    return lines["Posit-Connect-User-Session-Token"]


# — Snowflake, single use —————————————————————————————————————————————————————————————————————————


async def test_fifty_exchanges_at_once_make_one_refresh_and_snowflake_takes_what_they_got(world_of):
    world = await world_of(snowflake.SINGLE_USE, patience_s=10)
    seat = await world.signed_in()
    subject = await session_token(world, seat)
    world.clock.advance(601)
    world.server.gate.close()
    asking = [asyncio.ensure_future(exchange(world, subject)) for _ in range(50)]
    await world.server.gate.arrived()
    world.server.gate.open()
    [token] = {issued.access_token.reveal() for issued in await asyncio.gather(*asking)}
    assert await log_in(world, token) == "ok"
    assert (world.server.concurrent_max, len(world.server.refreshes)) == (1, 1)
    assert world.server.grants.counters["family_revoked"] == 0


async def test_content_that_kept_the_token_before_is_helped_without_a_second_refresh(world_of):
    world = await world_of(snowflake.SINGLE_USE)
    seat = await world.signed_in()
    old = await world.token(seat)
    world.clock.advance(60)
    assert isinstance(await world.reject(seat, old), Fresh)
    new = await world.token(seat)
    assert (await log_in(world, old), await log_in(world, new)) == ("390303", "ok")
    world.clock.advance(20)
    again = await world.reject(seat, old)
    assert isinstance(again, Fresh)
    assert again.access_token.reveal() == new
    assert isinstance(await world.reject(seat, new), RenewedLately)
    assert len(world.server.refreshes) == 1


async def test_snowflake_calls_an_expired_token_expired_and_a_role_stays(world_of):
    world = await world_of(snowflake.SNOWFLAKE)
    seat = await world.signed_in()
    old = await world.token(seat)
    world.clock.advance(601)
    assert (await log_in(world, old), await log_in(world, await world.token(seat))) == ("390318", "ok")


KILLING = [snowflake.SINGLE_USE, databricks.SINGLE_USE, GITHUB_APP]


@pytest.mark.parametrize("profile", KILLING, ids=lambda profile: profile.name)
async def test_a_refresh_that_kills_is_put_off_to_the_end_and_all_content_shares_what_came(world_of, profile):
    world = await world_of(profile)
    seat = await world.signed_in()
    first = await world.token(seat)
    world.clock.advance(profile.access_ttl_s - 46)
    assert await world.token(seat) == first, "no refresh ahead: whoever holds the token would lose it"
    await world.settled()
    assert world.server.refreshes == []
    world.clock.advance(2)
    tokens = {answer.access_token.reveal() for answer in await asyncio.gather(*(world.ask(seat) for _ in range(20)))}
    assert len(tokens) == 1
    assert len(world.server.refreshes) == 1
    assert world.server.owner_of(first) is None


# — two processes —————————————————————————————————————————————————————————————————————————————————

SINGLE = [snowflake.SINGLE_USE, databricks.SINGLE_USE, REVOKING, GITHUB_APP, OKTA]


class Cord:
    """What ties a process to its store; cut, nothing gets through any more."""

    def __init__(self, store) -> None:
        self._store = store
        self.is_cut = False

    def __getattr__(self, name):
        async def call(*args, **kwargs):
            if self.is_cut:
                raise StoreUnavailable("cut")
            return await getattr(self._store, name)(*args, **kwargs)

        return call


@pytest.mark.parametrize("profile", SINGLE, ids=lambda profile: profile.name)
async def test_while_one_process_refreshes_the_other_asks_nobody(world_of, profile):
    world = await world_of(profile, patience_s=10)
    seat = await world.signed_in()
    other = world.house.neighbour()
    world.clock.advance(profile.access_ttl_s + 1)
    world.server.gate.close()
    refreshing = asyncio.ensure_future(world.ask(seat))
    await world.server.gate.arrived()
    assert isinstance(await world.ask(seat, house=other), Unavailable)
    world.server.gate.open()
    first = await refreshing
    second = await world.ask(seat, house=other)
    assert first.access_token == second.access_token
    assert (len(world.server.refreshes), world.server.concurrent_max) == (1, 1)
    assert world.server.grants.counters["family_revoked"] == 0


@pytest.mark.parametrize("profile", SINGLE, ids=lambda profile: profile.name)
async def test_when_the_refreshing_process_dies_before_the_vendor_acts_the_other_goes_on(world_of, profile):
    world = await world_of(profile, patience_s=10)
    seat = await world.signed_in()
    cord = Cord(world.house.store)
    dying, other = replace(world.house, store=cord, seed=7), world.house.neighbour()
    world.clock.advance(profile.access_ttl_s + 1)
    world.server.gate.close()
    refreshing = asyncio.ensure_future(world.ask(seat, house=dying))
    await world.server.gate.arrived()
    cord.is_cut = True
    await dying.keeper._renewals.close(0)
    await asyncio.gather(refreshing, return_exceptions=True)
    world.clock.advance(31)
    world.server.gate.open()
    assert isinstance(await world.ask(seat, house=other), Fresh)
    assert [entry.outcome for entry in world.server.refreshes] == ["sender gone", "ok"]
    assert world.server.grants.counters["family_revoked"] == 0


# — the answer gets lost ——————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    "fault", [faults.PROCESS_THEN_RESET, faults.PROCESS_THEN_TIMEOUT], ids=lambda fault: fault.name
)
@pytest.mark.parametrize("profile", [snowflake.SINGLE_USE, databricks.SINGLE_USE, REVOKING], ids=lambda one: one.name)
async def test_a_lost_answer_is_asked_for_once_more_and_then_the_grant_is_known_to_be_lost(world_of, profile, fault):
    world = await world_of(profile)
    seat = await world.signed_in()
    world.clock.advance(profile.access_ttl_s + 1)
    world.server.faults.put("token", fault)
    assert await world.ask(seat) == Reconnect("lost_response")
    row = await world.row(seat)
    assert (row.state, row.refresh_token, row.ended_because) == (CredentialsState.ENDED, None, "lost_response")
    assert len(world.server.refreshes) == 2


@pytest.mark.parametrize(
    "fault", [faults.PROCESS_THEN_RESET, faults.PROCESS_THEN_TIMEOUT], ids=lambda fault: fault.name
)
@pytest.mark.parametrize("profile", [OKTA, replace(AUTH0, rotation="single_grace:30"), AZURE], ids=lambda one: one.name)
async def test_a_vendor_with_a_grace_gives_again_and_the_newest_is_stored(world_of, profile, fault):
    world = await world_of(profile)
    seat = await world.signed_in()
    world.clock.advance(profile.access_ttl_s + profile.access_spread_s + 1)
    world.server.faults.put("token", fault)
    assert world.server.owner_of(await world.token(seat)).id == "ada"
    [family] = world.server.grants.families
    assert await world.refresh_token(seat) == family.refresh_tokens[-1]
    assert len(family.refresh_tokens) == 3


async def test_nothing_is_lost_when_the_connection_ended_before_the_vendor_acted(world_of):
    world = await world_of(snowflake.SINGLE_USE)
    seat = await world.signed_in()
    world.clock.advance(601)
    world.server.faults.put("token", faults.RESET_BEFORE_HEADERS)
    assert isinstance(await world.ask(seat), Fresh)
    assert world.server.grants.counters["family_revoked"] == 0


# — what a refresh says about the refresh token ———————————————————————————————————————————————————


@pytest.mark.parametrize(("said", "is_new"), [("absent", False), ("null", False), ("empty", False), ("normal", True)])
@pytest.mark.parametrize("profile", [CUSTOM, AZURE, snowflake.SNOWFLAKE], ids=lambda profile: profile.name)
async def test_the_refresh_token_stays_unless_there_is_a_new_one(world_of, profile, said, is_new):
    world = await world_of(replace(profile, rotation="multi"))
    seat = await world.signed_in()
    before = await world.refresh_token(seat)
    world.clock.advance(profile.access_ttl_s + profile.access_spread_s + 1)
    world.server.refresh_token_field = said
    assert isinstance(await world.ask(seat), Fresh)
    newest = world.server.grants.families[0].refresh_tokens[-1]
    assert await world.refresh_token(seat) == (newest if is_new else before)
