"""The main story over HTTP: a viewer signs in, consents, and content sees this viewer's fresh token."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doubles.rules import query_of
from tests.journeys.stage import ACCESS_TOKEN, SESSION_TOKEN, Stage, stage
from tests.journeys.viewer import NAVIGATION, origin_of


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, contents=("sales", "stock")) as the_stage:
        yield the_stage


async def test_the_first_visit_leads_through_the_sign_in_to_the_content_with_this_viewers_token(scene: Stage) -> None:
    viewer = await scene.viewer("ada")

    at_provider = await viewer.until_redirected_to(scene.server.url, "/sales/report?year=1843&q=a%2Fb")
    asked = query_of(at_provider.location)
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"] == scene.setup.redirect_uri
    assert len(asked["state"]) <= 2048
    assert scene.content.hits == 0

    page = await viewer.follow(at_provider)

    assert (page.status, page.body) == (200, b"hello")
    assert page.url == f"{scene.sidecar.url}/sales/report?year=1843&q=a%2Fb"
    seen = scene.new_content_request()
    assert seen.target == b"/report?year=1843&q=a%2Fb"
    assert scene.owner_of(seen) == "ada"
    assert seen.values(b"X-Forwarded-Access-Token-Warehouse") == seen.values(ACCESS_TOKEN)
    expires = int(seen.value(b"X-Forwarded-Access-Token-Expires") or b"0")
    assert abs(expires - scene.server.clock.now() - 3600) < 60
    [token_request] = scene.server.token_requests
    assert (token_request.value("grant_type"), token_request.outcome) == ("authorization_code", "ok")
    assert token_request.client_auth == "post"


async def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(scene: Stage) -> None:
    viewer = await scene.signed_in()
    [line] = [
        line for page in viewer.pages for line in page.set_cookies if viewer.session_id and viewer.session_id in line
    ]
    attributes = {part.strip().lower() for part in line.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= attributes
    assert not [attribute for attribute in attributes if attribute.startswith("domain")]


async def test_each_viewer_sees_only_their_own(scene: Stage) -> None:
    for person in ("ada", "bob", "eve"):
        scene.content.forget()
        await scene.signed_in(person)
        assert scene.owner_of(scene.new_content_request()) == person


async def test_a_second_content_with_the_same_integration_runs_its_own_flow(scene: Stage) -> None:
    viewer = await scene.signed_in()
    first = scene.new_content_request()

    at_provider = await viewer.until_redirected_to(scene.server.url, "/stock/")
    assert scene.contents["stock"].hits == 0
    assert (await viewer.follow(at_provider)).status == 200

    [seen] = scene.contents["stock"].requests
    assert scene.owner_of(seen) == "ada"
    assert seen.value(SESSION_TOKEN) != first.value(SESSION_TOKEN)
    scene.content.forget()
    assert (await viewer.get("/sales/")).status == 200
    assert scene.owner_of(scene.new_content_request()) == "ada"


async def test_a_script_without_a_session_is_told_401_and_never_redirected(scene: Stage) -> None:
    viewer = await scene.viewer()
    for method in ("GET", "POST"):
        answer = await viewer.xhr("/sales/api", method)
        assert answer.status == 401
        assert origin_of(json.loads(answer.text)["login_url"]) == scene.sidecar.url
    assert (scene.content.hits, len(scene.server.journal)) == (0, 0)


async def test_ten_tabs_at_once_each_land_on_their_own_page(scene: Stage) -> None:
    viewer = await scene.viewer()
    tabs = [await viewer.until_redirected_to(scene.server.url, f"/sales/tab/{number}") for number in range(10)]
    for number, tab in reversed(list(enumerate(tabs))):
        page = await viewer.follow(tab)
        assert (page.status, page.url) == (200, f"{scene.sidecar.url}/sales/tab/{number}")
    assert {seen.target for seen in scene.content.requests} == {b"/tab/%d" % number for number in range(10)}


async def test_the_exchange_hands_out_the_token_that_the_content_saw(scene: Stage) -> None:
    await scene.signed_in()
    seen = scene.new_content_request()
    session_token = (seen.value(SESSION_TOKEN) or b"").decode()

    answer = await scene.exchange("sales", session_token)

    given = json.loads(answer.text)
    assert (answer.status, given["token_type"]) == (200, "Bearer")
    assert given["access_token"].encode() == seen.value(ACCESS_TOKEN)
    assert 3000 < given["expires_in"] <= 3600
    assert (await scene.exchange("stock", session_token)).status != 200
    assert (await scene.exchange("sales", "forged")).status != 200


async def test_sign_out_ends_this_browser_and_no_other(scene: Stage) -> None:
    here, there = await scene.signed_in("ada"), await scene.signed_in("ada")
    stolen = here.cookie_header()

    page = await here.follow(await here.sign_out())

    assert page.status == 200
    assert here.session_id is None
    # The page stays: nothing in it starts a new flow by itself.
    assert not [marker for marker in ("http-equiv", "<script", "Refresh") if marker in page.text + str(page.headers)]
    scene.content.forget()
    answer = await here.send("GET", "/sales/", headers=NAVIGATION | {"Cookie": stolen})
    assert answer.is_redirect
    assert answer.location.startswith(scene.server.url)
    assert scene.content.hits == 0
    assert (await there.get("/sales/")).status == 200


async def test_another_site_cannot_sign_anybody_out(scene: Stage) -> None:
    viewer = await scene.signed_in()
    headers = NAVIGATION | {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert (await viewer.send("POST", "/__oauth__/logout", headers=headers)).status == 403
    assert (await viewer.get("/sales/")).status == 200
