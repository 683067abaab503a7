"""Store contract: states, viewers, and what one finished authorization writes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.errors import Conflict
from proxy.model import CredentialsChanged, Identity, Sealed, SessionEnded, ViewerGuid
from tests.contract.records import (
    ADA,
    LAKE,
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
    tokens,
)


async def test_a_state_is_claimed_once(store):
    assert await store.claim_state("one", expires_at=NOON + minutes(10))
    assert not await store.claim_state("one", expires_at=NOON + minutes(10))
    assert await store.claim_state("other", expires_at=NOON + minutes(10))


async def test_of_fifty_claims_of_one_state_at_once_exactly_one_succeeds(store):
    claims = await asyncio.gather(*(store.claim_state("one", expires_at=NOON) for _ in range(50)))
    assert sorted(claims) == [False] * 49 + [True]


async def test_a_viewer_without_identity_is_always_created(store):
    first, second = await store.ensure_viewer(anonymous("v1")), await store.ensure_viewer(anonymous("v2"))
    assert (first, second) == (anonymous("v1"), anonymous("v2"))


async def test_the_same_identity_is_the_same_viewer_with_todays_claims(store):
    await store.ensure_viewer(identified("first"))
    renamed = replace(ADA, name="Ada K.", email="ada@example.net", email_verified=False, groups=())
    again = replace(identified("second", renamed), created_at=NOON + timedelta(days=1))
    assert await store.ensure_viewer(again) == identified("first", renamed)


async def test_the_same_subject_at_another_integration_is_another_viewer(store):
    await store.ensure_viewer(identified("first"))
    other = replace(identified("second"), identified_by=LAKE)
    assert await store.ensure_viewer(other) == other


async def test_viewers_arriving_at_once_with_one_identity_are_one(store):
    viewers = await asyncio.gather(*(store.ensure_viewer(identified(f"v{n}")) for n in range(20)))
    assert len(set(viewers)) == 1


async def test_whatever_characters_a_provider_puts_into_claims_come_back(store):
    odd = replace(ADA, name="\ud800\0\r\n'; DROP TABLE viewer; --", email="ż@例え.jp")
    assert (await store.ensure_viewer(identified("v", odd))).identity == odd


async def test_a_finished_authorization_is_there_as_it_was_written(store):
    viewer = identified()
    credentials = await sign_in(store, viewer)
    assert await store.credentials(viewer.guid, WAREHOUSE) == credentials
    presence = await store.presence(session_hash("s1"), SALES)
    assert presence.session == session_of(viewer)
    assert presence.viewer == viewer
    assert presence.consents == {WAREHOUSE}


async def test_what_a_provider_left_out_comes_back_as_absent(store):
    viewer = anonymous()
    bare = credentials_of(
        viewer, refresh_token=None, expires_at=None, refresh_expires_at=None, account=None, scope="", generation=7
    )
    await sign_in(store, viewer, credentials=bare)
    assert await store.credentials(viewer.guid, WAREHOUSE) == bare


async def test_a_sign_in_for_content_without_this_integration_writes_no_consent(store):
    await sign_in(store, identified(), consent=None)
    assert (await store.presence(session_hash("s1"), SALES)).consents == frozenset()


async def test_a_viewer_may_keep_the_session_they_have(store):
    viewer = anonymous()
    await sign_in(store, viewer)
    position, _ = await store.changes_since(-1)
    await store.complete_authorization(
        completed_of(
            viewer, credentials=credentials_of(viewer, LAKE), consent=consent_of(viewer, STOCK, LAKE), session=None
        )
    )
    assert (await store.presence(session_hash("s1"), STOCK)).consents == {LAKE}
    assert (await store.changes_since(position))[1] == [CredentialsChanged(viewer.guid, LAKE)]


async def test_new_credentials_replace_the_old_whatever_their_guid_and_generation(store):
    viewer = identified()
    old = await sign_in(store, viewer)
    await store.save_refresh(old.guid, generation=1, tokens=tokens(), now=NOON)
    new = credentials_of(viewer, guid="another", access_token=Sealed(b"new"), refresh_token=None, expires_at=None)
    await store.complete_authorization(completed_of(viewer, "s2", credentials=new))
    assert await store.credentials(viewer.guid, WAREHOUSE) == new
    assert await store.save_refresh(old.guid, generation=2, tokens=tokens(3), now=NOON) is None
    assert await store.credentials(viewer.guid, WAREHOUSE) == new


async def test_new_credentials_are_not_under_the_lease_of_the_old(store):
    viewer = identified()
    old = await sign_in(store, viewer)
    await store.acquire_lease(old.guid, owner="a", now=NOON, until=NOON + minutes(1))
    await store.complete_authorization(completed_of(viewer, "s2"))
    assert await store.acquire_lease(old.guid, owner="b", now=NOON, until=NOON + minutes(1)) is not None


async def test_a_consent_given_again_stays_the_first_one(store):
    viewer = identified()
    await sign_in(store, viewer)
    await store.complete_authorization(completed_of(viewer, "s2"))
    assert (await store.presence(session_hash("s2"), SALES)).consents == {WAREHOUSE}


async def test_a_new_session_takes_the_place_of_the_old_one_and_the_grants_stay(store):
    viewer = anonymous()
    await sign_in(store, viewer)
    position, _ = await store.changes_since(-1)
    await store.complete_authorization(completed_of(viewer, "s2", ended_session=session_hash("s1")))
    assert await store.session(session_hash("s1")) is None
    assert (await store.presence(session_hash("s2"), SALES)).consents == {WAREHOUSE}
    _, changes = await store.changes_since(position)
    assert changes == [CredentialsChanged(viewer.guid, WAREHOUSE), SessionEnded(session_hash("s1"))]


async def test_signing_in_by_name_ends_the_viewer_without_one_and_their_grants(store):
    passing, ada = anonymous(), identified()
    await sign_in(store, passing)
    await sign_in(store, ada, "s2", ended_session=session_hash("s1"))
    assert await store.credentials(passing.guid, WAREHOUSE) is None
    assert await store.credentials(ada.guid, WAREHOUSE) is not None


async def test_replacing_a_session_that_is_gone_says_nothing(store):
    viewer = identified()
    await sign_in(store, viewer, ended_session=session_hash("never"))
    assert (await store.changes_since(0))[1] == [CredentialsChanged(viewer.guid, WAREHOUSE)]


async def test_an_authorization_of_a_viewer_who_has_signed_out_is_a_conflict_and_writes_nothing(store):
    with pytest.raises(Conflict):
        await store.complete_authorization(completed_of(anonymous("gone")))
    assert await store.credentials(ViewerGuid("gone"), WAREHOUSE) is None
    assert (await store.changes_since(0))[1] == []


async def test_an_authorization_that_fails_halfway_leaves_nothing(store):
    viewer, other = identified(), identified("viewer-bob", Identity(subject="bob"))
    await sign_in(store, viewer)
    await store.ensure_viewer(other)
    with pytest.raises(Conflict):
        await store.complete_authorization(completed_of(other, "s1"))  # that session is somebody else's
    assert await store.credentials(other.guid, WAREHOUSE) is None
    assert (await store.session(session_hash("s1"))).viewer == viewer
    assert len((await store.changes_since(0))[1]) == 1


@pytest.mark.parametrize("steps", range(0, 40, 3))
async def test_when_the_caller_is_cancelled_the_write_is_whole(store, steps):
    viewer = identified()
    await store.ensure_viewer(viewer)
    writing = asyncio.create_task(store.complete_authorization(completed_of(viewer)))
    await asyncio.sleep(0)
    for _ in range(steps):
        await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait([writing])
    await store.check()  # stands in line behind it
    assert await store.credentials(viewer.guid, WAREHOUSE) is not None
    assert (await store.presence(session_hash("s1"), SALES)).consents == {WAREHOUSE}
    assert (await store.changes_since(0))[1] == [CredentialsChanged(viewer.guid, WAREHOUSE)]
