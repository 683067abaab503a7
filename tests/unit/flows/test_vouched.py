"""Viewers that a proxy in front vouches for, on each request."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.flows.callback_outcomes import Granted, StateRefused
from proxy.flows.sessions import AccessRefused, Admitted, ConsentNeeded, SignInNeeded
from proxy.model import VOUCHED, AuditAction, Named, SessionEnded
from tests.unit.flows.house import SALES, STOCK, WAREHOUSE, directory

BOARD = replace(STOCK, access=Named(groups=frozenset({"board"})), integrations=())
ADA = json.dumps(["ada", "ada@example.org", ["board"]])


@pytest.fixture
async def house(build):
    return await build(replace(directory(SALES, BOARD), is_vouched=True))


async def viewer(house, line=ADA):
    return (await house.store.session(house.hash_of(line))).viewer


async def test_who_the_proxy_names_is_the_viewer_without_a_flow(house, provider):
    admitted = await house.sessions.admit(ADA, BOARD)
    assert isinstance(admitted, Admitted)
    assert b"ada@example.org" in admitted.header_block
    found = await viewer(house)
    assert (found.identified_by, found.identity.subject, found.identity.groups) == (VOUCHED, "ada", ("board",))
    assert found.identity.email_verified
    assert provider.requests == []
    assert [(line.action, line.actor.name, line.viewer_guid) for line in house.lines] == [
        (AuditAction.SIGN_IN, "ada@example.org", found.guid)
    ]
    await house.sessions.admit(ADA, BOARD)
    assert len(house.lines) == 1, "the session goes on"


async def test_nobody_named_is_nobody(house):
    assert await house.sessions.admit(None, BOARD) == SignInNeeded(integration=None)
    assert await house.sessions.admit(None, SALES) == SignInNeeded(integration=None)


async def test_a_group_taken_away_counts_at_once_and_for_the_exchange_too(house):
    admitted = await house.sessions.admit(ADA, BOARD)
    without = json.dumps(["ada", "ada@example.org", []])
    assert isinstance(await house.sessions.admit(without, BOARD), AccessRefused)
    assert (await viewer(house)).guid == admitted.viewer_guid
    assert (await viewer(house)).identity.groups == ()


async def test_the_same_person_is_the_same_viewer_with_one_session(house):
    first = await house.sessions.admit(ADA, BOARD)
    again = await house.sessions.admit(ADA, BOARD)
    assert (first.session_hash, first.viewer_guid) == (again.session_hash, again.viewer_guid)
    assert first.header_block == again.header_block
    other = await house.sessions.admit(json.dumps(["bob", "", ["board"]]), BOARD)
    assert other.viewer_guid != first.viewer_guid


async def test_a_session_that_is_over_begins_anew_while_the_proxy_names_the_person(house, clock):
    first = await house.sessions.admit(ADA, BOARD)
    clock.advance(timedelta(days=8).total_seconds())
    again = await house.sessions.admit(ADA, BOARD)
    assert again.expires_at == clock.at + timedelta(days=7)
    assert again.viewer_guid == first.viewer_guid


async def test_signing_out_ends_the_session_until_the_next_request(house):
    await house.sessions.admit(ADA, BOARD)
    assert await house.sessions.end(ADA)
    assert house.changes[-1] == SessionEnded(house.hash_of(ADA))
    assert await house.store.session(house.hash_of(ADA)) is None
    assert isinstance(await house.sessions.admit(ADA, BOARD), Admitted)


async def test_on_a_host_of_its_own_the_proxy_vouches_as_well(house):
    at_host = replace(BOARD, origin="https://board.example.org")
    admitted = await house.sessions.admit_at_host(ADA, at_host)
    assert isinstance(admitted, Admitted)
    assert admitted.handle_hash is None
    assert await house.sessions.admit_at_host(None, at_host) == SignInNeeded(integration=None)
    assert await house.sessions.end_at_host(ADA, at_host)


async def test_consents_are_asked_and_keep_the_session(house):
    assert await house.sessions.admit(ADA, SALES) == ConsentNeeded(integration=WAREHOUSE)
    query = await house.start(SALES)
    outcome = await house.come_back(query["state"], session_id=ADA)
    assert isinstance(outcome, Granted)
    assert outcome.session_id is None
    assert isinstance(await house.sessions.admit(ADA, SALES), Admitted)


async def test_a_flow_of_somebody_whom_nobody_names_gives_nothing(house):
    query = await house.start(SALES)
    assert isinstance(await house.come_back(query["state"], session_id=None), StateRefused)


async def test_viewers_of_a_former_way_to_sign_in_are_nobody(house, build):
    await house.sessions.admit(ADA, BOARD)
    house.configured = replace(house.configured, is_vouched=False)
    house.__post_init__()
    assert isinstance(await house.sessions.admit(ADA, BOARD), SignInNeeded)
