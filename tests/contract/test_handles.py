"""Store contract: handles, by which a content's own host knows a viewer session."""

from __future__ import annotations

from proxy.model import HandleHash, SessionHash
from tests.contract.records import (
    LAKE,
    LONG_AGO,
    NOON,
    SALES,
    STOCK,
    WAREHOUSE,
    completed_of,
    consent_of,
    credentials_of,
    handle_hash,
    identified,
    session_hash,
    session_of,
    sign_in,
    token_hash,
)


async def add_handle(store, name="h1", session="s1", content=SALES):
    return await store.add_handle(handle_hash(name), session_hash=session_hash(session), content_guid=content)


async def test_a_handle_leads_to_its_session_with_the_consents_of_its_content(store):
    viewer = identified()
    await sign_in(store, viewer)
    for content in (SALES, STOCK):
        await store.complete_authorization(
            completed_of(
                viewer,
                credentials=credentials_of(viewer, LAKE),
                consent=consent_of(viewer, content, LAKE),
                session=None,
            )
        )
    assert await add_handle(store)
    assert await add_handle(store, "h2", content=STOCK)
    assert await store.presence_at_host(handle_hash("h1"), SALES) == await store.presence(session_hash("s1"), SALES)
    assert (await store.presence_at_host(handle_hash("h1"), SALES)).consents == {WAREHOUSE, LAKE}
    assert (await store.presence_at_host(handle_hash("h2"), STOCK)).consents == {LAKE}


async def test_a_handle_is_good_for_its_content_only_and_is_no_session_and_no_session_token(store):
    await sign_in(store, identified())
    await add_handle(store)
    assert await store.presence_at_host(handle_hash("h1"), STOCK) is None
    assert await store.session(SessionHash(handle_hash("h1"))) is None
    assert await store.redeem_session_token(handle_hash("h1")) is None


async def test_neither_a_session_nor_a_session_token_is_a_handle(store):
    await sign_in(store, identified())
    await store.add_session_token(token_hash("t1"), session_hash=session_hash("s1"), content_guid=SALES)
    for stranger in (session_hash("s1"), token_hash("t1"), handle_hash("unknown")):
        assert await store.presence_at_host(HandleHash(stranger), SALES) is None


async def test_adding_a_handle_again_changes_nothing(store):
    await sign_in(store, identified())
    assert await add_handle(store)
    assert await add_handle(store)
    assert (await store.presence_at_host(handle_hash("h1"), SALES)).session.hash == session_hash("s1")


async def test_a_handle_cannot_be_added_to_a_session_that_is_gone(store):
    assert not await add_handle(store)
    assert await store.presence_at_host(handle_hash("h1"), SALES) is None


async def test_handles_end_with_their_session_and_no_other(store):
    viewer = identified()
    await sign_in(store, viewer)
    await sign_in(store, viewer, "s2")
    await add_handle(store)
    await add_handle(store, "h2", content=STOCK)
    await add_handle(store, "other", "s2")
    await store.end_session(session_hash("s1"))
    assert await store.presence_at_host(handle_hash("h1"), SALES) is None
    assert await store.presence_at_host(handle_hash("h2"), STOCK) is None
    assert (await store.presence_at_host(handle_hash("other"), SALES)).session.hash == session_hash("s2")


async def test_a_session_that_is_replaced_or_purged_takes_its_handles_along(store):
    viewer = identified()
    await sign_in(store, viewer)
    await add_handle(store)
    await store.complete_authorization(completed_of(viewer, "s2", ended_session=session_hash("s1")))
    assert await store.presence_at_host(handle_hash("h1"), SALES) is None
    await sign_in(store, viewer, "s3", session=session_of(viewer, "s3", expires_at=LONG_AGO))
    await add_handle(store, "h3", "s3")
    await store.purge(now=NOON, idle_since=LONG_AGO)
    assert await store.presence_at_host(handle_hash("h3"), SALES) is None
