"""The three stops of a hand-over, and what is served at a content's own host."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from proxy.flows.callback_outcomes import Granted, Replayed, StateRefused
from proxy.flows.hand_over import HandedOver, TicketRefused, TicketUsed
from proxy.flows.sessions import AccessRefused, Admitted, ConsentNeeded
from proxy.model import ContentGuid, Secret, SessionHash
from proxy.sealing import hash_handle
from proxy.web.loop_breaker import MAX_STARTS_FOR_A_PAGE
from proxy.web.routes import control_plane
from proxy.web.static_files import static_url
from tests.unit.web.conftest import (
    ADA,
    CALLBACK,
    FRAME,
    LAKE,
    NAMES,
    NAVIGATION,
    PROVIDER,
    PUBLIC_URL,
    SALES,
    SESSION,
    WAREHOUSE,
    XHR,
    Browser,
    refused,
    services,
)

ORIGIN = "https://board.example.org"
BOARD = replace(
    SALES,
    guid=ContentGuid("77777777-7777-4777-8777-777777777777"),
    name="board",
    title="The board",
    path="/",
    origin=ORIGIN,
)
HERE = {"Oauth-Sidecar-Content": BOARD.guid}
"""What the gateway says of a request to the content's own host."""

HASH = "A" * 42 + "E"
"""43 characters of base64url: how a hash of 32 bytes looks."""

SESSION_HASH = SessionHash(b"s" * 32)


def admitted(flows) -> None:
    until = flows.at + timedelta(minutes=5)
    flows.admission = Admitted(
        session_hash=SESSION_HASH, viewer_guid=ADA.guid, header_block=b"", good_until=until, expires_at=until
    )


@pytest.fixture
async def browser(aiohttp_client, flows):
    return Browser(await aiohttp_client(control_plane(services(flows, contents=(SALES, BOARD)))))


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


# — first stop: the content's own host ————————————————————————————————————————————————————————————————————————————


async def ask(browser, path="/deep?a=1", headers=NAVIGATION, reason="sign-in"):
    return await browser.get(path, headers=headers | refused(reason, BOARD, integration=WAREHOUSE.guid))


@pytest.mark.parametrize("reason", ["sign-in", "consent"])
async def test_a_navigation_is_tied_to_the_host_and_sent_to_where_people_sign_in(browser, flows, reason):
    answer = await ask(browser, reason=reason)
    [cookie] = answer.headers.getall("Set-Cookie")
    value = cookie.partition(";")[0].partition("=")[2]
    location = answer.headers["Location"]
    assert answer.status == 303
    assert location.startswith(PUBLIC_URL + "/__oauth__/login?")
    asked = query_of(location)
    assert (asked["content"], asked["return_to"]) == (BOARD.guid, "/deep?a=1")
    assert urlsafe_b64decode(asked["hand_over"] + "=") == hash_handle(value)
    assert cookie.startswith(NAMES.binding_prefix)
    assert value not in location
    assert flows.started == []


async def test_a_frame_gets_a_page_whose_link_leads_to_public_url(browser):
    answer = await ask(browser, headers=FRAME)
    text = await answer.text()
    assert answer.status == 401
    assert f'href="{PUBLIC_URL}/__oauth__/login?content={BOARD.guid}&amp;return_to=%2Fdeep%3Fa%3D1"' in text
    assert "Set-Cookie" not in answer.headers


async def test_a_script_gets_the_absolute_address_of_public_url(browser):
    answer = await ask(browser, headers=XHR)
    assert answer.status == 401
    assert (await answer.json())["login_url"] == f"{PUBLIC_URL}/__oauth__/login?content={BOARD.guid}"
    assert "Set-Cookie" not in answer.headers


async def test_who_may_not_see_the_content_is_named_by_the_cookie_of_the_host(browser, flows):
    flows.admission = AccessRefused(viewer=ADA)
    answer = await ask(browser, headers=NAVIGATION | SESSION, reason="access-refused")
    assert "ada@example.org" in await answer.text()
    assert flows.admitted_as == ["the-session"]


# — second stop: public_url ———————————————————————————————————————————————————————————————————————————————————————

LOGIN = f"/__oauth__/login?content={BOARD.guid}&return_to=%2Fdeep"


