"""The Server API at ``public_url``: the application behind the gateway, when the configuration says so."""

from __future__ import annotations

from dataclasses import replace

import pytest
from yarl import URL

from proxy.flows.visitor_keys import PREFIX
from proxy.policy.permissions import TABLE
from proxy.web.guards import CallerMay
from proxy.web.routes import API_LISTENER, CONTROL_PLANE, PUBLIC_API, control_plane
from proxy.web.wrong_keys import WrongKeys
from tests.unit.web.api.described import undescribed
from tests.unit.web.conftest import (
    ADMINISTRATOR,
    KEY,
    NAVIGATION,
    PUBLISHER,
    SALES,
    SESSION,
    STOCK,
    VISITOR,
    api_services,
    as_served,
    services,
)

AUTHORIZED = {"Authorization": f"Key {ADMINISTRATOR}"}
USER = "/__api__/v1/user"
CREDENTIALS = "/__api__/v1/oauth/integrations/credentials"
AT_STOCKS_HOST = replace(STOCK, origin="https://stock.example.org", path="/")


@pytest.fixture
async def public(aiohttp_client, flows):
    app = control_plane(services(flows, contents=[SALES, AT_STOCKS_HOST]), api_services(flows))
    return await aiohttp_client(await as_served(app))


async def refused(answer):
    said = await answer.json()
    assert set(said) == {"code", "error", "payload"}
    assert answer.headers["X-Correlation-ID"]
    assert not [
        name for name in answer.headers if name.lower().startswith(("access-control-", "set-cookie", "location"))
    ]
    return answer.status, said["code"]


def test_it_is_all_of_the_listener_but_what_hands_out_tokens():
    served = {(route.method, route.path) for route in PUBLIC_API if isinstance(route.guard, CallerMay)}
    local = {(route.method, route.path) for route in API_LISTENER if TABLE[route.guard.verb].is_local}
    assert served == {(route.method, route.path) for route in API_LISTENER} - local
    assert local == {("POST", CREDENTIALS), ("GET", "/token")}


async def test_both_tables_are_served_and_nothing_else(public):
    served = {(route.method, route.resource.canonical) for route in public.app.router.routes()}
    assert served == {(route.method, route.path) for route in (*CONTROL_PLANE, *PUBLIC_API)}


@pytest.mark.parametrize("route", PUBLIC_API, ids=lambda route: f"{route.method} {route.path}")
async def test_without_a_key_no_address_says_more_than_the_listener_does(public, route):
    path = route.path.replace("{content_guid}", SALES.guid).replace("{guid}", SALES.guid).replace("{key}", "custom")
    answer = await public.request(route.method, path, headers=SESSION)
    if (route.method, route.path) == ("POST", CREDENTIALS):
        assert await refused(answer) == (404, 4)
    elif path in {"/__ping__", "/__api__/openapi.json"}:
        assert answer.status == 200
    else:
        assert await refused(answer) == (401, 24)


async def test_with_a_key_it_is_answered_as_on_the_listener_whatever_cookies_come_along(public):
    answers = [await public.get(USER, headers=AUTHORIZED | more) for more in ({}, SESSION, {"Cookie": "a=1"})]
    for answer in answers:
        assert answer.status == 200
        assert undescribed("GET", answer.url, answer.status, answer.headers, await answer.read()) is None
    assert answers[0].headers["Server"] == "oauth-sidecar"


@pytest.mark.parametrize(
    "header", [{"Origin": "https://apps.example.org"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-origin"},
               {"sec-fetch-site": "none"}],
)  # fmt: skip
async def test_a_page_is_refused_whatever_key_it_has(public, header):
    assert await refused(await public.get(USER, headers=AUTHORIZED | header)) == (403, 22)


async def test_a_program_behind_a_proxy_or_in_node_is_answered(public):
    headers = AUTHORIZED | {"Sec-Fetch-Mode": "cors", "Via": "1.1 proxy", "Accept": "*/*"}
    assert (await public.get(USER, headers=headers)).status == 200


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "TRACE", "PUT"])
async def test_other_methods_are_405_and_say_nothing_of_origins(public, method):
    answer = await public.request(method, USER, headers=AUTHORIZED | {"Access-Control-Request-Method": "GET"})
    assert answer.status == 405
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("path", ["/__api__/", "/__api__/v1/user/", "/__api__/nothing", "/__api__/v1/users/x/y"])
async def test_what_is_not_there_is_404_in_connects_words(public, path):
    assert await refused(await public.get(path, headers=AUTHORIZED)) == (404, 4)


