"""Content says that an API rejected the token: another one, or why not, and never a storm."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from proxy.flows import recipes
from proxy.flows.exchange_answers import Issued
from proxy.flows.fresh_tokens import Fresh, Reconnect, RenewedLately, Unavailable
from proxy.flows.refused import Refused
from proxy.model import CredentialsChanged, CredentialsState, Secret
from proxy.policy.exchange_refusals import GRANT_TYPE, USER_SESSION_TOKEN
from proxy.providers import PROVIDERS
from tests.unit.flows.house import SALES, STOCK, WAREHOUSE, answer

OLD = Secret("access-1")


async def viewer(house):
    return await house.viewer_guid(await house.log_in())


def shown(fresh):
    assert isinstance(fresh, Fresh), fresh
    return fresh.access_token.reveal()


async def test_a_rejected_token_is_renewed_though_its_end_is_far(house, clock, provider):
    guid = await viewer(house)
    clock.advance(60)
    assert shown(await house.keeper.instead_of(OLD, guid, WAREHOUSE)) == "access-2"
    assert shown(await house.keeper.fresh(guid, WAREHOUSE)) == "access-2"
    assert len(provider.refreshes) == 1


async def test_a_hundred_who_say_so_at_once_make_one_request_together_with_ordinary_callers(house, clock, provider):
    guid = await viewer(house)
    clock.advance(590)
    provider.gate = asyncio.Event()
    ordinary = [asyncio.ensure_future(house.keeper.fresh(guid, WAREHOUSE)) for _ in range(10)]
    rejecting = [asyncio.ensure_future(house.keeper.instead_of(OLD, guid, WAREHOUSE)) for _ in range(100)]
    while not provider.refreshes:
        await asyncio.sleep(0)
    provider.gate.set()
    assert {shown(one) for one in await asyncio.gather(*ordinary, *rejecting)} == {"access-2"}
    assert len(provider.refreshes) == 1


async def test_a_token_that_was_replaced_already_costs_no_request(house, clock, provider):
    guid = await viewer(house)
    clock.advance(60)
    await house.keeper.instead_of(OLD, guid, WAREHOUSE)
    for stale in (OLD, Secret("never ours"), Secret("schlüssel")):
        assert shown(await house.keeper.instead_of(stale, guid, WAREHOUSE)) == "access-2"
    assert len(provider.refreshes) == 1


async def test_a_new_token_that_is_rejected_is_not_renewed_before_half_a_minute(house, clock, provider):
    guid = await viewer(house)
    assert await house.keeper.instead_of(OLD, guid, WAREHOUSE) == RenewedLately(30.0)
    clock.advance(29)
    assert await house.keeper.instead_of(OLD, guid, WAREHOUSE) == RenewedLately(1.0)
    assert await house.neighbour().keeper.instead_of(OLD, guid, WAREHOUSE) == RenewedLately(1.0)
    assert provider.refreshes == []
    clock.advance(1)
    assert shown(await house.keeper.instead_of(OLD, guid, WAREHOUSE)) == "access-2"
    assert await house.keeper.instead_of(Secret("access-2"), guid, WAREHOUSE) == RenewedLately(30.0)


async def test_an_attempt_that_failed_counts_too(house, clock, provider):
    guid = await viewer(house)
    clock.advance(60)
    provider.script.append(answer(429, {}, **{"retry-after": "11"}))
    assert await house.keeper.instead_of(OLD, guid, WAREHOUSE) == Unavailable(retry_after_s=30.0, because="not_renewed")
    clock.advance(10)
    assert await house.keeper.instead_of(OLD, guid, WAREHOUSE) == RenewedLately(20.0)
    assert len(provider.refreshes) == 1
    assert shown(await house.keeper.fresh(guid, WAREHOUSE)) == "access-1"  # who did not complain has it still
    clock.advance(20)
    assert shown(await house.keeper.instead_of(OLD, guid, WAREHOUSE)) == "access-2"


async def test_a_server_that_stumbles_is_asked_again_while_the_caller_waits(house, clock, provider):
    guid = await viewer(house)
    clock.advance(60)
    provider.script.append(answer(503, {}))
    assert shown(await house.keeper.instead_of(OLD, guid, WAREHOUSE)) == "access-2"


async def test_a_grant_that_turns_out_dead_asks_the_viewer(house, clock, provider):
    guid = await viewer(house)
    clock.advance(60)
    provider.script.append(answer(400, {"error": "invalid_grant"}))
    assert await house.keeper.instead_of(OLD, guid, WAREHOUSE) == Reconnect("invalid_grant")
    assert await house.keeper.instead_of(OLD, guid, WAREHOUSE) == Reconnect("invalid_grant")


async def test_without_a_refresh_token_the_viewer_is_asked_and_the_others_keep_what_they_have(house, clock, provider):
    provider.script.append(answer(200, {"access_token": "access-1", "token_type": "Bearer", "expires_in": 600}))
    guid = await viewer(house)
    clock.advance(60)
    assert await house.keeper.instead_of(OLD, guid, WAREHOUSE) == Reconnect("rejected")
    assert (await house.store.credentials(guid, WAREHOUSE.guid)).state is CredentialsState.ACTIVE


# — where a refresh kills the access token before it ——————————————————————————————————————————————


@pytest.fixture
def destructive(monkeypatch):
    changed = replace(PROVIDERS["custom"], refresh_invalidates_access=True)
    monkeypatch.setattr(recipes, "PROVIDERS", {**PROVIDERS, "custom": changed})


@pytest.fixture
def killing(provider):
    """Like Snowflake's single-use mode: only the newest access token is alive at the provider."""
    alive = {"token": "access-1"}

    def tokens(request):
        given = provider.tokens(request)
        alive["token"] = f"access-{provider.issued}"
        return given

    provider.script.extend([tokens] * 50)
    return alive


