"""Whoever deletes credentials leaves their tokens to be given back: whole or not at all, and once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.model import CredentialsChanged, EndedGrant, Sealed, SessionEnded
from proxy.store.base import Completed
from tests.contract.records import (
    ADA,
    LAKE,
    NOON,
    SALES,
    WAREHOUSE,
    anonymous,
    completed_of,
    credentials_of,
    identified,
    session_hash,
    session_of,
    sign_in,
    tokens,
)

VIEWER = identified()
MUCH_LATER = NOON + timedelta(days=1)


async def due(store, now=NOON):
    return list(await store.ended_grants(now=now, most=10))


def left_of(credentials) -> EndedGrant:
    return EndedGrant(
        credentials_guid=credentials.guid, viewer_guid=credentials.viewer_guid,
        integration_guid=credentials.integration_guid, fingerprint=credentials.fingerprint,
        account_subject=ADA.subject, access_token=credentials.access_token,
        access_expires_at=credentials.expires_at, refresh_token=credentials.refresh_token, failures=0,
    )  # fmt: skip


async def end_last_session(store, viewer):
    await store.end_session(session_hash("s1"))


async def end_by_age(store, viewer):
    await store.purge(now=NOON + timedelta(days=8), idle_since=NOON)


async def end_as_operator(store, viewer):
    await store.end_sessions([session_hash("s1")])


async def end_by_name(store, viewer):
    """Signing in by name ends the viewer without one."""
    named = identified()
    await store.ensure_viewer(named)
    completed = Completed(
        credentials=credentials_of(named, LAKE), consent=None, session=session_of(named, "s2"),
        ended_session=session_hash("s1"),
    )  # fmt: skip
    await store.complete_authorization(completed)


async def disconnect_one(store, viewer):
    await store.disconnect(WAREHOUSE, viewer_guid=viewer.guid)


async def disconnect_all(store, viewer):
    await store.disconnect(WAREHOUSE, viewer_guid=None)


async def end_everywhere(store, viewer):
    await store.end_viewer(viewer.guid)


@pytest.mark.parametrize(
    "end",
    [end_last_session, end_by_age, end_as_operator, end_by_name, disconnect_one, disconnect_all, end_everywhere],
    ids=lambda end: end.__name__,
)
async def test_whatever_ends_credentials_leaves_their_tokens(store, end):
    viewer = anonymous()
    granted = await sign_in(store, viewer)
    await end(store, viewer)
    assert await store.credentials(viewer.guid, WAREHOUSE) is None
    assert await due(store, NOON + timedelta(days=8)) == [left_of(granted)]


async def test_grants_of_a_viewer_who_comes_back_are_not_given_back_with_the_session(store):
    await sign_in(store, VIEWER)
    await store.end_session(session_hash("s1"))
    assert await due(store) == []


async def test_a_dead_grant_leaves_nothing(store):
    granted = await sign_in(store, VIEWER)
    await store.end_credentials(
        granted.guid, generation=1, because="x", keep_refresh_token=False, claims=None, now=NOON
    )
    await store.disconnect(WAREHOUSE, viewer_guid=None)
    assert await due(store) == []


async def test_a_grant_that_waits_for_its_viewer_is_given_back(store):
    granted = await sign_in(store, VIEWER)
    await store.end_credentials(granted.guid, generation=1, because="x", keep_refresh_token=True, claims=None, now=NOON)
    await store.disconnect(WAREHOUSE, viewer_guid=None)
    assert await due(store) == [left_of(granted)]


async def test_other_integrations_are_left_alone_and_tokens_may_lack(store):
    await sign_in(store, VIEWER)
    lake = credentials_of(VIEWER, LAKE, refresh_token=None, expires_at=None, account=None)
    await store.complete_authorization(completed_of(VIEWER, "s2", credentials=lake, consent=None))
    await store.disconnect(LAKE, viewer_guid=None)
    assert await due(store) == [replace(left_of(lake), account_subject=None)]
    assert await store.credentials(VIEWER.guid, WAREHOUSE) is not None


async def test_what_a_refresh_under_way_brings_is_what_is_given_back(store):
    granted = await sign_in(store, VIEWER)
    await store.acquire_lease(granted.guid, owner="a", now=NOON, until=NOON + timedelta(seconds=30))
    await store.disconnect(WAREHOUSE, viewer_guid=None)
    assert await due(store, NOON + timedelta(seconds=29)) == []
    assert await store.save_refresh(granted.guid, generation=1, tokens=tokens(2), now=NOON) is None
    [grant] = await due(store, NOON + timedelta(seconds=30))
    assert (grant.access_token, grant.refresh_token) == (tokens(2).access_token, tokens(2).refresh_token)
    assert grant.access_expires_at == tokens(2).expires_at


async def test_a_refresh_without_a_new_refresh_token_leaves_the_old_one_to_be_given_back(store):
    granted = await sign_in(store, VIEWER)
    await store.disconnect(WAREHOUSE, viewer_guid=None)
    await store.save_refresh(granted.guid, generation=1, tokens=tokens(2, refresh_token=None), now=NOON)
    [grant] = await due(store)
    assert (grant.access_token, grant.refresh_token) == (tokens(2).access_token, granted.refresh_token)


async def test_tokens_that_changed_meanwhile_are_not_forgotten(store):
    granted = await sign_in(store, VIEWER)
    await store.disconnect(WAREHOUSE, viewer_guid=None)
    [grant] = await due(store)
    await store.save_refresh(granted.guid, generation=1, tokens=tokens(2), now=NOON)
    await store.forget_ended_grant(grant)
    [newer] = await due(store)
    await store.forget_ended_grant(newer)
    assert await due(store, MUCH_LATER) == []


async def test_tokens_that_never_became_credentials_can_be_added(store):
    granted = credentials_of(anonymous())
    await store.add_ended_grant(granted, now=NOON)
    assert await due(store) == [left_of(granted)]


async def test_a_failure_counts_and_the_others_of_the_integration_wait_along(store):
    for number in range(3):
        integration = LAKE if number == 2 else WAREHOUSE
        await store.add_ended_grant(credentials_of(anonymous(f"v{number}"), integration, f"c{number}"), now=NOON)
    first, *_ = await due(store)
    later = NOON + timedelta(minutes=5)
    await store.put_off_revocation(first, until=later, others_too=True)
    assert [grant.credentials_guid for grant in await due(store)] == ["c2"]
    assert [(grant.credentials_guid, grant.failures) for grant in await due(store, later)] == [
        ("c2", 0), ("c0", 1), ("c1", 0),
    ]  # fmt: skip
    await store.put_off_revocation(first, until=MUCH_LATER, others_too=False)
    assert [grant.credentials_guid for grant in await due(store, later)] == ["c2", "c1"]


async def test_so_many_at_once_and_no_more(store):
    for number in range(5):
        await store.add_ended_grant(credentials_of(anonymous(f"v{number}"), WAREHOUSE, f"c{number}"), now=NOON)
    assert len(await store.ended_grants(now=NOON, most=3)) == 3


async def test_an_account_is_in_use_while_somebody_holds_a_living_grant_of_it(store):
    granted = await sign_in(store, VIEWER)
    mine = left_of(granted)
    assert await store.is_account_in_use(mine)
    assert not await store.is_account_in_use(replace(mine, account_subject="somebody"))
    assert not await store.is_account_in_use(replace(mine, account_subject=None))
    assert not await store.is_account_in_use(replace(mine, integration_guid=LAKE))
    assert not await store.is_account_in_use(replace(mine, fingerprint=b"another client"))
    await store.end_credentials(
        granted.guid, generation=1, because="x", keep_refresh_token=False, claims=None, now=NOON
    )
    assert not await store.is_account_in_use(mine)


async def test_a_new_consent_by_another_account_says_whose_it_is_now(store):
    before = left_of(await sign_in(store, VIEWER))
    other = credentials_of(VIEWER, guid="new", account=replace(ADA, subject="bob-1"))
    await sign_in(store, VIEWER, "s2", credentials=other)
    assert await store.is_account_in_use(replace(before, account_subject="bob-1"))
    assert not await store.is_account_in_use(before)


async def test_ending_a_viewer_ends_all_sessions_and_grants_and_keeps_who_they_are(store):
    await sign_in(store, VIEWER)
    await sign_in(store, VIEWER, "s2")
    lake = credentials_of(VIEWER, LAKE)
    await sign_in(store, VIEWER, "s3", credentials=lake)
    other = identified("bob", replace(ADA, subject="bob-1"))
    await sign_in(store, other, "s4")
    position, _ = await store.changes_since(-1)
    ended = await store.end_viewer(VIEWER.guid)
    assert set(ended) == {session_hash(name) for name in ("s1", "s2", "s3")}
    assert {grant.integration_guid for grant in await due(store)} == {WAREHOUSE, LAKE}
    _, changes = await store.changes_since(position)
    assert set(changes) == {
        *(SessionEnded(session) for session in ended),
        *(CredentialsChanged(VIEWER.guid, integration) for integration in (WAREHOUSE, LAKE)),
    }
    assert (await store.ensure_viewer(identified("another guid"))).guid == VIEWER.guid
    await sign_in(store, VIEWER, "s5", credentials=replace(lake, guid="again"))
    assert (await store.presence(session_hash("s5"), SALES)).consents == {WAREHOUSE}
    assert await store.session(session_hash("s4")) is not None
    assert await store.credentials(other.guid, WAREHOUSE) is not None


async def test_ending_a_viewer_without_identity_leaves_nobody(store):
    viewer = anonymous()
    await sign_in(store, viewer)
    await store.end_viewer(viewer.guid)
    assert await store.viewers() == []
    assert await store.end_viewer(viewer.guid) == []


async def test_what_is_left_is_sealed(store):
    await store.add_ended_grant(credentials_of(anonymous()), now=NOON)
    [grant] = await due(store)
    assert isinstance(grant.access_token, Sealed)
    assert "sealed" not in repr(grant)
