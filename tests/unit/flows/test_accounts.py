"""A viewer consents again as somebody else at the provider: told, stored, and refused where the account is pinned."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from proxy.flows.callback_outcomes import AccountRefused, Granted, StateRefused
from proxy.model import Identity
from tests.unit.flows.house import SALES, WAREHOUSE, answer, directory

ADA = "ada-at-id"
PINNED = replace(WAREHOUSE, pin_identity=True)


def told(logs):
    return [(line["event"], line["is_refused"]) for line in logs if "account at the provider" in line["event"]]


@pytest.fixture
async def pinned(build):
    there = directory()
    return await build(replace(there, integrations={**there.integrations, WAREHOUSE.guid: PINNED}))


async def come_again(house, session_id, integration=WAREHOUSE):
    state = (await house.start(SALES, integration, session_id=session_id))["state"]
    return await house.come_back(state, session_id=session_id)


async def test_another_account_takes_the_place_of_the_first_and_that_is_told_and_stored(house, provider):
    session_id = await house.log_in()
    provider.claims = {"sub": "ben-at-id", "email": "ben@example.org"}
    with capture_logs() as logs:
        assert isinstance(await come_again(house, session_id), Granted)
    assert told(logs) == [("another account at the provider", False)]
    assert not [word for word in ("ada@", "ben@", "at-id") if word in str(logs)]
    row = await house.row(session_id)
    assert (row.account.subject, row.former_account.subject) == ("ben-at-id", ADA)
    await come_again(house, session_id)
    assert (await house.row(session_id)).former_account.subject == ADA


async def test_what_another_account_takes_the_place_of_is_given_back(house, provider):
    """Fails when the row is only overwritten: its refresh token stays good at the provider, and nobody knows it any more."""
    session_id = await house.log_in()
    provider.claims = {"sub": "ben-at-id"}
    assert isinstance(await come_again(house, session_id), Granted)
    await house.token_revocation.work()
    assert [form["token"] for form in provider.revocations] == ["refresh-1", "access-1"]


@pytest.mark.parametrize("said", [answer(200, {"sub": ADA}), answer(401, {})], ids=["the same", "not said"])
async def test_what_may_be_of_the_same_account_is_not_given_back(house, provider, said):
    """Most servers would end the new grant along with it."""
    session_id = await house.log_in()
    provider.userinfo_script.append(said)
    assert isinstance(await come_again(house, session_id), Granted)
    await house.token_revocation.work()
    assert provider.revocations == []


async def test_the_same_account_is_nothing_to_tell(pinned, provider):
    session_id = await pinned.log_in()
    provider.claims = {"sub": ADA, "email": "ada@new.example"}
    with capture_logs() as logs:
        assert isinstance(await come_again(pinned, session_id, PINNED), Granted)
    assert told(logs) == []
    row = await pinned.row(session_id)
    assert (row.account.email, row.former_account) == ("ada@new.example", None)


async def test_where_the_account_is_pinned_another_one_is_refused_and_given_back(pinned, provider):
    session_id = await pinned.log_in()
    before = await pinned.row(session_id)
    provider.claims = {"sub": "ben-at-id", "email": "ben@example.org"}
    with capture_logs() as logs:
        refused = await come_again(pinned, session_id, PINNED)
    assert refused == AccountRefused(
        content=SALES, integration=PINNED, return_to="/sales/", expected="ada@example.org", is_known=True
    )
    assert told(logs) == [("another account at the provider", True)]
    assert await pinned.row(session_id) == before
    await pinned.token_revocation.work()
    assert [form["token"] for form in provider.revocations] == ["refresh-2", "access-2"]


async def test_where_the_account_is_pinned_one_that_is_not_said_is_refused_and_nothing_is_revoked(pinned, provider):
    """It may be the same: giving it back could end the grant that goes on."""
    session_id = await pinned.log_in()
    before = await pinned.row(session_id)
    provider.userinfo_script.append(answer(503, {}))
    with capture_logs() as logs:
        refused = await come_again(pinned, session_id, PINNED)
    assert isinstance(refused, AccountRefused)
    assert not refused.is_known
    assert told(logs) == [("account at the provider unknown", True)]
    assert await pinned.row(session_id) == before
    await pinned.token_revocation.work()
    assert provider.revocations == []


async def test_a_grant_of_nobody_known_pins_nobody(pinned, provider):
    provider.userinfo_script.append(answer(503, {}))
    session_id = await pinned.log_in()
    assert (await pinned.row(session_id)).account is None
    assert isinstance(await come_again(pinned, session_id, PINNED), Granted)
    assert (await pinned.row(session_id)).account.subject == ADA


async def test_after_a_disconnect_any_account_may_come(pinned, provider):
    session_id = await pinned.log_in()
    await pinned.store.disconnect(WAREHOUSE.guid, viewer_guid=None)
    provider.claims = {"sub": "ben-at-id"}
    assert isinstance(await come_again(pinned, session_id, PINNED), Granted)


async def test_an_account_of_another_server_is_not_compared(build, provider):
    house = await build()
    session_id = await house.log_in()
    there = directory()
    moved = replace(PINNED, config=PINNED.config | {"token_uri": "https://id2.example.net/token"})
    house = await build(replace(there, integrations={**there.integrations, WAREHOUSE.guid: moved}))
    provider.claims = {"sub": "ada-at-the-new-one"}
    assert isinstance(await come_again(house, session_id, moved), Granted)
    row = await house.row(session_id)
    assert (row.account, row.former_account) == (Identity(subject="ada-at-the-new-one"), None)


async def test_what_was_granted_to_a_viewer_who_left_meanwhile_is_given_back(house, provider):
    session_id = await house.log_in()
    state = (await house.start(session_id=session_id))["state"]
    store = house.store

    class Leaving:
        def __getattr__(self, name):
            return getattr(store, name)

        async def complete_authorization(self, completed):
            await store.end_session(house.hash_of(session_id))
            await store.complete_authorization(completed)

    house.authorization._store = Leaving()
    assert isinstance(await house.come_back(state, session_id=session_id), StateRefused)
    await house.token_revocation.work()
    assert {form["token"] for form in provider.revocations} == {"refresh-1", "access-1", "refresh-2", "access-2"}
