"""Callbacks that do not belong, and answers of another server than the one that was asked (groups 2 and 3)."""

from dataclasses import replace
from urllib.parse import urlencode

import pytest

from proxy.flows.callback_outcomes import (
    CodeRefused,
    Declined,
    Granted,
    IssuerMismatch,
    Malformed,
    ProviderFailed,
    Replayed,
    StateRefused,
)
from tests.doubles.profiles import ALL
from tests.doubles.profiles.azure import AZURE
from tests.doubles.profiles.google import GOOGLE
from tests.doubles.profiles.keycloak import KEYCLOAK
from tests.doubles.profiles.plain import CUSTOM, OIDC
from tests.doubles.profiles.snowflake import SNOWFLAKE
from tests.doubles.rules import query_of

EVIL = replace(CUSTOM, origin=OIDC.origin)
"""A second server of one's own, that wants what is the first one's."""
NO_ISSUER = replace(CUSTOM, config=dict(CUSTOM.config) | {"issuer": "", "jwks_uri": ""})

every_vendor = pytest.mark.parametrize("profile", ALL, ids=lambda profile: profile.name)


def changed(location: str, **query: str) -> str:
    """The callback with other parameters; an empty value takes one out."""
    pairs = {name: value for name, value in (query_of(location) | query).items() if value}
    return location.partition("?")[0] + "?" + urlencode(pairs)


@every_vendor
async def test_a_callback_counts_once(world_of, profile):
    world = await world_of(profile)
    location = await world.visit(await world.start())
    assert isinstance(await world.come_back(location), Granted)
    assert isinstance(await world.come_back(location), Replayed)
    assert len(world.server.token_requests) == 1


@every_vendor
@pytest.mark.parametrize("case", ["made up", "missing", "of another browser", "expired", "sealed text changed"])
async def test_a_state_that_is_not_ours_to_use_costs_no_request(world_of, profile, case):
    world = await world_of(profile)
    location = await world.visit(await world.start())
    state = query_of(location)["state"]
    if case == "expired":
        world.clock.advance(601)
    written = {
        "made up": "x" * 43,
        "missing": "",
        "sealed text changed": state[:-2] + ("AA" if state[-2:] != "AA" else "BB"),
    }
    bindings = ("b2",) if case == "of another browser" else ("b1",)
    outcome = await world.come_back(changed(location, state=written.get(case, state)), bindings=bindings)
    assert isinstance(outcome, StateRefused | Malformed)
    assert world.server.token_requests == []


@every_vendor
async def test_who_says_no_is_told_so_and_can_start_again(world_of, profile):
    world = await world_of(profile)
    world.server.decisions.append("deny")
    assert isinstance(await world.consent(), Declined)
    assert world.server.token_requests == []
    assert isinstance(await world.consent(), Granted)


@pytest.mark.parametrize("error", ["temporarily_unavailable", "server_error", "unauthorized_client"])
async def test_an_error_of_the_vendor_is_no_decision_of_the_viewer(world_of, error):
    world = await world_of(AZURE)
    world.server.decisions.append(f"error:{error}")
    outcome = await world.consent()
    assert isinstance(outcome, ProviderFailed)
    assert outcome.error == error


async def test_snowflake_refuses_a_scope_without_state_and_no_other_flow_is_touched(world_of):
    world = await world_of(SNOWFLAKE, config={"scopes": "session:role:A session:role:B"})
    open_flow = await world.visit(await world.start())
    assert query_of(open_flow) == {"error": "invalid_scope"}
    assert await world.come_back(open_flow) == StateRefused(because="error_without_state")


async def test_a_role_that_snowflake_blocks_is_a_refusal_and_no_loop(world_of):
    world = await world_of(SNOWFLAKE, config={"scopes": "session:role:ACCOUNTADMIN"})
    assert isinstance(await world.consent(), Declined)
    assert world.server.token_requests == []


@pytest.mark.parametrize("path", ["a" * 900, "a" * 1000, "a" * 5000, "?" + "q=%20&" * 150])
async def test_the_longest_way_back_still_fits_into_snowflakes_state(world_of, path):
    world = await world_of(SNOWFLAKE)
    url = await world.start(return_to=world.first.content.path + path)
    assert len(query_of(url)["state"]) <= 2048
    assert isinstance(await world.come_back(await world.visit(url)), Granted)


@pytest.mark.parametrize("profile", [GOOGLE, KEYCLOAK, CUSTOM, OIDC], ids=lambda profile: profile.name)
async def test_an_answer_in_anothers_name_is_refused_before_the_code_goes_out(world_of, profile):
    world = await world_of(profile)
    world.server.decisions.append("wrong_iss")
    assert isinstance(await world.consent(), IssuerMismatch)
    assert world.server.token_requests == []


@pytest.mark.parametrize("profile", [GOOGLE, OIDC], ids=lambda profile: profile.name)
async def test_an_answer_without_the_name_that_was_promised_is_refused(world_of, profile):
    world = await world_of(profile)
    world.server.decisions.append("drop_iss")
    assert isinstance(await world.consent(), IssuerMismatch)
    assert world.server.token_requests == []


# — two servers, one of them wants the other's codes (RFC 9207 §1, RFC 9700 §4.4) ———————————————————


async def code_of(world, place) -> str:
    return query_of(await world.visit(await world.start(at=place)))["code"]


async def test_a_callback_that_names_the_other_server_sends_the_code_nowhere(world_of):
    world = await world_of(CUSTOM, EVIL)
    honest, evil = world.places
    location = await world.visit(await world.start(at=honest))
    mixed = changed(location, iss=evil.server.issuer, code=await code_of(world, evil))
    assert isinstance(await world.come_back(mixed), IssuerMismatch)
    assert honest.server.token_requests == evil.server.token_requests == []


async def test_a_code_of_the_other_server_goes_to_the_one_that_was_asked(world_of):
    world = await world_of(CUSTOM, EVIL)
    honest, evil = world.places
    location = await world.visit(await world.start(at=honest))
    outcome = await world.come_back(changed(location, code=await code_of(world, evil)))
    assert isinstance(outcome, CodeRefused)
    assert [entry.outcome for entry in honest.server.token_requests] == ["invalid_grant"]
    assert evil.server.token_requests == []


async def test_without_a_known_issuer_the_code_still_goes_to_the_one_that_was_asked(world_of):
    world = await world_of(NO_ISSUER, EVIL)
    honest, evil = world.places
    location = await world.visit(await world.start(at=honest))
    assert isinstance(await world.come_back(changed(location, iss=evil.server.issuer)), Granted)
    assert len(honest.server.token_requests) == 1
    assert evil.server.token_requests == []
