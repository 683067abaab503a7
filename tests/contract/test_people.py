"""Store contract: people by their guid and their verified address."""

from __future__ import annotations

from dataclasses import replace

from proxy.model import ViewerGuid
from tests.contract.records import ADA, LAKE, NOON, WAREHOUSE, anonymous, identified, minutes


async def test_a_viewer_is_found_by_guid_with_identity_or_without(store):
    for viewer in (identified(), anonymous()):
        await store.ensure_viewer(viewer)
        assert await store.people.viewer(viewer.guid) == viewer
    assert await store.people.viewer("nobody") is None


async def test_a_viewer_is_found_by_the_address_that_one_provider_verified(store):
    viewer = identified(identity=replace(ADA, email="Ada@Example.org"))
    await store.ensure_viewer(viewer)
    assert await store.people.with_email("ada@example.org", WAREHOUSE) == viewer
    assert await store.people.with_email("ada@example.org", LAKE) is None
    assert await store.people.with_email("", WAREHOUSE) is None


async def test_an_address_that_is_not_verified_finds_nobody(store):
    await store.ensure_viewer(identified(identity=replace(ADA, email_verified=False)))
    assert await store.people.with_email("ada@example.org", WAREHOUSE) is None


async def test_an_address_follows_the_claims(store):
    await store.ensure_viewer(identified())
    moved = await store.ensure_viewer(identified(identity=replace(ADA, email="ada@new.example.org")))
    assert await store.people.with_email("ada@example.org", WAREHOUSE) is None
    assert await store.people.with_email("ada@new.example.org", WAREHOUSE) == moved
    await store.ensure_viewer(identified(identity=replace(ADA, email_verified=False)))
    assert await store.people.with_email("ada@new.example.org", WAREHOUSE) is None


async def test_those_whom_one_provider_knows_come_in_pages_by_guid(store):
    for number in range(5):
        await store.ensure_viewer(identified(f"v{number}", replace(ADA, subject=f"ada-{number}")))
    await store.ensure_viewer(replace(identified("other"), identified_by=LAKE))
    await store.ensure_viewer(anonymous())
    first = await store.people.page(WAREHOUSE, after="", most=3)
    assert [viewer.guid for viewer in first] == ["v0", "v1", "v2"]
    assert [viewer.guid for viewer in await store.people.page(WAREHOUSE, after="v2", most=3)] == ["v3", "v4"]
    assert await store.people.page(WAREHOUSE, after="v4", most=3) == []


async def test_of_several_the_one_known_longest_counts(store):
    second = replace(identified("second"), created_at=NOON)
    first = replace(identified("first", replace(ADA, subject="ada-2")), created_at=NOON - minutes(1))
    for viewer in (second, first):
        await store.ensure_viewer(viewer)
    assert (await store.people.with_email("ada@example.org", WAREHOUSE)).guid == ViewerGuid("first")