async def test_nobody_is_given_a_token_that_a_running_refresh_has_killed(destructive, killing, house, clock, provider):
    """A race with a gate: the server has rotated, its answer is on the way, and everybody asks."""
    session_id = await house.log_in()
    await house.log_in(STOCK, session_id=session_id)
    guid = await house.viewer_guid(session_id)
    current = Secret(killing["token"])
    clock.advance(60)
    provider.gate = asyncio.Event()
    house.changes.clear()
    rejecting = asyncio.ensure_future(house.keeper.instead_of(current, guid, WAREHOUSE))
    while not provider.refreshes:
        await asyncio.sleep(0)
    assert house.changes == [CredentialsChanged(guid, WAREHOUSE.guid)]  # ready header blocks are thrown away first
    asking = [asyncio.ensure_future(house.sessions.admit(session_id, content)) for content in (SALES, STOCK) * 10]
    for _ in range(200):
        await asyncio.sleep(0)
    assert not any(one.done() for one in asking)
    provider.gate.set()
    alive = shown(await rejecting)
    assert alive == killing["token"] != current.reveal()
    blocks = [(await one).header_block for one in asking]
    assert all(f"X-Forwarded-Access-Token: {alive}\r\n".encode() in block for block in blocks)
    assert len(provider.refreshes) == 1


async def test_such_a_token_is_renewed_at_its_end_only_and_all_contents_share_it(
    destructive, killing, house, clock, provider
):
    session_id = await house.log_in()
    await house.log_in(STOCK, session_id=session_id)
    provider.requests.clear()
    for age_s in (540, 14):  # the ordinary margin of ten minutes, and just before the small one
        clock.advance(age_s)
        await house.sessions.admit(session_id, SALES)
    assert provider.refreshes == []
    clock.advance(2)
    asked = (house.sessions.admit(session_id, content) for content in (SALES, STOCK) * 25)
    blocks = [admitted.header_block for admitted in await asyncio.gather(*asked)]
    line = f"X-Forwarded-Access-Token: {killing['token']}\r\n".encode()
    assert all(line in block for block in blocks)
    assert len(provider.refreshes) == 1


