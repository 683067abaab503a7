"""A code that the vendor does not take: a new flow may help, or an administrator has to, or nobody knows yet."""

import json

import pytest

from proxy.flows.callback_outcomes import CodeRefused, Granted, ProviderUnavailable
from tests.doubles import faults
from tests.doubles.profiles import databricks, snowflake
from tests.doubles.profiles.azure import AZURE
from tests.doubles.profiles.github import GITHUB_APP
from tests.doubles.profiles.google import GOOGLE
from tests.doubles.profiles.keycloak import KEYCLOAK
from tests.doubles.profiles.plain import CUSTOM


def entra(number: int, error: str) -> bytes:
    return json.dumps(
        {"error": error, "error_description": f"AADSTS{number}: x\r\ny", "error_codes": [number]}
    ).encode()


REFUSED = {
    "a redirect URI of a single-page app": (AZURE, 400, entra(9002327, "invalid_request"), "client"),
    "an expired secret": (AZURE, 401, entra(7000222, "invalid_client"), "client"),
    "an application of another tenant": (AZURE, 400, entra(700016, "unauthorized_client"), "client"),
    "another redirect URI": (AZURE, 400, entra(50011, "invalid_request"), "client"),
    "two resources": (AZURE, 400, entra(28003, "invalid_scope"), "client"),
    "a used code": (AZURE, 400, entra(54005, "invalid_grant"), "code"),
    "a policy": (AZURE, 400, entra(53003, "invalid_grant"), "code"),
    "another redirect URI at GitHub": (GITHUB_APP, 200, b'{"error":"redirect_uri_mismatch"}', "client"),
    "a wrong secret at GitHub": (GITHUB_APP, 200, b'{"error":"incorrect_client_credentials"}', "client"),
    "a used code at GitHub": (GITHUB_APP, 200, b'{"error":"bad_verification_code"}', "code"),
    "no verified address at GitHub": (GITHUB_APP, 200, b'{"error":"unverified_user_email"}', "code"),
    "an administrator of Google Workspace": (GOOGLE, 400, b'{"error":"admin_policy_enforced"}', "client"),
    "a wrong secret at Keycloak": (KEYCLOAK, 401, b'{"error":"unauthorized_client"}', "client"),
    "a wrong secret at Snowflake": (snowflake.SNOWFLAKE, 400, b'{"error":"invalid_client","message":"x"}', "client"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_it_is_said_who_can_mend_it_and_the_next_flow_works(world_of, case):
    profile, status, body, because = REFUSED[case]
    world = await world_of(profile)
    world.server.faults.put("token", faults.raw_body(body, code=status))
    outcome = await world.consent()
    assert isinstance(outcome, CodeRefused)
    assert outcome.because == because
    assert len(world.server.token_requests) == 1, "a code is sent once"
    assert isinstance(await world.consent(), Granted)


TROUBLE = {
    "busy": faults.status(429, retry_after="30"),
    "down": faults.status(503),
    "a firewall's page": faults.html(403),
    "no answer": faults.TIMEOUT,
    "an end before it acted": faults.RESET_BEFORE_HEADERS,
    "an answer that was lost": faults.PROCESS_THEN_RESET,
    "half an answer": faults.TRUNCATED_JSON,
}


@pytest.mark.parametrize("case", TROUBLE)
@pytest.mark.parametrize("profile", [AZURE, databricks.DATABRICKS, CUSTOM], ids=lambda profile: profile.name)
async def test_trouble_of_the_vendor_is_no_refusal_and_the_code_is_never_sent_twice(world_of, profile, case):
    world = await world_of(profile)
    world.server.faults.put("token", TROUBLE[case])
    assert isinstance(await world.consent(), ProviderUnavailable)
    assert len(world.server.token_requests) == 1
    assert world.server.grants.counters["code_replay"] == 0
    assert isinstance(await world.consent(), Granted)


async def test_a_code_that_came_too_late_is_refused(world_of):
    world = await world_of(CUSTOM)
    location = await world.visit(await world.start())
    world.clock.advance(61)
    outcome = await world.come_back(location)
    assert isinstance(outcome, CodeRefused)
    assert outcome.because == "code"