async def test_who_is_signed_in_and_has_consented_gets_a_ticket_at_once(browser, flows):
    admitted(flows)
    answer = await browser.get(f"{LOGIN}&hand_over={HASH}")
    assert (answer.status, answer.headers["Location"]) == (303, f"{ORIGIN}/__oauth__/ticket?ticket=TICKET1")
    assert flows.tickets == [
        {
            "content": "board",
            "session_hash": SESSION_HASH,
            "binding_hash": urlsafe_b64decode(HASH + "="),
            "return_to": "/deep",
        }
    ]


@pytest.mark.parametrize(
    "hand_over", ["", "x", HASH + "A", HASH[:-1], HASH[:-1] + "%C3%A4", HASH[:-1] + "+", HASH[:-1] + "="]
)
async def test_without_the_hash_of_a_binding_there_is_no_ticket_and_the_host_asks_itself(browser, flows, hand_over):
    admitted(flows)
    answer = await browser.get(f"{LOGIN}&hand_over={hand_over}")
    assert (answer.headers["Location"], flows.tickets) == (ORIGIN + "/deep", [])


@pytest.mark.parametrize(
    "headers", [FRAME, XHR, NAVIGATION | {"Sec-Purpose": "prefetch"}], ids=["frame", "xhr", "prefetch"]
)
async def test_only_a_navigation_gets_a_ticket(browser, flows, headers):
    admitted(flows)
    answer = await browser.get(f"{LOGIN}&hand_over={HASH}", headers=headers)
    assert (answer.headers["Location"], flows.tickets) == (ORIGIN + "/deep", [])


async def test_content_under_a_path_never_gets_a_ticket(browser, flows):
    admitted(flows)
    answer = await browser.get(f"/__oauth__/login?content={SALES.guid}&hand_over={HASH}")
    assert (answer.headers["Location"], flows.tickets) == ("/sales/", [])


async def test_who_is_not_signed_in_goes_to_the_provider(browser, flows):
    answer = await browser.get(f"{LOGIN}&hand_over={HASH}")
    assert answer.headers["Location"].startswith(PROVIDER)
    assert flows.started[0]["to"] == "/deep"
    assert flows.tickets == []


async def test_who_lacks_a_consent_goes_to_that_provider_first(browser, flows):
    flows.admission = ConsentNeeded(integration=LAKE)
    answer = await browser.get(f"{LOGIN}&hand_over={HASH}")
    assert answer.headers["Location"].startswith(PROVIDER)
    assert flows.started[0]["integration"] is LAKE


async def test_a_host_that_loses_its_cookie_again_and_again_is_stopped_with_a_page(browser, flows):
    admitted(flows)
    for _ in range(MAX_STARTS_FOR_A_PAGE):
        assert (await browser.get(f"{LOGIN}&hand_over={HASH}")).status == 303
    answer = await browser.get(f"{LOGIN}&hand_over={HASH}")
    text = await answer.text()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "30")
    assert "does not keep cookies for that site" in text
    assert f'href="{ORIGIN}/deep"' in text
    assert len(flows.tickets) == MAX_STARTS_FOR_A_PAGE


@pytest.mark.parametrize(
    "outcome",
    [
        Granted(content=BOARD, return_to="/deep", session_id=Secret("new")),
        Granted(content=BOARD, return_to="/deep", session_id=None),
        Replayed(content=BOARD, return_to="/deep"),
    ],
    ids=["signed in", "consented", "replayed"],
)
async def test_the_callback_leads_back_to_the_contents_own_host(browser, flows, outcome):
    flows.outcome = outcome
    answer = await browser.get(CALLBACK + "?code=c&state=s")
    assert (answer.status, answer.headers["Location"]) == (303, ORIGIN + "/deep")


async def test_a_callback_of_no_flow_links_to_the_contents_own_host(browser, flows):
    flows.outcome = StateRefused(because="expired", content=BOARD, return_to="/deep")
    assert f'href="{ORIGIN}/deep"' in await (await browser.get(CALLBACK + "?state=x")).text()


# — third stop: the content's own host again ——————————————————————————————————————————————————————————————————————


async def take(browser, query="ticket=T", headers=NAVIGATION | HERE):
    return await browser.get(f"/__oauth__/ticket?{query}", headers=headers)


