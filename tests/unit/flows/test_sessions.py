"""May this browser see that content, and with which headers?"""

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from proxy.errors import StoreUnavailable
from proxy.flows.sessions import (
    AccessRefused,
    Admitted,
    ConsentNeeded,
    SessionLifetimes,
    SignInNeeded,
    TokenUnavailable,
)
from proxy.model import (
    CredentialsChanged,
    HeaderPreset,
    HeaderRules,
    Named,
    SessionEnded,
    SessionTokenHash,
    SignedIn,
    ViewerSession,
)
from proxy.sealing import hash_handle
from tests.unit.flows.house import BOTH, LAKE, SALES, START, STOCK, WAREHOUSE, answer, directory
from tests.unit.flows.ill_store import IllStore


def headers(admitted):
    assert isinstance(admitted, Admitted), admitted
    return dict(line.split(": ", 1) for line in admitted.header_block.decode().splitlines())


# — admitted ——————————————————————————————————————————————————————————————————————————————————————


async def test_a_viewer_with_consent_is_admitted_with_their_token(house):
    session_id = await house.log_in()
    admitted = await house.sessions.admit(session_id, SALES)
    sent = headers(admitted)
    assert sent["X-Forwarded-Access-Token"] == "access-1"
    assert sent["X-Forwarded-Access-Token-Warehouse"] == "access-1"
    assert sent["X-Forwarded-Access-Token-Expires"] == str(int(START.timestamp()) + 600)
    assert admitted.session_hash == hash_handle(session_id)
    assert admitted.viewer_guid == await house.viewer_guid(session_id)
    assert admitted.expires_at == START + timedelta(days=7)
    assert "access-1" not in repr(admitted)


async def test_each_integration_has_its_header_and_the_first_one_the_plain_name(house):
    session_id = await house.log_in(BOTH)
    await house.log_in(BOTH, LAKE, session_id=session_id)
    sent = headers(await house.sessions.admit(session_id, BOTH))
    assert sent["X-Forwarded-Access-Token"] == sent["X-Forwarded-Access-Token-Warehouse"] == "access-1"
    assert sent["X-Forwarded-Access-Token-Lake"] == "access-2"


async def test_identity_is_sent_where_people_sign_in(build):
    house = await build(directory(sign_in=WAREHOUSE.guid))
    sent = headers(await house.sessions.admit(await house.log_in(), SALES))
    assert sent["X-Forwarded-Email"] == "ada@example.org"


async def test_the_session_token_is_the_same_each_time_and_redeems_for_this_content_only(house):
    session_id = await house.log_in()
    await house.log_in(STOCK, session_id=session_id)
    tokens = [
        headers(await house.sessions.admit(session_id, content))["Posit-Connect-User-Session-Token"]
        for content in (SALES, SALES, STOCK)
    ]
    assert tokens[0] == tokens[1] != tokens[2]
    content_guid, presence = await house.store.redeem_session_token(SessionTokenHash(hash_handle(tokens[2])))
    assert content_guid == STOCK.guid
    assert presence.session.hash == hash_handle(session_id)


async def test_a_yes_is_good_for_five_minutes_at_most(house):
    admitted = await house.sessions.admit(await house.log_in(), SALES)
    assert admitted.good_until == START + timedelta(minutes=5)


async def test_a_yes_is_not_good_for_longer_than_its_tokens(house, provider):
    provider.ttl_s = 60
    admitted = await house.sessions.admit(await house.log_in(), SALES)
    assert admitted.good_until == START + timedelta(seconds=40)


async def test_a_yes_is_not_good_for_longer_than_its_session(house, clock, provider):
    provider.ttl_s = None
    session_id = await house.log_in()
    for _ in range(13):
        clock.advance(12 * 3600)
        await house.sessions.touch({hash_handle(session_id): clock()})
    clock.advance(12 * 3600 - 60)
    admitted = await house.sessions.admit(session_id, SALES)
    assert admitted.good_until == admitted.expires_at == START + timedelta(days=7)


async def test_a_content_without_integrations_needs_a_session_only(build):
    plain = replace(STOCK, integrations=())
    house = await build(directory(SALES, plain))
    session_id = await house.log_in()
    sent = headers(await house.sessions.admit(session_id, plain))
    assert list(sent) == ["Posit-Connect-User-Session-Token"]
    assert await house.sessions.admit(None, plain) == SignInNeeded(integration=None)


# — not admitted ——————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("session_id", [None, "", "never-one", "ü"])
async def test_who_has_no_session_signs_in_with_the_contents_first_integration(house, session_id):
    assert await house.sessions.admit(session_id, BOTH) == SignInNeeded(integration=WAREHOUSE)


async def test_where_people_sign_in_they_sign_in_with_that_integration(build):
    lake_only = replace(STOCK, integrations=(LAKE.guid,))
    house = await build(directory(lake_only, sign_in=WAREHOUSE.guid))
    assert await house.sessions.admit(None, lake_only) == SignInNeeded(integration=WAREHOUSE)


