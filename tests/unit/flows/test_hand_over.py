"""The hand-over: a ticket for one host, one browser, one use and half a minute; a handle that is no second session."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from proxy.flows import tickets
from proxy.flows.hand_over import HandedOver, HandOver, TicketRefused, TicketUsed
from proxy.flows.sealed_text import packed, sealed_text
from proxy.flows.sessions import Admitted, SignInNeeded
from proxy.flows.tickets import MAX_TICKET_CHARS
from proxy.model import ContentGuid, SessionEnded, SessionHash
from proxy.sealing import hash_handle
from tests.unit.flows.house import SALES as UNDER_A_PATH
from tests.unit.flows.house import STOCK, House, directory

SALES = replace(UNDER_A_PATH, path="/", origin="https://sales.example.org")
BOARD = replace(
    STOCK, guid=ContentGuid("77777777-7777-4777-8777-777777777777"), path="/", origin="https://board.example.org"
)
BINDING = "binding-on-the-host"


@pytest.fixture
async def house(build) -> House:
    return await build(directory(SALES, BOARD))


def hand_over_of(house: House) -> HandOver:
    return HandOver(
        store=house.store,
        key_ring=house.key_ring,
        sessions=house.sessions,
        now=house.clock,
        random_bytes=house.random.randbytes,
    )


def ticket_of(
    house: House, session_id: str, *, content=SALES, binding: str = BINDING, return_to: str = "/x?y=1"
) -> str:
    return hand_over_of(house).ticket(
        content=content,
        session_hash=SessionHash(hash_handle(session_id)),
        binding_hash=hash_handle(binding),
        return_to=return_to,
    )


async def take(house: House, ticket: str, *, content=SALES, bindings: tuple[str, ...] = (BINDING,)):
    return await hand_over_of(house).take(ticket, content=content, bindings=bindings)


async def handed_over(house: House, session_id: str, content=SALES) -> str:
    outcome = await take(house, ticket_of(house, session_id, content=content), content=content)
    assert isinstance(outcome, HandedOver)
    return outcome.handle.reveal()


async def test_a_ticket_gives_the_host_a_cookie_for_the_session(house):
    session_id = await house.log_in(SALES)
    outcome = await take(house, ticket_of(house, session_id), bindings=("another", BINDING))
    assert isinstance(outcome, HandedOver)
    assert outcome.return_to == "/x?y=1"
    admitted = await house.sessions.admit_at_host(outcome.handle.reveal(), SALES)
    assert isinstance(admitted, Admitted)
    assert admitted.session_hash == hash_handle(session_id)
    assert admitted.handle_hash == hash_handle(outcome.handle.reveal())


async def test_the_header_block_is_the_same_however_the_session_was_found(house):
    session_id = await house.log_in(SALES)
    by_handle = await house.sessions.admit_at_host(await handed_over(house, session_id), SALES)
    by_session = await house.sessions.admit(session_id, SALES)
    assert by_handle == replace(by_session, handle_hash=by_handle.handle_hash)


async def test_a_handle_is_good_at_its_own_host_only(house):
    handle = await handed_over(house, await house.log_in(SALES))
    assert isinstance(await house.sessions.admit_at_host(handle, BOARD), SignInNeeded)
    assert isinstance(await house.sessions.admit(handle, SALES), SignInNeeded)
    assert not await house.sessions.end_at_host(handle, BOARD)
    assert isinstance(await house.sessions.admit_at_host(handle, SALES), Admitted)


async def test_the_public_cookie_is_nothing_at_a_contents_host(house):
    session_id = await house.log_in(SALES)
    await handed_over(house, session_id)
    assert isinstance(await house.sessions.admit_at_host(session_id, SALES), SignInNeeded)
    assert isinstance(await house.sessions.admit_at_host(None, SALES), SignInNeeded)


async def test_a_ticket_used_again_gives_no_cookie_but_leads_on(house):
    ticket = ticket_of(house, await house.log_in(SALES))
    assert isinstance(await take(house, ticket), HandedOver)
    assert await take(house, ticket) == TicketUsed(return_to="/x?y=1")


async def test_twenty_presentations_at_once_give_one_cookie(house):
    ticket = ticket_of(house, await house.log_in(SALES))
    outcomes = await asyncio.gather(*(take(house, ticket) for _ in range(20)))
    assert [type(outcome) for outcome in outcomes].count(HandedOver) == 1


@pytest.mark.parametrize("bindings", [(), ("other",), (*(f"x{n}" for n in range(32)), BINDING)])
async def test_a_ticket_in_another_browser_is_burnt_and_says_nothing_of_what_its_owner_chose(house, bindings):
    """Fails when the browser is looked at first: a stolen ticket could be tried until the right cookie is found."""
    ticket = ticket_of(house, await house.log_in(SALES))
    assert await take(house, ticket, bindings=bindings) == TicketRefused(because="other_browser", return_to="/")
    assert isinstance(await take(house, ticket), TicketUsed)


async def test_a_ticket_at_another_host_is_burnt(house):
    ticket = ticket_of(house, await house.log_in(SALES))
    assert await take(house, ticket, content=BOARD) == TicketRefused(because="other_host", return_to="/")
    assert isinstance(await take(house, ticket), TicketUsed)


async def test_a_ticket_is_good_for_half_a_minute(house, clock):
    session_id = await house.log_in(SALES)
    young, old = ticket_of(house, session_id), ticket_of(house, session_id)
    clock.advance(29)
    assert isinstance(await take(house, young), HandedOver)
    clock.advance(1)
    assert await take(house, old) == TicketRefused(because="expired", return_to="/")


async def test_every_flipped_character_makes_a_ticket_unreadable(house):
    ticket = ticket_of(house, await house.log_in(SALES))
    for position, character in enumerate(ticket):
        forged = ticket[:position] + ("A" if character != "A" else "B") + ticket[position + 1 :]
        assert await take(house, forged) == TicketRefused(because="unreadable", return_to="/")


async def test_what_was_never_a_ticket_is_unreadable(house):
    state = (await house.start(SALES))["state"]
    for text in ("", "x", "A" * 300, "ä" * 40, "A" * (MAX_TICKET_CHARS + 1), state):
        assert await take(house, text) == TicketRefused(because="unreadable", return_to="/")


async def test_a_ticket_is_no_state(house):
    outcome = await house.come_back(ticket_of(house, await house.log_in(SALES)))
    assert outcome.because == "unreadable"


async def test_a_ticket_of_another_release_is_unreadable(house):
    text = sealed_text(packed([b"1"]), key_ring=house.key_ring, associated=tickets._ASSOCIATED, nonce=bytes(12))
    assert (await take(house, text)).because == "unreadable"


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil", "https://evil.example/", "/__oauth__/logout", "/" * 2000]
)
async def test_a_ticket_leads_nowhere_but_into_its_content(house, target):
    outcome = await take(house, ticket_of(house, await house.log_in(SALES), return_to=target))
    assert outcome.return_to == "/"


async def test_who_signed_out_meanwhile_gets_no_cookie(house):
    session_id = await house.log_in(SALES)
    ticket = ticket_of(house, session_id)
    await house.sessions.end(session_id)
    assert await take(house, ticket) == TicketRefused(because="session_over", return_to="/x?y=1")


async def test_a_session_that_ends_while_the_ticket_is_taken_gives_no_cookie(house):
    session_id = await house.log_in(SALES)
    hand_over = hand_over_of(house)
    presence = house.store.presence

    class EndsInBetween:
        def __getattr__(self, name):
            return getattr(house.store, name)

        async def presence(self, *args):
            found = await presence(*args)
            await house.sessions.end(session_id)
            return found

    hand_over._store = EndsInBetween()
    outcome = await hand_over.take(ticket_of(house, session_id), content=SALES, bindings=[BINDING])
    assert outcome == TicketRefused(because="session_over", return_to="/x?y=1")


async def test_a_session_too_long_idle_gives_no_cookie(house, clock):
    session_id = await house.log_in(SALES)
    clock.advance(12 * 3600)
    assert (await take(house, ticket_of(house, session_id))).because == "session_over"


async def test_tabs_agree_on_one_handle_and_hosts_do_not_share_it(house):
    session_id = await house.log_in(SALES)
    first, second = await handed_over(house, session_id), await handed_over(house, session_id)
    assert first == second
    assert await handed_over(house, session_id, BOARD) != first
    assert await handed_over(house, await house.log_in(SALES)) != first


async def test_signing_out_at_a_contents_host_ends_the_session_everywhere(house):
    session_id = await house.log_in(SALES)
    at_sales, at_board = await handed_over(house, session_id), await handed_over(house, session_id, BOARD)
    house.changes.clear()
    assert await house.sessions.end_at_host(at_sales, SALES)
    assert SessionEnded(SessionHash(hash_handle(session_id))) in house.changes
    assert isinstance(await house.sessions.admit(session_id, SALES), SignInNeeded)
    for handle, content in ((at_sales, SALES), (at_board, BOARD)):
        assert isinstance(await house.sessions.admit_at_host(handle, content), SignInNeeded)
    assert not await house.sessions.end_at_host(at_sales, SALES)


async def test_signing_out_at_public_url_ends_every_handle(house):
    session_id = await house.log_in(SALES)
    handle = await handed_over(house, session_id)
    await house.sessions.end(session_id)
    assert isinstance(await house.sessions.admit_at_host(handle, SALES), SignInNeeded)


async def test_signing_in_anew_leaves_no_handle_of_the_session_before(house):
    session_id = await house.log_in(SALES)
    handle = await handed_over(house, session_id)
    await house.sessions.end(session_id)
    await handed_over(house, await house.log_in(SALES))
    assert isinstance(await house.sessions.admit_at_host(handle, SALES), SignInNeeded)
