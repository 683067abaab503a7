"""Store contract: what viewers were asked for and have not consented to."""

from __future__ import annotations

from proxy.model import ContentGuid
from tests.contract.records import (
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
    session_hash,
    sign_in,
)


async def note(store, name="s1", content=SALES, integration=LAKE):
    return await store.note_asked(session_hash(name), content_guid=content, integration_guid=integration, now=NOON)


async def test_what_was_asked_is_known_by_viewer_content_and_integration(store):
    ada, bob = identified(), anonymous()
    await sign_in(store, ada)
    await sign_in(store, bob, "s2")
    assert await note(store)
    assert await note(store), "again changes nothing"
    assert await note(store, content=STOCK, integration=WAREHOUSE)
    assert await store.asked(ada.guid, SALES) == {LAKE}
    assert await store.asked(ada.guid, STOCK) == {WAREHOUSE}
    assert await store.asked(ada.guid, ContentGuid("another")) == await store.asked(bob.guid, SALES) == frozenset()


async def test_having_been_asked_is_no_consent(store):
    await sign_in(store, identified())
    await note(store)
    assert (await store.presence(session_hash("s1"), SALES)).consents == {WAREHOUSE}


async def test_nobody_without_a_session_was_asked(store):
    assert not await note(store, "never was")


async def test_consent_answers_it_here_and_nowhere_else(store):
    ada = identified()
    await sign_in(store, ada)
    for content in (SALES, STOCK):
        await note(store, content=content)
    await store.complete_authorization(
        completed_of(ada, credentials=credentials_of(ada, LAKE), consent=consent_of(ada, SALES, LAKE), session=None)
    )
    assert await store.asked(ada.guid, SALES) == frozenset()
    assert await store.asked(ada.guid, STOCK) == {LAKE}


async def test_what_was_asked_outlives_the_sessions_of_a_viewer_with_identity(store):
    ada = identified()
    await sign_in(store, ada)
    await note(store)
    await store.end_session(session_hash("s1"))
    assert await store.asked(ada.guid, SALES) == {LAKE}


async def test_it_ends_with_a_viewer_who_has_none(store):
    passing = anonymous()
    await sign_in(store, passing)
    await note(store)
    assert await store.end_session(session_hash("s1"))
    assert await store.asked(passing.guid, SALES) == frozenset()


async def test_disconnecting_leaves_those_alone_who_did_not_want_to(store):
    ada = identified()
    await sign_in(store, ada)
    await note(store)
    await store.disconnect(LAKE, viewer_guid=None)
    assert await store.asked(ada.guid, SALES) == {LAKE}
