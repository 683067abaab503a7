"""What integrations were: kept while anything hangs on them, with the instant since when they are gone."""

import hashlib
from dataclasses import replace
from datetime import timedelta

from proxy.model import CredentialsGuid, NotedIntegration, Sealed
from tests.contract.records import LAKE, NOON, WAREHOUSE, anonymous, completed_of, credentials_of, identified, sign_in

VIEWER = identified()
FINGERPRINT = hashlib.sha256(b"client and endpoints").digest()
HERE = NotedIntegration(integration_guid=WAREHOUSE, fingerprint=FINGERPRINT, sealed=Sealed(b"sealed client"))
START = CredentialsGuid("")


def hours(count):
    return NOON + timedelta(hours=count)


async def gone(store, before):
    return [(one.integration_guid, one.fingerprint) for one in await store.gone_integrations(before=before)]


async def test_what_is_configured_is_kept_as_it_is_now_and_is_not_gone(store):
    await store.note_integrations([HERE], now=NOON)
    newer = replace(HERE, sealed=Sealed(b"another secret"))
    await store.note_integrations([newer], now=hours(1))
    assert await store.noted_integration(WAREHOUSE, FINGERPRINT) == newer.sealed
    assert await store.noted_integration(LAKE, FINGERPRINT) is None
    assert await store.noted_integration(WAREHOUSE, b"another client") is None
    assert await gone(store, hours(99)) == []


async def test_what_is_missing_is_gone_since_it_was_missed_first_and_until_it_comes_back(store):
    await store.note_integrations([HERE], now=NOON)
    for hour in (1, 2, 3):
        await store.note_integrations([], now=hours(hour))
    assert await gone(store, hours(1) - timedelta(seconds=1)) == []
    assert await store.gone_integrations(before=hours(1)) == [HERE]
    await store.note_integrations([HERE], now=hours(4))
    assert await gone(store, hours(99)) == []
    await store.note_integrations([], now=hours(5))
    assert await gone(store, hours(4)) == []
    assert await gone(store, hours(5)) == [(WAREHOUSE, FINGERPRINT)]


async def test_another_client_of_the_same_integration_is_another_one(store):
    await store.note_integrations([HERE], now=NOON)
    await store.note_integrations([replace(HERE, fingerprint=b"new client", sealed=None)], now=hours(1))
    assert await gone(store, hours(1)) == [(WAREHOUSE, FINGERPRINT)]
    assert await store.noted_integration(WAREHOUSE, b"new client") is None


async def test_what_there_are_grants_of_and_nobody_noted_is_gone_from_now_on(store):
    await sign_in(store, VIEWER)
    await store.note_integrations([], now=hours(1))
    assert await store.gone_integrations(before=hours(1)) == [replace(HERE, sealed=None)]


async def test_credentials_of_a_client_come_by_guid_and_in_portions(store):
    for number in range(3):
        viewer = anonymous(f"viewer-{number}")
        await sign_in(store, viewer, f"s{number}", credentials=credentials_of(viewer, guid=f"c{number}"))
    await sign_in(store, VIEWER, "other", credentials=credentials_of(VIEWER, guid="c9", fingerprint=b"new client"))
    lake = credentials_of(VIEWER, LAKE, guid="c8")
    await store.complete_authorization(completed_of(VIEWER, credentials=lake, consent=None, session=None))
    first = await store.credentials_of(HERE, after=START, most=2)
    assert [row.guid for row in first] == ["c0", "c1"]
    assert [row.guid for row in await store.credentials_of(HERE, after=first[-1].guid, most=2)] == ["c2"]


async def test_credentials_that_are_given_up_leave_what_is_to_be_given_back(store):
    granted = await sign_in(store, VIEWER)
    lake = credentials_of(VIEWER, LAKE)
    await store.complete_authorization(completed_of(VIEWER, credentials=lake, consent=None, session=None))
    await store.give_up_credentials([granted.guid, CredentialsGuid("never there")])
    assert await store.credentials(VIEWER.guid, WAREHOUSE) is None
    assert await store.credentials(VIEWER.guid, LAKE) == lake
    [grant] = await store.ended_grants(now=NOON, most=9)
    assert grant.credentials_guid == granted.guid


async def test_a_client_is_forgotten_when_it_is_gone_and_nothing_hangs_on_it(store):
    granted = await sign_in(store, VIEWER)
    await store.note_integrations([HERE], now=NOON)

    async def is_known():
        await store.forget_integrations()
        return await store.noted_integration(WAREHOUSE, FINGERPRINT) is not None

    await store.note_integrations([], now=NOON)
    assert await is_known(), "there are credentials"
    await store.give_up_credentials([granted.guid])
    assert await is_known(), "something is to be given back"
    [grant] = await store.ended_grants(now=NOON, most=9)
    await store.forget_ended_grant(grant)
    assert not await is_known()
    await store.note_integrations([HERE], now=NOON)
    assert await is_known(), "it is configured"


async def test_one_that_is_there_and_cannot_be_read_is_not_gone(store):
    await store.note_integrations([HERE], now=NOON)
    await store.note_integrations([], unusable=[HERE.integration_guid], now=hours(1))
    assert await store.gone_integrations(before=hours(9)) == []
    assert await store.noted_integration(HERE.integration_guid, HERE.fingerprint) == HERE.sealed
