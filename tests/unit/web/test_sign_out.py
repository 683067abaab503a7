"""Sign-out ends the session, only when the viewer meant it, and starts nothing."""

from __future__ import annotations

import pytest

from proxy.web.routes import control_plane
from tests.unit.web.conftest import NAMES, NAVIGATION, PUBLIC_URL, SALES, SESSION, STOCK, Browser, services

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
