"""What an operator sees and ends."""

import asyncio
from datetime import timedelta

import pytest

from proxy.errors import BadRequest, Conflict, NotFound
from proxy.flows.fresh_tokens import Reconnect
from proxy.flows.refused import Refused
from proxy.flows.revocation import Revocation, short_id
from proxy.flows.sessions import ConsentNeeded, SignInNeeded
from proxy.model import SessionHash
from proxy.sealing import hash_handle
from tests.unit.flows.house import SALES, WAREHOUSE, directory
from tests.unit.flows.test_exchange import session_token


@pytest.fixture
async def house(build):
    """A house whose viewers have an identity: that of the provider."""
    return await build(directory(SALES, sign_in=WAREHOUSE.guid))


@pytest.fixture
def revocation(house):
    return Revocation(store=house.store, lifetimes=house.lifetimes, now=house.clock)


async def test_only_sessions_that_are_alive_are_shown_with_when_they_end(house, revocation, clock):
    await house.log_in()
    clock.advance(11 * 3600)
    new = await house.log_in()
    clock.advance(2 * 3600)
    [listed] = await revocation.alive(clock())
    assert listed.session.hash == hash_handle(new)
    assert revocation.ends_at(listed) == clock() + timedelta(hours=10), "nobody comes any more"


async def test_a_session_is_named_by_the_beginning_of_its_hash(house, revocation):
    session_id = await house.log_in()
    await house.log_in()
    digits = hash_handle(session_id).hex()
    for text in (digits[:8], short_id(SessionHash(hash_handle(session_id))), digits, digits[:9].upper()):
        assert (await revocation.session_named(text)).session.hash == hash_handle(session_id)


@pytest.mark.parametrize("text", ["", "abcdef0", "xyzxyzxy", "0" * 65, "%" * 8, "deadbeef\n"])
async def test_what_is_no_id_is_said_so(revocation, text):
    with pytest.raises(BadRequest, match="eight or more hex digits"):
        await revocation.session_named(text)


async def test_a_session_that_is_not_there_or_not_alone_is_not_ended(house, revocation, clock):
    await house.log_in()
    with pytest.raises(NotFound):
        await revocation.session_named("0" * 8)
    twins = [SessionHash(b"\xab" * 4 + bytes([number]) * 28) for number in (1, 2)]
    [alive] = await revocation.alive(clock())

    async def add(transaction):
        for twin in twins:
            await transaction.rows(
                "INSERT INTO viewer_session SELECT :hash, viewer_guid, created_at, last_seen_at, expires_at, sid_hash "
                "FROM viewer_session WHERE hash = :of",
                {"hash": twin, "of": alive.session.hash},
            )

    await house.store._engine.write(add)
    with pytest.raises(Conflict, match="2 sessions begin with abababab"):
        await revocation.session_named("abababab")
    assert (await revocation.session_named("abababab02")).session.hash == twins[1]


async def test_a_cookie_is_worth_nothing_once_its_session_was_revoked(house, revocation):
    session_id = await house.log_in()
    assert await revocation.end([await revocation.session_named(hash_handle(session_id).hex())]) == 1
    assert isinstance(await house.sessions.admit(session_id, SALES), SignInNeeded)


async def test_a_viewer_is_named_by_guid_or_by_address_in_any_case(house, revocation):
    session_id = await house.log_in()
    guid = await house.viewer_guid(session_id)
    [by_guid] = await revocation.viewers_named(guid)
    [by_email] = await revocation.viewers_named(by_guid.identity.email.upper())
    assert by_guid == by_email
    for nobody in ("", "eve@example.org", guid[:8]):
        with pytest.raises(NotFound):
            await revocation.viewers_named(nobody)


async def test_all_sessions_of_a_viewer_end_and_nobody_elses(house, revocation, provider):
    mine = [await house.log_in() for _ in range(2)]
    [viewer] = await house.store.viewers()
    provider.claims = {**provider.claims, "sub": "somebody-else", "email": "else@example.org"}
    others = await house.log_in()
    assert await revocation.end_of([viewer]) == 2
    for session_id in mine:
        assert isinstance(await house.sessions.admit(session_id, SALES), SignInNeeded)
    assert not isinstance(await house.sessions.admit(others, SALES), SignInNeeded)
    assert await revocation.end_all() == 1
    assert await revocation.end_all() == 0


async def test_a_disconnected_viewer_is_asked_again_and_the_exchange_refuses(house, revocation):
    session_id = await house.log_in()
    token = await session_token(house, session_id)
    [viewer] = await house.store.viewers()

    ended = await revocation.disconnect(WAREHOUSE.guid, [viewer])

    assert (ended.credentials, ended.consents) == (1, 1)
    assert isinstance(await house.sessions.admit(session_id, SALES), ConsentNeeded)
    answer = await house.exchange.token(caller=house.key(), session_token=token, integration=None)
    assert isinstance(answer, Refused)
    assert answer.code == 220
    assert (await revocation.disconnect(WAREHOUSE.guid, None)).credentials == 0


async def test_a_refresh_under_way_gives_a_disconnected_viewer_nothing(house, revocation, provider, clock):
    """Fails when the row is only marked: what comes back from the provider would stand again."""
    session_id = await house.log_in()
    guid = await house.viewer_guid(session_id)
    clock.advance(3600)
    provider.gate = asyncio.Event()
    asking = asyncio.create_task(house.keeper.fresh(guid, WAREHOUSE))
    while not provider.refreshes:
        await asyncio.sleep(0)
    await revocation.disconnect(WAREHOUSE.guid, None)
    provider.gate.set()
    assert isinstance(await asking, Reconnect)
    assert await house.store.credentials(guid, WAREHOUSE.guid) is None
