"""A service account is tested: one request, and nothing of the provider's but its error code."""

from dataclasses import replace

import pytest

from proxy.flows.administered import NewIntegration
from proxy.flows.refused import NOT_THERE
from proxy.model import AuditAction
from proxy.oauth.message import LostAnswer, NotSent, OutboundResponse
from tests.unit.flows.callers import ADA
from tests.unit.flows.house import SALES, WAREHOUSE, answer, directory
from tests.unit.flows.test_directory_changes import ROBOT

GITHUBS_WORDS = "The client is not good, says the server, and its secret is kH3-crm-secret"

ANSWERS = {
    "no such client": (answer(401, {"error": "invalid_client", "error_description": GITHUBS_WORDS}), 400, "invalid_client"),
    "no such grant": (answer(400, {"error": "unauthorized_client"}), 400, "client credentials"),
    "no such scope": (answer(400, {"error": "invalid_scope"}), 400, "`scopes`"),
    "an error that is a sentence": (answer(400, {"error": GITHUBS_WORDS}), 400, "no token of its own"),
    "a page": (OutboundResponse(status=200, headers={}, body=b"<html>"), 400, "no JSON"),
    "busy": (answer(503, {}), 502, "busy"),
    "not reached": (NotSent("connect_failed"), 502, "nobody takes connections"),
    "not allowed to be reached": (NotSent("address_refused"), 502, "outbound.unsafe_allow_networks"),
    "no answer": (LostAnswer("timeout"), 502, "ten seconds"),
}  # fmt: skip


@pytest.fixture
async def robot(house):
    return (
        await house.administration.create(ADA, NewIntegration(name="robot", template="custom", config=ROBOT))
    ).integration


async def test_a_token_is_asked_for_once_and_thrown_away(house, robot, provider):
    assert await house.administration.verify(ADA, robot.guid) is None
    assert [form["grant_type"] for form in provider.token_requests] == ["client_credentials"]
    assert (await house.service_accounts.token(robot)).access_token.reveal() == "access-2"
    (line,) = [line for line in house.lines if line.action is AuditAction.INTEGRATION_VERIFIED]
    assert (line.actor.id, line.integration_guid, line.detail) == (ADA.guid, robot.guid, {"outcome": "ok"})


@pytest.mark.parametrize(("reply", "status", "said"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_a_no_is_told_in_words_of_ours(house, robot, provider, reply, status, said):
    provider.script.append(reply)
    refused = await house.administration.verify(ADA, robot.guid)
    assert (refused.status, refused.code) == (status, 241)
    assert said in refused.text
    assert "kH3" not in refused.text
    assert [line.detail for line in house.lines if line.action is AuditAction.INTEGRATION_VERIFIED] == [
        {"outcome": "241"}
    ]
    assert len(provider.token_requests) == 1


async def test_only_service_accounts_are_tested(house, provider):
    refused = await house.administration.verify(ADA, WAREHOUSE.guid)
    assert (refused.status, refused.code) == (400, 240)
    assert await house.administration.verify(ADA, "99999999-9999-4999-8999-999999999999") == NOT_THERE
    assert provider.requests == []


async def test_one_whose_secret_cannot_be_opened_is_not_asked_about(house, robot, provider):
    unusable = replace(robot, is_unusable=True)
    house.live._integrations.become({robot.guid: unusable})
    refused = await house.administration.verify(ADA, robot.guid)
    assert (refused.status, refused.code) == (400, 241)
    assert provider.requests == []


async def test_a_server_that_does_not_say_where_its_endpoints_are_is_told_of(build, provider):
    discovered = replace(
        WAREHOUSE,
        template="oidc",
        config={"issuer": "https://id.example.net", "client_id": "x", "auth_type": "Service Account"},
    )
    of = directory(SALES)
    house = await build(replace(of, integrations={WAREHOUSE.guid: discovered}))
    refused = await house.administration.verify(ADA, WAREHOUSE.guid)
    assert (refused.status, refused.code) == (502, 241)
