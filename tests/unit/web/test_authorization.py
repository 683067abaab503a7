"""Login and callback: each outcome is a redirect or a page, and never a loop."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from proxy.errors import StoreUnavailable
from proxy.flows.callback_outcomes import (
    AccountRefused,
    CodeRefused,
    Declined,
    Granted,
    IssuerMismatch,
    Malformed,
    ProviderFailed,
    ProviderUnavailable,
    Replayed,
    StateRefused,
)
from proxy.flows.sessions import AccessRefused, Admitted, ConsentNeeded, SignInNeeded, TokenUnavailable
from proxy.model import IntegrationGuid, Secret, SessionHash
from proxy.web.routes import control_plane
from proxy.web.start_limits import StartLimits
from tests.unit.web.conftest import (
    ADA,
    CALLBACK,
    FRAME,
    LAKE,
    NAMES,
    NAVIGATION,
    PROVIDER,
    SALES,
    SESSION,
    UNUSED,
    WAREHOUSE,
    XHR,
    Browser,
    services,
)

WAY_BACK = {"content": SALES, "integration": WAREHOUSE, "return_to": "/sales/page?x=1"}
LINK = f"/__oauth__/login?content={SALES.guid}&amp;integration={WAREHOUSE.guid}&amp;return_to=%2Fsales%2Fpage%3Fx%3D1"
LOGIN = f"/__oauth__/login?content={SALES.guid}"
ADMITTED = Admitted(
    session_hash=SessionHash(b"h"), viewer_guid=ADA.guid, header_block=b"", good_until=ADA.created_at,
    expires_at=ADA.created_at,
)  # fmt: skip


async def test_a_granted_flow_sets_the_session_cookie_and_goes_back(browser, flows):
    flows.outcome = Granted(content=SALES, return_to="/sales/page?x=1", session_id=Secret("new-session"))

    answer = await browser.get(CALLBACK + "?code=c%2B1&state=s")

    assert (answer.status, answer.headers["Location"]) == (303, "/sales/page?x=1")
    assert answer.headers.getall("Set-Cookie") == [
        f"{NAMES.session}=new-session; Max-Age=604800; Path=/; Secure; HttpOnly; SameSite=Lax"
    ]
    assert NAMES.session.startswith("__Host-Http-")
    assert flows.completed == [{"query": "code=c%2B1&state=s", "bindings": [], "session": None}]


async def test_a_viewer_who_keeps_the_session_gets_no_cookie(browser, flows):
    flows.outcome = Granted(content=SALES, return_to="/sales/", session_id=None)
    answer = await browser.get(CALLBACK + "?code=c&state=s")
    assert answer.status == 303
    assert "Set-Cookie" not in answer.headers


async def test_a_replayed_callback_sends_the_viewer_on(browser, flows):
    flows.outcome = Replayed(content=SALES, return_to="/sales/")
    answer = await browser.get(CALLBACK + "?code=c&state=s")
    assert (answer.status, answer.headers["Location"]) == (303, "/sales/")


async def test_the_callback_hands_over_every_binding_and_the_session(browser, flows):
    bound = "; ".join(f"{NAMES.binding_prefix}{number:04x}=b{number}" for number in range(40))
    await browser.get(CALLBACK + "?x", headers=NAVIGATION | {"Cookie": f"a=1; {NAMES.session}=sid; {bound}"})
    assert flows.completed == [{"query": "x", "bindings": [f"b{number}" for number in range(32)], "session": "sid"}]


@pytest.mark.parametrize(
    ("outcome", "status", "words"),
    [
        pytest.param(Declined(**WAY_BACK), 403, "Nothing was shared", id="declined"),
        pytest.param(IssuerMismatch(**WAY_BACK), 400, "came from somewhere else", id="mix-up"),
        pytest.param(CodeRefused(**WAY_BACK, because="code"), 502, "refused to confirm", id="code"),
        pytest.param(CodeRefused(**WAY_BACK, because="client"), 502, "how it is set up here", id="client"),
        pytest.param(CodeRefused(**WAY_BACK, because="identity"), 502, "did not say who you are", id="identity"),
        pytest.param(
            CodeRefused(**WAY_BACK, because="identity_refused"), 502, "could not be verified", id="identity refused"
        ),
        pytest.param(ProviderFailed(**WAY_BACK, error="server_error"), 502, "<code>server_error</code>", id="error"),
        pytest.param(ProviderUnavailable(**WAY_BACK, retry_after_s=9.6), 503, "does not answer", id="down"),
    ],
)
async def test_each_outcome_is_a_page_with_a_button_and_no_redirect(browser, flows, outcome, status, words):
    flows.outcome = outcome

    answer = await browser.get(CALLBACK + "?code=SECRET-CODE&state=SECRET-STATE")
    text = await answer.text()

    assert answer.status == status
    assert words in text
    assert LINK in text
    assert ("Location" in answer.headers, "Set-Cookie" in answer.headers) == (False, False)
    assert "http-equiv" not in text
    assert "<script" not in text
    assert "SECRET" not in text
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers.get("Retry-After") == ("10" if status == 503 else None)


@pytest.mark.parametrize(
    ("because", "status", "words"),
    [
        pytest.param("unreadable", 400, "in the middle of signing in", id="unreadable"),
        pytest.param("missing", 400, "in the middle of signing in", id="missing"),
        pytest.param("expired", 400, "longer than ten minutes", id="expired"),
        pytest.param("other_browser", 400, "another browser", id="other browser"),
        pytest.param("error_without_state", 400, "reported an error", id="error without state"),
        pytest.param("gone", 409, "settings of this content changed", id="gone"),
        pytest.param("other_viewer", 409, "Somebody else has signed in", id="other viewer"),
        pytest.param("session_over", 409, "signed out while", id="session over"),
    ],
)
@pytest.mark.parametrize("content", [None, SALES])
async def test_a_callback_that_belongs_to_no_flow_is_explained(browser, flows, because, status, words, content):
    flows.outcome = StateRefused(because=because, content=content, return_to="" if content is None else "/sales/")
    answer = await browser.get(CALLBACK + "?state=x")
    text = await answer.text()
    assert answer.status == status
    assert words in text
    assert ('href="/sales/"' in text) == (content is SALES)
    assert ("Open Quarterly sales" in text) == (content is SALES)


async def test_a_malformed_callback_is_a_page(browser, flows):
    flows.outcome = Malformed()
    assert (await browser.get(CALLBACK)).status == 400


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "OPTIONS"])
async def test_only_get_reaches_the_callback(browser, flows, method):
    answer = await browser.send(method, CALLBACK + "?code=c&state=s")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    assert flows.completed == []


async def test_nothing_that_a_provider_says_becomes_markup(browser, flows):
    flows.outcome = ProviderFailed(**WAY_BACK, error="<script>alert(1)</script>")
    answer = await browser.get(CALLBACK + "?error=x&error_description=<script>alert(2)</script>&state=s")
    text = await answer.text()
    assert "alert(" not in text
    assert "<code>unreadable</code>" in text


async def test_a_store_that_is_down_is_a_503_and_signs_nobody_out(browser, flows):
    flows.error = StoreUnavailable("locked")
    answer = await browser.get(CALLBACK + "?code=c&state=s", headers=NAVIGATION | SESSION)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("expected", "is_known", "words"),
    [
        ("ada@example.org", True, ["here you use <strong>ada@example.org</strong>", "given back", "that account"]),
        ("<b>", True, ["<strong>&lt;b&gt;</strong>"]),
        ("", True, ["the account that you used before"]),
        ("ada", False, ["did not say whose account", "<strong>ada</strong>"]),
        ("", False, ["did not say whose account", "the account that you used before"]),
    ],
)
async def test_another_account_than_before_is_refused_with_the_name_of_ones_own(
    browser, flows, expected, is_known, words
):
    flows.outcome = AccountRefused(
        content=SALES, integration=WAREHOUSE, return_to="/sales/", expected=expected, is_known=is_known
    )
    answer = await browser.get(CALLBACK + "?code=c&state=s")
    text = await answer.text()
    assert answer.status == 403
    assert "Set-Cookie" not in answer.headers
    assert not [word for word in words if word not in text]


# — login ————————————————————————————————————————————————————————————————————————————————————————


async def test_login_says_whose_session_it_is(browser, flows):
    await browser.get(LOGIN, headers=NAVIGATION | SESSION)
    await browser.get(LOGIN)
    assert flows.started_by == ["the-session", None]


async def test_login_starts_a_flow_and_binds_the_browser(browser, flows):
    answer = await browser.get(LOGIN + "&return_to=/sales/a")

    assert (answer.status, answer.headers["Location"]) == (303, PROVIDER + "?state=1")
    [started] = flows.started
    assert (started["content"], started["integration"], started["to"]) == (SALES, WAREHOUSE, "/sales/a")
    [cookie] = answer.headers.getall("Set-Cookie")
    name, _, rest = cookie.partition("=")
    assert name.startswith(NAMES.binding_prefix)
    assert len(name) == len(NAMES.binding_prefix) + 4
    assert rest == f"{started['binding']}; Max-Age=3600; Path=/; Secure; HttpOnly; SameSite=Lax"
    assert len(started["binding"]) == 43


async def test_ten_first_visits_at_once_keep_ten_bindings(browser, flows):
    answers = await asyncio.gather(*(browser.get(LOGIN) for _ in range(10)))
    names = {answer.headers["Set-Cookie"].partition("=")[0] for answer in answers}
    assert len(names) == 10
    assert len({started["binding"] for started in flows.started}) == 10


async def test_a_browser_with_a_binding_keeps_and_prolongs_the_first(browser, flows):
    prefix = NAMES.binding_prefix
    sent = f"x={NAMES.session}; {prefix}zzzz=no; {prefix}0a1b={'A' * 43}; {prefix}0c0c={'B' * 43}"
    answer = await browser.get(LOGIN, headers=NAVIGATION | {"Cookie": sent})
    assert answer.headers["Set-Cookie"].startswith(f"{NAMES.binding_prefix}0a1b={'A' * 43}; Max-Age=3600; ")
    assert flows.started[0]["binding"] == "A" * 43


async def test_on_loopback_http_cookies_have_plain_names(aiohttp_client, flows):
    app = control_plane(services(flows, public_url="http://localhost:8080"))
    answer = await Browser(await aiohttp_client(app)).get(LOGIN)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("oauth-sidecar-")
    assert cookie.endswith("; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax")


@pytest.mark.parametrize(
    "candidate", ["//evil.example", "/\\evil", "https:evil", "javascript:x", "/stock/", "/sales/%0d"]
)
async def test_a_foreign_return_target_becomes_the_contents_root(browser, flows, candidate):
    answer = await browser._client.request(
        "GET", LOGIN, params={"content": SALES.name, "return_to": candidate}, headers=NAVIGATION, allow_redirects=False
    )
    assert answer.status == 303
    assert flows.started[0]["to"].startswith("/sales/")
    assert "evil" not in flows.started[0]["to"]


@pytest.mark.parametrize("query", ["", "?content=nobody", f"?content=sales&integration={UNUSED.guid}",
                                   "?content=sales&integration=x"])  # fmt: skip
async def test_unknown_names_start_nothing(browser, flows, query):
    assert (await browser.get("/__oauth__/login" + query)).status == 404
    assert flows.started == []


async def test_a_script_or_a_prefetch_at_login_starts_no_flow(browser, flows):
    for headers in (XHR, NAVIGATION | {"Sec-Purpose": "prefetch"}):
        answer = await browser.get(LOGIN, headers=headers)
        assert (answer.status, (await answer.json())["error"]) == (401, "login_required")
    assert (await browser.get(LOGIN, headers=FRAME)).status == 401
    assert flows.started == []


@pytest.mark.parametrize(
    ("admission", "asked", "expected"),
    [
        pytest.param(SignInNeeded(integration=WAREHOUSE), LAKE, LAKE, id="no session: the one asked for"),
        pytest.param(ConsentNeeded(integration=LAKE), None, LAKE, id="the consent that is missing"),
        pytest.param(ConsentNeeded(integration=WAREHOUSE), LAKE, LAKE, id="the consent asked for"),
        pytest.param(ADMITTED, LAKE, LAKE, id="connect again on request"),
        pytest.param(TokenUnavailable(integration=LAKE, retry_after_s=1), LAKE, LAKE, id="stuck: connect again"),
    ],
)
async def test_login_asks_for_the_right_integration(browser, flows, admission, asked, expected):
    flows.admission = admission
    query = "" if asked is None else f"&integration={asked.guid}"
    assert (await browser.get(LOGIN + query)).status == 303
    assert flows.started[0]["integration"] == expected


@pytest.mark.parametrize("name", [LAKE.guid, LAKE.slug, LAKE.name])
async def test_an_integration_may_be_asked_for_by_guid_slug_and_name(browser, flows, name):
    flows.admission = ADMITTED
    assert (await browser.get(f"{LOGIN}&integration={name}")).status == 303
    assert flows.started[0]["integration"] == LAKE


async def test_with_a_sign_in_integration_signing_in_comes_first(aiohttp_client, flows):
    app = control_plane(services(flows, sign_in=WAREHOUSE.guid))
    await Browser(await aiohttp_client(app)).get(f"{LOGIN}&integration={LAKE.guid}")
    assert flows.started[0]["integration"] == WAREHOUSE


async def test_login_when_nothing_is_missing_goes_to_the_content(browser, flows):
    flows.admission = ADMITTED
    answer = await browser.get(LOGIN + "&return_to=/sales/a")
    assert (answer.status, answer.headers["Location"]) == (303, "/sales/a")


async def test_login_says_who_is_refused_and_what_is_down(browser, flows):
    flows.admission = AccessRefused(viewer=ADA)
    answer = await browser.get(LOGIN)
    assert (answer.status, "ada@example.org" in await answer.text()) == (403, True)
    flows.admission = TokenUnavailable(integration=LAKE, retry_after_s=7)
    answer = await browser.get(LOGIN)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")


async def test_content_without_any_integration_says_that_nobody_can_sign_in(browser, flows):
    flows.admission = SignInNeeded(integration=None)
    answer = await browser.get(LOGIN)
    assert (answer.status, "Nobody can sign in" in await answer.text()) == (403, True)


# — loops ————————————————————————————————————————————————————————————————————————————————————————

BOUND = NAVIGATION | {"Cookie": f"{NAMES.binding_prefix}0000={'A' * 43}"}


async def test_the_sixth_start_for_the_same_page_is_a_page_with_the_cause(browser, flows):
    for _ in range(5):
        assert (await browser.get(LOGIN, headers=BOUND)).status == 303
    answer = await browser.get(LOGIN, headers=BOUND)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "30")
    assert "Location" not in answer.headers
    assert "Going round in circles" in await answer.text()


async def test_ten_restored_tabs_are_no_loop_but_thirty_are(browser, flows):
    statuses = [(await browser.get(f"{LOGIN}&return_to=/sales/{tab}", headers=BOUND)).status for tab in range(30)]
    assert statuses == [303] * 20 + [429] * 10


async def test_after_half_a_minute_flows_start_again(browser, flows):
    for _ in range(6):
        last = await browser.get(LOGIN, headers=BOUND)
    assert last.status == 429
    flows.at = flows.at.replace(minute=1)
    assert (await browser.get(LOGIN, headers=BOUND)).status == 303


async def test_a_chain_of_consents_is_no_loop(aiohttp_client, flows):
    many = [
        replace(LAKE, guid=IntegrationGuid(f"{number}"), name=f"i{number}", slug=f"i{number}") for number in range(9)
    ]
    content = replace(SALES, integrations=tuple(one.guid for one in many))
    app = services(flows, contents=(content,))
    app = replace(app, directory=replace(app.directory, integrations={one.guid: one for one in many}))
    browser = Browser(await aiohttp_client(control_plane(app)))
    for one in many:
        flows.admission = ConsentNeeded(integration=one)
        assert (await browser.get(LOGIN, headers=BOUND)).status == 303


# — optional integrations ———————————————————————————————————————————————————————————————————————

OPTIONAL = replace(SALES, optional=frozenset({LAKE.guid}))
UNASKED = replace(ADMITTED, unasked=LAKE)


@pytest.fixture
async def optional(aiohttp_client, flows):
    return Browser(await aiohttp_client(control_plane(services(flows, contents=(OPTIONAL,)))))


@pytest.mark.parametrize(
    "outcome",
    [
        Declined(content=OPTIONAL, integration=LAKE, return_to="/sales/a"),
        IssuerMismatch(content=OPTIONAL, integration=LAKE, return_to="/sales/a"),
        CodeRefused(content=OPTIONAL, integration=LAKE, return_to="/sales/a", because="client"),
        ProviderFailed(content=OPTIONAL, integration=LAKE, return_to="/sales/a", error="server_error"),
        ProviderUnavailable(content=OPTIONAL, integration=LAKE, return_to="/sales/a", retry_after_s=5),
    ],
    ids=lambda outcome: type(outcome).__name__,
)
async def test_whatever_an_optional_flow_ends_in_the_viewer_may_go_on_without(optional, flows, outcome):
    flows.outcome = outcome
    text = await (await optional.get(CALLBACK + "?x")).text()
    assert 'href="/sales/a">Go on without Lake' in text
    assert f"integration={LAKE.guid}" in text, "and may try again"
    flows.outcome = replace(outcome, integration=WAREHOUSE)
    assert "Go on without" not in await (await optional.get(CALLBACK + "?x")).text()


async def test_nobody_is_sent_on_without_what_they_sign_in_with(aiohttp_client, flows):
    app = control_plane(services(flows, contents=(OPTIONAL,), sign_in=LAKE.guid))
    flows.outcome = Declined(content=OPTIONAL, integration=LAKE, return_to="/sales/")
    text = await (await Browser(await aiohttp_client(app)).get(CALLBACK + "?x")).text()
    assert "Go on without" not in text
    assert "cannot open" in text


async def test_that_a_viewer_is_asked_is_written_down_before_the_provider_is(optional, flows):
    flows.admission = UNASKED
    flows.unlocated = ProviderUnavailable(content=OPTIONAL, integration=LAKE, return_to="/sales/", retry_after_s=5)
    answer = await optional.get(LOGIN, headers=NAVIGATION | SESSION)
    assert answer.status == 503
    assert "Go on without Lake" in await answer.text()
    assert flows.noted == [("the-session", "sales", "Lake")]


async def test_login_asks_for_what_nobody_asked_for_yet(optional, flows):
    flows.admission = UNASKED
    assert (await optional.get(LOGIN)).headers["Location"].startswith(PROVIDER)
    assert flows.started[0]["integration"] == LAKE


@pytest.mark.parametrize("headers", [XHR, FRAME, NAVIGATION | {"Sec-Purpose": "prefetch"}])
async def test_nothing_but_a_navigation_is_held_up_by_what_is_optional(optional, flows, headers):
    flows.admission = UNASKED
    answer = await optional.get(LOGIN + "&return_to=/sales/a", headers=headers)
    assert (answer.status, answer.headers["Location"]) == (303, "/sales/a")
    assert flows.started == flows.noted == []


async def test_too_many_starts_ask_nobody_and_note_nothing(aiohttp_client, flows):
    app = replace(services(flows, contents=(OPTIONAL,)), start_limits=StartLimits(per_address=0, per_browser=1))
    browser = Browser(await aiohttp_client(control_plane(app)))
    flows.admission = UNASKED
    statuses = [(await browser.get(LOGIN, headers=BOUND)).status for _ in range(2)]
    assert statuses == [303, 429]
    assert len(flows.noted) == 1


async def test_nobody_is_sent_to_consent_for_a_service_account(aiohttp_client, flows):
    robot = replace(LAKE, config={"auth_type": "Service Account"})
    app = services(flows)
    app = replace(app, directory=replace(app.directory, integrations={WAREHOUSE.guid: WAREHOUSE, LAKE.guid: robot}))
    flows.admission = ADMITTED
    answer = await Browser(await aiohttp_client(control_plane(app))).get(f"{LOGIN}&integration={LAKE.guid}")
    assert answer.status == 404
    assert flows.started == []
