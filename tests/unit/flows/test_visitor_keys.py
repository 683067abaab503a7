"""Visitors' keys: exchanged for a session token, worth what that is worth, for an hour at most."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.flows.exchange_answers import Issued
from proxy.flows.visitor_keys import PREFIX
from proxy.model import Named, Role, SessionTokenHash
from proxy.policy.exchange_refusals import VISITOR_API_KEY
from proxy.sealing import hash_handle
from tests.unit.flows.callers import ADA
from tests.unit.flows.house import LAKE, SALES, STOCK, WAREHOUSE
from tests.unit.flows.test_exchange_table import ROBOT, Place

GIVING = replace(SALES, visitor_api_keys=True)
HERE = {"sign_in": WAREHOUSE.guid}


@pytest.fixture
async def place(build, clock, provider) -> Place:
    return await Place(build, clock, provider).opened(GIVING, STOCK, **HERE)


async def exchanged(place: Place, token: str, **changed) -> Issued:
    issued = await place.ask(GIVING, subject_token=token, requested_token_type=VISITOR_API_KEY, **changed)
    assert isinstance(issued, Issued), issued
    return issued


async def key_of(place: Place) -> str:
    return (await exchanged(place, await place.token())).access_token.reveal()


async def test_a_key_stands_for_the_viewer_at_that_content(place):
    token = await place.token()
    issued = await exchanged(place, token)
    assert (issued.token_type, issued.issued_token_type, issued.expires_in) == ("Key", VISITOR_API_KEY, 3600)
    caller = await place.house.visitor_keys.caller(issued.access_token.reveal())
    assert (caller.role, caller.name, caller.user) == (Role.VIEWER, "visitor of sales", "ada@example.org")
    assert (caller.content_guid, caller.created_at) == (None, None)
    assert caller.hash == hash_handle(token)


async def test_each_exchange_gives_another_text_and_the_same_caller(place):
    token = await place.token()
    keys = [(await exchanged(place, token)).access_token.reveal() for _ in range(2)]
    assert keys[0] != keys[1]
    callers = [await place.house.visitor_keys.caller(key) for key in keys]
    assert callers[0] == callers[1]


async def test_which_integration_is_named_says_nothing(place):
    assert await exchanged(place, await place.token(), audience=LAKE.guid)


async def test_it_ends_after_an_hour(place, clock):
    key = await key_of(place)
    clock.advance(3599)
    assert await place.house.visitor_keys.caller(key)
    clock.advance(1)
    assert await place.house.visitor_keys.caller(key) is None


async def test_it_does_not_outlive_the_session(place, clock):
    token_hash = SessionTokenHash(hash_handle(await place.token()))
    presence = (await place.house.session_tokens.redeem(token_hash)).presence
    soon = clock() + timedelta(minutes=10)
    short = replace(presence, session=replace(presence.session, expires_at=soon))
    assert place.house.visitor_keys.make(token_hash, short).expires_at == soon


async def test_it_ends_with_the_sign_out(place):
    session_id = await place.house.log_in(GIVING)
    admitted = await place.house.sessions.admit(session_id, GIVING)
    lines = dict(line.split(": ", 1) for line in admitted.header_block.decode().splitlines())
    key = (await exchanged(place, lines["Posit-Connect-User-Session-Token"])).access_token.reveal()
    assert await place.house.visitor_keys.caller(key)
    await place.house.sessions.end(session_id)
    assert await place.house.visitor_keys.caller(key) is None


async def test_it_ends_with_the_consent_and_none_is_given_without(place):
    """Fails when a key asks for the session only: content goes on as a viewer who disconnected it."""
    token = await place.token()
    key = (await exchanged(place, token)).access_token.reveal()
    (granted,) = await place.house.administration.oauth_sessions(ADA, everybodys=True)
    await place.house.administration.end_oauth_session(ADA, granted.guid)
    assert await place.house.visitor_keys.caller(key) is None
    refused = await place.ask(GIVING, subject_token=token, requested_token_type=VISITOR_API_KEY)
    assert (refused.status, refused.code) == (400, 220)
    assert f"integration={WAREHOUSE.guid}" in refused.login_url


@pytest.mark.parametrize("own", [{"optional": frozenset({LAKE.guid})}, {"robot": True}], ids=["optional", "its own"])
async def test_consent_that_nobody_needs_to_be_let_in_is_not_needed(place, own):
    more = ROBOT if "robot" in own else LAKE
    content = replace(GIVING, integrations=(WAREHOUSE.guid, more.guid), optional=own.get("optional", frozenset()))
    await place.opened(content, **HERE)
    issued = await place.ask(content, subject_token=await place.token(content), requested_token_type=VISITOR_API_KEY)
    assert await place.house.visitor_keys.caller(issued.access_token.reveal())


async def test_a_group_taken_away_counts_for_keys_as_it_does_for_pages(place, provider, clock):
    """Fails when a key is judged by who the viewer was when the page was opened, and nothing is renewed since."""
    board = replace(GIVING, access=Named(groups=frozenset({"board"})))
    provider.claims = provider.claims | {"groups": ["board"]}
    await place.opened(board, **HERE)
    issued = await place.ask(board, subject_token=await place.token(board), requested_token_type=VISITOR_API_KEY)
    key = issued.access_token.reveal()
    assert await place.house.visitor_keys.caller(key)
    provider.claims = provider.claims | {"groups": []}
    clock.advance(601)
    assert await place.house.visitor_keys.caller(key) is None


@pytest.mark.parametrize(
    "changed",
    [
        replace(GIVING, visitor_api_keys=False),
        replace(GIVING, access=Named(emails=frozenset({"bob@example.org"}))),
        None,
    ],
    ids=["it gives none any more", "it does not let the viewer in any more", "it is gone"],
)
async def test_it_is_worth_nothing_when_the_content_changed(place, changed):
    key = await key_of(place)
    await place.opened(*(STOCK,) if changed is None else (changed, STOCK), **HERE)
    assert await place.house.visitor_keys.caller(key) is None


async def test_it_is_the_same_after_a_restart(place):
    key = await key_of(place)
    await place.opened(GIVING, STOCK, **HERE)
    assert (await place.house.visitor_keys.caller(key)).user == "ada@example.org"


async def test_a_key_that_is_none_asks_no_store(place):
    token = await place.token()
    key = (await exchanged(place, token)).access_token.reveal()
    sealed = urlsafe_b64decode(key.removeprefix(PREFIX) + "==")
    flipped = sealed[:-1] + bytes([sealed[-1] ^ 1])
    forged = [
        "", PREFIX, "oak1_" + key.removeprefix(PREFIX), token, PREFIX + token, key[:-4], key + "AAAA", key.upper(),
        PREFIX + urlsafe_b64encode(flipped).decode(), PREFIX + "é" * 40, PREFIX + "\udcff" * 40, PREFIX + "A" * 100_000,
        key + "==", key[:40] + "!" + key[40:], key[:-1] + chr(ord(key[-1]) + 1),  # the same bytes, spelled otherwise
    ]  # fmt: skip
    place.house.session_tokens.redeem = None  # whoever asks it, fails
    assert [await place.house.visitor_keys.caller(one) for one in forged] == [None] * len(forged)


async def test_the_audit_log_has_its_end_and_not_the_key(place, clock):
    key = await key_of(place)
    line = place.house.lines[-1]
    assert (line.action.value, line.detail) == ("hand_out_exchange", {"kind": "a visitor's API key"})
    assert line.expires_at == clock() + timedelta(hours=1)
    assert key not in repr(line)


async def test_it_counts_with_the_exchanges_of_its_session_token(place):
    token = await place.token()
    for _ in range(100):
        await exchanged(place, token)
    refused = await place.ask(GIVING, subject_token=token, requested_token_type=VISITOR_API_KEY)
    assert (refused.status, refused.code) == (429, 277)


async def test_another_content_gets_no_key(place):
    refused = await place.ask(STOCK, subject_token=await place.token(), requested_token_type=VISITOR_API_KEY)
    assert (refused.status, refused.code) == (403, 22)
