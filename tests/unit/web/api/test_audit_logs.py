"""The audit log over HTTP: Connect's pages, our filters, over a store with lines in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from yarl import URL

from proxy.model import SIDECAR, Actor, ActorKind, AuditAction, AuditEvent, IntegrationGuid, ViewerGuid
from proxy.policy.guids import key_user_guid, user_guid
from proxy.store.sqlite import open_store
from proxy.web.routes import api_application
from tests.unit.web.administered import People
from tests.unit.web.conftest import (
    ADA,
    ADMINISTRATOR,
    CALLERS,
    KEY,
    PUBLIC_URL,
    PUBLISHER,
    SALES,
    WAREHOUSE,
    api_services,
)

LOGS = "/__api__/v1/audit_logs"
ADMIN = {"Authorization": f"Key {ADMINISTRATOR}"}
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LINE = AuditEvent(
    at=NOON,
    action=AuditAction.HAND_OUT_EXCHANGE,
    actor=Actor(kind=ActorKind.API_KEY, id="key-guid", name="sales"),
    viewer_guid=ADA.guid,
    content_guid=SALES.guid,
    integration_guid=IntegrationGuid(WAREHOUSE.guid),
    scope="openid",
    expires_at=NOON + timedelta(hours=1),
    request_id="r-1",
)
COUNTED = replace(
    LINE, action=AuditAction.HAND_OUT_HEADER, actor=Actor(kind=ActorKind.VIEWER, id=ADA.guid), count=7, scope="",
    expires_at=None, request_id="", detail={"counted": "1m"},
)  # fmt: skip


@pytest.fixture
async def store(tmp_path):
    opened = await open_store(tmp_path / "state.db", now=lambda: NOON)
    yield opened
    await opened.close()


@pytest.fixture
async def api(aiohttp_client, flows, store):
    return await aiohttp_client(api_application(api_services(flows, audit=store.audit)))


async def asked(api, status=200, **query):
    answer = await api.get(LOGS, headers=ADMIN, params=query)
    assert answer.status == status, await answer.text()
    return await answer.json()


def ids(page):
    return [int(line["id"]) for line in page["results"]]


async def test_a_line_has_connects_fields_and_ours(api, store):
    await store.audit.append([LINE])
    page = await asked(api)
    assert page["results"] == [
        {
            "id": "1", "time": "2026-05-04T12:00:00Z", "user_id": None, "user_guid": None,
            "user_description": "sales", "action": "hand_out_exchange",
            "event_description": f"token handed out by the exchange, viewer {ADA.guid}",
            "actor_kind": "api_key", "actor_id": "key-guid", "viewer_guid": ADA.guid, "viewer_name": None, "content_guid": SALES.guid,
            "integration_guid": WAREHOUSE.guid, "scope": "openid", "expires": "2026-05-04T13:00:00Z",
            "request_id": "r-1", "count": 1, "detail": {},
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (ADMINISTRATOR, key_user_guid(CALLERS[ADMINISTRATOR].guid)),
        (PUBLISHER, user_guid("bob@example.org")),
        (None, None),
    ],
    ids=["a key of nobody", "a key that stands for a person", "a key that was revoked"],
)
async def test_who_acted_has_the_guid_that_users_have(api, store, key, expected):
    """Fails when a person's key is another user here than at `v1/user`, which is asked with it."""
    guid = "gone" if key is None else CALLERS[key].guid
    await store.audit.append([replace(LINE, actor=Actor(kind=ActorKind.API_KEY, id=guid, name="some key"))])
    (line,) = (await asked(api))["results"]
    assert (line["user_id"], line["user_guid"], line["actor_id"]) == (expected, expected, guid)


async def test_a_counted_line_says_how_often_and_of_whom(api, store):
    await store.ensure_viewer(ADA)
    await store.audit.append([COUNTED, AuditEvent(at=NOON, action=AuditAction.LINES_LOST, actor=SIDECAR, count=3)])
    counted, lost = (await asked(api))["results"]
    assert counted["user_description"] == counted["viewer_name"] == "ada@example.org"
    assert counted["event_description"] == "tokens handed out in headers, viewer ada@example.org, 7 times, counted: 1m"
    assert (lost["user_guid"], lost["user_description"], lost["viewer_guid"]) == (None, "sidecar", None)