async def test_people_still_get_pages(public):
    answer = await public.get("/__oauth__/nothing", headers=NAVIGATION)
    assert (answer.status, answer.content_type) == (404, "text/html")
    assert "Content-Security-Policy" in answer.headers
    assert (await public.get("/token", headers=NAVIGATION | AUTHORIZED)).content_type == "text/html"


async def test_at_a_contents_own_host_there_is_no_api(public):
    at_host = {"Oauth-Sidecar-Content": AT_STOCKS_HOST.guid}
    for headers in (AUTHORIZED | at_host, AUTHORIZED | at_host | NAVIGATION):
        answer = await public.get(USER, headers=headers)
        assert answer.status == 404
        assert "X-Correlation-ID" not in answer.headers


@pytest.mark.parametrize(("reason", "expected"), [("overloaded", (503, 1)), ("misdirected", (421, 2))])
async def test_what_the_gateway_refuses_is_refused_in_the_words_of_the_api(public, reason, expected):
    assert await refused(await public.get(USER, headers=AUTHORIZED | {"Oauth-Sidecar-Reason": reason})) == expected
    page = await public.get("/sales/", headers=NAVIGATION | {"Oauth-Sidecar-Reason": reason})
    assert (page.status, page.content_type) == (expected[0], "text/html")


@pytest.mark.parametrize("path", ["/%5f%5fapi__/v1/user", "/_%5Fapi__/v1/user", "/%5f_ping__"])
async def test_a_path_that_only_reads_like_the_apis_is_refused_as_the_gateway_says(public, path):
    """Fails when both go by the path as the routes read it: what is not there, or a sign-in, became 503."""
    answer = await public.get(
        URL(path, encoded=True), headers=NAVIGATION | {"Oauth-Sidecar-Reason": "not-found"}, allow_redirects=False
    )
    assert (answer.status, answer.content_type) == (404, "text/html")


async def test_guessing_from_one_address_is_refused_and_does_not_hold_up_others(aiohttp_client, flows):
    api = replace(api_services(flows), wrong_keys=WrongKeys(2))
    public = await aiohttp_client(await as_served(control_plane(services(flows), api)))

    async def asks(key: str, address: str) -> int:
        headers = {"Authorization": f"Key {key}", "Oauth-Sidecar-Client": address}
        answer = await public.get(USER, headers=headers)
        if answer.status == 429:
            assert ((await answer.json())["code"], answer.headers["Retry-After"]) == (277, "30")
        return answer.status

    assert await asks(PUBLISHER, "192.0.2.1") == 200
    assert [await asks(f"guess-{number}", "192.0.2.1") for number in range(4)] == [401, 401, 429, 429]
    assert await asks(ADMINISTRATOR, "192.0.2.1") == 429, "a right guess looks like a wrong one"
    assert await asks(PUBLISHER, "192.0.2.1") == 200, "it was right there before"
    assert await asks(ADMINISTRATOR, "192.0.2.2") == 200
    because = [event.detail["because"] for event in flows.recorded]
    assert because == ["unknown_key", "unknown_key"], "what is refused unseen fills no log"
    assert flows.recorded[0].detail["address"] == "192.0.2.1"


async def test_keys_of_visitors_that_have_ended_hold_up_nobody(aiohttp_client, flows):
    api = replace(api_services(flows), wrong_keys=WrongKeys(2))
    public = await aiohttp_client(await as_served(control_plane(services(flows), api)))
    for number in range(5):
        headers = {"Authorization": f"Key {PREFIX}ended-{number}", "Oauth-Sidecar-Client": "192.0.2.1"}
        answer = await public.get(USER, headers=headers)
        assert (answer.status, (await answer.json())["error"][:30]) == (401, "This visitor's key has ended: ")
    answer = await public.get(USER, headers={"Authorization": f"Key {VISITOR}", "Oauth-Sidecar-Client": "192.0.2.1"})
    assert answer.status == 200


async def test_a_content_reads_itself_there(public):
    answer = await public.get(f"/__api__/v1/content/{SALES.guid}", headers={"Authorization": f"Key {KEY}"})
    assert (await answer.json())["name"] == "sales"