async def test_a_ticket_is_taken_for_the_cookie_of_the_host(browser, flows):
    flows.taken = HandedOver(handle=Secret("the-handle"), return_to="/deep")
    binding = {"Cookie": f"{NAMES.binding_prefix}0a0a=one; {NAMES.binding_prefix}0b0b=two"}
    answer = await take(browser, headers=NAVIGATION | HERE | binding)
    assert (answer.status, answer.headers["Location"]) == (303, ORIGIN + "/deep")
    assert answer.headers.getall("Set-Cookie") == [
        f"{NAMES.session}=the-handle; Max-Age=604800; Path=/; Secure; HttpOnly; SameSite=Lax"
    ]
    assert answer.headers["Cache-Control"] == "no-store"
    assert flows.redeemed == [{"ticket": "T", "content": "board", "bindings": ["one", "two"]}]


async def test_a_used_ticket_leads_on_without_a_cookie(browser, flows):
    flows.taken = TicketUsed(return_to="/deep")
    answer = await take(browser)
    assert (answer.status, answer.headers["Location"]) == (303, ORIGIN + "/deep")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("because", "status", "words"),
    [
        ("unreadable", 400, "only used on the way"),
        ("other_host", 400, "only used on the way"),
        ("expired", 400, "longer than half a minute"),
        ("other_browser", 400, "allow cookies for this site"),
        ("session_over", 409, "signed out while"),
    ],
)
async def test_a_refused_ticket_is_a_page_with_a_way_on_and_never_a_redirect(browser, flows, because, status, words):
    flows.taken = TicketRefused(because=because, return_to="/deep")
    answer = await take(browser, "ticket=SECRET")
    text = await answer.text()
    assert (answer.status, "Location" in answer.headers, "Set-Cookie" in answer.headers) == (status, False, False)
    assert words in text
    assert f'href="{ORIGIN}/deep"' in text
    assert "SECRET" not in text


async def test_without_a_ticket_there_is_a_page(browser, flows):
    assert (await take(browser, "")).status == 400
    assert flows.redeemed[0]["ticket"] == ""


@pytest.mark.parametrize("headers", [NAVIGATION, NAVIGATION | {"Oauth-Sidecar-Content": SALES.guid}])
async def test_no_ticket_is_taken_at_public_url(browser, flows, headers):
    assert (await take(browser, headers=headers)).status == 404
    assert flows.redeemed == []


# — what is served there ——————————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("path", ["/__oauth__/login?content=board", CALLBACK + "?code=c&state=s", "/__oauth__/nothing"])
async def test_people_sign_in_at_public_url_only(browser, flows, path):
    assert (await browser.get(path, headers=NAVIGATION | HERE)).status == 404
    assert (flows.started, flows.completed) == ([], [])


async def test_our_pages_have_their_style_there(browser):
    assert (await browser.get(static_url("pages.css"), headers=HERE)).status == 200


async def test_sign_out_there_ends_the_session_and_deletes_the_cookie_of_the_host(browser, flows):
    own = NAVIGATION | HERE | SESSION | {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
    answer = await browser.send("POST", "/__oauth__/logout", own)
    assert (answer.status, answer.headers["Location"]) == (303, f"/__oauth__/signed-out?content={BOARD.guid}")
    assert answer.headers.getall("Set-Cookie") == [
        f"{NAMES.session}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"
    ]
    assert flows.ended == [("the-session", "board")]


@pytest.mark.parametrize("origin", [PUBLIC_URL, "https://other.example.org", "https://board.example.org.evil", "null"])
async def test_no_other_origin_signs_out_there_not_even_ours(browser, flows, origin):
    headers = NAVIGATION | HERE | SESSION | {"Origin": origin, "Sec-Fetch-Site": "same-site"}
    assert (await browser.send("POST", "/__oauth__/logout", headers)).status == 403
    assert flows.ended == []


async def test_the_origin_of_a_contents_host_does_not_sign_out_at_public_url(browser, flows):
    headers = NAVIGATION | SESSION | {"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"}
    assert (await browser.send("POST", "/__oauth__/logout", headers)).status == 403
    assert flows.ended == []


async def test_the_way_back_in_from_there_leads_to_public_url(browser):
    text = await (await browser.get("/__oauth__/signed-out", headers=NAVIGATION | HERE)).text()
    assert f'href="{PUBLIC_URL}/__oauth__/login?content={BOARD.guid}"' in text
