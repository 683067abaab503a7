"""The table of routes, and what every answer has in common."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from proxy.errors import StoreUnavailable
from proxy.policy.permissions import TABLE, Grant, Verb
from proxy.web import guards
from proxy.web.routes import API_LISTENER, CONTROL_PLANE
from proxy.web.static_files import static_url
from tests.unit.web.conftest import CALLBACK, NAVIGATION, XHR

NAMED = {guards.anyone, guards.exact_address, guards.flow_state, guards.ticket, guards.own_page, guards.logout_token,
         *map(guards.caller_may, Verb)}  # fmt: skip
SERVED_AT_CONTENT_HOSTS = {
    "/__oauth__/ticket", "/__oauth__/logout", "/__oauth__/signed-out", "/__oauth__/static/{name}", "/__health__/live",
    "/__health__/ready",
}  # fmt: skip


@pytest.mark.parametrize("route", CONTROL_PLANE + API_LISTENER, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_names_its_guard(route):
    assert route.guard in NAMED
    assert route.path.startswith("/")
    if route.method not in {"GET", "HEAD"}:
        assert route.guard not in {guards.anyone, guards.flow_state}, "what changes something needs more"


def test_contents_hosts_serve_only_what_they_need():
    assert {route.path for route in CONTROL_PLANE if route.hosts is not guards.at_public_url} == SERVED_AT_CONTENT_HOSTS


def test_the_api_listener_lets_in_nobody_without_a_key_but_for_what_says_nothing():
    assert all(isinstance(route.guard, guards.CallerMay) for route in API_LISTENER)
    open_to_all = {route.path for route in API_LISTENER if TABLE[route.guard.verb].anonymous is Grant.YES}
    assert open_to_all <= {"/__ping__", "/__api__/openapi.json"}


async def test_nothing_is_reachable_that_is_not_in_the_table(browser):
    served = {(route.method, route.resource.canonical) for route in browser._client.app.router.routes()}
    assert served == {(route.method, route.path) for route in CONTROL_PLANE}


@pytest.mark.parametrize("path", ["/__oauth__/", "/__oauth__/nothing", "/__dashboard__/", "/__api__/v1/user", "/x"])
async def test_other_addresses_are_404_with_every_header(browser, path):
    for headers in (NAVIGATION, XHR):
        answer = await browser.get(path, headers=headers)
        assert answer.status == 404
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_a_failure_of_ours_is_one_log_line_and_a_page_with_the_same_id(browser, flows):
    flows.error = ZeroDivisionError("secret detail")
    with capture_logs() as lines:
        answer = await browser.get(CALLBACK + "?code=SECRET", headers=NAVIGATION | {"Oauth-Sidecar-Request-Id": "id-9"})
    text = await answer.text()
    assert (answer.status, "id-9" in text, "secret" in text) == (500, True, False)
    [line] = lines
    assert (line["request_id"], line["route"], line["log_level"]) == ("id-9", CALLBACK, "error")
    assert "SECRET" not in str(lines)


async def test_a_refusal_is_one_log_line(browser, flows):
    flows.error = StoreUnavailable("locked")
    with capture_logs() as lines:
        answer = await browser.get(CALLBACK, headers=XHR)
    assert (await answer.json())["error"] == "store_unavailable"
    [line] = lines
    assert (line["code"], line["detail"]) == ("store_unavailable", "locked")


async def test_an_id_that_could_be_markup_is_replaced(browser):
    answer = await browser.get("/x", headers=NAVIGATION | {"Oauth-Sidecar-Request-Id": "<b>"})
    assert "<b>" not in await answer.text()


# — static files and health ——————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(("name", "kind"), [("pages.css", "text/css"), ("retry.js", "text/javascript")])
async def test_static_files_may_be_kept_for_ever(browser, name, kind):
    answer = await browser.get(static_url(name))
    assert (answer.status, answer.content_type) == (200, kind)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["pages.css", "pages.000000000000.css", "..%2froutes.py"])
async def test_other_names_are_not_there(browser, name):
    assert (await browser.get("/__oauth__/static/" + name)).status == 404


async def test_live_and_ready(browser, flows):
    assert await (await browser.get("/__health__/live", headers={})).json() == {"status": "live"}
    assert await (await browser.get("/__health__/ready", headers={})).json() == {"status": "ready"}
    assert (await browser.send("HEAD", "/__health__/ready")).status == 200
    flows.unready = StoreUnavailable("disk full")
    answer = await browser.get("/__health__/ready")
    assert (answer.status, await answer.json()) == (503, {"status": "not ready", "because": "store_unavailable"})
    assert (await browser.get("/__health__/live")).status == 200


@pytest.mark.parametrize("path", ["/__health__/live/", "/__health__/live?x", "/__health__/l%69ve", "/__health__/live%2f",
                                  "/__health__/"])  # fmt: skip
async def test_health_answers_to_its_exact_address_only(browser, path):
    from yarl import URL

    assert (await browser.get(URL(path, encoded=True))).status == 404


async def test_health_takes_no_other_method(browser):
    assert (await browser.send("POST", "/__health__/live")).status == 405
