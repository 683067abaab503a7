"""Store contract: what operators list and end."""

from __future__ import annotations

from dataclasses import replace

from proxy.model import ConsentEnded, CredentialsChanged, SessionEnded
from proxy.store.base import Disconnected
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

ANA = identified()
BOB = identified("viewer-bob", replace(ADA, subject="bob-1", email="bob@example.org"))


async def grant(store, viewer, content, integration):
    """Let a viewer who is signed in consent once more."""
    await store.complete_authorization(
        completed_of(
            viewer,
            credentials=credentials_of(viewer, integration),
            consent=consent_of(viewer, content, integration),
            session=None,
        )
    )


async def test_every_session_is_listed_once_with_its_viewer_and_consents_the_oldest_first(store):
    await sign_in(store, ANA, "later", session=session_of(ANA, "later", created_at=NOON + minutes(1)))
    await sign_in(store, BOB, "first", consent=None)
    await grant(store, ANA, STOCK, LAKE)
    listed = await store.sessions()
    assert [(one.viewer, one.session.hash, one.consents) for one in listed] == [
        (BOB, session_hash("first"), frozenset()),
        (ANA, session_hash("later"), frozenset({(SALES, WAREHOUSE), (STOCK, LAKE)})),
    ]


async def test_nobody_is_an_empty_list(store):
    assert list(await store.sessions()) == []
    assert list(await store.viewers()) == []


async def test_viewers_are_known_beyond_their_sessions(store):
    await sign_in(store, ANA)
    await store.end_session(session_hash("s1"))
    assert list(await store.viewers()) == [ANA]


async def test_sessions_end_together_and_those_that_are_gone_do_not_count(store):
    passing = anonymous()
    await sign_in(store, ANA, "s1")
    await sign_in(store, passing, "s2")
    await sign_in(store, BOB, "s3")
    position, _ = await store.changes_since(-1)
    ended = [session_hash(name) for name in ("s1", "s2")]
    assert await store.end_sessions([ended[0], session_hash("never was"), ended[1]]) == 2
    assert (await store.changes_since(position))[1] == [SessionEnded(one) for one in ended]
    assert [one.viewer for one in await store.sessions()] == [BOB]
    assert await store.credentials(passing.guid, WAREHOUSE) is None, "as with end_session"
    assert await store.credentials(ANA.guid, WAREHOUSE) is not None
    assert await store.end_sessions([]) == 0


async def test_disconnecting_one_viewer_leaves_the_others_and_the_other_integrations(store):
    for viewer, name in ((ANA, "s1"), (BOB, "s2")):
        await sign_in(store, viewer, name)
        await grant(store, viewer, STOCK, WAREHOUSE)
        await grant(store, viewer, STOCK, LAKE)
    position, _ = await store.changes_since(-1)

    assert await store.disconnect(WAREHOUSE, viewer_guid=ANA.guid) == Disconnected(credentials=1, consents=2)

    assert (await store.changes_since(position))[1] == [
        ConsentEnded(ANA.guid, SALES),
        ConsentEnded(ANA.guid, STOCK),
        CredentialsChanged(ANA.guid, WAREHOUSE),
    ]
    assert await store.credentials(ANA.guid, WAREHOUSE) is None
    assert await store.credentials(ANA.guid, LAKE) is not None
    assert await store.credentials(BOB.guid, WAREHOUSE) is not None
    assert (await store.presence(session_hash("s1"), STOCK)).consents == {LAKE}
    assert (await store.presence(session_hash("s2"), STOCK)).consents == {LAKE, WAREHOUSE}
    assert await store.disconnect(WAREHOUSE, viewer_guid=ANA.guid) == Disconnected(credentials=0, consents=0)


async def test_disconnecting_everybody_says_so_once_per_content(store):
    for viewer, name in ((ANA, "s1"), (BOB, "s2")):
        await sign_in(store, viewer, name)
    position, _ = await store.changes_since(-1)
    assert await store.disconnect(WAREHOUSE, viewer_guid=None) == Disconnected(credentials=2, consents=2)
    changes = (await store.changes_since(position))[1]
    assert changes[0] == ConsentEnded(None, SALES)
    assert set(changes[1:]) == {CredentialsChanged(ANA.guid, WAREHOUSE), CredentialsChanged(BOB.guid, WAREHOUSE)}


async def test_a_refresh_that_runs_while_its_viewer_is_disconnected_brings_nothing_back(store):
    credentials = await sign_in(store, ANA)
    await store.acquire_lease(credentials.guid, owner="r", now=NOON, until=NOON + minutes(1))
    await store.disconnect(WAREHOUSE, viewer_guid=None)
    assert await store.save_refresh(credentials.guid, generation=1, tokens=tokens(), now=NOON) is None
    assert await store.credentials(ANA.guid, WAREHOUSE) is None
