"""Sign-out ends the session, only when the viewer meant it, and starts nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.flows.sign_out_there import WayOut
from proxy.web.routes import control_plane
from tests.unit.web.conftest import NAMES, NAVIGATION, PUBLIC_URL, SALES, SESSION, STOCK, WAREHOUSE, Browser, services

LOGOUT = "/__oauth__/logout"
GONE = f"{NAMES.session}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"
OURS = NAVIGATION | SESSION | {"Origin": PUBLIC_URL, "Sec-Fetch-Site": "same-origin"}


async def test_the_button_ends_the_session_and_deletes_the_cookie(browser, flows):
    answer = await browser.send("POST", LOGOUT, OURS)
    assert (answer.status, answer.headers["Location"]) == (303, "/__oauth__/signed-out")
    assert answer.headers.getall("Set-Cookie") == [GONE]
    assert flows.ended == ["the-session"]


async def test_the_other_button_ends_all_of_the_viewers_sessions(browser, flows):
    assert 'name="everywhere" value="yes"' in await (await browser.get(LOGOUT, headers=NAVIGATION | SESSION)).text()
    form = OURS | {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await browser.send("POST", LOGOUT, form, data=b"everywhere=yes")
    assert (answer.status, answer.headers.getall("Set-Cookie")) == (303, [GONE])
    assert flows.ended == [("everywhere", "the-session")]


@pytest.mark.parametrize("body", [b"", b"everywhere=", b"everywhere=no", b"x=1"])
async def test_any_other_form_ends_this_session_only(browser, flows, body):
    await browser.send("POST", LOGOUT + "?everywhere=yes", OURS, data=body)
    assert flows.ended == ["the-session"]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, id="another site"),
        pytest.param({"Origin": "https://x.apps.example.org", "Sec-Fetch-Site": "same-site"}, id="sibling"),
        pytest.param({"Origin": "https://evil.example"}, id="another site, older browser"),
        pytest.param({"Origin": "null"}, id="no origin to name"),
        pytest.param({}, id="no Origin at all"),
    ],
)
async def test_nobody_else_can_sign_a_viewer_out(browser, flows, headers):
    sent = {name: value for name, value in (NAVIGATION | SESSION).items() if name != "Sec-Fetch-Site"} | headers
    answer = await browser.send("POST", LOGOUT, sent)
    assert (answer.status, flows.ended) == (403, [])
    assert "Set-Cookie" not in answer.headers


async def test_a_link_only_shows_the_button(browser, flows):
    answer = await browser.get(LOGOUT + "?content=sales", headers=NAVIGATION | SESSION)
    text = await answer.text()
    assert (answer.status, flows.ended) == (200, [])
    assert f'<form method="post" action="/__oauth__/logout?content={SALES.guid}"' in text
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_without_a_session_there_is_nothing_to_sign_out_of(browser, flows):
    assert "You are not signed in" in await (await browser.get(LOGOUT)).text()
    sent = {name: value for name, value in OURS.items() if name != "Cookie"}
    answer = await browser.send("POST", LOGOUT, sent)
    assert (answer.status, answer.headers.getall("Set-Cookie"), flows.ended) == (303, [GONE], [])


@pytest.mark.parametrize(
    ("referer", "location"),
    [
        (f"{PUBLIC_URL}/sales/page", f"/__oauth__/signed-out?content={SALES.guid}"),
        (f"{PUBLIC_URL}/elsewhere", "/__oauth__/signed-out"),
        (f"{PUBLIC_URL}/sales/%2e%2e/", "/__oauth__/signed-out"),
        ("https://evil.example/sales/", "/__oauth__/signed-out"),
        ("https://[evil/sales/", "/__oauth__/signed-out"),
    ],
)
async def test_the_way_back_is_the_content_whose_page_had_the_button(browser, referer, location):
    answer = await browser.send("POST", LOGOUT, OURS | {"Referer": referer})
    assert answer.headers["Location"] == location


async def test_the_page_afterwards_starts_nothing_by_itself(browser, flows):
    answer = await browser.get(f"/__oauth__/signed-out?content={SALES.guid}")
    text = await answer.text()
    assert answer.status == 200
    assert f'href="/__oauth__/login?content={SALES.guid}"' in text
    assert not [marker for marker in ("http-equiv", "<script", "Refresh") if marker in text]
    assert flows.started == []


async def test_the_way_back_is_known_when_there_is_one_content_only(aiohttp_client, browser, flows):
    assert "/__oauth__/login" not in await (await browser.get("/__oauth__/signed-out?content=<b>")).text()
    alone = Browser(await aiohttp_client(control_plane(services(flows, contents=[STOCK]))))
    assert "Sign in to Stock again" in await (await alone.get("/__oauth__/signed-out")).text()


THERE = WayOut(integration=WAREHOUSE, url="https://id.example.net/out")


async def test_the_provider_is_a_button_and_nothing_leads_there_by_itself(browser, flows):
    flows.way_out = THERE
    answer = await browser.get(f"/__oauth__/signed-out?content={SALES.guid}&then=provider")
    text = await answer.text()
    assert f'href="https://id.example.net/out?state={SALES.guid}"' in text
    assert "Sign out of Warehouse" in text
    assert "Refresh" not in answer.headers


async def test_where_it_is_wanted_the_page_leads_on_to_the_provider(browser, flows):
    flows.way_out, flows.follows = THERE, True
    pressed = await browser.send("POST", LOGOUT, OURS)
    assert (pressed.status, pressed.headers["Location"]) == (303, "/__oauth__/signed-out?then=provider")
    assert pressed.headers.getall("Set-Cookie") == [GONE]
    assert flows.ended == ["the-session"]
    answer = await browser.get(pressed.headers["Location"])
    assert answer.headers["Refresh"] == "0; url=https://id.example.net/out?state=-"
    assert "Sign out of Warehouse" in await answer.text()


@pytest.mark.parametrize(
    "query", ["?state=", "?state=-", f"?state={SALES.guid}", f"?state={SALES.guid}&then=provider", "?state=<b>"]
)
async def test_who_comes_back_from_the_provider_is_not_sent_there_again(browser, flows, query):
    flows.way_out, flows.follows = THERE, True
    answer = await browser.get("/__oauth__/signed-out" + query)
    text = await answer.text()
    assert answer.status == 200
    assert "Refresh" not in answer.headers
    assert ("id.example.net" in text, "<b>" in text) == (False, False)
    assert (f'href="/__oauth__/login?content={SALES.guid}"' in text) == (SALES.guid in query)


async def test_a_page_that_somebody_just_opens_leads_nowhere(browser, flows):
    flows.way_out, flows.follows = THERE, True
    assert "Refresh" not in (await browser.get("/__oauth__/signed-out")).headers


async def test_sign_out_is_done_when_the_provider_cannot_be_found(browser, flows):
    flows.follows = True
    pressed = await browser.send("POST", LOGOUT, OURS)
    answer = await browser.get(pressed.headers["Location"])
    assert (answer.status, flows.ended) == (200, ["the-session"])
    assert "Refresh" not in answer.headers
    assert "You are signed out" in await answer.text()


async def test_a_way_with_marks_in_it_is_an_attribute_and_nothing_else(browser, flows):
    flows.way_out = replace(THERE, url='https://id.example.net/"><script>')
    assert "<script" not in await (await browser.get("/__oauth__/signed-out")).text()
