"""Asking a server whether a sign-in would work, with answers that no double gives: lost ones, and none at all."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from random import Random
from urllib.parse import parse_qs

import pytest

from proxy.flows.online_check import OnlineCheck
from proxy.model import Secret
from proxy.oauth.message import LostAnswer, NotSent, OutboundResponse
from tests.unit.flows.house import REDIRECT_URI, WAREHOUSE, Clock, answer
from tests.unit.oauth.keys import EC_KEY, RSA_KEY

TAKEN = answer(400, {"error": "invalid_grant"})
REFUSED = answer(401, {"error": "invalid_client"})
PAGE = OutboundResponse(status=200, headers={}, body=b"Sign in")
LOST = LostAnswer("timeout")


class Server:
    def __init__(self):
        self.answers = deque()
        self.requests = []

    async def __call__(self, request):
        self.requests.append(request)
        return self.answers.popleft()

    def sent(self, name):
        """That field of each form, ``None`` where it is not."""
        forms = [parse_qs(request.body.decode()) for request in self.requests if request.method == "POST"]
        return [form[name][0] if name in form else None for form in forms]


@pytest.fixture
def server():
    return Server()


async def found(server, *answers, integration=WAREHOUSE):
    server.answers.extend(answers)
    check = OnlineCheck(send=server, now=Clock(), random_bytes=Random(7).randbytes, redirect_uri=REDIRECT_URI)
    findings = await check.of(integration)
    assert not server.answers
    return {one.step: (one.level, one.text) for one in findings}


async def test_a_server_that_is_not_reached_is_asked_nothing_more_and_the_configuration_still_is(server):
    said = await found(server, NotSent("tls_expired"))

    assert said["reach"][0] == "problem"
    assert said["refresh token"][0] == "ok"
    assert set(said) == {"reach", "refresh token"}


async def test_a_client_that_is_refused_is_not_asked_about_refreshing(server):
    said = await found(server, REFUSED, PAGE)

    assert said["client"][0] == "problem"
    assert server.sent("grant_type") == ["authorization_code"]


@pytest.mark.parametrize("lost", [LOST, answer(503, {"error": "temporarily_unavailable"}), TAKEN])
async def test_without_a_refusal_to_compare_with_nothing_is_told(server, lost):
    said = await found(server, TAKEN, lost, PAGE, TAKEN)

    assert said["client"][0] == "note"


async def test_the_comparison_uses_another_secret_and_never_the_right_one(server):
    await found(server, TAKEN, REFUSED, PAGE, TAKEN)

    right, wrong, refreshing = server.sent("client_secret")
    assert right == refreshing == "client-secret"
    assert wrong not in {right, None}


@pytest.mark.parametrize("key", [EC_KEY, RSA_KEY])
async def test_a_signature_is_compared_with_a_forged_one(server, key):
    signed = replace(WAREHOUSE, client_secret=None, private_key=Secret(key))

    said = await found(server, TAKEN, REFUSED, PAGE, TAKEN, integration=signed)

    assert said["client"] == ("ok", "It takes the client (private_key_jwt).")
    right, forged, refreshing = (assertion.split(".") for assertion in server.sent("client_assertion"))
    assert right[0] == forged[0]
    assert len(right[2]) == len(forged[2])
    assert len({right[1], forged[1], refreshing[1]}) == 3, "each has a jti of its own"
    assert set(server.sent("client_secret")) == {None}


async def test_an_error_without_a_name_is_not_quoted(server):
    said = await found(server, answer(418, {"detail": "x"}), answer(418, {}), PAGE, TAKEN)

    assert said["client"] == ("note", "Its answer tells nothing of the client: the first sign-in will.")


@pytest.mark.parametrize("failure", [NotSent("connect_failed"), LOST])
async def test_an_authorization_endpoint_that_only_browsers_reach_is_worth_a_note(server, failure):
    said = await found(server, TAKEN, REFUSED, failure, TAKEN)

    assert said["authorization"][0] == "note"
    assert said["authorization"][1].startswith("Asked from here, ")


async def test_a_lost_answer_about_refreshing_leaves_what_the_configuration_says(server):
    said = await found(server, TAKEN, REFUSED, PAGE, LOST)

    assert said["refresh token"] == ("ok", "Asked for by the scope offline_access.")


async def test_answers_without_a_date_say_nothing_of_the_clock(server):
    assert "clock" not in await found(server, TAKEN, REFUSED, PAGE, TAKEN)


async def test_a_document_that_cannot_be_fetched_is_a_server_that_is_not_reached(server):
    company = replace(WAREHOUSE, template="oidc", config={"issuer": "https://id.example", "client_id": "sidecar"})

    said = await found(server, NotSent("unknown_host"), integration=company)

    assert set(said) == {"reach"}
    assert "id.example is not known to DNS" in said["reach"][1]


SERVICE = replace(WAREHOUSE, config=WAREHOUSE.config | {"auth_type": "Service Account"})


async def test_a_service_account_is_asked_for_its_token_and_nothing_of_viewers(server):
    said = await found(server, answer(200, {"access_token": "own-token"}), integration=SERVICE)

    assert said["client"] == ("ok", "It gives the client a token of its own, which was thrown away.")
    assert set(said) == {"reach", "client"}
    assert server.sent("grant_type") == ["client_credentials"]


async def test_a_service_account_whose_server_is_not_reached_is_not_judged(server):
    assert set(await found(server, LOST, integration=SERVICE)) == {"reach"}