@pytest.mark.parametrize("seconds", [12 * 3600, 7 * 24 * 3600])
async def test_a_session_that_is_over_is_none(house, clock, seconds):
    session_id = await house.log_in()
    clock.advance(seconds)
    assert await house.sessions.admit(session_id, SALES) == SignInNeeded(integration=WAREHOUSE)


async def test_constant_traffic_does_not_outlive_the_absolute_end(house, clock):
    session_id = await house.log_in()
    for _ in range(14):
        assert isinstance(await house.sessions.admit(session_id, SALES), Admitted)
        clock.advance(12 * 3600 - 1)
        await house.sessions.touch({hash_handle(session_id): clock()})
    clock.advance(60)
    assert await house.sessions.admit(session_id, SALES) == SignInNeeded(integration=WAREHOUSE)


async def test_a_viewer_of_a_former_sign_in_signs_in_again(build):
    session_id = await (await build()).log_in()
    house = await build(directory(sign_in=WAREHOUSE.guid))
    assert await house.sessions.admit(session_id, SALES) == SignInNeeded(integration=WAREHOUSE)


async def test_consent_for_one_content_is_none_for_another(house):
    session_id = await house.log_in(SALES)
    assert await house.sessions.admit(session_id, STOCK) == ConsentNeeded(integration=WAREHOUSE)


async def test_the_first_missing_consent_is_asked_for(house):
    session_id = await house.log_in(BOTH)
    assert await house.sessions.admit(session_id, BOTH) == ConsentNeeded(integration=LAKE)


async def test_a_dead_grant_asks_again_for_this_integration_only(house, clock, provider):
    session_id = await house.log_in(BOTH)
    await house.log_in(BOTH, LAKE, session_id=session_id)
    clock.advance(601)
    provider.script.extend([provider.tokens, answer(400, {"error": "invalid_grant"})])
    assert await house.sessions.admit(session_id, BOTH) == ConsentNeeded(integration=LAKE)
    await house.log_in(BOTH, LAKE, session_id=session_id)
    assert isinstance(await house.sessions.admit(session_id, BOTH), Admitted)


async def test_a_provider_that_is_down_is_neither_a_sign_out_nor_a_new_flow(house, clock, provider):
    session_id = await house.log_in()
    clock.advance(601)
    provider.script.extend([answer(503, {})] * 10)
    refused = await house.sessions.admit(session_id, SALES)
    assert isinstance(refused, TokenUnavailable)
    assert refused.integration == WAREHOUSE
    assert refused.retry_after_s > 0
    assert await house.store.session(hash_handle(session_id)) is not None


async def test_who_is_not_named_is_refused_and_no_token_asked_for(build, clock, provider):
    closed = replace(SALES, access=Named(emails=frozenset({"ben@example.org"})), integrations=(LAKE.guid,))
    house = await build(directory(closed, sign_in=WAREHOUSE.guid))
    session_id = await house.log_in(closed)
    await house.log_in(closed, LAKE, session_id=session_id)
    clock.advance(601)
    asked = len(provider.requests)
    refused = await house.sessions.admit(session_id, closed)
    assert isinstance(refused, AccessRefused)
    assert refused.viewer.identity.email == "ada@example.org"
    assert not [request for request in provider.requests[asked:] if "lake" in request.url]


async def test_a_store_that_fails_signs_nobody_out(house):
    session_id = await house.log_in()
    house.sessions._store = IllStore(house.store, fails={"presence"})
    with pytest.raises(StoreUnavailable):
        await house.sessions.admit(session_id, SALES)
    assert await house.store.session(hash_handle(session_id)) is not None


# — the end ———————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("by", ["id", "hash"])
async def test_signing_out_ends_the_session_at_once(house, by):
    session_id = await house.log_in()
    guid = await house.viewer_guid(session_id)
    house.changes.clear()
    assert await house.sessions.end(session_id if by == "id" else hash_handle(session_id))
    assert await house.sessions.admit(session_id, SALES) == SignInNeeded(integration=WAREHOUSE)
    assert house.changes == [
        SessionEnded(hash_handle(session_id)),
        CredentialsChanged(guid, WAREHOUSE.guid),
        CredentialsChanged(guid, LAKE.guid),
    ]
    assert await house.store.credentials(guid, WAREHOUSE.guid) is None


async def test_signing_out_where_people_sign_in_keeps_their_grants(build):
    house = await build(directory(sign_in=WAREHOUSE.guid))
    session_id = await house.log_in()
    guid = await house.viewer_guid(session_id)
    house.changes.clear()
    await house.sessions.end(session_id)
    assert house.changes == [SessionEnded(hash_handle(session_id))]
    assert await house.store.credentials(guid, WAREHOUSE.guid) is not None


async def test_signing_out_in_one_browser_leaves_the_other_signed_in(build):
    house = await build(directory(sign_in=WAREHOUSE.guid))
    one, other = await house.log_in(), await house.log_in()
    await house.sessions.end(one)
    assert isinstance(await house.sessions.admit(other, SALES), Admitted)