# — as content says it ————————————————————————————————————————————————————————————————————————————


async def ask(house, rejected, content=SALES):
    session_id = await house.log_in(content)
    return session_id, await redeem(house, session_id, rejected, content)


async def redeem(house, session_id, rejected, content=SALES):
    admitted = await house.sessions.admit(session_id, content)
    lines = dict(line.split(": ", 1) for line in admitted.header_block.decode().splitlines())
    return await house.exchange.redeem(
        caller=house.key(content), grant_type=GRANT_TYPE, subject_token_type=USER_SESSION_TOKEN, audience=None,
        subject_token=lines["Posit-Connect-User-Session-Token"], requested_token_type=None, rejected_token=rejected,
    )  # fmt: skip


async def test_the_exchange_answers_the_new_token_or_when_there_may_be_one(house, clock):
    session_id, refused = await ask(house, "access-1")
    assert isinstance(refused, Refused)
    assert (refused.status, refused.code, refused.retry_after_s) == (429, 277, 30)
    clock.advance(31)
    issued = await redeem(house, session_id, "access-1")
    assert isinstance(issued, Issued)
    assert issued.access_token.reveal() == "access-2"


async def test_the_way_back_for_a_token_that_cannot_be_renewed_asks_for_this_integration(house, clock, provider):
    provider.script.append(answer(200, {"access_token": "access-1", "token_type": "Bearer", "expires_in": 600}))
    session_id = await house.log_in()
    clock.advance(31)
    refused = await redeem(house, session_id, "access-1")
    assert (refused.status, refused.code) == (400, 219)
    assert refused.login_url.endswith(f"/__oauth__/login?content={SALES.guid}&integration={WAREHOUSE.guid}")


async def test_what_content_says_was_rejected_is_never_logged(house, clock):
    session_id = await house.log_in()
    clock.advance(31)
    with capture_logs() as logs:
        await redeem(house, session_id, "access-1")
    assert "access-1" not in str(logs)


# — a claims challenge ————————————————————————————————————————————————————————————————————————————


async def test_a_claims_challenge_goes_along_with_the_next_authorization_request_and_with_no_other(
    house, clock, provider
):
    session_id = await house.log_in()
    guid = await house.viewer_guid(session_id)
    clock.advance(601)
    challenge = '{"access_token": {"acrs": {"essential": true, "value": "c1"}}}'
    provider.script.append(answer(400, {"error": "interaction_required", "claims": challenge}))
    assert await house.keeper.fresh(guid, WAREHOUSE) == Reconnect("interaction_required")
    assert "claims" not in await house.start()  # somebody else's browser
    assert "claims" not in await house.start(session_id="never seen")
    assert (await house.start(session_id=session_id))["claims"] == challenge
    assert "claims" not in await house.start(session_id=session_id)


async def test_a_session_that_is_over_takes_no_claims_along(house, clock, provider):
    session_id = await house.log_in()
    guid = await house.viewer_guid(session_id)
    clock.advance(601)
    provider.script.append(answer(400, {"error": "interaction_required", "claims": "{}"}))
    await house.keeper.fresh(guid, WAREHOUSE)
    clock.advance(8 * 24 * 3600)
    assert "claims" not in await house.start(session_id=session_id)


async def test_a_challenge_takes_the_place_of_claims_in_the_configuration(house, clock, provider):
    integration = replace(
        WAREHOUSE, config=WAREHOUSE.config | {"authorization_parameters": "claims=%7B%7D&prompt=login"}
    )
    session_id = await house.log_in()
    guid = await house.viewer_guid(session_id)
    assert (await house.start(SALES, integration, session_id=session_id))["claims"] == "{}"
    clock.advance(601)
    provider.script.append(answer(400, {"error": "interaction_required", "claims": '{"a": 1}'}))
    await house.keeper.fresh(guid, WAREHOUSE)
    query = await house.start(SALES, integration, session_id=session_id)
    assert (query["claims"], query["prompt"]) == ('{"a": 1}', "login")
