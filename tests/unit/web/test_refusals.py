"""Answers in a content's place: by reason, and by who asks."""

from __future__ import annotations

import pytest
import structlog

from proxy.errors import StoreUnavailable
from proxy.flows.callback_outcomes import ProviderUnavailable
from proxy.flows.sessions import AccessRefused, SignInNeeded
from proxy.policy.routing import Reason
from tests.unit.web.conftest import (
    ADA,
    FRAME,
    LAKE,
    NAVIGATION,
    PROVIDER,
    PUBLIC_URL,
    SALES,
    STOCK,
    WAREHOUSE,
    XHR,
    refused,
)

ASK = [Reason.SIGN_IN, Reason.CONSENT]
OTHERS = {
    Reason.ACCESS_REFUSED: (403, "access_refused", "This is not open to you"),
    Reason.TOKEN_UNAVAILABLE: (503, "token_unavailable", "Waiting for Lake"),
    Reason.CONTENT_UNAVAILABLE: (502, "content_unavailable", "Quarterly sales is not answering"),
    Reason.CONTENT_SLOW: (504, "content_slow", "Quarterly sales took too long"),
    Reason.ORIGIN_REFUSED: (403, "origin_refused", "Another site asked for this"),
    Reason.NOT_FOUND: (404, "not_found", "There is nothing here"),
    Reason.STORE_UNAVAILABLE: (503, "store_unavailable", "A short interruption"),
    Reason.MISDIRECTED: (421, "misdirected", "This name is not served here"),
    Reason.OVERLOADED: (503, "overloaded", "Too much at once"),
}
RETRYING = {
    Reason.TOKEN_UNAVAILABLE, Reason.CONTENT_UNAVAILABLE, Reason.STORE_UNAVAILABLE, Reason.OVERLOADED,
}  # fmt: skip


def test_every_reason_has_an_answer():
    assert set(ASK) | set(OTHERS) == set(Reason)


@pytest.mark.parametrize("reason", ASK)
async def test_a_navigation_goes_to_the_provider_and_comes_back_to_its_page(browser, flows, reason):
    answer = await browser.get("/sales/page?x=1", headers=NAVIGATION | refused(reason, integration=LAKE.guid))
    assert (answer.status, answer.headers["Location"]) == (303, PROVIDER + "?state=1")
    assert (flows.started[0]["to"], flows.started[0]["integration"]) == ("/sales/page?x=1", LAKE)
    assert "binding" in answer.headers["Set-Cookie"]
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("reason", ASK)
async def test_a_script_gets_401_json_and_no_cookie(browser, flows, reason):
    answer = await browser.get("/sales/api", headers=XHR | refused(reason, integration=LAKE.guid))
    assert answer.status == 401
    assert await answer.json() == {
        "error": "login_required",
        "login_url": f"{PUBLIC_URL}/__oauth__/login?content={SALES.guid}&integration={LAKE.guid}",
        "request_id": "request-7",
    }
    assert "Set-Cookie" not in answer.headers
    assert flows.started == []


async def test_a_frame_gets_a_page_that_opens_the_sign_in_at_the_top(browser, flows):
    answer = await browser.get("/sales/a", headers=FRAME | refused(Reason.SIGN_IN, integration=WAREHOUSE.guid))
    text = await answer.text()
    assert answer.status == 401
    assert 'target="_top"' in text
    assert "return_to=%2Fsales%2Fa" in text
    assert "frame-ancestors" not in answer.headers["Content-Security-Policy"]
    assert flows.started == []


async def test_a_form_that_lost_its_session_is_never_a_silent_get(browser, flows):
    headers = NAVIGATION | refused(Reason.SIGN_IN, integration=WAREHOUSE.guid, method="POST")
    answer = await browser.get("/sales/form", headers=headers)
    text = await answer.text()
    assert (answer.status, "was not delivered" in text) == (401, True)
    assert "return_to" not in text
    assert flows.started == []


async def test_without_an_integration_nobody_is_sent_anywhere(browser):
    answer = await browser.get("/sales/", headers=NAVIGATION | refused(Reason.SIGN_IN))
    assert (answer.status, "Location" in answer.headers) == (403, False)


async def test_a_reason_for_a_content_that_is_gone_is_404(browser):
    assert (await browser.get("/sales/", headers=NAVIGATION | refused(Reason.SIGN_IN, None))).status == 404


