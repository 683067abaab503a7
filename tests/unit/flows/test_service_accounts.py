"""Tokens of a service account: one request for any number of callers, and nothing of a viewer's near them."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from proxy.flows.callback_outcomes import StateRefused
from proxy.flows.content_tokens import content_session_token, is_content_session_token
from proxy.flows.exchange_answers import Issued
from proxy.flows.fresh_tokens import RenewedLately, Unavailable
from proxy.flows.refused import Refused
from proxy.flows.service_accounts import OwnToken
from proxy.flows.sessions import Admitted, SignInNeeded
from proxy.model import Anyone, Directory, IntegrationGuid, Secret
from proxy.oauth.message import LostAnswer, NotSent
from proxy.policy.exchange_refusals import CONTENT_SESSION_TOKEN, GRANT_TYPE, USER_SESSION_TOKEN
from proxy.sealing import KeyRing
from tests.unit.flows.house import KEY, LAKE, SALES, START, STOCK, WAREHOUSE, answer

ROBOT = replace(
    LAKE,
    guid=IntegrationGuid("77777777-7777-4777-8777-777777777777"),
    name="robot",
    slug="robot",
    config={"token_uri": "https://lake.example.net/token", "client_id": "robot", "auth_type": "Service Account",
            "scopes": "read offline_access"},
)  # fmt: skip
MIXED = replace(SALES, integrations=(ROBOT.guid, WAREHOUSE.guid))
ALONE = replace(STOCK, integrations=(ROBOT.guid,), access=Anyone())
REFUSED = [
    answer(401, {"error": "invalid_client"}),
    answer(400, {"error": "invalid_grant"}),
    answer(400, {"error": "interaction_required"}),
    answer(400, {"error": "invalid_scope"}),
]


def directory(*contents, integrations=(WAREHOUSE, LAKE, ROBOT)):
    return Directory(
        contents={content.guid: content for content in contents or (MIXED, ALONE)},
        integrations={one.guid: one for one in integrations},
    )


@pytest.fixture
async def house(build):
    return await build(directory())


async def token_of(house, **more):
    own = await house.service_accounts.token(ROBOT, **more)
    return own.access_token.reveal() if isinstance(own, OwnToken) else own


# — the cache —————————————————————————————————————————————————————————————————————————————————————


async def test_the_client_asks_for_itself(house, provider):
    assert await token_of(house) == "access-1"
    [form] = provider.token_requests
    assert form == {
        "grant_type": "client_credentials", "scope": "read", "client_id": "robot", "client_secret": "lake-secret",
    }  # fmt: skip
    [request] = provider.requests
    assert request.url == "https://lake.example.net/token"


async def test_a_hundred_callers_make_one_request(house, provider):
    provider.gate = asyncio.Event()
    asking = [asyncio.create_task(token_of(house)) for _ in range(100)]
    await asyncio.sleep(0)
    provider.gate.set()
    assert set(await asyncio.gather(*asking)) == {"access-1"}
    assert len(provider.token_requests) == 1


async def test_a_caller_who_leaves_takes_nobody_along(house, provider):
    provider.gate = asyncio.Event()
    leaving, staying = (asyncio.create_task(token_of(house)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    provider.gate.set()
    assert await staying == "access-1"
    assert len(provider.token_requests) == 1


async def test_it_is_served_from_memory_until_it_is_due(house, clock, provider):
    await token_of(house)
    clock.advance(539)
    assert await token_of(house) == "access-1"
    assert len(provider.token_requests) == 1


async def test_ahead_of_its_end_another_is_fetched_in_the_background(house, clock, provider):
    await token_of(house)
    clock.advance(545)
    assert await token_of(house) == "access-1"
    await house.service_accounts.close()
    assert await token_of(house) == "access-2"
    assert len(provider.token_requests) == 2


async def test_at_its_end_callers_wait_for_another(house, clock):
    await token_of(house)
    clock.advance(601)
    assert await token_of(house) == "access-2"


async def test_it_never_uses_a_refresh_token(house, clock, provider):
    for _ in range(3):
        await token_of(house)
        clock.advance(601)
    assert {form["grant_type"] for form in provider.token_requests} == {"client_credentials"}
    assert "nobody's" not in str(provider.token_requests)


async def test_an_answer_without_a_lifetime_is_taken_for_an_hours(house, clock, provider):
    provider.ttl_s = None
    await token_of(house)
    clock.advance(3000)
    assert await token_of(house) == "access-1"
    clock.advance(601)
    assert await token_of(house) == "access-2"


# — when the server does not give one —————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    "reply", [answer(503, {}), NotSent("refused"), LostAnswer("reset")], ids=["busy", "down", "lost"]
)
async def test_trouble_is_tried_again_and_then_answered_from_memory(house, clock, provider, reply):
    provider.script.extend([reply] * 3)
    outcome = await token_of(house)
    assert isinstance(outcome, Unavailable)
    asked = len(provider.token_requests)
    assert 1 < asked <= 3
    assert isinstance(await token_of(house), Unavailable)
    assert len(provider.token_requests) == asked
    provider.script.clear()
    clock.advance(outcome.retry_after_s)
    assert await token_of(house) == "access-1"


async def test_retry_after_is_kept(house, clock, provider):
    provider.script.append(answer(429, {}, **{"retry-after": "120"}))
    outcome = await token_of(house)
    assert outcome.retry_after_s == 120
    clock.advance(119)
    assert isinstance(await token_of(house), Unavailable)
    assert len(provider.token_requests) == 1


async def test_a_token_that_is_valid_is_served_while_there_is_no_other(house, clock, provider):
    await token_of(house)
    clock.advance(580)
    provider.script.extend([answer(503, {})] * 6)
    for _ in range(5):
        assert await token_of(house) == "access-1"
    clock.advance(21)
    assert isinstance(await token_of(house), Unavailable)


@pytest.mark.parametrize("reply", REFUSED, ids=["client", "grant", "interaction", "scope"])
async def test_a_refusal_is_told_and_asked_about_once_a_minute(house, clock, provider, reply):
    provider.script.append(reply)
    provider.script.append(reply)
    with capture_logs() as lines:
        for _ in range(20):
            assert isinstance(await token_of(house), Unavailable)
        assert len(provider.token_requests) == 1
        clock.advance(61)
        assert isinstance(await token_of(house), Unavailable)
        assert len(provider.token_requests) == 2
    assert [line["log_level"] for line in lines].count("error") == 1
    assert "lake-secret" not in str(lines)
    clock.advance(61)
    assert await token_of(house) == "access-1"


async def test_a_token_that_an_api_rejects_is_replaced_when_it_is_not_new(house, clock, provider):
    await token_of(house)
    assert isinstance(await token_of(house, rejected=Secret("access-1")), RenewedLately)
    clock.advance(31)
    assert await token_of(house, rejected=Secret("another")) == "access-1"
    assert await token_of(house, rejected=Secret("access-1")) == "access-2"
    assert len(provider.token_requests) == 2


async def test_a_rejected_token_is_not_given_out_again_when_there_is_no_other(house, clock, provider):
    await token_of(house)
    clock.advance(31)
    provider.script.extend([answer(503, {})] * 3)
    assert isinstance(await token_of(house, rejected=Secret("access-1")), Unavailable)
    assert isinstance(await token_of(house), Unavailable)


async def test_a_refusal_after_better_days_is_told_again(house, clock, provider):
    with capture_logs() as lines:
        for _ in range(2):
            provider.script.append(answer(400, {"error": "invalid_grant"}))
            assert isinstance(await token_of(house), Unavailable)
            clock.advance(61)
            await token_of(house)
            clock.advance(601)
    assert [line["log_level"] for line in lines].count("error") == 2


# — the exchange ——————————————————————————————————————————————————————————————————————————————————


async def redeem(house, content, **changed):
    form = {
        "grant_type": GRANT_TYPE,
        "subject_token_type": CONTENT_SESSION_TOKEN,
        "subject_token": content_session_token(house.key_ring, content.guid),
        "requested_token_type": None,
        "audience": ROBOT.guid,
        **changed,
    }
    return await house.exchange.redeem(caller=house.key(content), **form)


def code(outcome):
    assert isinstance(outcome, Refused), outcome
    return outcome.status, outcome.code


async def test_content_gets_a_token_of_its_own_without_any_viewer(house, provider):
    issued = await redeem(house, ALONE, audience=None)
    assert isinstance(issued, Issued)
    assert (issued.access_token.reveal(), issued.expires_in) == ("access-1", 540)
    assert await house.store.viewers() == []


async def test_of_several_the_audience_says_which(house):
    assert code(await redeem(house, MIXED, audience=None)) == (400, 257)
    assert isinstance(await redeem(house, MIXED), Issued)
    assert code(await redeem(house, ALONE, audience=WAREHOUSE.guid)) == (400, 256)


@pytest.mark.parametrize("token", [None, "", "made-up", "ü", "A" * 43])
async def test_what_is_not_this_contents_token_gets_nothing(house, provider, token):
    assert code(await redeem(house, MIXED, subject_token=token)) == (400, 236)
    assert provider.requests == []


async def test_the_token_of_another_content_gets_nothing(house, provider):
    other = content_session_token(house.key_ring, ALONE.guid)
    assert code(await redeem(house, MIXED, subject_token=other)) == (400, 236)
    assert provider.requests == []


async def test_each_kind_of_token_is_for_its_kind_of_integration(house):
    assert code(await redeem(house, MIXED, audience=WAREHOUSE.guid)) == (400, 252)
    session_id = await house.log_in(MIXED)
    admitted = await house.sessions.admit(session_id, MIXED)
    lines = dict(line.split(": ", 1) for line in admitted.header_block.decode().splitlines())
    viewers = lines["Posit-Connect-User-Session-Token"]
    assert code(await redeem(house, MIXED, subject_token=viewers)) == (400, 236)
    assert code(await redeem(house, MIXED, subject_token=viewers, subject_token_type=USER_SESSION_TOKEN)) == (400, 252)
    short = await house.exchange.token(caller=house.key(MIXED), session_token=viewers, integration="robot")
    assert code(short) == (400, 252)


async def test_a_server_that_gives_none_is_worth_waiting_for(house, provider):
    provider.script.append(answer(401, {"error": "invalid_client"}))
    refused = await redeem(house, MIXED)
    assert code(refused) == (503, 241)
    assert refused.retry_after_s == 60
    assert refused.login_url is None, "no viewer could mend it"


async def test_a_rejected_token_goes_through_the_form(house, clock):
    await redeem(house, MIXED)
    assert code(await redeem(house, MIXED, rejected_token="access-1")) == (429, 277)
    clock.advance(31)
    assert (await redeem(house, MIXED, rejected_token="access-1")).access_token.reveal() == "access-2"


async def test_a_content_that_is_gone_gets_nothing(build):
    house = await build(directory(MIXED))
    assert code(await redeem(house, ALONE)) == (400, 236)


def test_the_content_session_token_outlives_a_new_key_in_front():
    new = bytes(range(100, 132))
    before = content_session_token(KeyRing([KEY]), MIXED.guid)
    assert is_content_session_token(before, KeyRing([new, KEY]), MIXED, START)
    assert not is_content_session_token(before, KeyRing([new]), MIXED, START)
    assert content_session_token(KeyRing([new, KEY]), MIXED.guid) != before


# — viewers ———————————————————————————————————————————————————————————————————————————————————————


async def test_viewers_are_asked_for_nothing_and_carry_nothing_of_it(house, provider):
    assert await house.sessions.admit(None, MIXED) == SignInNeeded(integration=WAREHOUSE)
    admitted = await house.sessions.admit(await house.log_in(MIXED), MIXED)
    assert isinstance(admitted, Admitted)
    assert admitted.unasked is None
    sent = dict(line.split(": ", 1) for line in admitted.header_block.decode().splitlines())
    assert sent["X-Forwarded-Access-Token"] == sent["X-Forwarded-Access-Token-Warehouse"]
    assert not [name for name in sent if "robot" in name.lower()]
    assert [form["grant_type"] for form in provider.token_requests] == ["authorization_code"]


async def test_a_flow_that_began_before_it_was_one_brings_nothing(build):
    house = await build(directory(replace(MIXED, integrations=(LAKE.guid,))))
    state = (await house.start(MIXED, LAKE))["state"]
    robot = replace(ROBOT, guid=LAKE.guid)
    house = await build(directory(replace(MIXED, integrations=(LAKE.guid,)), integrations=(WAREHOUSE, robot)))
    outcome = await house.come_back(state, iss="")
    assert isinstance(outcome, StateRefused)
    assert outcome.because == "gone"


async def test_an_account_taken_from_the_content_while_its_token_is_fetched_lends_none(house, provider):
    provider.gate = asyncio.Event()
    asking = asyncio.create_task(redeem(house, MIXED))
    while not provider.token_requests:
        await asyncio.sleep(0)
    house.directory.contents.become({MIXED.guid: replace(MIXED, integrations=(WAREHOUSE.guid,))})
    provider.gate.set()
    assert code(await asking) == (400, 256)
