"""What was made through the Server API, as every engine has to keep it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.errors import Conflict
from proxy.model import (
    OPERATOR,
    AuditAction,
    AuditEvent,
    ConsentEnded,
    CredentialsChanged,
    CredentialsGuid,
    DirectoryChanged,
    IntegrationGuid,
    PermissionGrant,
    Sealed,
    StoredIntegration,
)
from proxy.store.administration import Ended
from proxy.store.audit import AuditFilter
from tests.contract.records import (
    LAKE,
    NOON,
    SALES,
    STOCK,
    WAREHOUSE,
    consent_of,
    credentials_of,
    identified,
    minutes,
    session_hash,
    sign_in,
)

CRM = StoredIntegration(
    guid=IntegrationGuid("integration-crm"),
    name="crm",
    slug="crm",
    description="Orders — «all»",
    template="custom",
    config={"client_id": "sidecar", "scopes": "a b"},
    client_secret=Sealed(b"sealed secret"),
    private_key=None,
    pin_identity=True,
    permissions=(PermissionGrant(user="bob@example.org"), PermissionGrant(group="sales")),
    generation=0,
    revision=1,
    created_at=NOON,
    updated_at=NOON,
)
HR = replace(CRM, guid=IntegrationGuid("integration-hr"), name="hr", slug="hr", permissions=(), client_secret=None)


def silent(_ended):
    return ()


def one_line(_ended):
    return [AuditEvent(at=NOON, action=AuditAction.INTEGRATION_CHANGED, actor=OPERATOR)]


@pytest.fixture
def room(store):
    return store.administration


async def add(room, *made):
    for one in made:
        await room.add_integration(one, tell=silent)


async def associate(room, content, *guids, made=(), tell=silent, now=NOON):
    return await room.associate(content, guids, made=made, now=now, tell=tell)


async def lines(store):
    page = await store.audit.page(AuditFilter(), position=None, is_forward=True, most=100, most_read=100)
    return len(page.events)


async def news(store, since):
    return (await store.changes_since(since))[1]


async def test_nothing_is_there_at_first(room):
    stored = await room.read()
    assert (stored.integrations, stored.associations, stored.seen) == ([], [], {})


async def test_what_is_made_reads_back_in_the_order_in_which_it_was_made(store, room):
    await room.see([LAKE], now=NOON)
    await add(room, HR, CRM)
    stored = await room.read()
    assert stored.integrations == [HR, CRM]
    assert await room.names() == {HR.guid: "hr", CRM.guid: "crm"}
    assert sorted(stored.seen, key=lambda guid: stored.seen[guid].id) == [LAKE, HR.guid, CRM.guid]
    assert await news(store, 0) == [DirectoryChanged(frozenset())] * 2


async def test_what_is_seen_again_keeps_its_number_and_instant(room):
    await room.see([LAKE, SALES], now=NOON)
    before = (await room.read()).seen
    await room.see([SALES, STOCK, LAKE], now=NOON + minutes(5))
    after = (await room.read()).seen
    assert {guid: after[guid] for guid in before} == before
    assert after[STOCK].at == NOON + minutes(5)
    assert after[STOCK].id > max(one.id for one in before.values())


@pytest.mark.parametrize("field", ["guid", "name", "slug"])
async def test_no_two_have_the_same_guid_name_or_slug(store, room, field):
    await add(room, CRM)
    other = replace(HR, **{field: getattr(CRM, field)})
    with pytest.raises(Conflict):
        await room.add_integration(other, tell=one_line)
    assert (await room.read()).integrations == [CRM]
    assert await lines(store) == 0


async def test_a_change_takes_the_place_of_the_revision_before_it(room):
    await add(room, CRM)
    after = replace(
        CRM, name="CRM", config={}, client_secret=None, private_key=Sealed(b"key"), permissions=(), revision=2,
        generation=1, updated_at=NOON + minutes(1),
    )  # fmt: skip
    assert await room.change_integration(after, ends_grants=False, tell=silent) == Ended()
    assert (await room.read()).integrations == [after]


async def test_of_two_changes_of_one_revision_one_is_made(store, room):
    await add(room, CRM)
    changes = [replace(CRM, description=text, revision=2) for text in "ab"]
    done = await asyncio.gather(*(room.change_integration(one, ends_grants=False, tell=one_line) for one in changes))
    assert sorted(done, key=str) == [Ended(), None]
    assert [one.revision for one in (await room.read()).integrations] == [2]
    assert await lines(store) == 1


async def test_a_change_of_what_is_gone_changes_nothing(store, room):
    position, _ = await store.changes_since(-1)
    assert await room.change_integration(replace(CRM, revision=2), ends_grants=True, tell=one_line) is None
    assert await room.delete_integration(CRM.guid, tell=one_line) is None
    assert await associate(room, SALES, CRM.guid, made=[CRM.guid], tell=one_line) is None
    assert (await room.read()).associations == []
    assert await news(store, position) == []
    assert await lines(store) == 0


async def test_a_change_that_ends_grants_ends_them_and_tells_how_many(store, room):
    await add(room, CRM)
    await associate(room, SALES, CRM.guid, made=[CRM.guid])
    viewer = identified()
    await sign_in(
        store, viewer, credentials=credentials_of(viewer, CRM.guid), consent=consent_of(viewer, SALES, CRM.guid)
    )
    position, _ = await store.changes_since(-1)
    seen = []

    def tell(ended):
        seen.append(ended)
        return ()

    ended = await room.change_integration(replace(CRM, revision=2), ends_grants=True, tell=tell)
    assert ended == Ended(credentials=1, consents=1)
    assert seen == [ended]
    assert await store.credentials(viewer.guid, CRM.guid) is None
    assert (await store.presence(session_hash("s1"), SALES)).consents == frozenset()
    assert await news(store, position) == [
        ConsentEnded(None, SALES), CredentialsChanged(viewer.guid, CRM.guid), DirectoryChanged(frozenset({SALES}))
    ]  # fmt: skip
    assert [grant.integration_guid for grant in await store.ended_grants(now=NOON + timedelta(days=1), most=9)] == [
        CRM.guid
    ]


async def test_a_change_that_ends_nothing_leaves_grants(store, room):
    await add(room, CRM)
    viewer = identified()
    await sign_in(store, viewer, credentials=credentials_of(viewer, CRM.guid))
    await room.change_integration(replace(CRM, revision=2), ends_grants=False, tell=silent)
    assert await store.credentials(viewer.guid, CRM.guid) is not None


async def test_with_an_integration_goes_what_hangs_on_it(store, room):
    await add(room, CRM, HR)
    for content in (SALES, STOCK):
        await associate(room, content, CRM.guid, HR.guid, made=[CRM.guid, HR.guid])
    viewer = identified()
    await sign_in(
        store, viewer, credentials=credentials_of(viewer, CRM.guid), consent=consent_of(viewer, SALES, CRM.guid)
    )
    position, _ = await store.changes_since(-1)
    assert await room.delete_integration(CRM.guid, tell=one_line) == Ended(credentials=1, consents=1)
    stored = await room.read()
    assert stored.integrations == [HR]
    assert [(one.content_guid, one.integration_guid) for one in stored.associations] == [
        (SALES, HR.guid),
        (STOCK, HR.guid),
    ]
    changes = await news(store, position)
    assert set(changes) == {
        ConsentEnded(None, SALES), ConsentEnded(None, STOCK), CredentialsChanged(viewer.guid, CRM.guid),
        DirectoryChanged(frozenset({SALES, STOCK})),
    }  # fmt: skip
    assert await lines(store) == 1


async def test_a_list_is_replaced_as_a_whole_and_what_stays_keeps_its_instant(room):
    await associate(room, SALES, WAREHOUSE, LAKE)
    await associate(room, STOCK, LAKE)
    await associate(room, SALES, LAKE, HR.guid, now=NOON + minutes(1))
    stored = (await room.read()).associations
    assert [(one.content_guid, one.integration_guid, one.created_at) for one in stored] == [
        (SALES, LAKE, NOON), (SALES, HR.guid, NOON + minutes(1)), (STOCK, LAKE, NOON)
    ]  # fmt: skip
    assert WAREHOUSE not in {one.integration_guid for one in stored}


async def test_consents_for_what_left_the_list_end_and_no_others(store, room):
    viewer = identified()
    await sign_in(store, viewer, credentials=credentials_of(viewer, LAKE), consent=consent_of(viewer, SALES, LAKE))
    await sign_in(
        store, viewer, "s2", credentials=credentials_of(viewer, LAKE), consent=consent_of(viewer, STOCK, LAKE)
    )
    await associate(room, SALES, LAKE, HR.guid)
    position, _ = await store.changes_since(-1)
    assert await associate(room, SALES, HR.guid) == Ended(consents=1)
    assert await news(store, position) == [ConsentEnded(None, SALES), DirectoryChanged(frozenset({SALES}))]
    assert (await store.presence(session_hash("s1"), SALES)).consents == frozenset()
    assert (await store.presence(session_hash("s1"), STOCK)).consents == {LAKE}
    assert await store.credentials(viewer.guid, LAKE) is not None


async def test_grants_are_listed_without_their_tokens(store, room):
    viewer = identified()
    kept = await sign_in(store, viewer, credentials=credentials_of(viewer, LAKE, guid="g1"))
    await sign_in(store, viewer, "s2", credentials=credentials_of(viewer, HR.guid, guid="g2", refresh_token=None))
    first, second = await room.grants(after=CredentialsGuid(""), most=9)
    assert (first.guid, first.viewer, first.integration_guid, first.has_refresh_token) == ("g1", viewer, LAKE, True)
    assert (second.guid, second.has_refresh_token) == ("g2", False)
    assert (first.created_at, first.updated_at) == (kept.created_at, kept.updated_at)
    assert await room.grants(after=CredentialsGuid("g1"), most=9) == [second]
    assert await room.grants(after=CredentialsGuid(""), most=1) == [first]
    assert await room.grants_of("ada@example.org", WAREHOUSE) == [first, second]
    assert await room.grants_of("ada@example.org", LAKE) == await room.grants_of("bob@example.org", WAREHOUSE) == []
    assert await room.grant(CredentialsGuid("g2")) == second
    assert await room.grant(CredentialsGuid("g3")) is None


async def test_a_grant_ends_with_its_consents_and_once(store, room):
    viewer = identified()
    await sign_in(
        store, viewer, credentials=credentials_of(viewer, LAKE, guid="g1"), consent=consent_of(viewer, SALES, LAKE)
    )
    grant = await room.grant(CredentialsGuid("g1"))
    position, _ = await store.changes_since(-1)
    assert await room.end_grant(grant, tell=one_line) == Ended(credentials=1, consents=1)
    assert await news(store, position) == [ConsentEnded(viewer.guid, SALES), CredentialsChanged(viewer.guid, LAKE)]
    assert await room.end_grant(grant, tell=one_line) is None
    assert await lines(store) == 1


async def test_a_grant_that_was_replaced_meanwhile_is_not_ended(store, room):
    viewer = identified()
    await sign_in(store, viewer, credentials=credentials_of(viewer, LAKE, guid="g1"))
    grant = await room.grant(CredentialsGuid("g1"))
    await sign_in(store, viewer, "s2", credentials=credentials_of(viewer, LAKE, guid="g2"))
    assert await room.end_grant(grant, tell=silent) is None
    assert (await store.credentials(viewer.guid, LAKE)).guid == "g2"


async def test_a_line_that_cannot_be_written_undoes_the_change(store, room):
    def tell(_ended):
        raise LookupError("no such line")

    with pytest.raises(LookupError):
        await room.add_integration(CRM, tell=tell)
    stored = await room.read()
    assert (stored.integrations, stored.seen) == ([], {})
    assert await news(store, 0) == []
