"""Store contract: leases, refreshes and the end of credentials."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.model import CredentialsChanged, CredentialsGuid, CredentialsState, Sealed
from tests.contract.records import (
    LAKE,
    NOON,
    SALES,
    WAREHOUSE,
    anonymous,
    identified,
    minutes,
    session_hash,
    sign_in,
    tokens,
)

VIEWER = identified()
GONE = CredentialsGuid("gone")
LATER = NOON + minutes(50)


@pytest.fixture
async def granted(store):
    return await sign_in(store, VIEWER)


async def lease(store, credentials, owner="a", now=NOON, seconds=20):
    return await store.acquire_lease(credentials.guid, owner=owner, now=now, until=now + timedelta(seconds=seconds))


async def end(store, credentials, generation=1, because="invalid_grant", keep=False, claims=None):
    return await store.end_credentials(
        credentials.guid, generation=generation, because=because, keep_refresh_token=keep, claims=claims, now=LATER
    )


async def changes_of(store, position):
    return (await store.changes_since(position))[1]


async def test_credentials_belong_to_one_viewer_and_one_integration(store, granted):
    assert await store.credentials(VIEWER.guid, LAKE) is None
    assert await store.credentials(anonymous().guid, WAREHOUSE) is None
    assert await store.credentials(VIEWER.guid, WAREHOUSE) == granted


async def test_the_lease_comes_with_the_row_as_it_is_now(store, granted):
    assert await lease(store, granted) == granted
    saved = await store.save_refresh(granted.guid, generation=1, tokens=tokens(), now=LATER)
    assert await lease(store, granted) == saved


async def test_while_somebody_holds_the_lease_nobody_else_gets_it(store, granted):
    assert await lease(store, granted, "a")
    assert await lease(store, granted, "b") is None
    assert await lease(store, granted, "a")


async def test_of_many_at_once_one_gets_the_lease(store, granted):
    leases = await asyncio.gather(*(lease(store, granted, f"owner-{n}") for n in range(20)))
    assert sum(one is not None for one in leases) == 1


async def test_a_lease_is_free_from_its_end_on(store, granted):
    await lease(store, granted, "a", seconds=20)
    assert await lease(store, granted, "b", now=NOON + timedelta(seconds=19.999999)) is None
    assert await lease(store, granted, "b", now=NOON + timedelta(seconds=20))
    assert await lease(store, granted, "a", now=NOON + timedelta(seconds=21)) is None


async def test_only_the_holder_gives_the_lease_back(store, granted):
    await lease(store, granted, "a")
    await store.release_lease(granted.guid, owner="b")
    assert await lease(store, granted, "b") is None
    await store.release_lease(granted.guid, owner="a")
    assert await lease(store, granted, "b")
    await store.release_lease(GONE, owner="a")


async def test_there_is_no_lease_on_nothing(store):
    assert await store.acquire_lease(GONE, owner="a", now=NOON, until=NOON + minutes(1)) is None


async def test_a_refresh_is_written_with_the_next_generation_and_announced(store, granted):
    position, _ = await store.changes_since(-1)
    saved = await store.save_refresh(granted.guid, generation=1, tokens=tokens(), now=LATER)
    assert saved == replace(
        granted,
        generation=2,
        access_token=Sealed(b"sealed at 2"),
        refresh_token=Sealed(b"sealed rt 2"),
        issued_at=NOON + minutes(50),
        expires_at=NOON + minutes(110),
        refresh_expires_at=NOON + timedelta(days=31),
        scope="openid",
        updated_at=LATER,
    )
    assert await store.credentials(VIEWER.guid, WAREHOUSE) == saved
    assert await changes_of(store, position) == [CredentialsChanged(VIEWER.guid, WAREHOUSE)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"refresh_token": None, "refresh_expires_at": None},
            {"refresh_token": Sealed(b"sealed rt 1"), "refresh_expires_at": NOON + timedelta(days=30)},
        ),
        (
            {"refresh_token": None},
            {"refresh_token": Sealed(b"sealed rt 1"), "refresh_expires_at": NOON + timedelta(days=31)},
        ),
        ({"refresh_expires_at": None}, {"refresh_token": Sealed(b"sealed rt 2"), "refresh_expires_at": None}),
        ({"scope": None}, {"scope": "openid offline_access"}),
        ({"scope": ""}, {"scope": ""}),
        ({"expires_at": None}, {"expires_at": None}),
    ],
    ids=[
        "no refresh token keeps the stored one and its end",
        "a new end of the same refresh token",
        "the end of a new refresh token is unknown",
        "no scope means unchanged",
        "an empty scope is a scope",
        "an access token that does not expire",
    ],
)
async def test_what_a_refresh_leaves_out(store, granted, fields, expected):
    saved = await store.save_refresh(granted.guid, generation=1, tokens=tokens(**fields), now=LATER)
    assert {name: getattr(saved, name) for name in expected} == expected


async def test_a_refresh_releases_the_lease_whoever_holds_it(store, granted):
    await lease(store, granted, "b")
    await store.save_refresh(granted.guid, generation=1, tokens=tokens(), now=LATER)
    assert await lease(store, granted, "c")


async def test_a_success_after_a_lost_lease_is_written(store, granted):
    await lease(store, granted, "a")
    await lease(store, granted, "b", now=NOON + minutes(1))
    saved = await store.save_refresh(granted.guid, generation=1, tokens=tokens(), now=LATER)
    assert saved.generation == 2


async def test_a_refresh_from_an_older_generation_changes_nothing_and_learns_what_stands(store, granted):
    newer = await store.save_refresh(granted.guid, generation=1, tokens=tokens(2), now=LATER)
    await lease(store, granted, "b")
    position, _ = await store.changes_since(-1)
    assert await store.save_refresh(granted.guid, generation=1, tokens=tokens(3), now=LATER) == newer
    assert await store.credentials(VIEWER.guid, WAREHOUSE) == newer
    assert await lease(store, granted, "c") is None
    assert await changes_of(store, position) == []


async def test_the_same_refresh_saved_again_is_there_once(store, granted):
    first = await store.save_refresh(granted.guid, generation=1, tokens=tokens(), now=LATER)
    assert await store.save_refresh(granted.guid, generation=1, tokens=tokens(), now=LATER) == first


async def test_of_refreshes_saved_at_once_one_is_written(store, granted):
    saved = await asyncio.gather(
        *(store.save_refresh(granted.guid, generation=1, tokens=tokens(n), now=LATER) for n in range(2, 12))
    )
    assert len(set(saved)) == 1
    assert saved[0].generation == 2


async def test_a_refresh_of_a_row_that_is_gone_is_nothing(store):
    assert await store.save_refresh(GONE, generation=1, tokens=tokens(), now=LATER) is None
    assert await changes_of(store, 0) == []


async def test_a_refresh_goes_on_to_its_commit_when_the_caller_is_cancelled(store, granted):
    saving = asyncio.create_task(store.save_refresh(granted.guid, generation=1, tokens=tokens(), now=LATER))
    await asyncio.sleep(0)
    saving.cancel()
    await asyncio.wait([saving])
    await store.check()
    assert (await store.credentials(VIEWER.guid, WAREHOUSE)).generation == 2


async def test_a_dead_grant_loses_its_refresh_token_and_keeps_consents(store, granted):
    await lease(store, granted, "a")
    position, _ = await store.changes_since(-1)
    ended = await end(store, granted)
    assert ended == replace(
        granted, state=CredentialsState.ENDED, ended_because="invalid_grant", refresh_token=None, updated_at=LATER
    )
    assert await store.credentials(VIEWER.guid, WAREHOUSE) == ended
    assert (await store.presence(session_hash("s1"), SALES)).consents == {WAREHOUSE}
    assert await changes_of(store, position) == [CredentialsChanged(VIEWER.guid, WAREHOUSE)]
    assert await lease(store, granted, "b")


async def test_a_grant_that_wants_the_viewer_keeps_its_refresh_token(store, granted):
    ended = await end(store, granted, because="interaction_required", keep=True)
    assert ended == replace(
        granted,
        state=CredentialsState.INTERACTION_REQUIRED,
        ended_because="interaction_required",
        updated_at=LATER,
    )


async def test_a_dead_verdict_counts_only_at_an_unchanged_generation(store, granted):
    newer = await store.save_refresh(granted.guid, generation=1, tokens=tokens(), now=LATER)
    await lease(store, granted, "b")
    position, _ = await store.changes_since(-1)
    assert await end(store, granted, generation=1) == newer
    assert await store.credentials(VIEWER.guid, WAREHOUSE) == newer
    assert await lease(store, granted, "c") is None
    assert await changes_of(store, position) == []


async def test_a_success_that_arrives_after_the_verdict_of_the_same_generation_wins(store, granted):
    await end(store, granted)
    saved = await store.save_refresh(granted.guid, generation=1, tokens=tokens(), now=LATER)
    assert (saved.state, saved.ended_because, saved.generation) == (CredentialsState.ACTIVE, "", 2)


async def test_nothing_can_be_ended_that_is_gone(store):
    assert (
        await store.end_credentials(GONE, generation=1, because="x", keep_refresh_token=False, claims=None, now=LATER)
        is None
    )


# — a claims challenge ————————————————————————————————————————————————————————————————————————————


async def test_claims_wait_for_the_viewer_and_are_taken_once(store, granted):
    ended = await end(store, granted, because="claims_challenge", keep=True, claims='{"acrs": 1}')
    assert ended.claims == '{"acrs": 1}'
    assert await store.take_claims(VIEWER.guid, LAKE) is None
    assert await store.take_claims(VIEWER.guid, WAREHOUSE) == '{"acrs": 1}'
    assert await store.take_claims(VIEWER.guid, WAREHOUSE) is None
    assert (await store.credentials(VIEWER.guid, WAREHOUSE)).state is CredentialsState.INTERACTION_REQUIRED


async def test_of_twenty_who_take_claims_at_once_one_has_them(store, granted):
    await end(store, granted, keep=True, claims="{}")
    taken = await asyncio.gather(*(store.take_claims(VIEWER.guid, WAREHOUSE) for _ in range(20)))
    assert sorted(taken, key=str) == [None] * 19 + ["{}"]


async def test_new_consent_makes_claims_pointless(store, granted):
    await end(store, granted, keep=True, claims="{}")
    await sign_in(store, VIEWER, "s2")
    assert await store.take_claims(VIEWER.guid, WAREHOUSE) is None
