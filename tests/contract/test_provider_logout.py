"""Store contract: a provider says once that sessions are over, and exactly those end."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace

import pytest

from proxy.model import SessionEnded, SidHash, Viewer
from proxy.store.base import ProviderLogout
from tests.contract.records import (
    ADA,
    LAKE,
    NOON,
    WAREHOUSE,
    completed_of,
    identified,
    minutes,
    session_hash,
    session_of,
    sign_in,
)

BOB = replace(ADA, subject="bob-1")


def sid(name: str) -> SidHash:
    return SidHash(hashlib.sha256(b"sid " + name.encode()).digest())


def logout(**fields) -> ProviderLogout:
    told = ProviderLogout(
        id="logout 1", usable_until=NOON + minutes(3), identified_by=WAREHOUSE, subject=ADA.subject, sid_hash=None
    )
    return replace(told, **fields)


async def signed_in(store, name: str, viewer: Viewer, at_provider: str | None) -> None:
    session = session_of(viewer, name, sid_hash=None if at_provider is None else sid(at_provider))
    await sign_in(store, viewer, name, session=session)


@pytest.fixture
async def four(store) -> None:
    """Ada from two sessions at the provider and one that it did not name; Bob from another."""
    await signed_in(store, "ada-a", identified(), "a")
    await signed_in(store, "ada-b", identified(), "b")
    await signed_in(store, "ada-?", identified(), None)
    await signed_in(store, "bob-c", identified("viewer-bob", BOB), "c")


ALL = {"ada-a", "ada-b", "ada-?", "bob-c"}


async def left(store) -> set[str]:
    return {name for name in ALL if await store.session(session_hash(name)) is not None}


async def test_a_session_remembers_the_one_at_the_provider(store, four):
    known = await store.session(session_hash("ada-a"))
    assert known.session.sid_hash == sid("a")
    assert (await store.session(session_hash("ada-?"))).session.sid_hash is None
    assert {listed.session.sid_hash for listed in await store.sessions()} == {sid("a"), sid("b"), sid("c"), None}


@pytest.mark.parametrize(
    ("told", "stay"),
    [
        (logout(), {"bob-c"}),
        (logout(subject=None, sid_hash=sid("a")), ALL - {"ada-a"}),
        (logout(sid_hash=sid("a")), {"ada-b", "bob-c"}),
        (logout(sid_hash=sid("c")), {"ada-a", "ada-b", "bob-c"}),
        (logout(subject=None, sid_hash=sid("unknown")), ALL),
        (logout(subject="nobody"), ALL),
        (logout(identified_by=LAKE), ALL),
    ],
    ids=[
        "everything of a person",
        "one session",
        "one session of a person, and the one without a name",
        "somebody else's session under this name",
        "an unknown session",
        "an unknown person",
        "another provider",
    ],
)
async def test_exactly_the_sessions_that_are_meant_end(store, four, told, stay):
    position, _ = await store.changes_since(-1)
    ended = await store.end_sessions_of(told)
    assert await left(store) == stay
    assert set(ended) == {session_hash(name) for name in ALL - stay}
    _, changes = await store.changes_since(position)
    assert {change.session_hash for change in changes if isinstance(change, SessionEnded)} == set(ended)


async def test_what_was_said_before_ends_nothing(store, four):
    assert await store.end_sessions_of(logout()) is not None
    await signed_in(store, "ada-b", identified(), "b")
    assert await store.end_sessions_of(logout()) is None
    assert await left(store) == {"ada-b", "bob-c"}


async def test_of_twenty_copies_at_once_one_counts(store, four):
    ended = await asyncio.gather(*(store.end_sessions_of(logout()) for _ in range(20)))
    assert [one is None for one in ended].count(False) == 1


async def test_a_newer_session_of_the_same_person_is_found_when_an_older_one_has_gone(store):
    await signed_in(store, "ada-a", identified(), "a")
    newer = session_of(identified(), "ada-b", sid_hash=sid("a"))
    await store.complete_authorization(completed_of(identified(), session=newer, ended_session=session_hash("ada-a")))
    assert await store.end_sessions_of(logout()) == [session_hash("ada-b")]


async def test_what_was_said_is_forgotten_when_its_token_is_too_old_to_count(store, four):
    await store.end_sessions_of(logout())
    await store.purge(now=NOON + minutes(4), idle_since=NOON - minutes(1))
    assert await store.end_sessions_of(logout()) == []
