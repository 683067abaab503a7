"""OAuth sessions over the API: whose they are, and their end."""

from dataclasses import replace

import pytest

from proxy.flows.refused import NOT_ALLOWED, NOT_THERE
from proxy.flows.sessions import Admitted, ConsentNeeded
from proxy.model import ApiKey, ApiKeyGuid, AuditAction, ConsentEnded, CredentialsChanged, Role
from proxy.store.audit import AuditFilter
from tests.unit.flows.callers import ADA, BOB, OF_SALES
from tests.unit.flows.house import BOTH, LAKE, SALES, WAREHOUSE, answer, directory

HERSELF = replace(BOB, user="ada@example.org")
VISITOR = ApiKey(guid=ApiKeyGuid("v"), name="visitor", role=Role.VIEWER, hash=b"v", user="ada@example.org")


@pytest.fixture
async def house(build):
    return await build(directory(SALES, BOTH, sign_in=WAREHOUSE.guid))


async def sign_in(house, email="ada@example.org", *, is_verified=True, content=SALES):
    claims = {"sub": f"sub of {email}", "email": email, "email_verified": is_verified}
    house.provider.userinfo_script.append(answer(200, claims))
    return await house.log_in(content)


async def listed(house, caller, *, everybodys=False):
    return await house.administration.oauth_sessions(caller, everybodys=everybodys)


async def test_everybodys_are_for_administrators_the_oldest_first(house, clock):
    session = await sign_in(house)
    clock.advance(1)
    await sign_in(house, "bob@example.org")
    clock.advance(1)
    await house.log_in(BOTH, LAKE, session_id=session)
    found = await listed(house, ADA, everybodys=True)
    rows = [await house.row(session), await house.row(session, LAKE)]
    assert [(found[0].guid, found[2].guid)] == [(rows[0].guid, rows[1].guid)]
    assert [one.integration_guid for one in found] == [WAREHOUSE.guid, WAREHOUSE.guid, LAKE.guid]
    assert all(one.has_refresh_token and one.id.isdecimal() and int(one.id) < 2**53 for one in found)
    assert len({one.id for one in found}) == 3
    assert found[0].user_guid == await house.viewer_guid(session)
    for caller in (BOB, OF_SALES, VISITOR):
        assert await listed(house, caller, everybodys=True) == NOT_ALLOWED


@pytest.mark.parametrize("caller", [HERSELF, VISITOR, replace(ADA, user="ada@example.org")], ids=["p", "v", "a"])
async def test_ones_own_are_those_of_the_address_that_the_key_names(house, caller):
    await sign_in(house)
    await sign_in(house, "bob@example.org")
    (mine,) = await listed(house, caller)
    assert mine == await house.administration.oauth_session(caller, mine.guid)


async def test_an_address_that_is_not_verified_and_a_key_without_one_own_nothing(house):
    await sign_in(house, is_verified=False)
    await sign_in(house, "")
    for caller in (HERSELF, ADA, replace(BOB, user="")):
        assert await listed(house, caller) == []
    assert await listed(house, OF_SALES) == NOT_ALLOWED


async def test_nobody_reads_everybodys_to_find_their_own(house):
    """Fails when the own ones are picked out of all: 0.3 s of work with 30,000, for any key and as often as it likes."""
    await sign_in(house)
    house.store.administration.grants = None  # whoever asks it, fails
    assert len(await listed(house, VISITOR)) == 1


async def test_many_are_read_in_batches(house, monkeypatch):
    monkeypatch.setattr("proxy.flows.oauth_sessions.BATCH", 2)
    for number in range(5):
        await sign_in(house, f"viewer-{number}@example.org")
    assert len(await listed(house, ADA, everybodys=True)) == 5


async def test_anothers_is_not_there(house):
    await sign_in(house)
    (one,) = await listed(house, ADA, everybodys=True)
    assert await house.administration.oauth_session(BOB, one.guid) == NOT_THERE
    assert await house.administration.end_oauth_session(BOB, one.guid) == NOT_THERE
    assert await house.administration.oauth_session(OF_SALES, one.guid) == NOT_ALLOWED
    assert await house.administration.end_oauth_session(OF_SALES, one.guid) == NOT_ALLOWED
    assert await house.administration.oauth_session(ADA, "99999999-9999-4999-8999-999999999999") == NOT_THERE
    assert await listed(house, ADA, everybodys=True) == [one]


@pytest.mark.parametrize("caller", [ADA, HERSELF], ids=["an administrator", "the person"])
async def test_an_end_is_the_end_of_tokens_and_consents_for_all_contents(house, provider, caller):
    session = await sign_in(house, content=BOTH)
    await house.log_in(BOTH, LAKE, session_id=session)
    viewer = await house.viewer_guid(session)
    assert isinstance(await house.sessions.admit(session, BOTH), Admitted)
    lake = next(one for one in await listed(house, ADA, everybodys=True) if one.integration_guid == LAKE.guid)
    await house.feed.catch_up()
    house.changes.clear()
    assert await house.administration.end_oauth_session(caller, lake.guid) is None
    assert house.changes == [ConsentEnded(viewer, BOTH.guid), CredentialsChanged(viewer, LAKE.guid)]
    assert await house.sessions.admit(session, BOTH) == ConsentNeeded(integration=LAKE)
    assert await house.administration.end_oauth_session(caller, lake.guid) == NOT_THERE
    assert [one.integration_guid for one in await listed(house, ADA, everybodys=True)] == [WAREHOUSE.guid]
    wanted = AuditFilter(action=AuditAction.REVOCATION)
    (line,) = (await house.store.audit.page(wanted, position=None, is_forward=True, most=9, most_read=99)).events
    assert (line.actor.id, line.viewer_guid, line.integration_guid) == (caller.guid, viewer, LAKE.guid)
    assert line.detail == {"credentials": "1", "consents": "1"}