async def test_signing_out_twice_is_announced_twice_and_ends_once(house):
    session_id = await house.log_in()
    await house.sessions.end(session_id)
    house.changes.clear()
    assert not await house.sessions.end(session_id)
    assert house.changes == [SessionEnded(hash_handle(session_id))]


async def test_a_session_that_ends_while_it_is_admitted_is_not_admitted(house):
    session_id = await house.log_in()
    house.sessions._store = IllStore(house.store, add_session_token=False)
    assert await house.sessions.admit(session_id, SALES) == SignInNeeded(integration=WAREHOUSE)


# — activity ——————————————————————————————————————————————————————————————————————————————————————


async def test_activity_moves_the_idle_end(house, clock):
    session_id = await house.log_in()
    clock.advance(11 * 3600)
    await house.sessions.touch({hash_handle(session_id): clock()})
    clock.advance(11 * 3600)
    assert isinstance(await house.sessions.admit(session_id, SALES), Admitted)


async def test_activity_that_could_not_be_written_counts_and_is_written_later(house, clock):
    session_id = await house.log_in()
    clock.advance(11 * 3600)
    seen = clock()
    house.sessions._store = IllStore(house.store, fails={"touch_sessions"}, times=1)
    with pytest.raises(StoreUnavailable):
        await house.sessions.touch({hash_handle(session_id): seen})
    clock.advance(11 * 3600)
    assert isinstance(await house.sessions.admit(session_id, SALES), Admitted)
    await house.sessions.touch({})
    assert (await house.store.session(hash_handle(session_id))).session.last_seen_at == seen


async def test_no_activity_writes_nothing(house):
    house.sessions._store = ill = IllStore(house.store)
    await house.sessions.touch({})
    assert ill.calls == []


async def test_activity_noted_while_it_is_written_is_not_lost(house, clock):
    session_id = await house.log_in()
    key = hash_handle(session_id)
    later = START + timedelta(hours=2)

    class Slow(IllStore):
        async def touch_sessions(self, batch):
            house.sessions._unwritten[key] = later
            await super().__getattr__("touch_sessions")(batch)

    house.sessions._store = Slow(house.store)
    await house.sessions.touch({key: START + timedelta(hours=1)})
    house.sessions._store = house.store
    await house.sessions.touch({})
    assert (await house.store.session(key)).session.last_seen_at == later


@pytest.mark.parametrize(
    ("at_s", "alive"), [(0, True), (99, True), (100, False), (999, False)], ids=["new", "just", "idle", "over"]
)
def test_a_session_is_alive_until_it_was_idle_for_too_long(at_s, alive):
    lifetimes = SessionLifetimes(idle=timedelta(seconds=100), lifetime=timedelta(seconds=1000))
    session = ViewerSession(
        hash=hash_handle("x"),
        viewer_guid="v",
        created_at=START,
        last_seen_at=START,
        expires_at=START + lifetimes.lifetime,
    )
    assert lifetimes.is_alive(session, START + timedelta(seconds=at_s)) is alive
    assert isinstance(SALES.access, SignedIn)


# — headers of the content's choice ———————————————————————————————————————————————————————————————


async def test_a_content_gets_its_own_names_and_the_next_one_ours(build):
    rules = HeaderRules(preset=HeaderPreset.ALL, rename={"x-forwarded-access-token": "X-Tok"})
    sales = replace(SALES, headers=rules)
    house = await build(directory(sales, STOCK))
    session_id = await house.log_in(sales)
    await house.log_in(STOCK, session_id=session_id)
    assert "X-Forwarded-Access-Token" not in (sent := headers(await house.sessions.admit(session_id, sales)))
    assert sent["X-Tok"] == headers(await house.sessions.admit(session_id, STOCK))["X-Forwarded-Access-Token"]


async def test_content_that_gets_the_session_token_only_still_needs_consent_and_a_usable_token(build):
    panel = replace(SALES, headers=HeaderRules(preset=HeaderPreset.SESSION_TOKEN_ONLY))
    house = await build(directory(panel, STOCK))
    session_id = await house.log_in(STOCK)
    assert isinstance(await house.sessions.admit(session_id, panel), ConsentNeeded)
    await house.log_in(panel, session_id=session_id)
    assert list(headers(await house.sessions.admit(session_id, panel))) == ["Posit-Connect-User-Session-Token"]


async def test_a_header_that_is_too_long_for_some_servers_is_said_once(house, provider):
    long = "a" * 7 * 1024
    provider.script.append(answer(200, {"access_token": long, "token_type": "Bearer", "expires_in": 600}))
    session_id = await house.log_in()
    with capture_logs() as said:
        for _ in range(3):
            assert headers(await house.sessions.admit(session_id, SALES))["X-Forwarded-Access-Token"] == long
    lines = [line for line in said if line["event"] == "header is long"]
    assert [(line["content"], line["header"], line["log_level"]) for line in lines] == [
        ("sales", "X-Forwarded-Access-Token-Warehouse", "warning"),
        ("sales", "X-Forwarded-Access-Token", "warning"),
    ]
    assert long not in str(said)
