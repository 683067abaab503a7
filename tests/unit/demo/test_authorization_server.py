"""The demo's authorization server is strict: what it refuses is as much of the demo as what it grants."""

from dataclasses import replace
from urllib.parse import quote_plus

import pytest
from aiohttp import ClientResponse, encode_basic_auth
from yarl import URL

from .conftest import ALL_SCOPES, ISSUER, REDIRECT_URI, SECRET, OAuthClient


async def error_of(answer: ClientResponse) -> str:
    return (await answer.json())["error"]


# ── sign-in and consent ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_without_a_person_the_three_people_are_offered(oauth: OAuthClient) -> None:
    text = await (await oauth.authorize("GET", person=None)).text()
    assert all(name in text for name in ("Ada Lovelace", "Grace Hopper", "Katherine Johnson"))
    assert "person=grace" in text
    assert "state=st-4711" in text


async def test_the_consent_page_says_which_client_wants_what(oauth: OAuthClient) -> None:
    text = await (await oauth.authorize("GET", person="grace", scope="openid orders")).text()
    assert "Allow <em>Hello</em>?" in text
    assert "Grace" in text
    assert "See your orders" in text
    assert "Stay connected" not in text


async def test_pages_load_nothing_from_elsewhere_and_cannot_be_framed(oauth: OAuthClient) -> None:
    policy = (await oauth.authorize("GET")).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


async def test_approval_goes_back_with_code_state_and_issuer(oauth: OAuthClient) -> None:
    answer = await oauth.authorize("POST")
    assert answer.status == 303
    target = URL(answer.headers["Location"])
    assert str(target.with_query(None)) == REDIRECT_URI
    assert set(target.query) == {"code", "state", "iss"}
    assert (target.query["state"], target.query["iss"]) == ("st-4711", ISSUER)


@pytest.mark.parametrize(("person", "decision"), [("ada", "decline"), ("ada", ""), ("nobody", "approve")])
async def test_anything_but_approval_is_access_denied_with_state_and_issuer(
    oauth: OAuthClient, person: str, decision: str
) -> None:
    answer = await oauth.authorize("POST", person=person, decision=decision)
    query = URL(answer.headers["Location"]).query
    assert query["error"] == "access_denied"
    assert (query["state"], query["iss"]) == ("st-4711", ISSUER)
    assert "code" not in query


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "openid everything"}, "invalid_scope"),
    ],
)
async def test_a_wrong_request_goes_back_with_its_error(
    oauth: OAuthClient, method: str, changes: dict[str, str | None], error: str
) -> None:
    query = URL((await oauth.authorize(method, **changes)).headers["Location"]).query
    assert query["error"] == error
    assert (query["state"], query["iss"]) == ("st-4711", ISSUER)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("changes", [{"client_id": "stranger"}, {"redirect_uri": "http://evil.example/cb"}])
async def test_an_unknown_client_or_target_gets_a_page_and_no_redirect(
    oauth: OAuthClient, method: str, changes: dict[str, str]
) -> None:
    answer = await oauth.authorize(method, **changes)
    assert answer.status == 400
    assert "Location" not in answer.headers
    assert "This cannot go on" in await answer.text()


async def test_a_repeated_parameter_is_refused(oauth: OAuthClient) -> None:
    query = "response_type=code&client_id=sidecar&state=a&state=b"
    answer = await oauth.http.get(f"/authorize?{query}&redirect_uri={REDIRECT_URI}", allow_redirects=False)
    assert answer.status == 400


# ── codes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_code_becomes_tokens_for_sixty_seconds(oauth: OAuthClient) -> None:
    answer = await oauth.redeem(await oauth.code())
    said = await answer.json()
    assert answer.headers["Cache-Control"] == "no-store"
    assert (said["token_type"], said["expires_in"], said["scope"]) == ("Bearer", 60, ALL_SCOPES)
    assert said["refresh_token"]


async def test_a_wrong_or_missing_verifier_gets_nothing(oauth: OAuthClient) -> None:
    code = await oauth.code()
    assert await error_of(await oauth.redeem(code, code_verifier="x" * 43)) == "invalid_grant"
    assert await error_of(await oauth.redeem(code, code_verifier="")) == "invalid_request"


async def test_another_redirect_uri_gets_nothing(oauth: OAuthClient) -> None:
    answer = await oauth.redeem(await oauth.code(), redirect_uri="http://localhost:8080/")
    assert await error_of(answer) == "invalid_grant"


