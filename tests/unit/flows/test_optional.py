"""Integrations that a content can do without: asked for once, absent when there is nothing, in nobody's way."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.flows.callback_outcomes import Declined
from proxy.flows.exchange_answers import Issued
from proxy.flows.refused import Refused
from proxy.flows.sessions import Admitted, ConsentNeeded, Sessions, SignInNeeded, TokenUnavailable
from proxy.oauth.message import NotSent
from proxy.policy.exchange_refusals import GRANT_TYPE, USER_SESSION_TOKEN
from tests.unit.flows.house import BOTH, LAKE, PUBLIC_URL, WAREHOUSE, answer, directory

LAKE_OPTIONAL = replace(BOTH, optional=frozenset({LAKE.guid}))
FIRST_OPTIONAL = replace(BOTH, integrations=(LAKE.guid, WAREHOUSE.guid), optional=frozenset({LAKE.guid}))
TOKEN = "X-Forwarded-Access-Token"


def headers(admitted):
    assert isinstance(admitted, Admitted), admitted
    return dict(line.split(": ", 1) for line in admitted.header_block.decode().splitlines())


@pytest.fixture
async def house(build):
    return await build(directory(LAKE_OPTIONAL))


async def connected(house, content=LAKE_OPTIONAL):
    """Somebody who consented to both."""
    session_id = await house.log_in(content)
    return await house.log_in(content, LAKE, session_id=session_id)


# — asked once ————————————————————————————————————————————————————————————————————————————————————


async def test_a_viewer_without_the_optional_one_gets_in_and_is_to_be_asked(house):
    admitted = await house.sessions.admit(await house.log_in(LAKE_OPTIONAL), LAKE_OPTIONAL)
    assert admitted.unasked == LAKE
    assert f"{TOKEN}-Lake" not in headers(admitted)
    assert headers(admitted)[TOKEN] == "access-1"


async def test_whoever_was_asked_is_not_asked_again(house):
    session_id = await house.log_in(LAKE_OPTIONAL)
    await house.sessions.note_asked(session_id, LAKE_OPTIONAL, LAKE)
    state = (await house.start(LAKE_OPTIONAL, LAKE))["state"]
    outcome = await house.come_back(state, session_id=session_id, iss="", error="access_denied")
    assert isinstance(outcome, Declined)
    admitted = await house.sessions.admit(session_id, LAKE_OPTIONAL)
    assert admitted.unasked is None
    assert f"{TOKEN}-Lake" not in headers(admitted)


async def test_who_changes_their_mind_connects_and_the_header_comes(house):
    session_id = await house.log_in(LAKE_OPTIONAL)
    await house.sessions.note_asked(session_id, LAKE_OPTIONAL, LAKE)
    await house.log_in(LAKE_OPTIONAL, LAKE, session_id=session_id)
    admitted = await house.sessions.admit(session_id, LAKE_OPTIONAL)
    assert headers(admitted)[f"{TOKEN}-Lake"] == "access-2"
    assert admitted.unasked is None
    assert await house.store.asked(admitted.viewer_guid, LAKE_OPTIONAL.guid) == frozenset()


async def test_several_are_asked_for_one_after_the_other(build):
    three = replace(BOTH, optional=frozenset({LAKE.guid, WAREHOUSE.guid}))
    plain = replace(BOTH, guid=three.guid + "-2", integrations=(WAREHOUSE.guid,))
    house = await build(directory(three, plain, sign_in=WAREHOUSE.guid))
    session_id = await house.log_in(plain)
    assert (await house.sessions.admit(session_id, three)).unasked == WAREHOUSE
    await house.sessions.note_asked(session_id, three, WAREHOUSE)
    assert (await house.sessions.admit(session_id, three)).unasked == LAKE
    await house.sessions.note_asked(session_id, three, LAKE)
    assert (await house.sessions.admit(session_id, three)).unasked is None


async def test_only_what_is_optional_is_noted_and_only_of_who_is_there(house):
    session_id = await house.log_in(LAKE_OPTIONAL)
    await house.sessions.note_asked(session_id, LAKE_OPTIONAL, WAREHOUSE)
    await house.sessions.note_asked(None, LAKE_OPTIONAL, LAKE)
    await house.sessions.note_asked("nobody's", LAKE_OPTIONAL, LAKE)
    viewer_guid = await house.viewer_guid(session_id)
    assert await house.store.asked(viewer_guid, LAKE_OPTIONAL.guid) == frozenset()


async def test_consent_to_the_optional_one_elsewhere_is_none_here(build):
    house = await build(directory(BOTH, replace(LAKE_OPTIONAL, guid="another")))
    session_id = await connected(house, BOTH)
    another = house.directory.contents["another"]
    await house.log_in(another, session_id=session_id)
    admitted = await house.sessions.admit(session_id, another)
    assert f"{TOKEN}-Lake" not in headers(admitted)
    assert admitted.unasked == LAKE


# — required ones come first, and stay required ———————————————————————————————————————————————————


async def test_nobody_signs_in_with_what_is_optional(build):
    house = await build(directory(FIRST_OPTIONAL))
    assert await house.sessions.admit(None, FIRST_OPTIONAL) == SignInNeeded(integration=WAREHOUSE)


async def test_the_header_of_the_first_stays_empty_when_it_is_the_optional_one(build):
    house = await build(directory(FIRST_OPTIONAL))
    sent = headers(await house.sessions.admit(await house.log_in(FIRST_OPTIONAL), FIRST_OPTIONAL))
    assert TOKEN not in sent, "never another's"
    assert f"{TOKEN}-Expires" not in sent
    assert sent[f"{TOKEN}-Warehouse"] == "access-1"


async def test_without_a_required_consent_nothing_goes_to_the_content(build):
    house = await build(directory(BOTH, replace(LAKE_OPTIONAL, guid="another")))
    session_id = await house.log_in(BOTH)
    outcome = await house.sessions.admit(session_id, house.directory.contents["another"])
    assert outcome == ConsentNeeded(integration=WAREHOUSE)


async def test_a_dead_required_grant_asks_for_that_one_only(house, clock, provider):
    session_id = await connected(house)
    clock.advance(601)
    provider.script.append(answer(400, {"error": "invalid_grant"}))
    assert await house.sessions.admit(session_id, LAKE_OPTIONAL) == ConsentNeeded(integration=WAREHOUSE)
    assert (await house.row(session_id, LAKE)).refresh_token is not None, "the other's grant is not touched"
    assert await house.store.session(house.hash_of(session_id)) is not None


# — the optional one dies, or is down —————————————————————————————————————————————————————————————


async def test_a_dead_optional_grant_is_absent_and_asks_nobody(house, clock, provider):
    session_id = await connected(house)
    clock.advance(601)
    provider.script.extend([provider.tokens, answer(400, {"error": "invalid_grant"})])
    admitted = await house.sessions.admit(session_id, LAKE_OPTIONAL)
    assert f"{TOKEN}-Lake" not in headers(admitted)
    assert headers(admitted)[TOKEN] == "access-3"
    assert admitted.unasked is None
    again = await house.log_in(LAKE_OPTIONAL, LAKE, session_id=session_id)
    assert f"{TOKEN}-Lake" in headers(await house.sessions.admit(again, LAKE_OPTIONAL))


@pytest.mark.parametrize("reply", [answer(503, {}), NotSent("refused")], ids=["busy", "unreachable"])
async def test_a_provider_that_is_down_is_absent_for_a_moment_when_optional(house, clock, provider, reply):
    session_id = await connected(house)
    clock.advance(601)
    provider.script.extend([provider.tokens, *[reply] * 6])
    admitted = await house.sessions.admit(session_id, LAKE_OPTIONAL)
    assert f"{TOKEN}-Lake" not in headers(admitted)
    assert headers(admitted)[TOKEN] == "access-3"
    assert admitted.good_until <= clock() + timedelta(seconds=5)


async def test_and_holds_everybody_up_when_required(build, clock, provider):
    house = await build(directory(BOTH))
    session_id = await connected(house, BOTH)
    clock.advance(601)
    provider.script.extend([provider.tokens, *[answer(503, {})] * 6])
    outcome = await house.sessions.admit(session_id, BOTH)
    assert isinstance(outcome, TokenUnavailable)
    assert outcome.integration == LAKE


async def test_a_provider_that_hangs_holds_nobody_up_when_optional(house, clock, provider):
    session_id = await connected(house)
    viewer_guid = await house.viewer_guid(session_id)
    clock.advance(601)
    await house.keeper.fresh(viewer_guid, WAREHOUSE)
    impatient = Sessions(
        directory=house.directory, store=house.store, key_ring=house.key_ring, keeper=house.keeper, now=clock,
        publish=house.publish, record=house.lines.append, lifetimes=house.lifetimes, optional_patience_s=0,
    )  # fmt: skip
    provider.gate = asyncio.Event()
    admitted = await impatient.admit(session_id, LAKE_OPTIONAL)
    assert f"{TOKEN}-Lake" not in headers(admitted)
    assert admitted.good_until == clock() + timedelta(seconds=5)
    provider.gate.set()
    await house.keeper.fresh(viewer_guid, LAKE)
    assert headers(await house.sessions.admit(session_id, LAKE_OPTIONAL))[f"{TOKEN}-Lake"] == "access-4"


# — the exchange ——————————————————————————————————————————————————————————————————————————————————


async def exchanged(house, session_id, integration):
    token = headers(await house.sessions.admit(session_id, LAKE_OPTIONAL))["Posit-Connect-User-Session-Token"]
    return await house.exchange.redeem(
        caller=house.key(LAKE_OPTIONAL),
        subject_token=token,
        audience=integration.guid,
        requested_token_type=None,
        subject_token_type=USER_SESSION_TOKEN,
        grant_type=GRANT_TYPE,
    )


async def test_the_exchange_says_where_an_optional_one_can_be_connected(house, clock, provider):
    session_id = await house.log_in(LAKE_OPTIONAL)
    refused = await exchanged(house, session_id, LAKE)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.login_url) == (
        220,
        f"{PUBLIC_URL}/__oauth__/login?content={LAKE_OPTIONAL.guid}&integration={LAKE.guid}",
    )
    assert isinstance(await exchanged(house, session_id, WAREHOUSE), Issued), "the other is as it was"
    await house.log_in(LAKE_OPTIONAL, LAKE, session_id=session_id)
    assert isinstance(await exchanged(house, session_id, LAKE), Issued)
