"""The vendors' doubles do what the vendors do, so that a test against one means something."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from urllib.parse import parse_qsl, quote_plus, urlencode

import aiohttp
import pytest

from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.profile import Profile
from tests.doubles.profiles import ALL, databricks, snowflake
from tests.doubles.profiles.auth0 import AUTH0
from tests.doubles.profiles.azure import AZURE, CLAIMS, DOMAIN, GRAPH, SQL, TENANT
from tests.doubles.profiles.github import GITHUB_APP, OAUTH_APP
from tests.doubles.profiles.google import GOOGLE
from tests.doubles.profiles.keycloak import KEYCLOAK, REVOKING
from tests.doubles.profiles.okta import OKTA
from tests.doubles.profiles.plain import CUSTOM, MESSY
from tests.doubles.rules import query_of

CALLBACK = "https://apps.example/__oauth__/integrations/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
SCOPES = {
    "azure": f"openid offline_access {SQL}/.default {GRAPH}/User.Read",
    "databricks": "all-apis offline_access",
    "snowflake": "session:role:ANALYST refresh_token",
    "google": "openid email",
    "github": "repo",
}


class Desk:
    """A client by hand."""

    def __init__(self, server: AuthorizationServer, http: aiohttp.ClientSession, tenant: str) -> None:
        self.server, self.http, self.tenant = server, http, tenant
        self.client = server.register(CALLBACK)

    def url(self, path: str, tenant: str = "") -> str:
        return self.server.url + path.replace("{tenant}", tenant or self.tenant)

    async def authorize(self, tenant: str = "", **changed: str) -> str:
        """Return where the browser is sent, ``""``: nowhere."""
        asked = {
            "response_type": "code",
            "client_id": "sidecar",
            "redirect_uri": CALLBACK,
            "scope": SCOPES.get(self.server.profile.template, "openid offline_access"),
            "state": "st&te",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "access_type": "offline",
        } | changed
        pairs = urlencode({name: value for name, value in asked.items() if value})
        url = self.url(self.server.profile.paths.authorize, tenant)
        async with self.http.get(f"{url}?{pairs}", allow_redirects=False) as answer:
            return answer.headers.get("Location", "")

    async def ask(self, form: dict[str, str], *, tenant: str = "", **headers: str) -> tuple[int, str, bytes]:
        url = self.url(self.server.profile.paths.token, tenant)
        async with self.http.post(url, data=form, headers={"Accept": "application/json", **headers}) as answer:
            return answer.status, answer.content_type, await answer.read()

    async def token(self, tenant: str = "", **form: str) -> tuple[int, dict[str, object]]:
        sent = {"client_id": "sidecar", "client_secret": self.client.secrets[0]} | form
        sent = {name: value for name, value in sent.items() if value}
        status, _, body = await self.ask(sent, tenant=tenant)
        return status, json.loads(body.decode("utf-8-sig"))

    async def signed_in(self, **asked: str) -> dict[str, object]:
        code = query_of(await self.authorize(**asked))["code"]
        status, tokens = await self.redeem(code)
        assert status == 200, tokens
        return tokens

    async def redeem(self, code: str, **form: str) -> tuple[int, dict[str, object]]:
        proof = {"redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        return await self.token(grant_type="authorization_code", code=code, **proof, **form)

    async def refresh(self, refresh_token: object, **form: str) -> tuple[int, dict[str, object]]:
        return await self.token(grant_type="refresh_token", refresh_token=str(refresh_token), **form)

    async def get(self, path: str, token: object = "", **headers: str) -> tuple[int, dict[str, object]]:
        sent = ({"Authorization": f"Bearer {token}"} if token else {}) | headers
        async with self.http.get(self.server.url + path, headers=sent) as answer:
            return answer.status, await answer.json(content_type=None)


Open = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def desk_at() -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def make(profile: Profile) -> Desk:
            server = await stack.enter_async_context(AuthorizationServer.running(profile=profile))
            http = await stack.enter_async_context(aiohttp.ClientSession())
            return Desk(server, http, TENANT)

        yield make


def codes(answer: tuple[int, dict[str, object]]) -> object:
    return answer[1]["error_codes"]


every_vendor = pytest.mark.parametrize("profile", ALL, ids=lambda profile: profile.name)


@every_vendor
async def test_state_comes_back_as_it_was_and_a_code_is_good_once(desk_at: Open, profile: Profile) -> None:
    desk = await desk_at(profile)
    answer = query_of(await desk.authorize())
    assert answer["state"] == "st&te"
    assert ("iss" in answer) is profile.sends_iss
    _, tokens = await desk.redeem(answer["code"])
    status, refused = await desk.redeem(answer["code"])
    assert "access_token" not in refused
    assert status == (200 if profile.template == "github" else 400)
    assert desk.server.owner_of(str(tokens["access_token"])) is None


@every_vendor
async def test_a_redirect_uri_that_nobody_registered_is_led_to_by_nobody(desk_at: Open, profile: Profile) -> None:
    desk = await desk_at(profile)
    assert await desk.authorize(redirect_uri="https://evil.example/callback") == ""
    assert await desk.authorize(client_id="nobody") == ""


# — Entra —————————————————————————————————————————————————————————————————————————————————————————


async def test_entra_wants_the_client_in_the_body_unless_basic_names_it(desk_at: Open) -> None:
    desk = await desk_at(AZURE)
    assert codes(await desk.token(client_id="", grant_type="x")) == [900144]
    halves = quote_plus(desk.client.secrets[0])
    basic = "Basic " + base64.b64encode(f"sidecar:{halves}".encode()).decode()
    _, _, body = await desk.ask({"grant_type": "x"}, Authorization=basic)
    assert json.loads(body)["error"] == "unsupported_grant_type"


async def test_entra_says_numbers_and_line_ends(desk_at: Open) -> None:
    desk = await desk_at(AZURE)
    status, told = await desk.token(client_secret="wrong", grant_type="x")
    assert (status, told["error"], told["error_codes"]) == (401, "invalid_client", [7000215])
    assert str(told["error_description"]).startswith("AADSTS7000215: ")
    assert "\r\n" in str(told["error_description"])
    assert codes(await desk.token(client_secret="", grant_type="x")) == [7000218]


async def test_entra_gives_tokens_for_one_resource_and_the_refresh_token_is_bound_to_none(desk_at: Open) -> None:
    desk = await desk_at(AZURE)
    tokens = await desk.signed_in()
    assert str(tokens["scope"]).split() == [f"{SQL}/.default", "openid"], "the first of the grant"
    assert "offline_access" not in str(tokens["scope"])
    refresh_token = tokens["refresh_token"]
    assert codes(await desk.refresh(refresh_token, scope=f"{SQL}/.default {GRAPH}/User.Read")) == [70011]
    assert codes(await desk.refresh(refresh_token, scope=f"{SQL}/other")) == [70011]
    _, other = await desk.refresh(refresh_token, scope=f"{GRAPH}/User.Read")
    assert (await desk.get("/graph/v1.0/me", other["access_token"]))[1]["id"] == "oid-ada"
    assert (await desk.get("/graph/v1.0/me", tokens["access_token"]))[0] == 401
    assert other["refresh_token"] != refresh_token
    assert (await desk.refresh(refresh_token))[0] == 200, "the old one stays good"


async def test_entra_knows_its_tenants(desk_at: Open) -> None:
    desk = await desk_at(AZURE)
    assert await desk.authorize(tenant="nobody.example") == ""
    assert codes(await desk.token(tenant="nobody.example", grant_type="x")) == [90002]
    assert query_of(await desk.authorize(tenant=DOMAIN))["code"]


async def test_entra_takes_the_same_request_fifteen_times(desk_at: Open) -> None:
    desk = await desk_at(AZURE)
    refresh_token = (await desk.signed_in())["refresh_token"]
    assert [(await desk.refresh(refresh_token))[0] for _ in range(15)] == [200] * 15
    assert codes(await desk.refresh(refresh_token)) == [50196]
    desk.server.clock.advance(301)
    assert (await desk.refresh(refresh_token))[0] == 200


async def test_a_policy_of_entras_leaves_the_refresh_token_good(desk_at: Open) -> None:
    desk = await desk_at(AZURE)
    refresh_token = (await desk.signed_in())["refresh_token"]
    desk.server.standing["ada"] = "mfa_required"
    _, told = await desk.refresh(refresh_token)
    assert (told["error_codes"], told["suberror"], told["claims"]) == ([50076], "basic_action", CLAIMS)
    await desk.authorize(claims=CLAIMS)
    assert (await desk.refresh(refresh_token))[0] == 200
    desk.server.standing["ada"] = "revoked"
    assert codes(await desk.refresh(refresh_token)) == [50173]
    desk.server.standing.clear()
    assert codes(await desk.refresh(refresh_token)) == [70000]


# — Databricks ————————————————————————————————————————————————————————————————————————————————————


async def test_databricks_wants_pkce_and_takes_basic_raw(desk_at: Open) -> None:
    desk = await desk_at(databricks.DATABRICKS)
    assert query_of(await desk.authorize(code_challenge="", code_challenge_method=""))["error"] == "invalid_request"
    secret = desk.client.secrets[0]
    for written, error in ((secret, "unsupported_grant_type"), (quote_plus(secret), "invalid_client")):
        basic = "Basic " + base64.b64encode(f"sidecar:{written}".encode()).decode()
        _, _, body = await desk.ask({"grant_type": "x"}, Authorization=basic)
        assert json.loads(body)["error"] == error
    status, _, body = await desk.ask({"grant_type": "x", "client_secret": secret}, Authorization=basic)
    assert status == 401
    assert json.loads(body)["error_description"].startswith("Cannot supply multiple client credentials.")


async def test_databricks_calls_a_dead_refresh_token_an_invalid_request(desk_at: Open) -> None:
    desk = await desk_at(databricks.DATABRICKS)
    refresh_token = (await desk.signed_in())["refresh_token"]
    _, again = await desk.refresh(refresh_token)
    assert again["refresh_token"] == refresh_token
    desk.server.clock.advance(10_080 * 60)
    assert await desk.refresh(refresh_token) == (
        401,
        {"error": "invalid_request", "error_description": "Refresh token is invalid"},
    )


async def test_databricks_refuses_a_token_in_its_last_half_minute(desk_at: Open) -> None:
    desk = await desk_at(databricks.DATABRICKS)
    path = "/api/2.0/preview/scim/v2/Me"
    token = (await desk.signed_in())["access_token"]
    desk.server.clock.advance(3565)
    assert (await desk.get(path, token))[0] == 200
    desk.server.clock.advance(10)
    assert (await desk.get(path, token))[0] == 403
    assert (await desk.get(path))[0] == 401


# — Snowflake —————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("scope", ["offline_access", "openid", "session:role:A session:role:B", "SESSION:ROLE:A"])
async def test_snowflake_refuses_a_scope_and_forgets_the_state(desk_at: Open, scope: str) -> None:
    desk = await desk_at(snowflake.SNOWFLAKE)
    assert query_of(await desk.authorize(scope=scope)) == {"error": "invalid_scope"}


async def test_snowflake_bounds_the_state_and_blocks_the_mightiest_roles(desk_at: Open) -> None:
    desk = await desk_at(snowflake.SNOWFLAKE)
    assert await desk.authorize(state="x" * 2049) == ""
    assert await desk.authorize(state="ü") == ""
    assert query_of(await desk.authorize(state="x" * 2048))["code"]
    assert query_of(await desk.authorize(scope="session:role:ACCOUNTADMIN"))["error"] == "access_denied"


async def test_snowflakes_refresh_is_answered_with_less(desk_at: Open) -> None:
    desk = await desk_at(snowflake.SNOWFLAKE)
    tokens = await desk.signed_in()
    _, refreshed = await desk.refresh(tokens["refresh_token"], scope="ignored")
    assert tokens.keys() - refreshed.keys() == {"username", "scope", "refresh_token", "refresh_token_expires_in"}
    assert (tokens["username"], tokens["expires_in"], refreshed["expires_in"]) == ("ADA", 600, 599)
    without = await desk.signed_in(scope="session:role:ANALYST")
    assert "refresh_token" not in without
    desk.server.clock.advance(7_776_000)
    status, told = await desk.refresh(tokens["refresh_token"])
    assert (status, told["error"], told["data"], told["success"]) == (400, "invalid_grant", None, False)


async def test_snowflake_takes_encoded_basic_that_stands_alone(desk_at: Open) -> None:
    desk = await desk_at(snowflake.SNOWFLAKE)
    for written, more, error in (
        (quote_plus(desk.client.secrets[0]), {}, "unsupported_grant_type"),
        (quote_plus(desk.client.secrets[0]), {"client_id": "sidecar"}, "invalid_client"),
        (desk.client.secrets[0], {}, "invalid_client"),
    ):
        basic = "Basic " + base64.b64encode(f"sidecar:{written}".encode()).decode()
        status, _, body = await desk.ask({"grant_type": "x"} | more, Authorization=basic)
        assert (status, json.loads(body)["error"]) == (400, error)


async def test_a_second_use_at_snowflake_ends_everything_and_a_first_one_ends_what_was_before(desk_at: Open) -> None:
    desk = await desk_at(snowflake.SINGLE_USE)
    first = await desk.signed_in()
    _, second = await desk.refresh(first["refresh_token"])
    assert desk.server.owner_of(str(first["access_token"])) is None
    assert desk.server.owner_of(str(second["access_token"])) is not None
    assert (await desk.refresh(first["refresh_token"]))[0] == 400
    assert (await desk.refresh(second["refresh_token"]))[0] == 400
    assert desk.server.owner_of(str(second["access_token"])) is None


# — the others ————————————————————————————————————————————————————————————————————————————————————


async def test_google_gives_a_refresh_token_to_who_consents_and_asks_for_offline(desk_at: Open) -> None:
    desk = await desk_at(GOOGLE)
    assert "refresh_token" not in await desk.signed_in(access_type="online")
    assert "refresh_token" not in await desk.signed_in(), "consented before"
    tokens = await desk.signed_in(prompt="consent")
    _, refreshed = await desk.refresh(tokens["refresh_token"])
    assert "refresh_token" not in refreshed


async def test_google_drops_the_oldest_of_too_many(desk_at: Open) -> None:
    desk = await desk_at(replace(GOOGLE, max_families=2))
    first = await desk.signed_in(prompt="consent")
    await desk.signed_in(prompt="consent")
    assert (await desk.refresh(first["refresh_token"]))[0] == 200
    await desk.signed_in(prompt="consent")
    assert (await desk.refresh(first["refresh_token"]))[1]["error"] == "invalid_grant"


async def test_github_answers_with_a_form_and_its_errors_with_status_200(desk_at: Open) -> None:
    desk = await desk_at(GITHUB_APP)
    form = {"client_id": "sidecar", "client_secret": desk.client.secrets[0], "grant_type": "refresh_token"}
    status, media_type, body = await desk.ask(form | {"refresh_token": "x"}, Accept="*/*")
    assert (status, media_type) == (200, "application/x-www-form-urlencoded")
    assert dict(parse_qsl(body.decode()))["error"] == "bad_refresh_token"
    status, told = await desk.token(client_secret="wrong", grant_type="refresh_token")
    assert (status, told["error"]) == (200, "incorrect_client_credentials")
    first = await desk.signed_in()
    assert (first["token_type"], first["scope"], first["expires_in"]) == ("bearer", "", 28_800)
    assert (await desk.get("/user", first["access_token"]))[1]["login"] == "ada"
    assert (await desk.http.get(f"{desk.server.url}/user", skip_auto_headers=["User-Agent"])).status == 403
    await desk.refresh(first["refresh_token"])
    assert (await desk.get("/user", first["access_token"]))[0] == 401
    assert (await desk.refresh(first["refresh_token"]))[1]["error"] == "bad_refresh_token"


async def test_a_github_oauth_app_gives_a_token_and_nothing_else(desk_at: Open) -> None:
    desk = await desk_at(OAUTH_APP)
    tokens = await desk.signed_in(scope="repo gist")
    assert tokens.keys() == {"access_token", "scope", "token_type"}
    assert tokens["scope"] == "repo,gist"
    assert query_of(await desk.authorize(redirect_uri=CALLBACK + "/below"))["code"]


async def test_keycloak_says_when_its_refresh_tokens_end(desk_at: Open) -> None:
    desk = await desk_at(KEYCLOAK)
    online, offline = await desk.signed_in(scope="openid"), await desk.signed_in(scope="openid offline_access")
    assert (online["refresh_expires_in"], offline["refresh_expires_in"]) == (1800, 0)
    refresh_token = online["refresh_token"]
    for _ in range(20):
        desk.server.clock.advance(1790)
        _, told = await desk.refresh(refresh_token)
        refresh_token = told["refresh_token"]
    desk.server.clock.advance(200)
    assert (await desk.refresh(refresh_token))[1]["error_description"] == "Session not active"


async def test_keycloak_ends_the_session_at_a_second_use(desk_at: Open) -> None:
    desk = await desk_at(REVOKING)
    first = await desk.signed_in()
    _, second = await desk.refresh(first["refresh_token"])
    told = [(await desk.refresh(one["refresh_token"]))[1]["error_description"] for one in (first, second)]
    assert told == ["Maximum allowed refresh token reuse exceeded", "Session not active"]


async def test_okta_gives_again_for_half_a_minute(desk_at: Open) -> None:
    desk = await desk_at(OKTA)
    first = await desk.signed_in()
    await desk.refresh(first["refresh_token"])
    desk.server.clock.advance(29)
    assert (await desk.refresh(first["refresh_token"]))[0] == 200
    assert (await desk.refresh(first["refresh_token"]))[1]["error"] == "invalid_grant", "two generations old"


async def test_auth0_forbids_a_dead_refresh_token(desk_at: Open) -> None:
    desk = await desk_at(AUTH0)
    assert (await desk.refresh("nobody's"))[0] == 403
    refresh_token = (await desk.signed_in())["refresh_token"]
    desk.server.standing["ada"] = "mfa_required"
    status, told = await desk.refresh(refresh_token)
    assert (status, told["error"], told["mfa_token"]) == (403, "mfa_required", "mfa-1")


async def test_a_mess_is_a_mess(desk_at: Open) -> None:
    desk = await desk_at(MESSY)
    code = query_of(await desk.authorize())["code"]
    proof = {"redirect_uri": CALLBACK, "code_verifier": VERIFIER, "client_id": "sidecar"}
    form = {"grant_type": "authorization_code", "code": code, "client_secret": desk.client.secrets[0], **proof}
    status, media_type, body = await desk.ask(form)
    assert (status, media_type, body[:3]) == (200, "text/html", b"\xef\xbb\xbf")
    told = json.loads(body.decode("utf-8-sig"))
    assert (told["error"], told["expires_in"], len(told["access_token"])) == (None, "3599.0", 65_536)
    assert "token_type" not in told
    assert (await desk.refresh(told["refresh_token"]))[1]["refresh_token"] == ""


async def test_a_client_speaks_for_itself_where_the_vendor_lets_it(desk_at: Open) -> None:
    for profile, scope, expected in (
        (AZURE, f"{SQL}/.default", 200),
        (AZURE, f"{SQL}/.default openid", 400),
        (databricks.DATABRICKS, "all-apis", 200),
        (snowflake.SNOWFLAKE, "", 400),
        (CUSTOM, "read", 200),
    ):
        desk = await desk_at(profile)
        status, told = await desk.token(grant_type="client_credentials", scope=scope)
        assert status == expected, told
        assert "id_token" not in told