async def test_a_code_is_good_once_and_a_replay_ends_what_it_gave(oauth: OAuthClient) -> None:
    code = await oauth.code()
    tokens = await (await oauth.redeem(code)).json()
    assert await error_of(await oauth.redeem(code)) == "invalid_grant"
    assert (await oauth.get("/userinfo", tokens["access_token"])).status == 401
    assert await error_of(await oauth.refresh(tokens["refresh_token"])) == "invalid_grant"


async def test_a_code_is_good_for_a_minute(oauth: OAuthClient) -> None:
    code = await oauth.code()
    oauth.clock.pass_s(60)
    assert await error_of(await oauth.redeem(code)) == "invalid_grant"


async def test_a_code_of_another_client_or_of_nobody_gets_nothing(oauth: OAuthClient) -> None:
    other = replace(oauth, client_id="other", secret="other")
    assert await error_of(await other.redeem(await oauth.code())) == "invalid_grant"
    assert await error_of(await oauth.redeem("made-up")) == "invalid_grant"


async def test_a_client_proves_who_it_is(oauth: OAuthClient) -> None:
    wrong = replace(oauth, secret="wrong")
    answer = await wrong.redeem(await oauth.code())
    assert (answer.status, await error_of(answer)) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (encode_basic_auth("sidecar", quote_plus(SECRET)), 200),
        (encode_basic_auth("sidecar", SECRET), 401),
        (encode_basic_auth("stranger", quote_plus(SECRET)), 401),
        ("Bearer " + encode_basic_auth("sidecar", quote_plus(SECRET)).split()[1], 401),
        ("Basic not-base64", 401),
    ],
    ids=["form-encoded", "raw", "stranger", "other scheme", "broken"],
)
async def test_basic_authentication_takes_form_encoded_halves(
    oauth: OAuthClient, authorization: str, status: int
) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": (await oauth.tokens())["refresh_token"]}
    assert (await oauth.with_authorization(form, authorization)).status == status


async def test_a_public_client_has_the_verifier_alone(oauth: OAuthClient) -> None:
    public = replace(oauth, client_id="public", secret=None)
    assert (await public.tokens())["access_token"]


async def test_another_grant_type_is_refused(oauth: OAuthClient) -> None:
    answer = await oauth.post("/token", {"grant_type": "password"})
    assert await error_of(answer) == "unsupported_grant_type"


# ── refresh ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_refresh_gives_new_tokens_of_both_kinds(oauth: OAuthClient) -> None:
    first = await oauth.tokens()
    second = await (await oauth.refresh(first["refresh_token"])).json()
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == ALL_SCOPES


async def test_a_replayed_refresh_token_ends_the_family(oauth: OAuthClient) -> None:
    first = await oauth.tokens()
    second = await (await oauth.refresh(first["refresh_token"])).json()
    assert await error_of(await oauth.refresh(first["refresh_token"])) == "invalid_grant"
    assert await error_of(await oauth.refresh(second["refresh_token"])) == "invalid_grant"
    assert (await oauth.get("/userinfo", second["access_token"])).status == 401


async def test_a_replay_of_one_family_leaves_the_others_alone(oauth: OAuthClient) -> None:
    first, other = await oauth.tokens(), await oauth.tokens(person="grace")
    await oauth.refresh(first["refresh_token"])
    await oauth.refresh(first["refresh_token"])
    assert (await oauth.refresh(other["refresh_token"])).status == 200


async def test_another_client_cannot_end_a_family(oauth: OAuthClient) -> None:
    first = await oauth.tokens()
    second = await (await oauth.refresh(first["refresh_token"])).json()
    other = replace(oauth, client_id="other", secret="other")
    assert await error_of(await other.refresh(first["refresh_token"])) == "invalid_grant"
    assert (await oauth.refresh(second["refresh_token"])).status == 200


async def test_a_refresh_cannot_widen_the_scope(oauth: OAuthClient) -> None:
    tokens = await oauth.tokens(scope="openid")
    assert await error_of(await oauth.refresh(tokens["refresh_token"], scope=ALL_SCOPES)) == "invalid_scope"


# ── revocation and withdrawal ────────────────────────────────────────────────────────────────────────────────────────


async def test_revoking_the_refresh_token_ends_everything(oauth: OAuthClient) -> None:
    tokens = await oauth.tokens()
    assert (await oauth.post("/revoke", {"token": tokens["refresh_token"]})).status == 200
    assert (await oauth.get("/userinfo", tokens["access_token"])).status == 401
    assert await error_of(await oauth.refresh(tokens["refresh_token"])) == "invalid_grant"


