"""From the redirect to the callback."""

import asyncio
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from proxy.flows.callback import _is_foreign_issuer
from proxy.flows.callback_outcomes import (
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
from proxy.flows.recipes import recipe
from proxy.model import CredentialsChanged, CredentialsState, Secret, SessionEnded
from proxy.oauth.message import LostAnswer, NotSent
from proxy.oauth.pkce import s256_challenge
from proxy.sealing import hash_handle
from tests.unit.flows.house import BOTH, ISSUER, LAKE, REDIRECT_URI, SALES, STOCK, WAREHOUSE, answer, directory
from tests.unit.flows.ill_store import IllStore
from tests.unit.oauth.keys import EC_KEY, claims_of

# — the redirect ———————————————————————————————————————————————————————————————————————————————————


async def test_the_redirect_asks_for_a_code_with_a_challenge_and_a_short_state(house):
    query = await house.start(return_to="/sales/?q=1")
    assert query["response_type"] == "code"
    assert query["client_id"] == "sidecar"
    assert query["redirect_uri"] == REDIRECT_URI
    assert query["scope"] == "openid offline_access"
    assert query["code_challenge_method"] == "S256"
    assert len(query["code_challenge"]) == 43
    assert len(query["nonce"]) >= 22
    assert len(query["state"]) <= 2048


async def test_each_flow_has_its_own_verifier_nonce_and_state(house):
    first, second = (await house.start()), (await house.start())
    for name in ("code_challenge", "nonce", "state"):
        assert first[name] != second[name]


async def test_a_nonce_is_sent_only_where_openid_is_asked_for(house):
    assert "nonce" not in (await house.start(BOTH, LAKE))


async def test_a_very_long_return_path_falls_back_to_the_root(house):
    query = await house.start(return_to="/sales/?" + "x" * 100_000)
    assert len(query["state"]) <= 2048
    outcome = await house.come_back(query["state"])
    assert outcome.return_to == "/sales/"


@pytest.mark.parametrize(
    "foreign", ["//evil.example/", "https://evil.example/", "/stock/", "/sales/../stock/", "/\\evil"]
)
async def test_a_foreign_return_target_becomes_the_root(house, foreign):
    outcome = await house.come_back((await house.start(return_to=foreign))["state"])
    assert outcome.return_to == "/sales/"


async def test_a_flood_of_starts_stores_nothing(house):
    before = await house.store.changes_since(-1)
    for number in range(200):
        (await house.start(binding=f"b{number}"))
    assert await house.store.changes_since(-1) == before
    assert house.changes == []


# — a flow that goes well —————————————————————————————————————————————————————————————————————————


async def test_a_viewer_comes_back_with_a_session_a_consent_and_sealed_tokens(house):
    query = await house.start(return_to="/sales/?q=1")
    outcome = await house.come_back(query["state"])
    assert isinstance(outcome, Granted)
    assert outcome.return_to == "/sales/?q=1"
    session_id = outcome.session_id.reveal()
    assert len(session_id) == 43
    presence = await house.store.presence(hash_handle(session_id), SALES.guid)
    assert presence.consents == {WAREHOUSE.guid}
    assert presence.viewer.identity is None
    row = await house.row(session_id)
    assert (row.state, row.generation, row.scope) == (CredentialsState.ACTIVE, 1, "openid offline_access")
    assert row.account.subject == "ada-at-id"
    assert b"access-1" not in row.access_token.value
    assert b"refresh-1" not in row.refresh_token.value
    assert house.changes == [CredentialsChanged(presence.viewer.guid, WAREHOUSE.guid)]


@pytest.mark.parametrize(
    ("granted", "missing"), [(None, ()), ("openid offline_access", ()), ("offline_access", ("openid",)), ("", ())]
)
async def test_what_was_not_granted_is_in_the_log_line_of_the_consent(house, provider, granted, missing):
    tokens = {"access_token": "at", "refresh_token": "rt", "expires_in": "600", "scope": granted}
    provider.script.append(answer(200, tokens))
    state = (await house.start())["state"]
    with capture_logs() as logs:
        outcome = await house.come_back(state)
    assert isinstance(outcome, Granted)
    [line] = [line for line in logs if line["event"] == "authorization completed"]
    assert (line["not_granted"], line["has_refresh_token"]) == (missing, True)


async def test_the_code_is_sent_with_the_verifier_of_its_challenge(house, provider):
    query = await house.start()
    await house.come_back(query["state"])
    (form,) = provider.token_requests
    assert form["code"] == "the-code"
    assert form["redirect_uri"] == REDIRECT_URI
    assert s256_challenge(form["code_verifier"]) == query["code_challenge"]


async def test_what_the_integration_says_goes_along_with_the_viewer_and_pkce_only_if_it_is_on(build, provider):
    said = {**LAKE.config, "use_pkce": "false", "authorization_parameters": "prompt=consent&resource=a"}
    lake = replace(LAKE, config=said)
    known = directory()
    house = await build(replace(known, integrations={**known.integrations, LAKE.guid: lake}))
    query = await house.start(BOTH, lake)
    assert (query["prompt"], query["resource"]) == ("consent", "a")
    assert "code_challenge" not in query
    assert isinstance(await house.come_back(query["state"], iss=""), Granted)
    (form,) = provider.token_requests
    assert "code_verifier" not in form


async def test_a_private_key_signs_anew_for_every_request(build, provider):
    keyed = replace(LAKE, client_secret=None, private_key=Secret(EC_KEY))
    known = directory()
    house = await build(replace(known, integrations={**known.integrations, LAKE.guid: keyed}))
    for _ in range(2):
        assert isinstance(await house.come_back((await house.start(BOTH, keyed))["state"], iss=""), Granted)
    claims = [claims_of(form["client_assertion"], EC_KEY) for form in provider.token_requests]
    assert len({each["jti"] for each in claims}) == 2
    assert {each["aud"] for each in claims} == {keyed.config["token_uri"]}
    assert not any("client_secret" in form for form in provider.token_requests)


async def test_ten_tabs_finish_in_reverse_order_each_on_its_own_page(house):
    tabs = [
        (f"b{number}", (await house.start(return_to=f"/sales/{number}", binding=f"b{number}"))) for number in range(10)
    ]
    bindings = tuple(binding for binding, _ in tabs)
    session_id = None
    for number, (_, query) in reversed(list(enumerate(tabs))):
        outcome = await house.come_back(query["state"], bindings=bindings, session_id=session_id)
        assert isinstance(outcome, Granted)
        assert outcome.return_to == f"/sales/{number}"
        if outcome.session_id is not None:
            session_id = outcome.session_id.reveal()


async def test_a_second_content_runs_its_own_flow_and_keeps_the_session(house):
    session_id = await house.log_in(SALES)
    outcome = await house.come_back((await house.start(STOCK))["state"], session_id=session_id)
    assert isinstance(outcome, Granted)
    assert outcome.session_id is None
    presence = await house.store.presence(hash_handle(session_id), STOCK.guid)
    assert presence.consents == {WAREHOUSE.guid}


async def test_a_state_sealed_before_a_restart_is_good_after_it(build):
    house = await build()
    state = (await house.start())["state"]
    house = await build()
    assert isinstance(await house.come_back(state), Granted)


async def test_no_refresh_token_is_no_error(house, provider):
    provider.script.append(
        answer(200, {"access_token": "only", "token_type": "Bearer", "expires_in": 60, "scope": "x"})
    )
    row = await house.row(await house.log_in())
    assert row.refresh_token is None
    assert row.scope == "x"


# — sign-in ————————————————————————————————————————————————————————————————————————————————————————


async def test_signing_in_makes_a_viewer_with_identity(build):
    house = await build(directory(sign_in=WAREHOUSE.guid))
    session_id = await house.log_in()
    known = await house.store.session(hash_handle(session_id))
    assert known.viewer.identity.email == "ada@example.org"
    assert known.viewer.identified_by == WAREHOUSE.guid


async def test_who_is_signed_in_and_consents_for_another_content_keeps_the_session(build):
    """Fails when each consent gives a new session: sockets that are open in other tabs are closed with 4401."""
    house = await build(directory(sign_in=WAREHOUSE.guid))
    first = await house.log_in()
    ada = await house.viewer_guid(first)
    assert await house.log_in(STOCK, session_id=first) == first
    assert await house.viewer_guid(first) == ada
    assert SessionEnded(hash_handle(first)) not in house.changes


async def test_signing_in_when_the_session_is_over_gives_a_new_one_and_ends_the_old(build, clock):
    house = await build(directory(sign_in=WAREHOUSE.guid))
    first = await house.log_in()
    clock.advance(8 * 24 * 3600)
    second = await house.log_in(STOCK, session_id=first)
    assert first != second
    assert await house.store.session(hash_handle(first)) is None
    assert await house.viewer_guid(second) is not None
    assert SessionEnded(hash_handle(first)) in house.changes


async def test_another_person_on_the_same_browser_is_another_viewer(build, provider):
    house = await build(directory(sign_in=WAREHOUSE.guid))
    first = await house.log_in()
    ada = await house.viewer_guid(first)
    provider.claims = {"sub": "ben-at-id"}
    second = await house.log_in(session_id=first)
    assert await house.viewer_guid(second) != ada


async def test_signing_in_for_a_content_that_does_not_use_it_writes_no_consent(build):
    plain = replace(STOCK, integrations=(LAKE.guid,))
    house = await build(directory(plain, sign_in=WAREHOUSE.guid))
    session_id = await house.log_in(plain)
    presence = await house.store.presence(hash_handle(session_id), plain.guid)
    assert presence.consents == frozenset()


async def test_another_integration_is_added_to_the_viewer_who_signed_in(build):
    house = await build(directory(sign_in=WAREHOUSE.guid))
    session_id = await house.log_in(BOTH)
    assert await house.log_in(BOTH, LAKE, session_id=session_id) == session_id
    row = await house.row(session_id, LAKE)
    assert row.account is None
    presence = await house.store.presence(hash_handle(session_id), BOTH.guid)
    assert presence.consents == {WAREHOUSE.guid, LAKE.guid}


@pytest.mark.parametrize("session_id", [None, "never-one"])
async def test_another_integration_needs_a_live_session_where_people_sign_in(build, provider, session_id):
    """Fails when the code is redeemed first: tokens that are kept nowhere stay good at the provider."""
    house = await build(directory(sign_in=WAREHOUSE.guid))
    outcome = await house.come_back((await house.start(BOTH, LAKE))["state"], session_id=session_id, iss="")
    assert outcome == StateRefused(because="session_over", content=BOTH, return_to="/both/")
    assert provider.token_requests == []


async def test_what_the_last_viewer_of_a_browser_granted_does_not_become_the_next_ones(build, provider):
    """Fails when the callback asks only who is signed in now: Ada's account at the lake would be Ben's."""
    house = await build(directory(sign_in=WAREHOUSE.guid))
    ada = await house.log_in(BOTH)
    state = (await house.start(BOTH, LAKE, session_id=ada, return_to="/both/?of=ada"))["state"]
    await house.sessions.end(ada)
    provider.claims = {"sub": "ben-at-id"}
    ben = await house.log_in(BOTH)
    asked = len(provider.requests)
    outcome = await house.come_back(state, session_id=ben, iss="")
    assert outcome == StateRefused(because="other_viewer", content=BOTH, return_to="/both/")
    assert len(provider.requests) == asked
    assert await house.row(ben, LAKE) is None


async def test_who_signs_in_in_another_tab_meanwhile_is_the_viewer_of_both(house):
    state = (await house.start(BOTH, LAKE))["state"]
    session_id = await house.log_in(BOTH)
    assert isinstance(await house.come_back(state, session_id=session_id, iss=""), Granted)
    assert await house.row(session_id, LAKE) is not None


async def test_who_signs_out_and_in_again_goes_on_with_what_they_started(build):
    house = await build(directory(sign_in=WAREHOUSE.guid))
    first = await house.log_in(BOTH)
    state = (await house.start(BOTH, LAKE, session_id=first))["state"]
    await house.sessions.end(first)
    second = await house.log_in(BOTH)
    assert isinstance(await house.come_back(state, session_id=second, iss=""), Granted)


async def test_a_session_that_grew_too_old_is_not_kept(house, clock):
    session_id = await house.log_in()
    clock.advance(12 * 3600)
    outcome = await house.come_back((await house.start())["state"], session_id=session_id)
    assert isinstance(outcome, Granted)
    assert outcome.session_id is not None
    assert await house.store.session(hash_handle(session_id)) is None


async def test_who_signs_out_while_the_code_is_redeemed_gets_nothing_and_starts_again(house, provider):
    session_id = await house.log_in()
    guid = await house.viewer_guid(session_id)

    class SignedOutMeanwhile(IllStore):
        async def complete_authorization(self, completed):
            await house.sessions.end(session_id)
            await house.store.complete_authorization(completed)

    house.authorization._store = SignedOutMeanwhile(house.store)
    outcome = await house.come_back((await house.start(STOCK))["state"], session_id=session_id)
    assert outcome == StateRefused(because="session_over", content=STOCK, return_to="/stock/")
    assert await house.store.credentials(guid, WAREHOUSE.guid) is None


@pytest.mark.parametrize(
    ("replies", "outcome"),
    [
        ([answer(200, {"email": "nobody@example.org"})], CodeRefused),
        ([answer(401, {"error": "invalid_token"})], CodeRefused),
        ([answer(200, b"<html>")], CodeRefused),
        ([answer(503, {})], ProviderUnavailable),
        ([NotSent("dns"), NotSent("dns")], ProviderUnavailable),
        ([LostAnswer("timeout"), LostAnswer("timeout")], ProviderUnavailable),
    ],
    ids=["without sub", "refused", "unreadable", "down", "not sent", "lost"],
)
async def test_without_an_identity_nobody_signs_in(build, provider, replies, outcome):
    house = await build(directory(sign_in=WAREHOUSE.guid))
    provider.userinfo_script.extend(replies)
    refused = await house.come_back((await house.start())["state"])
    assert isinstance(refused, outcome)
    assert refused.return_to == "/sales/"


@pytest.mark.parametrize(
    "replies",
    [[NotSent("dns")], [LostAnswer("timeout")]],
    ids=["not sent once", "lost once"],
)
async def test_a_hiccup_while_asking_who_it_is_does_no_harm(build, provider, replies):
    house = await build(directory(sign_in=WAREHOUSE.guid))
    provider.userinfo_script.extend(replies)
    assert isinstance(await house.come_back((await house.start())["state"]), Granted)


async def test_where_nobody_signs_in_an_unknown_account_is_no_obstacle(house, provider):
    provider.userinfo_script.append(answer(503, {}))
    row = await house.row(await house.log_in())
    assert row.account is None


# — callbacks that are refused before any token request ———————————————————————————————————————————————


async def test_a_callback_without_state_is_refused(house, provider):
    outcome = await house.authorization.complete("code=x", bindings=["b1"], session_id=None)
    assert outcome == StateRefused(because="missing")
    assert provider.requests == []


async def test_an_error_without_state_is_said_so(house, provider):
    outcome = await house.authorization.complete("error=access_denied", bindings=["b1"], session_id=None)
    assert outcome == StateRefused(because="error_without_state")


@pytest.mark.parametrize("query", ["", "state=x", "code=a&code=b&state=x", "code=a&error=b&state=x"])
async def test_a_query_that_is_no_callback_is_malformed(house, provider, query):
    assert await house.authorization.complete(query, bindings=["b1"], session_id=None) == Malformed()
    assert provider.requests == []


async def test_a_random_state_is_refused(house, provider):
    outcome = await house.come_back("A" * 300)
    assert outcome == StateRefused(because="unreadable")
    assert provider.requests == []


async def test_every_flipped_character_of_a_state_gets_the_same_answer(house, provider):
    state = (await house.start())["state"]
    for position, character in enumerate(state):
        forged = state[:position] + ("A" if character != "A" else "B") + state[position + 1 :]
        assert await house.come_back(forged) == StateRefused(because="unreadable")
    assert provider.requests == []


@pytest.mark.parametrize("bindings", [(), ("other",), (*(f"x{n}" for n in range(32)), "b1")])
async def test_a_state_of_another_browser_is_refused_and_repeats_nothing_of_it(house, provider, bindings):
    state = (await house.start(return_to="/sales/?chosen=by-another"))["state"]
    outcome = await house.come_back(state, bindings=bindings)
    assert outcome == StateRefused(because="other_browser", content=SALES, return_to="/sales/")
    assert provider.requests == []


async def test_the_right_binding_may_stand_among_others(house):
    assert isinstance(await house.come_back((await house.start())["state"], bindings=("x", "b1", "y")), Granted)


async def test_a_state_expires_after_ten_minutes(house, clock, provider):
    state = (await house.start(return_to="/sales/?q=1"))["state"]
    clock.advance(600)
    assert await house.come_back(state) == StateRefused(because="expired", content=SALES, return_to="/sales/?q=1")
    assert await house.come_back(state, bindings=()) == StateRefused(
        because="expired", content=SALES, return_to="/sales/"
    )
    assert provider.requests == []


@pytest.mark.parametrize("iss", ["https://evil.example", ISSUER + "/", ISSUER.upper()])
async def test_an_answer_of_another_issuer_is_refused(house, provider, iss):
    outcome = await house.come_back((await house.start())["state"], iss=iss)
    assert outcome == IssuerMismatch(content=SALES, integration=WAREHOUSE, return_to="/sales/")
    assert provider.requests == []


@pytest.mark.parametrize(
    ("issuer", "is_announced", "iss", "is_foreign"),
    [
        (ISSUER, True, ISSUER, False),
        (ISSUER, True, None, True),
        (ISSUER, False, None, False),
        (ISSUER, False, "https://evil.example", True),
        (None, False, "https://evil.example", False),
    ],
    ids=["right", "missing though announced", "missing", "wrong though not announced", "nothing to compare with"],
)
def test_an_issuer_is_foreign_when_it_differs_or_is_missing_though_announced(issuer, is_announced, iss, is_foreign):
    server = replace(recipe(WAREHOUSE).server, issuer=issuer, iss_in_response_supported=is_announced)
    assert _is_foreign_issuer(iss, server) is is_foreign


async def test_an_error_of_another_issuer_is_no_decline(house):
    outcome = await house.come_back((await house.start())["state"], error="access_denied", iss="https://evil.example")
    assert isinstance(outcome, IssuerMismatch)


async def test_an_issuer_that_is_not_known_is_not_compared(house):
    outcome = await house.come_back((await house.start(BOTH, LAKE))["state"], iss="https://anything.example")
    assert isinstance(outcome, Granted)


async def test_the_state_names_the_integration_whatever_server_answers(house, provider):
    """State of the lake's flow, come back from the warehouse's server: no code reaches the warehouse."""
    state = (await house.start(BOTH, LAKE))["state"]
    await house.come_back(state, iss=ISSUER)
    assert [urlsplit(request.url).hostname for request in provider.requests] == ["lake.example.net"]


# — the provider says no ——————————————————————————————————————————————————————————————————————————


async def test_a_viewer_who_declines_is_told_so_and_the_state_is_not_spent(house, provider):
    state = (await house.start(return_to="/sales/?q=1"))["state"]
    for _ in range(2):
        outcome = await house.come_back(state, error="access_denied", error_description="<script>")
        assert outcome == Declined(content=SALES, integration=WAREHOUSE, return_to="/sales/?q=1")
    assert provider.requests == []


async def test_another_error_is_named(house):
    outcome = await house.come_back((await house.start())["state"], error="temporarily_unavailable")
    assert outcome == ProviderFailed(
        content=SALES, integration=WAREHOUSE, return_to="/sales/", error="temporarily_unavailable"
    )


@pytest.mark.parametrize(
    "now_there",
    [
        directory(STOCK),
        directory(replace(SALES, integrations=(LAKE.guid,))),
        replace(directory(), integrations={LAKE.guid: LAKE}),
    ],
    ids=["content gone", "association gone", "integration gone"],
)
async def test_what_is_gone_meanwhile_is_not_granted(build, provider, now_there):
    state = (await (await build()).start())["state"]
    house = await build(now_there)
    outcome = await house.come_back(state)
    assert isinstance(outcome, StateRefused)
    assert outcome.because == "gone"
    assert provider.requests == []


# — replays ————————————————————————————————————————————————————————————————————————————————————————


async def test_twenty_parallel_replays_make_one_token_request(house, provider):
    state = (await house.start(return_to="/sales/?q=1"))["state"]
    outcomes = await asyncio.gather(*(house.come_back(state) for _ in range(20)))
    assert sum(isinstance(outcome, Granted) for outcome in outcomes) == 1
    assert outcomes.count(Replayed(content=SALES, return_to="/sales/?q=1")) == 19
    assert len(provider.token_requests) == 1


async def test_a_state_stays_spent_after_a_restart(build, provider):
    house = await build()
    state = (await house.start())["state"]
    await house.come_back(state)
    house = await build()
    assert isinstance(await house.come_back(state), Replayed)


# — the code ———————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    ("replies", "expected", "requests"),
    [
        ([answer(400, {"error": "invalid_grant"})], "code", 1),
        ([answer(401, {"error": "invalid_client"})], "client", 1),
        ([answer(302, b"")], "client", 1),
        ([answer(400, {"error": "interaction_required"})], "code", 1),
        ([answer(503, b"<html>")], None, 1),
        ([answer(429, {"error": "slow_down"}, **{"retry-after": "7"})], 7, 1),
        ([LostAnswer("timeout")], None, 1),
        ([NotSent("dns"), NotSent("dns")], None, 2),
        ([answer(200, b"<html>")], None, 1),
        ([answer(200, {"token_type": "Bearer"})], None, 1),
    ],
)
async def test_a_code_that_gives_no_tokens_ends_on_a_page_and_writes_nothing(
    house, provider, replies, expected, requests
):
    provider.script.extend(replies)
    outcome = await house.come_back((await house.start())["state"])
    if isinstance(expected, str):
        assert outcome == CodeRefused(content=SALES, integration=WAREHOUSE, return_to="/sales/", because=expected)
    else:
        assert isinstance(outcome, ProviderUnavailable)
        assert outcome.retry_after_s == (expected or outcome.retry_after_s) > 0
    assert len(provider.token_requests) == requests
    assert house.changes == []


async def test_a_code_that_certainly_did_not_arrive_is_sent_once_more(house, provider):
    provider.script.append(NotSent("dns"))
    assert isinstance(await house.come_back((await house.start())["state"]), Granted)
    assert len(provider.token_requests) == 2


async def test_the_url_carries_no_secret(house):
    url = await house.authorization.start(
        content=SALES, integration=WAREHOUSE, return_to="/sales/", binding="b1", session_id=None
    )
    assert "client-secret" not in url
    assert set(parse_qs(urlsplit(url).query)) == {
        "response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method", "nonce",
    }  # fmt: skip
