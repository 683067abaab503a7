"""Keys of the Server API, made, listed and revoked over it."""

from __future__ import annotations

import pytest

from proxy.model import ActorKind
from proxy.policy.guids import configured_key_guid
from proxy.store.audit import AuditFilter
from tests.unit.web.conftest import ADMINISTRATOR, SALES

KEYS = "/__api__/v1/api_keys"
AUTHORIZED = {"Authorization": f"Key {ADMINISTRATOR}"}


async def made(office, **body):
    answer = await office.api.post(KEYS, json=body, headers=AUTHORIZED)
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def test_a_key_is_in_the_answer_that_makes_it_and_in_no_other(office):
    new = await made(office, name="nightly", role="publisher", user="Bob@Example.org")
    text = new.pop("key")
    assert text.startswith("oak1_")
    assert new == {
        "guid": new["guid"], "name": "nightly", "role": "publisher", "user": "bob@example.org", "content_guid": None,
        "created_time": "2026-03-01T12:00:00Z", "last_used_time": None, "is_configured": False,
    }  # fmt: skip
    assert (await office.said("/__api__/v1/user", text))["email"] == "bob@example.org"
    answer = await office.get(KEYS)
    assert text not in await answer.text()
    [listed] = [one for one in await answer.json() if not one["is_configured"]]
    assert listed == new | {"last_used_time": "2026-03-01T12:00:00Z"}


async def test_a_revoked_key_is_refused_at_once(office):
    new = await made(office, name="sales-2", role="content", content_guid=SALES.guid.upper())
    assert (await office.get("/__api__/v1/user", new["key"])).status == 200
    answer = await office.api.delete(f"{KEYS}/{new['guid'].upper()}", headers=AUTHORIZED)
    assert (answer.status, await answer.read()) == (204, b"")
    assert (await office.get("/__api__/v1/user", new["key"])).status == 401
    assert (await office.api.delete(f"{KEYS}/{new['guid']}", headers=AUTHORIZED)).status == 404


async def test_who_made_and_revoked_is_in_the_audit_log_with_the_request(office):
    headers = AUTHORIZED | {"X-Correlation-ID": "request-9"}
    new = await (await office.api.post(KEYS, json={"name": "a", "role": "administrator"}, headers=headers)).json()
    await office.api.delete(f"{KEYS}/{new['guid']}", headers=headers)
    page = await office.store.audit.page(AuditFilter(), position=None, is_forward=True, most=10, most_read=10)
    assert [line.action for line in page.events] == ["api_key_created", "api_key_revoked"]
    for line in page.events:
        assert (line.actor.kind, line.actor.name, line.request_id) == (ActorKind.API_KEY, "ops", "request-9")
        assert new["key"] not in repr(line)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "ops", "role": "administrator"}, 409, 2),
        ({"name": "x"}, 400, 25),
        ({"name": "x", "role": "boss"}, 400, 25),
        ({"name": "x", "role": "publisher"}, 400, 25),
        ({"name": "x", "role": "content"}, 400, 25),
        ({"name": "x", "role": "content", "content_guid": "nothing"}, 400, 25),
        ({"name": "x", "role": "administrator", "content_guid": SALES.guid}, 400, 25),
        ({"name": "x", "role": "administrator", "key": "mine"}, 400, 25),
        ({"name": "", "role": "administrator"}, 400, 25),
    ],
)
async def test_a_key_that_makes_no_sense_is_not_made(office, body, status, code):
    answer = await office.api.post(KEYS, json=body, headers=AUTHORIZED)
    assert (answer.status, (await answer.json())["code"]) == (status, code)
    assert await office.store.api_keys.all() == []


async def test_a_configured_key_is_revoked_where_it_is_written(office):
    answer = await office.api.delete(f"{KEYS}/{configured_key_guid('ops')}", headers=AUTHORIZED)
    assert (answer.status, (await answer.json())["code"]) == (409, 2)
    assert (await office.get(KEYS)).status == 200
