"""Every cell of the table, asked over HTTP: who gets through the guard of each route, and how the others are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from proxy.model import AuditAction, Named, Role
from proxy.policy.permissions import ABOUT_CONTENT, TABLE, Grant, Verb
from proxy.policy.rate import RatePerMinute
from proxy.web.guards import CALLER
from proxy.web.routes import API_LISTENER, api_application
from tests.unit.web.conftest import (
    ADMINISTRATOR,
    CALLERS,
    KEY,
    PUBLISHER,
    SALES,
    STOCK,
    VISITOR,
    Keys,
    api_key,
    api_services,
)

ASKED_FOR_BY_A_HANDLER = {Verb.LIST_ALL_OAUTH_SESSIONS}
"""``?all=true`` tells it, and no route."""

ROUTES = {(route.guard.verb, route.method, route.path): route for route in API_LISTENER}
EVE = "eve-key-0123456789"
OF_STOCK = "stock-key-0123456789"
CLOSED = replace(SALES, access=Named(emails=frozenset({"ada@example.org"})))
WHO = {
    "anonymous": None, "content": KEY, "another content": OF_STOCK, "viewer": VISITOR, "publisher": EVE, "owner": PUBLISHER,
    "administrator": ADMINISTRATOR,
}  # fmt: skip


async def reached(request: web.Request) -> web.Response:
    return web.json_response({"reached": True})


@pytest.fixture
def services(flows):
    more = {EVE: api_key("eve", Role.PUBLISHER, user="eve@example.org"),
            OF_STOCK: api_key("stock", Role.CONTENT, content_guid=STOCK.guid)}  # fmt: skip
    return api_services(flows, keys=Keys(CALLERS | more), contents=(CLOSED, STOCK))


@pytest.fixture
async def guarded(aiohttp_client, services):
    """The application with handlers that only say that they were reached."""
    return await aiohttp_client(api_application(services, [replace(row, handler=reached) for row in API_LISTENER]))


def expected(verb: Verb, who: str) -> Grant:
    row = TABLE[verb]
    grant = row.content if who == "another content" else getattr(row, who)
    if grant is not Grant.OWN or verb not in ABOUT_CONTENT:
        return Grant.YES if grant is Grant.OWN else grant
    return Grant.YES if who == "content" else Grant.NO


def test_every_verb_has_a_route_or_a_handler_that_asks_for_it():
    served = {verb for verb, _, _ in ROUTES}
    assert served | ASKED_FOR_BY_A_HANDLER == set(Verb)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("asked", ROUTES, ids=lambda asked: f"{asked[1]} {asked[2]}")
async def test_each_cell_of_the_table(guarded, flows, asked, who):
    verb, method, path = asked
    path = path.replace("{content_guid}", SALES.guid).replace("{guid}", SALES.guid).replace("{key}", "custom")
    headers = {} if WHO[who] is None else {"Authorization": f"Key {WHO[who]}"}
    answer = await guarded.request(method, path, headers=headers)
    said = await answer.json()
    match expected(verb, who):
        case Grant.YES:
            assert (answer.status, said) == (200, {"reached": True})
        case Grant.NO:
            assert (answer.status, said["code"]) == (403, TABLE[verb].code)
            [event] = flows.recorded
            assert (event.action, event.detail) == (AuditAction.ACCESS_REFUSED, {"verb": verb.value})
        case Grant.KEY:
            assert (answer.status, said["code"]) == (401, 24)
            assert flows.recorded == []


async def test_a_guid_in_capitals_names_the_same_content(guarded):
    path = f"/__api__/v1/content/{SALES.guid.upper()}"
    for key, status in ((KEY, 200), (PUBLISHER, 200), (EVE, 403)):
        assert (await guarded.get(path, headers={"Authorization": f"Key {key}"})).status == status


async def test_a_refusal_is_logged_with_the_keys_name_and_not_the_key(guarded):
    with capture_logs() as lines:
        await guarded.get("/token", headers={"Authorization": f"Key {ADMINISTRATOR}"})
    assert [line["event"] for line in lines] == ["key refused", "request refused"]
    assert (lines[0]["name"], lines[0]["verb"]) == ("ops", "exchange")
    assert ADMINISTRATOR not in str(lines)


async def test_each_key_has_its_own_rate_and_exchanges_do_not_count(aiohttp_client, services):
    limited = replace(services, requests_of_key=RatePerMinute(2))
    api = await aiohttp_client(api_application(limited, [replace(row, handler=reached) for row in API_LISTENER]))
    settings = "/__api__/server_settings"
    for path, key, status in (
        ("/token", KEY, 200), ("/token", KEY, 200), ("/token", KEY, 200),
        (settings, KEY, 200), (settings, KEY, 200), (settings, KEY, 429), (settings, PUBLISHER, 200),
    ):  # fmt: skip
        answer = await api.get(path, headers={"Authorization": f"Key {key}"})
        assert answer.status == status
        if status == 429:
            assert ((await answer.json())["code"], answer.headers["Retry-After"]) == (277, "30")


async def test_what_is_refused_counts_too(aiohttp_client, services):
    limited = replace(services, requests_of_key=RatePerMinute(2))
    api = await aiohttp_client(api_application(limited, [replace(row, handler=reached) for row in API_LISTENER]))
    asked = [await api.get("/__api__/v1/api_keys", headers={"Authorization": f"Key {KEY}"}) for _ in range(3)]
    assert [answer.status for answer in asked] == [403, 403, 429]


async def test_the_handler_knows_who_called(aiohttp_client, services):
    async def name(request: web.Request) -> web.Response:
        return web.json_response(request[CALLER].name)

    api = await aiohttp_client(api_application(services, [replace(row, handler=name) for row in API_LISTENER]))
    answer = await api.get("/__api__/server_settings", headers={"Authorization": f"Key {PUBLISHER}"})
    assert await answer.json() == "bob"


async def test_a_key_that_nobody_has_is_written_down_without_it(guarded, flows):
    made_up = "made-up-key-0123456789"
    answer = await guarded.get("/__api__/server_settings", headers={"Authorization": f"Key {made_up}"})
    assert answer.status == 401
    [event] = flows.recorded
    assert (event.action, event.actor.id) == (AuditAction.ACCESS_REFUSED, "")
    assert event.detail == {"because": "unknown_key", "address": "127.0.0.1"}
    assert made_up not in str(event)