async def test_pages_lead_from_one_to_the_next_and_back(api, store):
    await store.audit.append([LINE for _ in range(7)])
    for order, expected in (("true", [[1, 2, 3], [4, 5, 6], [7]]), ("false", [[7, 6, 5], [4, 3, 2], [1]])):
        page = await asked(api, limit="3", ascOrder=order)
        first, found = page["paging"]["first"], [ids(page)]
        assert page["paging"]["previous"] is None
        while page["paging"]["next"] is not None:
            answer = await api.get(URL(page["paging"]["next"]).relative(), headers=ADMIN)
            page = await answer.json()
            found.append(ids(page))
        assert found == expected
        back = []
        while page["paging"]["previous"] is not None:
            page = await asked(api, limit="3", ascOrder=order, previous=page["paging"]["cursors"]["previous"])
            back.append(ids(page))
        assert back == [*expected[1::-1], []], "and then there is nothing further"
        assert page["paging"]["cursors"]["next"] == ("0" if order == "true" else "8"), "from where it all begins again"
        last = await (await api.get(URL(page["paging"]["last"]).relative(), headers=ADMIN)).json()
        assert ids(last) == ([5, 6, 7] if order == "true" else [3, 2, 1])
        assert ids(await (await api.get(URL(first).relative(), headers=ADMIN)).json()) == expected[0]


async def test_an_empty_page_leads_back_to_where_one_was(api, store):
    await store.audit.append([LINE, LINE])
    page = await asked(api, next="2")
    assert (ids(page), page["paging"]["next"], page["paging"]["cursors"]["previous"]) == ([], None, "3")
    assert ids(await asked(api, previous="3")) == [1, 2]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"action": "hand_out_header"}, [2]),
        ({"viewer": "somebody-else"}, [3]),
        ({"viewer": ADA.guid.upper(), "action": "hand_out_exchange"}, [1]),
        ({"content": SALES.guid.upper()}, [1, 2]),
        ({"since": "2026-05-04T12:00:00Z"}, [1, 2]),
        ({"until": "2026-05-04t14:00:00+02:00"}, [3]),
        ({"since": "2026-05-04T11:00:00.5+00:00", "until": "2026-05-04T12:00:00Z"}, []),
        ({"action": ""}, [1, 2, 3]),
    ],
    ids=str,
)
async def test_filters_say_which_lines_and_go_along_to_the_next_page(api, store, query, expected):
    other = replace(LINE, viewer_guid=ViewerGuid("somebody-else"), content_guid=None, at=NOON - timedelta(hours=1))
    await store.audit.append([LINE, COUNTED, other])
    page = await asked(api, **query)
    assert ids(page) == expected
    assert {name: value for name, value in query.items() if value} == dict(URL(page["paging"]["first"]).query)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"}, {"limit": "501"}, {"limit": "-1"}, {"limit": "ten"}, {"limit": "1" * 40}, {"limit": "٣"},
        {"next": "x"}, {"next": "-1"}, {"next": "9" * 19}, {"previous": "1e3"}, {"next": "1", "previous": "2"},
        {"ascOrder": "perhaps"}, {"action": "hand_out"}, {"since": "yesterday"}, {"since": "2026-05-04"},
        {"since": "2026-05-04T12:00:00"}, {"until": "9999-12-31T23:59:59-12:00"}, {"since": "0001-01-01T00:00:00Z"},
        {"viewr": "ada"},
    ],
    ids=str,
)  # fmt: skip
async def test_what_cannot_be_meant_is_refused_and_nothing_answered(api, query):
    """Fails when a filter that is not understood is left out: somebody would take all lines for those that they asked for."""
    said = await asked(api, 400, **query)
    assert said["code"] == 25


@pytest.mark.parametrize("key", [KEY, PUBLISHER])
async def test_it_is_for_administrators(api, key):
    assert (await api.get(LOGS, headers={"Authorization": f"Key {key}"})).status == 403


async def test_a_viewer_is_found_by_their_address_too(api, store):
    """By the guid that `v1/users` has for them; an address of nobody finds nothing."""
    guid = ViewerGuid(await People().guid("eve@example.org"))
    await store.audit.append([LINE, replace(LINE, viewer_guid=guid)])
    assert ids(await asked(api, viewer="Eve@example.org")) == [2]
    assert ids(await asked(api, viewer="nobody@example.org")) == []


@pytest.mark.parametrize("is_public", [True, False])
async def test_the_next_page_is_where_this_one_is(aiohttp_client, flows, store, is_public):
    """Fails when the address is made of what the request says: at `public_url` clients would send their key to http."""
    await store.audit.append([LINE, LINE])
    services = replace(api_services(flows, audit=store.audit), is_public=is_public)
    api = await aiohttp_client(api_application(services))
    page = await asked(api, limit="1")
    origin = PUBLIC_URL if is_public else str(api.make_url("/").origin())
    assert page["paging"]["next"] == f"{origin}{LOGS}?limit=1&next=1"