@pytest.mark.parametrize("reason", OTHERS)
async def test_a_person_gets_a_page(browser, flows, reason):
    flows.admission = AccessRefused(viewer=ADA)
    status, _, words = OTHERS[reason]
    headers = NAVIGATION | refused(reason, integration=LAKE.guid, retry_after="12")
    answer = await browser.get("/sales/<script>", headers=headers)
    text = await answer.text()
    assert answer.status == status
    assert f"<h1>{words}</h1>" in text
    assert "<code>request-7</code>" in text
    assert "<script>" not in text
    assert text.count("<h1") == 1
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers.get("Retry-After") == ("12" if reason in RETRYING else None)
    policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'"
    policy += "; script-src 'self'" if reason in RETRYING else ""
    assert answer.headers["Content-Security-Policy"] == policy + "; frame-ancestors 'none'"


@pytest.mark.parametrize("reason", OTHERS)
async def test_a_script_gets_json_with_the_same_status(browser, flows, reason):
    flows.admission = AccessRefused(viewer=ADA)
    status, code, _ = OTHERS[reason]
    answer = await browser.get("/sales/api", headers=XHR | refused(reason, integration=LAKE.guid))
    said = await answer.json()
    assert (answer.status, said["error"], said["request_id"]) == (status, code, "request-7")
    assert "ada@" not in await answer.text()
    assert answer.headers.get("Retry-After") == ("5" if reason in RETRYING else None)


@pytest.mark.parametrize("reason", OTHERS)
async def test_without_content_or_integration_the_pages_still_stand(browser, flows, reason):
    answer = await browser.get("/x", headers=NAVIGATION | refused(reason, None))
    assert answer.status == OTHERS[reason][0]


async def test_access_refused_says_who_you_are_and_whom_to_ask(browser, flows):
    flows.admission = AccessRefused(viewer=ADA)
    text = await (await browser.get("/sales/", headers=NAVIGATION | refused(Reason.ACCESS_REFUSED))).text()
    assert "<b>ada@example.org</b>" in text
    assert "mailto:bob@example.org" in text
    flows.admission = SignInNeeded(integration=None)
    text = await (await browser.get("/stock/", headers=NAVIGATION | refused(Reason.ACCESS_REFUSED, STOCK))).text()
    assert "whoever looks after this content" in text


async def test_a_store_that_fails_while_looking_up_the_viewer_is_a_503(browser, flows):
    flows.error = StoreUnavailable("locked")
    assert (await browser.get("/sales/", headers=NAVIGATION | refused(Reason.ACCESS_REFUSED))).status == 503


async def test_a_page_asks_again_by_itself_only_when_nothing_is_sent_twice(browser):
    first = await (await browser.get("/sales/", headers=NAVIGATION | refused(Reason.CONTENT_UNAVAILABLE))).text()
    assert 'data-retry="5"' in first
    assert "/__oauth__/static/retry." in first
    headers = NAVIGATION | refused(Reason.CONTENT_UNAVAILABLE, method="POST")
    posted = await (await browser.get("/sales/", headers=headers)).text()
    assert ("<script" in posted, "refresh" in posted) == (False, False)
    assert "send it again when you are sure" in posted


async def test_head_gets_the_status_without_a_body(browser):
    answer = await browser.send("HEAD", "/sales/", NAVIGATION | refused(Reason.CONTENT_UNAVAILABLE))
    assert (answer.status, await answer.read()) == (502, b"")


async def test_the_id_on_an_error_page_finds_its_line_in_the_log(browser):
    with structlog.testing.capture_logs() as lines:
        answer = await browser.get("/sales/", headers=NAVIGATION | refused(Reason.CONTENT_SLOW))
    [line] = [line for line in lines if line["event"] == "request refused"]
    assert line["code"] == "content_slow"
    assert f"<code>{line['request_id']}</code>" in await answer.text()


async def test_a_provider_that_cannot_be_found_is_a_page_with_the_way_back_and_no_redirect(browser, flows):
    flows.unlocated = ProviderUnavailable(
        content=SALES, integration=WAREHOUSE, return_to="/sales/page?x=1", retry_after_s=10
    )
    answer = await browser.get(
        "/sales/page?x=1", headers=NAVIGATION | refused(Reason.SIGN_IN, integration=WAREHOUSE.guid)
    )
    assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
    assert ("Location" in answer.headers, "Set-Cookie" in answer.headers) == (False, False)
    assert "return_to=%2Fsales%2Fpage%3Fx%3D1" in await answer.text()