async def test_revoking_the_access_token_leaves_the_grant(oauth: OAuthClient) -> None:
    tokens = await oauth.tokens()
    await oauth.post("/revoke", {"token": tokens["access_token"], "token_type_hint": "access_token"})
    assert (await oauth.get("/userinfo", tokens["access_token"])).status == 401
    assert (await oauth.refresh(tokens["refresh_token"])).status == 200


async def test_revoking_nonsense_is_fine(oauth: OAuthClient) -> None:
    assert (await oauth.post("/revoke", {"token": "nonsense"})).status == 200


async def test_a_person_sees_and_withdraws_what_they_granted(oauth: OAuthClient) -> None:
    assert "Nothing yet" in await (await oauth.http.get("/")).text()
    tokens = await oauth.tokens()
    home = await (await oauth.http.get("/")).text()
    assert "Ada Lovelace → Hello" in home
    assert tokens["access_token"] not in home
    form = home.split('action="')[1].split('"')[0]
    answer = await oauth.http.post(f"/{form}", headers={"Origin": ISSUER}, allow_redirects=False)
    assert answer.status == 303
    assert await error_of(await oauth.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert "ended" in await (await oauth.http.get("/")).text()


async def test_a_grant_withdrawn_before_its_code_is_used_gives_nothing(oauth: OAuthClient) -> None:
    code = await oauth.code()
    form = (await (await oauth.http.get("/")).text()).split('action="')[1].split('"')[0]
    await oauth.http.post(f"/{form}", headers={"Origin": ISSUER}, allow_redirects=False)
    assert await error_of(await oauth.redeem(code)) == "invalid_grant"


@pytest.mark.parametrize("origin", [{}, {"Origin": "http://evil.example"}])
async def test_another_page_cannot_withdraw(oauth: OAuthClient, origin: dict[str, str]) -> None:
    assert (await oauth.http.post("/grants/some/withdraw", headers=origin)).status == 403


async def test_an_unknown_grant_cannot_be_withdrawn(oauth: OAuthClient) -> None:
    assert (await oauth.http.post("/grants/some/withdraw", headers={"Origin": ISSUER})).status == 404


# ── protected resources ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_userinfo_says_who_it_is(oauth: OAuthClient) -> None:
    answer = await oauth.get("/userinfo", (await oauth.tokens(person="grace"))["access_token"])
    assert await answer.json() == {
        "sub": "person-1906",
        "name": "Grace Hopper",
        "preferred_username": "grace",
        "email": "grace@example.org",
        "email_verified": True,
    }


async def test_the_api_shows_each_person_only_their_own(oauth: OAuthClient) -> None:
    ada = await (await oauth.get("/api/orders", (await oauth.tokens())["access_token"])).json()
    grace = await (await oauth.get("/api/orders", (await oauth.tokens(person="grace"))["access_token"])).json()
    assert (ada["owner"], grace["owner"]) == ("Ada Lovelace", "Grace Hopper")
    assert {order["number"][0] for order in ada["orders"]} == {"A"}
    assert {order["number"][0] for order in grace["orders"]} == {"G"}
    assert ada["token_expires_in"] == 60


async def test_an_access_token_ends_after_sixty_seconds(oauth: OAuthClient) -> None:
    token = (await oauth.tokens())["access_token"]
    oauth.clock.pass_s(59.9)
    assert (await oauth.get("/api/orders", token)).status == 200
    oauth.clock.pass_s(0.1)
    answer = await oauth.get("/api/orders", token)
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}])
async def test_the_api_needs_a_bearer_token(oauth: OAuthClient, headers: dict[str, str]) -> None:
    assert (await oauth.http.get("/api/orders", headers=headers)).status == 401


async def test_the_api_needs_the_scope(oauth: OAuthClient) -> None:
    token = (await oauth.tokens(scope="openid"))["access_token"]
    answer = await oauth.get("/api/orders", token)
    assert (answer.status, await error_of(answer)) == (403, "insufficient_scope")


async def test_a_refresh_token_is_no_access_token(oauth: OAuthClient) -> None:
    tokens = await oauth.tokens()
    assert (await oauth.get("/api/orders", tokens["refresh_token"])).status == 401


async def test_the_metadata_names_every_endpoint(oauth: OAuthClient) -> None:
    said = await (await oauth.http.get("/.well-known/oauth-authorization-server")).json()
    assert said["issuer"] == ISSUER
    assert said["token_endpoint"] == f"{ISSUER}/token"
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert said["authorization_response_iss_parameter_supported"] is True


async def test_the_style_sheet_is_there_and_nothing_else_is(oauth: OAuthClient) -> None:
    assert (await oauth.http.get("/static/demo.css")).content_type == "text/css"
    assert (await oauth.http.get("/static/..%2Frun.py")).status == 404
