"""What ends here is given back at the provider: once, with patience, to nobody else, and never at another's cost."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from proxy.errors import StoreUnavailable
from proxy.flows import recipes
from proxy.flows.fresh_tokens import Fresh, Reconnect
from proxy.flows.revocation import Revocation
from proxy.flows.sessions import SignInNeeded
from proxy.model import CredentialsChanged, IntegrationGuid, Sealed, SessionEnded
from proxy.oauth.message import LostAnswer, NotSent
from proxy.providers import PROVIDERS
from tests.unit.flows.house import BOTH, ISSUER, LAKE, SALES, WAREHOUSE, answer, directory
from tests.unit.flows.ill_store import IllStore

NOTHING = answer(200, b"")


async def another_account(house, provider, subject):
    before, provider.claims = provider.claims, {"sub": subject}
    session_id = await house.log_in()
    provider.claims = before
    return session_id


async def disconnect(house, session_id=None):
    viewer_guid = None if session_id is None else await house.viewer_guid(session_id)
    await house.store.disconnect(WAREHOUSE.guid, viewer_guid=viewer_guid)


async def waiting(house):
    far = house.clock() + timedelta(days=99)
    return list(await house.store.ended_grants(now=far, most=100))


def sent(provider):
    return [(form["token"], form["token_type_hint"]) for form in provider.revocations]


# — what is sent —————————————————————————————————————————————————————————————————————————————————


async def test_the_refresh_token_goes_first_and_then_the_access_token_with_our_proof_each_time(house, provider):
    await house.log_in()
    await disconnect(house)
    assert provider.revocations == []  # whoever disconnects does not wait for the provider
    await house.token_revocation.work()
    assert sent(provider) == [("refresh-1", "refresh_token"), ("access-1", "access_token")]
    assert {(form["client_id"], form["client_secret"]) for form in provider.revocations} == {
        ("sidecar", "client-secret")
    }
    await house.token_revocation.work()
    assert len(provider.revocations) == 2
    assert await waiting(house) == []


async def test_an_access_token_that_is_over_is_not_sent(house, clock, provider):
    await house.log_in()
    await disconnect(house)
    clock.advance(601)
    await house.token_revocation.work()
    assert sent(provider) == [("refresh-1", "refresh_token")]


async def test_without_a_refresh_token_the_access_token_is_given_back(house, provider):
    provider.script.append(answer(200, {"access_token": "only", "token_type": "Bearer", "expires_in": 600}))
    await house.log_in()
    await disconnect(house)
    await house.token_revocation.work()
    assert sent(provider) == [("only", "access_token")]


@pytest.mark.parametrize("how", ["sign-out", "age", "operator"])
async def test_the_end_of_a_viewer_without_identity_gives_back(house, clock, provider, how):
    session_id = await house.log_in()
    match how:
        case "sign-out":
            await house.sessions.end(session_id)
        case "age":
            clock.advance(8 * 24 * 3600)
            await house.housekeeping.purge()
        case "operator":
            await Revocation(store=house.store, lifetimes=house.lifetimes, now=house.clock).end_all()
    await house.token_revocation.work()
    assert sent(provider)[0] == ("refresh-1", "refresh_token")


async def test_the_sign_out_of_a_viewer_with_identity_gives_nothing_back_and_everywhere_does(build, clock, provider):
    house = await build(directory(SALES, sign_in=WAREHOUSE.guid))
    first = await house.log_in()
    second, third = await house.log_in(), await house.log_in()
    await house.sessions.end(first)
    await house.token_revocation.work()
    assert provider.revocations == []
    house.changes.clear()
    guid = await house.viewer_guid(second)
    await house.sessions.end_everywhere(second)
    for session_id in (second, third):
        assert SessionEnded(house.hash_of(session_id)) in house.changes
        assert isinstance(await house.sessions.admit(session_id, SALES), SignInNeeded)
    assert CredentialsChanged(guid, WAREHOUSE.guid) in house.changes
    assert await house.keeper.fresh(guid, WAREHOUSE) == Reconnect("absent")
    await house.token_revocation.work()
    assert sent(provider) == [("refresh-3", "refresh_token"), ("access-3", "access_token")]


async def test_a_session_that_is_over_cannot_sign_out_the_others(build, clock, provider):
    house = await build(directory(SALES, sign_in=WAREHOUSE.guid))
    old = await house.log_in()
    clock.advance(13 * 3600)
    alive = await house.log_in()
    await house.sessions.end_everywhere(old)
    await house.sessions.end_everywhere("never seen")
    assert await house.store.session(house.hash_of(old)) is None
    assert await house.store.session(house.hash_of(alive)) is not None
    await house.token_revocation.work()
    assert provider.revocations == []


# — to whom ——————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("change", [{"client_id": "another"}, {"token_uri": "https://evil.example/token"}])
async def test_tokens_are_never_sent_to_another_client_or_server(build, provider, change):
    house = await build()
    await house.log_in()
    await disconnect(house)
    moved = replace(WAREHOUSE, config=WAREHOUSE.config | change)
    there = directory()
    house = await build(replace(there, integrations={**there.integrations, WAREHOUSE.guid: moved}))
    with capture_logs() as logs:
        await house.token_revocation.work()
    assert provider.revocations == []
    assert [line["because"] for line in logs] == ["no_such_client"]
    assert await waiting(house) == []


async def test_after_a_restart_it_goes_on(build, provider):
    house = await build()
    await house.log_in()
    await disconnect(house)
    house = await build()
    await house.token_revocation.work()
    assert sent(provider)[0] == ("refresh-1", "refresh_token")


async def test_a_server_without_an_endpoint_is_not_asked(house, provider):
    session_id = await house.log_in(BOTH)
    await house.log_in(BOTH, LAKE, session_id=session_id)
    await house.store.disconnect(LAKE.guid, viewer_guid=None)
    await house.token_revocation.work()
    assert provider.revocations == []
    assert await waiting(house) == []


# — at whose cost ————————————————————————————————————————————————————————————————————————————————


async def test_signing_out_in_one_browser_does_not_cost_the_other_its_grant_of_the_same_account(house, provider):
    """Google, Keycloak and Auth0 end all of an account at a client with any of its tokens."""
    here, there = await house.log_in(), await house.log_in()
    await house.sessions.end(here)
    await house.token_revocation.work()
    assert provider.revocations == []
    await house.sessions.end(there)
    await house.token_revocation.work()
    assert sent(provider)[0] == ("refresh-2", "refresh_token")


async def test_signing_in_again_does_not_revoke_what_was_granted_just_now(house, clock, provider):
    old = await house.log_in()
    clock.advance(13 * 3600)
    new = await house.log_in(session_id=None)
    await house.sessions.end(old)
    await house.token_revocation.work()
    assert provider.revocations == []
    assert isinstance(await house.keeper.fresh(await house.viewer_guid(new), WAREHOUSE), Fresh)


async def test_another_account_is_nobodys_hindrance(house, provider):
    ada = await house.log_in()
    await another_account(house, provider, "bob-at-id")
    await house.sessions.end(ada)
    await house.token_revocation.work()
    assert sent(provider)[0] == ("refresh-1", "refresh_token")


async def test_where_revoking_ends_one_grant_only_each_is_revoked(house, provider, monkeypatch):
    changed = replace(PROVIDERS["custom"], revokes_one_grant_only=True)
    monkeypatch.setattr(recipes, "PROVIDERS", {**PROVIDERS, "custom": changed})
    here, _ = await house.log_in(), await house.log_in()
    await house.sessions.end(here)
    await house.token_revocation.work()
    assert sent(provider)[0] == ("refresh-1", "refresh_token")


# — patience —————————————————————————————————————————————————————————————————————————————————————

NOT_NOW = {
    "not sent": NotSent("dns"),
    "lost": LostAnswer("timeout"),
    "busy": answer(503, {}),
    "a wrong secret": answer(401, {"error": "invalid_client"}),
    "a redirect": answer(302, b""),
}


@pytest.mark.parametrize("reply", NOT_NOW.values(), ids=NOT_NOW.keys())
async def test_a_server_that_cannot_now_is_asked_again_later(house, clock, provider, reply):
    await house.log_in()
    await disconnect(house)
    provider.revocation_script.append(reply)
    await house.token_revocation.work()
    await house.token_revocation.work()
    assert len(provider.revocations) == 1
    clock.advance(60)
    await house.token_revocation.work()
    assert sent(provider)[1] == ("refresh-1", "refresh_token")
    assert await waiting(house) == []


async def test_tries_are_bounded_and_the_end_is_told(house, clock, provider):
    await house.log_in()
    await disconnect(house)
    provider.revocation_script.extend([answer(503, {})] * 99)
    with capture_logs() as logs:
        for _ in range(60):
            await house.token_revocation.work()
            clock.advance(3600)
    assert len(provider.revocations) == 7
    assert [line["event"] for line in logs if line["log_level"] == "error"] == [
        "grant not revoked at the provider: given up"
    ]
    assert await waiting(house) == []


async def test_a_server_that_is_down_is_asked_about_one_grant_and_the_others_go_on(house, clock, provider):
    for number in range(10):
        await another_account(house, provider, f"viewer-{number}")
    session_id = await house.log_in(BOTH)
    await house.log_in(BOTH, LAKE, session_id=session_id)
    await disconnect(house)
    await house.store.disconnect(LAKE.guid, viewer_guid=None)
    provider.revocation_script.append(LostAnswer("timeout"))
    await house.token_revocation.work()
    assert len(provider.revocations) == 1
    assert {grant.integration_guid for grant in await waiting(house)} == {WAREHOUSE.guid}
    clock.advance(60)
    await house.token_revocation.work()
    assert await waiting(house) == []


@pytest.mark.parametrize(
    ("replies", "because"),
    [
        pytest.param([answer(400, {"error": "unsupported_token_type"}), NOTHING], "refused: unsupported_token_type", id="rt"),
        pytest.param([NOTHING, answer(400, {"error": "unsupported_token_type"})], None, id="an access token that is a JWT"),
    ],
)  # fmt: skip
async def test_a_server_that_will_not_is_not_asked_again(house, provider, replies, because):
    await house.log_in()
    await disconnect(house)
    provider.revocation_script.extend(replies)
    with capture_logs() as logs:
        await house.token_revocation.work()
    assert [line.get("because") for line in logs] == [because]
    assert len(provider.revocations) == 2
    assert await waiting(house) == []


async def test_an_issuer_that_does_not_say_where_its_endpoints_are_is_asked_again(build, clock, provider):
    company = replace(
        WAREHOUSE, guid=IntegrationGuid("77777777-7777-4777-8777-777777777777"), template="oidc",
        config={"issuer": ISSUER, "client_id": "sidecar"},
    )  # fmt: skip
    document = {
        "issuer": ISSUER, "authorization_endpoint": ISSUER + "/authorize", "token_endpoint": ISSUER + "/token",
        "revocation_endpoint": ISSUER + "/revoke",
    }  # fmt: skip
    content = replace(SALES, integrations=(company.guid,))
    house = await build(replace(directory(content), integrations={company.guid: company}))
    provider.userinfo_script.append(answer(200, document))
    state = (await house.start(content, company))["state"]
    await house.come_back(state)
    await house.store.disconnect(company.guid, viewer_guid=None)
    restarted = house.neighbour()
    provider.userinfo_script.extend([LostAnswer("timeout"), answer(200, document)])
    await restarted.token_revocation.work()
    assert provider.revocations == []
    clock.advance(60)
    await restarted.token_revocation.work()
    assert sent(provider)[0] == ("refresh-1", "refresh_token")


async def test_tokens_that_cannot_be_opened_are_kept_for_the_key_that_may_come_back(house, clock, provider):
    await house.log_in()
    await disconnect(house)
    [grant] = await waiting(house)
    broken = replace(grant, refresh_token=Sealed(grant.access_token.value))
    house.token_revocation._store = IllStore(house.store, ended_grants=[broken])
    await house.token_revocation.work()
    assert provider.revocations == []
    assert [one.failures for one in await waiting(house)] == [1]
    house.token_revocation._store = house.store
    clock.advance(60)
    await house.token_revocation.work()
    assert sent(provider)[0] == ("refresh-1", "refresh_token")


async def test_a_refresh_under_way_is_waited_for_and_its_tokens_are_given_back(house, clock, provider):
    session_id = await house.log_in()
    guid = await house.viewer_guid(session_id)
    clock.advance(601)
    provider.gate = asyncio.Event()
    caller = asyncio.ensure_future(house.keeper.fresh(guid, WAREHOUSE))
    while not provider.refreshes:
        await asyncio.sleep(0)
    await disconnect(house)
    await house.token_revocation.work()
    assert provider.revocations == []
    provider.gate.set()
    assert await caller == Reconnect("absent")
    clock.advance(31)
    await house.token_revocation.work()
    assert sent(provider) == [("refresh-2", "refresh_token"), ("access-2", "access_token")]


# — for ever —————————————————————————————————————————————————————————————————————————————————————


async def test_following_goes_on_whatever_goes_wrong(house, clock, provider):
    await house.log_in()
    await disconnect(house)

    class Stumbling(IllStore):
        passes = 0

        async def ended_grants(self, **asked):
            self.passes += 1
            if self.passes == 1:
                raise StoreUnavailable("locked")
            if self.passes == 2:
                raise RuntimeError("a mistake of ours")
            return await house.store.ended_grants(**asked)

    house.token_revocation._store = Stumbling(house.store)
    with capture_logs() as logs:
        following = asyncio.ensure_future(house.token_revocation.follow())
        while await waiting(house):
            await asyncio.sleep(0)
        following.cancel()
        await asyncio.wait([following])
    assert [line["event"] for line in logs[:2]] == ["ended grants cannot be read", "ended grants not given back"]
    assert clock.slept[:3] == [5.0, 5.0, 5.0]
    assert len(provider.revocations) == 2


async def test_no_line_of_the_log_shows_a_token(house, provider):
    await house.log_in()
    await disconnect(house)
    provider.revocation_script.append(answer(400, {"error": "unsupported_token_type"}))
    with capture_logs() as logs:
        await house.token_revocation.work()
    assert logs
    assert not [word for word in ("refresh-1", "access-1", "client-secret") if word in str(logs)]
