"""The address that the provider tells of sign-outs: one form, one token, 200 or 400."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from proxy.errors import StoreUnavailable
from proxy.flows.provider_logout import LoggedOut, LogoutRefused, LogoutUndecided
from proxy.web.routes import control_plane
from tests.unit.web.conftest import SALES, Browser, services

PATH = "/__oauth__/backchannel-logout"
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


async def test_a_logout_is_answered_with_200_and_nothing_to_keep(browser, flows):
    flows.end_outcome = LoggedOut()
    answer = await browser.send("POST", PATH, FORM, data="logout_token=a.b.c&other=ignored")
    assert (answer.status, await answer.read(), flows.ended) == (200, b"", ["a.b.c"])
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


async def test_a_refusal_says_no_more_than_that(browser, flows):
    flows.end_outcome = LogoutRefused("replayed")
    answer = await browser.send("POST", PATH, FORM, data="logout_token=a.b.c")
    assert answer.status == 400
    assert await answer.json() == {
        "error": "invalid_request", "error_description": "the logout_token is not accepted"
    }  # fmt: skip
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("", None),
        ("token=a.b.c", None),
        ("logout_token=a.b.c&logout_token=a.b.c", None),
        ("logout_token=a.b.c&logout_token=", None),
        ("logout_token=\xff", None),
        ("logout_token=a.b.c" + "&x=1" * 20, None),
        ("logout_token=" + "a" * 1_000_000, None),
        (json.dumps({"logout_token": "a.b.c"}), "application/json"),
        ("logout_token=a.b.c", "text/plain"),
        ("logout_token=a.b.c", "multipart/form-data; boundary=x"),
    ],
    ids=["empty", "another name", "twice", "twice, once empty", "no ASCII", "too many fields", "a megabyte", "JSON",
         "text", "multipart"],
)  # fmt: skip
async def test_what_is_no_such_form_is_refused_unread(browser, flows, body, kind):
    headers = FORM if kind is None else FORM | {"Content-Type": kind}
    answer = await browser.send("POST", PATH, headers, data=body.encode("latin-1"))
    assert (answer.status, flows.ended) == (400, [])
    assert answer.headers["Cache-Control"] == "no-store"
    assert (await answer.json())["error"] == "invalid_request"


async def test_the_query_and_other_methods_say_nothing(browser, flows):
    for method in ("GET", "PUT", "DELETE"):
        assert (await browser.send(method, PATH + "?logout_token=a.b.c", FORM)).status == 405
    assert (await browser.send("POST", PATH + "?logout_token=a.b.c", FORM, data="")).status == 400
    assert flows.ended == []


async def test_a_contents_own_host_takes_none(aiohttp_client, flows):
    board = replace(SALES, origin="https://sales.example.org", path="/")
    browser = Browser(await aiohttp_client(control_plane(services(flows, contents=(board,)))))
    answer = await browser.send("POST", PATH, FORM | {"Oauth-Sidecar-Content": board.guid}, data="logout_token=a.b.c")
    assert (answer.status, flows.ended) == (404, [])


async def test_what_cannot_be_decided_or_written_now_may_be_sent_again(browser, flows):
    flows.end_outcome = LogoutUndecided()
    undecided = await browser.send("POST", PATH, FORM, data="logout_token=a.b.c")
    flows.end_outcome = StoreUnavailable("full")
    unwritten = await browser.send("POST", PATH, FORM, data="logout_token=a.b.c")
    for answer in (undecided, unwritten):
        assert answer.status == 503
        assert (answer.headers["Retry-After"], answer.headers["Cache-Control"]) == ("5", "no-store")
