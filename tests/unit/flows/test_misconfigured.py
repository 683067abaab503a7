"""A server that does not know us any more: nobody loses their grant, one alert, one request a minute."""

import asyncio

import pytest
from structlog.testing import capture_logs

from proxy.flows.fresh_tokens import Fresh, Unavailable
from proxy.flows.misconfigured import Held, Misconfigured
from proxy.model import CredentialsState
from proxy.policy.refresh_verdict import Operator
from tests.unit.flows.house import BOTH, LAKE, START, WAREHOUSE, Clock, answer

WRONG_SECRET = answer(401, {"error": "invalid_client"})
HERE = ("integration", "https://id.example.net/token")
ABOUT_US = Operator("client_refused", is_about_us=True)


async def viewers(house, count):
    return [await house.viewer_guid(await house.log_in()) for _ in range(count)]


def alerts(logs):
    return [line for line in logs if line["log_level"] == "error"]


async def test_a_rotated_secret_costs_one_request_a_minute_and_one_alert_whoever_asks(house, clock, provider):
    guids = await viewers(house, 20)
    clock.advance(601)
    provider.script.extend([WRONG_SECRET] * 100)
    with capture_logs() as logs:
        for minute in range(1, 6):
            answers = await asyncio.gather(*(house.keeper.fresh(guid, WAREHOUSE) for guid in guids))
            assert all(isinstance(one, Unavailable) and one.retry_after_s <= 60 for one in answers)
            assert len(provider.refreshes) == minute
            clock.advance(60)
    [alert] = alerts(logs)
    assert (alert["integration"], alert["because"]) == (WAREHOUSE.guid, "client_refused")
    rows = [await house.store.credentials(guid, WAREHOUSE.guid) for guid in guids]
    assert {(row.state, row.generation) for row in rows} == {(CredentialsState.ACTIVE, 1)}


async def test_when_the_secret_is_mended_everybody_goes_on(house, clock, provider):
    guids = await viewers(house, 5)
    clock.advance(601)
    provider.script.append(WRONG_SECRET)
    for guid in guids:
        await house.keeper.fresh(guid, WAREHOUSE)
    clock.advance(61)
    with capture_logs() as logs:
        answers = [await house.keeper.fresh(guid, WAREHOUSE) for guid in guids]
    assert all(isinstance(one, Fresh) for one in answers)
    assert [line["event"] for line in logs if line["event"].startswith("the integration")] == [
        "the integration is accepted again"
    ]


async def test_the_other_integrations_of_the_same_viewers_go_on(house, clock, provider):
    session_id = await house.log_in(BOTH)
    await house.log_in(BOTH, LAKE, session_id=session_id)
    guid = await house.viewer_guid(session_id)
    clock.advance(601)
    provider.script.append(WRONG_SECRET)
    assert isinstance(await house.keeper.fresh(guid, WAREHOUSE), Unavailable)
    assert isinstance(await house.keeper.fresh(guid, LAKE), Fresh)


async def test_a_refusal_that_may_be_one_viewers_own_keeps_nobody_else_from_asking(house, clock, provider):
    first, second = await viewers(house, 2)
    clock.advance(601)
    provider.script.append(answer(403, {"error": "unauthorized_client", "error_description": "token is invalid"}))
    assert isinstance(await house.keeper.fresh(first, WAREHOUSE), Unavailable)
    assert isinstance(await house.keeper.fresh(second, WAREHOUSE), Fresh)


@pytest.fixture
def misconfigured():
    return Misconfigured()


def test_one_may_find_out_each_minute_and_the_others_wait_for_it(misconfigured):
    clock = Clock()
    assert misconfigured.holding(HERE, START) is None
    misconfigured.refused(HERE, ABOUT_US, START)
    assert misconfigured.holding(HERE, START) == Held("client_refused", 60.0)
    clock.advance(60)
    assert [misconfigured.holding(HERE, clock()) for _ in range(2)] == [None, Held("client_refused", 60.0)]


def test_what_is_still_wrong_is_said_again_after_an_hour_and_at_once_when_it_was_mended_between(misconfigured):
    clock = Clock()
    with capture_logs() as logs:
        for _ in range(61):
            misconfigured.refused(HERE, ABOUT_US, clock())
            clock.advance(60)
        assert len(alerts(logs)) == 2
        misconfigured.accepted(HERE)
        misconfigured.refused(HERE, ABOUT_US, clock())
    assert len(alerts(logs)) == 3


def test_being_accepted_says_nothing_when_nothing_was_wrong(misconfigured):
    with capture_logs() as logs:
        misconfigured.accepted(HERE)
    assert logs == []


def test_an_integration_that_is_another_now_is_asked_for_again_and_told_of_again():
    one, other = Misconfigured(), ("another", HERE[1])
    for circuit in (HERE, other):
        one.refused(circuit, ABOUT_US, START)
    one.forget(HERE[0])
    assert one.holding(HERE, START) is None
    assert one.holding(other, START) is not None
    with capture_logs() as logs:
        one.refused(HERE, ABOUT_US, START)
    assert len(alerts(logs)) == 1
