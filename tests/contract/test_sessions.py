"""Store contract: viewer sessions, their tokens, and what ends with them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from proxy.model import SessionEnded
from tests.contract.records import (
    LAKE,
    LONG_AGO,
    NOON,
    SALES,
    STOCK,
    WAREHOUSE,
    anonymous,
    completed_of,
    consent_of,
    credentials_of,
    identified,
    minutes,
    session_hash,
    session_of,
    sign_in,
    token_hash,
)


async def add_token(store, name="t1", session="s1", content=SALES):
    return await store.add_session_token(token_hash(name), session_hash=session_hash(session), content_guid=content)


async def test_an_unknown_session_is_nobody(store):
    assert await store.session(session_hash("unknown")) is None
    assert await store.presence(session_hash("unknown"), SALES) is None


@pytest.mark.parametrize("viewer", [anonymous(), identified()], ids=["without identity", "with identity"])
async def test_a_session_comes_with_its_viewer_alive_or_not(store, viewer):
    over = session_of(viewer, expires_at=LONG_AGO)
    await sign_in(store, viewer, session=over)
    known = await store.session(session_hash("s1"))
    assert (known.session, known.viewer) == (over, viewer)


async def test_presence_names_the_consents_for_this_content_and_viewer_only(store):
    viewer, other = identified(), anonymous()
    await sign_in(store, viewer)
    await sign_in(store, other, "s2", consent=consent_of(other, STOCK))
    for consent in (consent_of(viewer, SALES, LAKE), consent_of(viewer, STOCK, LAKE)):
        await store.complete_authorization(
            completed_of(viewer, credentials=credentials_of(viewer, LAKE), consent=consent, session=None)
        )
    assert (await store.presence(session_hash("s1"), SALES)).consents == {WAREHOUSE, LAKE}
    assert (await store.presence(session_hash("s1"), STOCK)).consents == {LAKE}
    assert (await store.presence(session_hash("s2"), SALES)).consents == frozenset()
    assert (await store.presence(session_hash("s2"), STOCK)).consents == {WAREHOUSE}


async def test_last_seen_moves_forward_and_never_back_and_unknown_sessions_are_ignored(store):
    await sign_in(store, identified())
    later = NOON + minutes(3)
    await store.touch_sessions({session_hash("s1"): later, session_hash("unknown"): later})
    await store.touch_sessions({session_hash("s1"): NOON + minutes(1)})
    await store.touch_sessions({})
    assert (await store.session(session_hash("s1"))).session.last_seen_at == later
    assert await store.session(session_hash("unknown")) is None


async def test_an_ended_session_is_gone_with_its_tokens_and_ends_once(store):
    await sign_in(store, identified())
    await add_token(store)
    position, _ = await store.changes_since(-1)
    assert await store.end_session(session_hash("s1"))
    assert not await store.end_session(session_hash("s1"))
    assert await store.session(session_hash("s1")) is None
    assert await store.redeem_session_token(token_hash("t1")) is None
    assert (await store.changes_since(position))[1] == [SessionEnded(session_hash("s1"))]


async def test_grants_of_a_viewer_with_identity_outlive_their_last_session(store):
    viewer = identified()
    credentials = await sign_in(store, viewer)
    await store.end_session(session_hash("s1"))
    assert await store.credentials(viewer.guid, WAREHOUSE) == credentials
    await store.complete_authorization(
        completed_of(viewer, "s2", credentials=credentials_of(viewer, LAKE), consent=None)
    )
    assert (await store.presence(session_hash("s2"), SALES)).consents == {WAREHOUSE}


async def test_the_last_session_of_a_viewer_without_identity_takes_everything_along(store):
    viewer, neighbour = anonymous(), anonymous("neighbour")
    await sign_in(store, viewer)
    await sign_in(store, neighbour, "s3")
    await store.complete_authorization(completed_of(viewer, "s2"))
    await store.end_session(session_hash("s1"))
    assert await store.credentials(viewer.guid, WAREHOUSE) is not None
    assert (await store.presence(session_hash("s2"), SALES)).consents == {WAREHOUSE}
    await store.end_session(session_hash("s2"))
    assert await store.credentials(viewer.guid, WAREHOUSE) is None
    await sign_in(store, viewer, "s4", consent=None)  # the guid is free again: viewer and consents are gone too
    assert (await store.presence(session_hash("s4"), SALES)).consents == frozenset()
    assert (await store.presence(session_hash("s3"), SALES)).consents == {WAREHOUSE}
    assert await store.credentials(neighbour.guid, WAREHOUSE) is not None


async def test_a_session_token_leads_to_its_content_and_session(store):
    viewer = identified()
    await sign_in(store, viewer)
    assert await add_token(store)
    content, presence = await store.redeem_session_token(token_hash("t1"))
    assert content == SALES
    assert presence == await store.presence(session_hash("s1"), SALES)
    assert await store.redeem_session_token(token_hash("unknown")) is None


async def test_a_session_token_shows_the_consents_of_its_own_content(store):
    viewer = identified()
    await sign_in(store, viewer)
    await add_token(store, "t2", content=STOCK)
    content, presence = await store.redeem_session_token(token_hash("t2"))
    assert (content, presence.consents) == (STOCK, frozenset())


async def test_adding_a_session_token_again_changes_nothing(store):
    await sign_in(store, identified())
    assert await add_token(store)
    assert await add_token(store)
    assert (await store.redeem_session_token(token_hash("t1")))[0] == SALES


async def test_a_session_token_cannot_be_added_to_a_session_that_is_gone(store):
    assert not await add_token(store)
    assert await store.redeem_session_token(token_hash("t1")) is None


@pytest.mark.parametrize(
    ("fields", "is_over"),
    [
        ({"expires_at": NOON}, True),
        ({"expires_at": NOON + timedelta(microseconds=1)}, False),
        ({"last_seen_at": NOON - minutes(720) - timedelta(microseconds=1)}, True),
        ({"last_seen_at": NOON - minutes(720)}, False),
    ],
    ids=["absolute end reached", "a moment before", "idle too long", "just not too long"],
)
async def test_purge_ends_sessions_that_are_over(store, fields, is_over):
    viewer = anonymous()
    await sign_in(store, viewer, session=session_of(viewer, **fields))
    await add_token(store)
    position, _ = await store.changes_since(-1)
    ended = await store.purge(now=NOON, idle_since=NOON - minutes(720))
    assert list(ended) == ([session_hash("s1")] if is_over else [])
    assert (await store.session(session_hash("s1")) is None) == is_over
    assert (await store.redeem_session_token(token_hash("t1")) is None) == is_over
    assert (await store.credentials(viewer.guid, WAREHOUSE) is None) == is_over
    assert (await store.changes_since(position))[1] == [SessionEnded(one) for one in ended]


async def test_purge_keeps_the_grants_of_viewers_who_will_come_back(store):
    viewer, passing = identified(), anonymous()
    await sign_in(store, viewer, session=session_of(viewer, expires_at=LONG_AGO))
    await sign_in(store, passing, "s2", session=session_of(passing, "s2", expires_at=LONG_AGO))
    await store.complete_authorization(completed_of(passing, "s3"))
    assert len(await store.purge(now=NOON, idle_since=LONG_AGO)) == 2
    assert await store.credentials(viewer.guid, WAREHOUSE) is not None
    assert await store.credentials(passing.guid, WAREHOUSE) is not None


async def test_purge_forgets_states_that_could_not_be_used_any_more(store):
    await store.claim_state("old", expires_at=NOON)
    await store.claim_state("young", expires_at=NOON + timedelta(microseconds=1))
    await store.purge(now=NOON, idle_since=LONG_AGO)
    assert await store.claim_state("old", expires_at=NOON)
    assert not await store.claim_state("young", expires_at=NOON)


async def test_purge_forgets_viewers_whose_sign_in_never_finished(store):
    await store.ensure_viewer(anonymous("stopped"))
    await store.purge(now=NOON, idle_since=NOON + minutes(1))
    assert await store.ensure_viewer(anonymous("stopped")) == anonymous("stopped")


async def test_purge_of_nothing_is_nothing(store):
    assert list(await store.purge(now=NOON, idle_since=NOON)) == []


async def test_a_session_begins_without_a_flow_and_begins_anew_with_its_tokens(store):
    viewer = await store.ensure_viewer(identified())
    first = session_of(viewer)
    await store.begin_session(first)
    assert (await store.session(session_hash("s1"))).session == first
    assert await add_token(store)
    later = session_of(
        viewer, created_at=NOON + minutes(5), last_seen_at=NOON + minutes(5), expires_at=NOON + minutes(9)
    )
    await store.begin_session(later)
    assert (await store.session(session_hash("s1"))).session == later
    assert (await store.redeem_session_token(token_hash("t1")))[1].session == later
    await store.begin_session(later)
    assert await store.end_session(session_hash("s1"))
    assert await store.session(session_hash("s1")) is None
