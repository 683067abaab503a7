"""Store contract: keys of the Server API, and when they were last used."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from proxy.errors import Conflict
from proxy.model import OPERATOR, ApiKey, ApiKeyGuid, ApiKeysChanged, AuditAction, AuditEvent, Role
from tests.contract.records import NOON, SALES, minutes


def api_key(name: str, **fields) -> ApiKey:
    key = ApiKey(
        guid=ApiKeyGuid(f"key-{name}"), name=name, role=Role.ADMINISTRATOR,
        hash=hashlib.sha256(name.encode()).digest(), created_at=NOON,
    )  # fmt: skip
    return replace(key, **fields)


OPS = api_key("ops")
BOB = api_key("bob", role=Role.PUBLISHER, user="bob@example.org", created_at=NOON - minutes(1))
OF_SALES = api_key("sales", role=Role.CONTENT, content_guid=SALES, created_at=NOON + minutes(1))

LINE = AuditEvent(at=NOON, action=AuditAction.API_KEY_CREATED, actor=OPERATOR)


async def test_keys_are_read_back_the_oldest_first(store):
    for key in (OF_SALES, OPS, BOB):
        await store.api_keys.add(key, line=LINE)
    assert await store.api_keys.all() == [BOB, OPS, OF_SALES]


async def test_making_and_revoking_is_in_the_feed(store):
    await store.api_keys.add(OPS, line=LINE)
    position, changes = await store.changes_since(0)
    assert changes == [ApiKeysChanged()]
    assert await store.api_keys.remove(OPS.guid, line=LINE)
    assert (await store.changes_since(position))[1] == [ApiKeysChanged()]
    assert await store.api_keys.all() == []


async def test_what_was_never_there_is_not_revoked_and_nobody_hears_of_it(store):
    assert not await store.api_keys.remove(OPS.guid, line=LINE)
    assert await store.changes_since(0) == (0, [])


@pytest.mark.parametrize("field", ["name", "guid", "hash"])
async def test_a_name_a_guid_and_a_key_are_one_keys_only(store, field):
    await store.api_keys.add(OPS, line=LINE)
    with pytest.raises(Conflict):
        await store.api_keys.add(replace(BOB, **{field: getattr(OPS, field)}), line=LINE)
    assert await store.api_keys.all() == [OPS]


async def test_last_use_moves_forward_only_and_is_known_of_configured_keys_too(store):
    await store.api_keys.add(OPS, line=LINE)
    configured = ApiKeyGuid("configured")
    await store.api_keys.touch({OPS.guid: NOON, configured: NOON})
    await store.api_keys.touch({OPS.guid: NOON - minutes(1), configured: NOON + minutes(1)})
    await store.api_keys.touch({})
    assert await store.api_keys.last_used() == {OPS.guid: NOON, configured: NOON + minutes(1)}
    assert [key.last_used_at for key in await store.api_keys.all()] == [NOON]


async def test_the_last_use_of_a_revoked_key_is_forgotten(store):
    await store.api_keys.add(OPS, line=LINE)
    await store.api_keys.touch({OPS.guid: NOON})
    await store.api_keys.remove(OPS.guid, line=LINE)
    assert await store.api_keys.last_used() == {}


async def test_a_change_and_its_line_in_the_audit_log_are_one(store):
    await store.api_keys.add(OPS, line=LINE)
    with pytest.raises(Conflict):
        await store.api_keys.add(OPS, line=LINE)
    assert not await store.api_keys.remove(BOB.guid, line=LINE)
    assert await store.audit.end() == 1
    assert await store.api_keys.remove(OPS.guid, line=LINE)
    assert await store.audit.end() == 2
