"""A fresh token at any time, one request for any number of callers, and nothing lost."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from proxy.errors import StoreUnavailable
from proxy.flows.fresh_tokens import Fresh, Reconnect, Unavailable
from proxy.model import CredentialsChanged, CredentialsState, Sealed
from proxy.oauth.message import LostAnswer, NotSent
from tests.unit.flows.house import BOTH, LAKE, START, WAREHOUSE, answer, directory
from tests.unit.flows.ill_store import IllStore


async def viewer(house):
    return await house.viewer_guid(await house.log_in())


async def token(house, viewer_guid, integration=WAREHOUSE):
    fresh = await house.keeper.fresh(viewer_guid, integration)
    assert isinstance(fresh, Fresh), fresh
    return fresh.access_token.reveal()


def refreshed(number):
    return answer(200, {"access_token": f"again-{number}", "token_type": "Bearer", "expires_in": 600})


# — timing ————————————————————————————————————————————————————————————————————————————————————————


async def test_a_fresh_token_is_served_from_memory(build, clock, provider):
    house = await build()
    guid = await viewer(house)
    assert await token(house, guid) == "access-1"
    house.keeper._store = IllStore(house.keeper._store, fails={"credentials"})
    assert await token(house, guid) == "access-1"
    assert provider.refreshes == []


async def test_the_table_may_keep_a_token_until_it_grows_stale(house):
    fresh = await house.keeper.fresh(await viewer(house), WAREHOUSE)
    assert fresh.issued_at == START
    assert fresh.expires_at == START + timedelta(seconds=600)
    assert fresh.serve_until == START + timedelta(seconds=540)
    assert fresh.generation == 1


async def test_a_stale_token_is_served_while_a_new_one_is_fetched(house, clock, provider):
    guid = await viewer(house)
    clock.advance(545)
    provider.gate = asyncio.Event()
    stale = await house.keeper.fresh(guid, WAREHOUSE)
    assert stale.access_token.reveal() == "access-1"
    assert stale.serve_until == clock() + timedelta(seconds=5)
    provider.gate.set()
    await house.keeper._renewals.close(1)
    assert await token(house, guid) == "access-2"
    assert len(provider.refreshes) == 1


async def test_a_background_refresh_that_meets_an_ill_store_changes_nothing_for_the_caller(house, clock, provider):
    guid = await viewer(house)
    await token(house, guid)
    clock.advance(545)
    house.keeper._store = IllStore(house.store, fails={"credentials"})
    with capture_logs() as logs:
        assert await token(house, guid) == "access-1"
        await house.keeper._renewals.close(1)
    assert [line["event"] for line in logs] == ["refresh in the background failed"]
    house.keeper._store = house.store
    assert await token(house, guid) == "access-1"
    await house.keeper._renewals.close(1)
    assert await token(house, guid) == "access-2"


async def test_a_token_near_its_end_is_refreshed_first(house, clock, provider):
    guid = await viewer(house)
    clock.advance(590)
    assert await token(house, guid) == "access-2"
    assert (await house.keeper.fresh(guid, WAREHOUSE)).generation == 2


async def test_a_token_without_an_end_is_never_refreshed(build, clock, provider):
    provider.script.append(answer(200, {"access_token": "for-ever", "token_type": "Bearer"}))
    house = await build()
    guid = await viewer(house)
    row = await house.store.credentials(guid, WAREHOUSE.guid)
    if row.expires_at is not None:
        assert row.expires_at == START + timedelta(hours=1)
        forever = replace(row, expires_at=None)
        house.keeper.forget(guid, WAREHOUSE.guid)
        house.keeper._store = IllStore(house.store, credentials=forever)
    clock.advance(10 * 24 * 3600)
    assert await token(house, guid) == "for-ever"
    assert provider.refreshes == []


async def test_without_a_refresh_token_a_token_is_served_to_its_end_and_then_asked_for(house, clock, provider):
    provider.script.append(answer(200, {"access_token": "only", "token_type": "Bearer", "expires_in": 600}))
    guid = await viewer(house)
    for seconds in (550, 45):
        clock.advance(seconds)
        assert await token(house, guid) == "only"
    clock.advance(10)
    assert await house.keeper.fresh(guid, WAREHOUSE) == Reconnect("expired")
    assert provider.refreshes == []


async def test_a_refresh_token_that_is_known_to_be_over_is_not_sent(house, clock, provider):
    body = {
        "access_token": "a",
        "token_type": "Bearer",
        "expires_in": 600,
        "refresh_token": "r",
        "refresh_token_expires_in": 60,
    }
    provider.script.append(answer(200, body))
    guid = await viewer(house)
    clock.advance(601)
    assert await house.keeper.fresh(guid, WAREHOUSE) == Reconnect("expired")
    assert provider.refreshes == []


# — rotation ——————————————————————————————————————————————————————————————————————————————————————


async def test_a_rotated_refresh_token_is_used_next_time(house, clock, provider):
    guid = await viewer(house)
    for _ in range(3):
        clock.advance(601)
        await token(house, guid)
    assert [form["refresh_token"] for form in provider.refreshes] == ["refresh-1", "refresh-2", "refresh-3"]


async def test_without_a_new_refresh_token_the_old_one_is_kept(house, clock, provider):
    guid = await viewer(house)
    provider.omits_refresh_token = True
    for _ in range(2):
        clock.advance(601)
        await token(house, guid)
    assert [form["refresh_token"] for form in provider.refreshes] == ["refresh-1", "refresh-1"]


async def test_a_new_refresh_token_is_stored_before_its_access_token_is_served(house, clock, provider):
    guid = await viewer(house)
    clock.advance(601)
    order = []

    class Watching(IllStore):
        async def save_refresh(self, *args, **kwargs):
            saved = await super().save_refresh(*args, **kwargs)
            order.append("stored")
            return saved

    house.keeper._store = Watching(house.store)
    await token(house, guid)
    order.append("served")
    assert order == ["stored", "served"]


async def test_a_refresh_is_announced(house, clock):
    guid = await viewer(house)
    house.changes.clear()
    clock.advance(601)
    await token(house, guid)
    assert house.changes == [CredentialsChanged(guid, WAREHOUSE.guid)]


# — many callers ——————————————————————————————————————————————————————————————————————————————————


async def test_a_hundred_callers_at_expiry_make_one_request(house, clock, provider):
    guid = await viewer(house)
    clock.advance(601)
    tokens = await asyncio.gather(*(token(house, guid) for _ in range(100)))
    assert set(tokens) == {"access-2"}
    assert len(provider.refreshes) == 1


async def test_two_processes_at_expiry_make_one_request(house, clock, provider):
    guid = await viewer(house)
    other = house.neighbour()
    clock.advance(601)
    tokens = await asyncio.gather(*(token(one, guid) for one in (house, other) for _ in range(20)))
    assert set(tokens) == {"access-2"}
    assert len(provider.refreshes) == 1


async def test_who_waits_in_vain_for_another_process_is_told_to_come_back(house, clock, provider):
    guid = await viewer(house)
    row = await house.store.credentials(guid, WAREHOUSE.guid)
    clock.advance(601)
    await house.store.acquire_lease(row.guid, owner="other", now=clock(), until=clock() + timedelta(hours=1))
    assert await house.keeper.fresh(guid, WAREHOUSE) == Unavailable(retry_after_s=1.0, because="busy")
    assert 9 < sum(clock.slept) < 12
    assert provider.refreshes == []


async def test_a_lease_that_nobody_gave_back_ends(house, clock, provider):
    guid = await viewer(house)
    row = await house.store.credentials(guid, WAREHOUSE.guid)
    clock.advance(601)
    await house.store.acquire_lease(row.guid, owner="dead", now=clock(), until=clock() + timedelta(seconds=2))
    assert await token(house, guid) == "access-2"


async def test_the_refresh_is_stored_once_though_every_caller_is_gone(house, clock, provider):
    guid = await viewer(house)
    clock.advance(601)
    provider.gate = asyncio.Event()
    callers = [asyncio.ensure_future(token(house, guid)) for _ in range(10)]
    while not provider.refreshes:
        await asyncio.sleep(0)
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    assert all(caller.cancelled() for caller in callers)
    provider.gate.set()
    await house.keeper.close()
    row = await house.store.credentials(guid, WAREHOUSE.guid)
    assert row.generation == 2
    assert len(provider.refreshes) == 1


async def test_closing_lets_a_running_refresh_finish_and_starts_no_other(house, clock, provider):
    guid = await viewer(house)
    clock.advance(601)
    provider.gate = asyncio.Event()
    caller = asyncio.ensure_future(token(house, guid))
    while not provider.refreshes:
        await asyncio.sleep(0)
    closing = asyncio.ensure_future(house.keeper.close())
    await asyncio.sleep(0)
    provider.gate.set()
    await closing
    assert await caller == "access-2"
    clock.advance(545)
    assert await token(house, guid) == "access-2"
    clock.advance(100)
    with pytest.raises(StoreUnavailable):
        await house.keeper.fresh(guid, WAREHOUSE)
    assert len(provider.refreshes) == 1


async def test_a_consent_given_during_a_refresh_wins(house, clock, provider):
    session_id = await house.log_in()
    guid = await house.viewer_guid(session_id)
    clock.advance(601)
    provider.gate = asyncio.Event()
    caller = asyncio.ensure_future(token(house, guid))
    while not provider.refreshes:
        await asyncio.sleep(0)
    gate, provider.gate = provider.gate, None
    await house.log_in(session_id=session_id)
    gate.set()
    assert await caller == "access-2"
    assert await token(house, guid) == "access-2"


async def test_callers_with_other_viewers_and_integrations_get_their_own(house, clock, provider):
    sessions = []
    for _ in range(5):
        session_id = await house.log_in(BOTH)
        await house.log_in(BOTH, LAKE, session_id=session_id)
        sessions.append(session_id)
    expected = {}
    for session_id in sessions:
        guid = await house.viewer_guid(session_id)
        for integration in (WAREHOUSE, LAKE):
            expected[guid, integration.guid] = await token(house, guid, integration)
    assert len(set(expected.values())) == 10
    clock.advance(601)
    before = dict(expected)
    asked = [
        (key, integration) for key in expected for integration in (WAREHOUSE, LAKE) if key[1] == integration.guid
    ] * 8
    tokens = await asyncio.gather(*(token(house, key[0], integration) for key, integration in asked))
    for (key, _), value in zip(asked, tokens, strict=True):
        assert value == expected.setdefault((*key, "new"), value) != before[key]
    assert len(set(tokens)) == 10
    assert len(provider.refreshes) == 10


# — what an answer means ——————————————————————————————————————————————————————————————————————————

TRANSIENT = {
    "429": [answer(429, {"error": "slow_down"}, **{"retry-after": "7"})] * 2,
    "503": [answer(503, {})] * 3,
    "502 with html that says invalid_grant": [answer(502, b"<html>invalid_grant</html>")] * 3,
    "timeout": [LostAnswer("timeout")] * 2,
    "dns": [NotSent("dns")] * 3,
    "tls": [NotSent("tls")] * 3,
    "200 with html": [answer(200, b"<html>")] * 3,
    "temporarily unavailable": [answer(400, {"error": "temporarily_unavailable"})] * 3,
    "invalid_client": [answer(401, {"error": "invalid_client"})],
    "redirect": [answer(302, b"")],
    "something unheard of": [answer(400, {"error": "pardon"})],
}


@pytest.mark.parametrize("script", TRANSIENT.values(), ids=TRANSIENT.keys())
async def test_a_passing_failure_keeps_the_grant_and_an_expired_token_is_unavailable(house, clock, provider, script):
    guid = await viewer(house)
    clock.advance(601)
    provider.script.extend(script)
    refused = await house.keeper.fresh(guid, WAREHOUSE)
    assert isinstance(refused, Unavailable), refused
    assert 1 <= refused.retry_after_s <= 60
    assert not provider.script
    row = await house.store.credentials(guid, WAREHOUSE.guid)
    assert (row.state, row.generation) == (CredentialsState.ACTIVE, 1)
    sent = len(provider.refreshes)
    assert isinstance(await house.keeper.fresh(guid, WAREHOUSE), Unavailable)
    assert len(provider.refreshes) == sent
    clock.advance(61)
    assert await token(house, guid) == "access-2"


@pytest.mark.parametrize("script", TRANSIENT.values(), ids=TRANSIENT.keys())
async def test_a_passing_failure_leaves_a_valid_token_in_service(house, clock, provider, script):
    guid = await viewer(house)
    clock.advance(545)
    provider.script.extend(script)
    for _ in range(3):
        assert await token(house, guid) == "access-1"
        await house.keeper._renewals.close(1)
    assert len(provider.refreshes) <= 2


async def test_a_failure_in_line_while_the_token_is_still_valid_serves_it(house, clock, provider):
    guid = await viewer(house)
    clock.advance(590)
    provider.script.extend([answer(503, {})] * 3)
    fresh = await house.keeper.fresh(guid, WAREHOUSE)
    assert fresh.access_token.reveal() == "access-1"
    assert fresh.serve_until <= fresh.expires_at


async def test_a_caller_in_line_waits_ten_seconds_at_most(house, clock, provider):
    guid = await viewer(house)
    clock.advance(601)
    before = clock()
    provider.script.extend([answer(503, {})] * 10)
    await house.keeper.fresh(guid, WAREHOUSE)
    assert clock() - before <= timedelta(seconds=10)
    assert 1 < len(provider.refreshes) < 5


async def test_a_server_that_recovers_at_once_costs_the_caller_nothing_but_time(house, clock, provider):
    guid = await viewer(house)
    clock.advance(601)
    provider.script.extend([NotSent("dns"), answer(503, {})])
    assert await token(house, guid) == "access-2"


async def test_a_long_retry_after_is_not_waited_for(house, clock, provider):
    guid = await viewer(house)
    clock.advance(601)
    provider.script.append(answer(503, {}, **{"retry-after": "120"}))
    refused = await house.keeper.fresh(guid, WAREHOUSE)
    assert refused.retry_after_s == pytest.approx(120, abs=1)
    assert clock.slept == []


async def test_a_lost_answer_is_followed_by_one_retry_with_the_same_token(house, clock, provider):
    guid = await viewer(house)
    clock.advance(601)
    provider.script.append(LostAnswer("timeout"))
    assert await token(house, guid) == "access-2"
    assert [form["refresh_token"] for form in provider.refreshes] == ["refresh-1"] * 2


async def test_an_answer_lost_after_rotation_ends_with_asking_the_viewer(house, clock, provider):
    guid = await viewer(house)
    clock.advance(601)

    def rotate_and_vanish(request):
        provider.tokens(request)
        return LostAnswer("disconnected")

    provider.script.append(rotate_and_vanish)
    assert await house.keeper.fresh(guid, WAREHOUSE) == Reconnect("lost_response")
    row = await house.store.credentials(guid, WAREHOUSE.guid)
    assert (row.state, row.ended_because) == (CredentialsState.ENDED, "lost_response")


async def test_a_scope_that_is_refused_is_left_out_once(house, clock, provider):
    guid = await viewer(house)
    clock.advance(601)
    provider.script.append(answer(400, {"error": "invalid_scope"}))
    outcome = await house.keeper.fresh(guid, WAREHOUSE)
    if len(provider.refreshes) == 2:
        assert "scope" not in provider.refreshes[1]
        assert isinstance(outcome, Fresh)
    else:
        assert "scope" not in provider.refreshes[0]
        assert outcome == Reconnect("invalid_scope")


async def test_a_dead_grant_asks_the_viewer_and_nobody_else(house, clock, provider):
    session_id = await house.log_in(BOTH)
    await house.log_in(BOTH, LAKE, session_id=session_id)
    guid = await house.viewer_guid(session_id)
    clock.advance(601)
    provider.script.append(answer(400, {"error": "invalid_grant"}))
    dead = await house.keeper.fresh(guid, WAREHOUSE)
    assert isinstance(dead, Reconnect)
    row = await house.store.credentials(guid, WAREHOUSE.guid)
    assert row.state is CredentialsState.ENDED
    assert row.refresh_token is None
    assert CredentialsChanged(guid, WAREHOUSE.guid) in house.changes
    sent = len(provider.refreshes)
    assert isinstance(await house.keeper.fresh(guid, WAREHOUSE), Reconnect)
    assert len(provider.refreshes) == sent
    assert await token(house, guid, LAKE)
    await house.log_in(session_id=session_id)
    assert await token(house, guid)


async def test_a_provider_that_wants_to_see_the_viewer_keeps_the_grant(house, clock, provider):
    guid = await viewer(house)
    clock.advance(601)
    provider.script.append(answer(400, {"error": "interaction_required"}))
    assert isinstance(await house.keeper.fresh(guid, WAREHOUSE), Reconnect)
    row = await house.store.credentials(guid, WAREHOUSE.guid)
    assert row.state is CredentialsState.INTERACTION_REQUIRED
    assert row.refresh_token is not None
    assert isinstance(await house.keeper.fresh(guid, WAREHOUSE), Reconnect)
    assert len(provider.refreshes) == 1


async def test_a_verdict_of_death_does_not_count_when_another_process_rotated_meanwhile(house, clock, provider):
    guid = await viewer(house)
    row = await house.store.credentials(guid, WAREHOUSE.guid)
    clock.advance(601)
    provider.gate = asyncio.Event()
    caller = asyncio.ensure_future(token(house, guid))
    while not provider.refreshes:
        await asyncio.sleep(0)
    gate, provider.gate = provider.gate, None
    clock.advance(31)
    other = house.neighbour()
    assert await token(other, guid) == "access-2"
    provider.script.append(answer(400, {"error": "invalid_grant"}))
    gate.set()
    assert await caller == "access-2"
    after = await house.store.credentials(guid, WAREHOUSE.guid)
    assert (after.generation, after.state) == (row.generation + 1, CredentialsState.ACTIVE)


async def test_a_lease_lost_between_two_tries_ends_the_trying(house, clock, provider):
    guid = await viewer(house)
    row = await house.store.credentials(guid, WAREHOUSE.guid)
    clock.advance(601)

    class Taken(IllStore):
        leases = 0

        async def acquire_lease(self, *args, **kwargs):
            self.leases += 1
            return None if self.leases > 1 else await super().acquire_lease(*args, **kwargs)

    house.keeper._store = Taken(house.store)
    provider.script.append(answer(503, {}))
    assert await house.keeper.fresh(guid, WAREHOUSE) == Unavailable(retry_after_s=1.0, because="busy")
    assert len(provider.refreshes) == 1
    assert (await house.store.credentials(guid, WAREHOUSE.guid)).generation == row.generation


# — a server that is down —————————————————————————————————————————————————————————————————————————


async def test_a_thousand_viewers_do_not_storm_a_server_that_is_down(build, clock, provider):
    house = await build()
    viewers = [await viewer(house) for _ in range(30)]
    clock.advance(601)
    sent = len(provider.requests)
    provider.script.extend([answer(503, {})] * 1000)
    for guid in viewers:
        refused = await house.keeper.fresh(guid, WAREHOUSE)
        assert isinstance(refused, Unavailable)
        assert refused.retry_after_s > 0
    assert len(provider.requests) - sent <= 10
    provider.script.clear()
    clock.advance(120)
    assert await token(house, viewers[0]) == "access-31"


async def test_the_circuit_of_one_integration_leaves_the_others_alone(house, clock, provider):
    session_id = await house.log_in(BOTH)
    await house.log_in(BOTH, LAKE, session_id=session_id)
    guid = await house.viewer_guid(session_id)
    others = [await viewer(house) for _ in range(3)]
    clock.advance(601)
    provider.script.extend([answer(503, {})] * 9)
    for other in others:
        await house.keeper.fresh(other, WAREHOUSE)
    provider.script.clear()
    assert (await house.keeper.fresh(others[0], WAREHOUSE)).retry_after_s > 0
    assert await token(house, guid, LAKE)


# — what cannot be used ———————————————————————————————————————————————————————————————————————————


async def test_who_never_consented_is_asked(house):
    assert await house.keeper.fresh(await viewer(house), LAKE) == Reconnect("absent")


@pytest.mark.parametrize("change", [{"client_id": "another"}, {"token_uri": "https://id2.example.net/token"}])
async def test_credentials_of_another_client_or_server_are_not_used(build, provider, change):
    house = await build()
    guid = await viewer(house)
    before = await house.store.credentials(guid, WAREHOUSE.guid)
    house = await build()
    changed = replace(WAREHOUSE, config={**WAREHOUSE.config, **change})
    assert await house.keeper.fresh(guid, changed) == Reconnect("changed")
    assert await house.store.credentials(guid, WAREHOUSE.guid) == before
    assert provider.refreshes == []


@pytest.mark.parametrize("column", ["access_token", "refresh_token"])
async def test_a_row_that_cannot_be_opened_is_kept(build, clock, provider, column):
    house = await build()
    guid = await viewer(house)
    row = await house.store.credentials(guid, WAREHOUSE.guid)
    house = await build()
    broken = replace(row, **{column: Sealed(row.access_token.value[:-1] + b"?")})
    ill = IllStore(house.store, credentials=broken, acquire_lease=broken)
    house.keeper._store = ill
    clock.advance(601)
    assert await house.keeper.fresh(guid, WAREHOUSE) == Reconnect("sealed")
    assert "end_credentials" not in ill.calls
    assert provider.refreshes == []
    assert await house.store.credentials(guid, WAREHOUSE.guid) == row


async def test_a_row_moved_to_another_viewer_does_not_open(house):
    first, second = await viewer(house), await viewer(house)
    row = await house.store.credentials(first, WAREHOUSE.guid)
    house.keeper._store = IllStore(house.store, credentials=replace(row, viewer_guid=second))
    assert await house.keeper.fresh(second, WAREHOUSE) == Reconnect("sealed")


async def test_what_was_forgotten_while_it_was_read_is_not_remembered(house):
    guid = await viewer(house)

    class Slow(IllStore):
        async def credentials(self, *args):
            row = await super().credentials(*args)
            house.keeper.forget(guid, WAREHOUSE.guid)
            return row

    house.keeper._store = slow = Slow(house.store)
    for _ in range(2):
        await token(house, guid)
    assert slow.calls.count("credentials") == 2


# — a store that fails ————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("call", ["credentials", "acquire_lease"])
async def test_a_store_that_cannot_be_read_is_said_so_and_nothing_is_asked(house, clock, provider, call):
    guid = await viewer(house)
    clock.advance(601)
    house.keeper._store = IllStore(house.store, fails={call})
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await house.keeper.fresh(guid, WAREHOUSE)
    assert provider.refreshes == []
    house.keeper._store = house.store
    assert await token(house, guid) == "access-2"


async def test_a_lease_that_cannot_be_given_back_does_no_harm(house, clock, provider):
    guid = await viewer(house)
    clock.advance(601)
    provider.script.append(answer(401, {"error": "invalid_client"}))
    house.keeper._store = IllStore(house.store, fails={"release_lease"})
    assert isinstance(await house.keeper.fresh(guid, WAREHOUSE), Unavailable)


async def test_an_answer_that_cannot_be_stored_is_tried_again_and_served_only_then(house, clock, provider):
    guid = await viewer(house)
    clock.advance(601)
    house.keeper._store = IllStore(house.store, fails={"save_refresh"}, times=2)
    assert await token(house, guid) == "access-2"
    assert (await house.store.credentials(guid, WAREHOUSE.guid)).generation == 2
    assert clock.slept == [0.1, 0.5]


async def test_a_rotated_token_that_cannot_be_stored_is_kept_and_stored_later(house, clock, provider):
    guid = await viewer(house)
    clock.advance(601)
    house.keeper._store = IllStore(house.store, fails={"save_refresh"})
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await house.keeper.fresh(guid, WAREHOUSE)
    assert len(provider.refreshes) == 1
    house.keeper._store = house.store
    assert await token(house, guid) == "access-2"
    assert len(provider.refreshes) == 1
    clock.advance(601)
    assert await token(house, guid) == "access-3"
    assert provider.refreshes[1]["refresh_token"] == "refresh-2"


async def test_housekeeping_stores_what_could_not_be_stored(house, clock, provider):
    guid = await viewer(house)
    clock.advance(601)
    house.keeper._store = IllStore(house.store, fails={"save_refresh"})
    with pytest.raises(StoreUnavailable):
        await house.keeper.fresh(guid, WAREHOUSE)
    with pytest.raises(StoreUnavailable):
        await house.housekeeping.flush({})
    house.keeper._store = house.store
    await house.housekeeping.flush({})
    assert (await house.store.credentials(guid, WAREHOUSE.guid)).generation == 2


async def test_closing_stores_what_could_not_be_stored(build, clock, provider):
    house = await build()
    guid = await viewer(house)
    clock.advance(601)
    house.keeper._store = IllStore(house.store, fails={"save_refresh"}, times=5)
    with pytest.raises(StoreUnavailable):
        await house.keeper.fresh(guid, WAREHOUSE)
    house = await build()
    assert await token(house, guid) == "access-2"
    assert len(provider.refreshes) == 1


async def test_closing_on_a_store_that_stays_ill_ends_anyway(house, clock, provider):
    guid = await viewer(house)
    clock.advance(601)
    house.keeper._store = IllStore(house.store, fails={"save_refresh"})
    with pytest.raises(StoreUnavailable):
        await house.keeper.fresh(guid, WAREHOUSE)
    await house.keeper.close()


async def test_a_viewer_who_left_during_the_refresh_gets_nothing(house, clock, provider):
    session_id = await house.log_in()
    guid = await house.viewer_guid(session_id)
    clock.advance(601)
    provider.gate = asyncio.Event()
    caller = asyncio.ensure_future(house.keeper.fresh(guid, WAREHOUSE))
    while not provider.refreshes:
        await asyncio.sleep(0)
    await house.sessions.end(session_id)
    provider.gate.set()
    assert await caller == Reconnect("absent")
    assert await house.keeper.fresh(guid, WAREHOUSE) == Reconnect("absent")


async def test_no_answer_shows_a_token_when_it_is_printed(house):
    guid = await viewer(house)
    fresh = await house.keeper.fresh(guid, WAREHOUSE)
    assert "access-1" not in repr(fresh)
    assert "access-1" not in repr(house.keeper._memory.get((guid, WAREHOUSE.guid)))
    assert directory().sign_in is None
