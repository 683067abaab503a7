"""The double follows the protocol, so that a test against it means something."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import math
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import aiohttp
import pytest

from tests.doubles import faults
from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.grants import REFRESH_MARKER, RegisteredClient
from tests.doubles.journal import Entry
from tests.doubles.protected_api import ProtectedApi
from tests.doubles.rules import query_of

CALLBACK = "https://apps.example/__oauth__/integrations/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
OFFLINE = "openid offline_access"


class Rig:
    """A registered client that walks the code flow against the double."""

    def __init__(self, server: AuthorizationServer, http: aiohttp.ClientSession) -> None:
        self.server, self.http = server, http
        self.client: RegisteredClient = server.register(CALLBACK)

    async def authorize(self, **changed: str) -> dict[str, str]:
        asked = {
            "response_type": "code",
            "client_id": "sidecar",
            "redirect_uri": CALLBACK,
            "scope": OFFLINE,
            "state": "st&te",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        url = f"{self.server.url}/authorize?{urlencode(asked | changed)}"
        async with self.http.get(url, allow_redirects=False) as answer:
            return query_of(answer.headers["Location"])

    async def token(self, **form: str) -> tuple[int, dict[str, object]]:
        body = {"client_id": "sidecar", "client_secret": self.client.secrets[0], **form}
        async with self.http.post(f"{self.server.url}/token", data=body) as answer:
            return answer.status, await answer.json()

    async def redeem(self, code: str) -> tuple[int, dict[str, object]]:
        return await self.token(
            grant_type="authorization_code", code=code, redirect_uri=CALLBACK, code_verifier=VERIFIER
        )

    async def refresh(self, refresh_token: object) -> tuple[int, dict[str, object]]:
        return await self.token(grant_type="refresh_token", refresh_token=str(refresh_token))

    async def signed_in(self) -> dict[str, object]:
        _, tokens = await self.redeem((await self.authorize())["code"])
        return tokens


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with AuthorizationServer.running() as server, aiohttp.ClientSession() as http:
        yield Rig(server, http)


async def test_the_code_flow_yields_tokens_of_the_person_who_approved(rig: Rig) -> None:
    rig.server.decisions.append("other_user:bob")
    back = await rig.authorize()
    status, tokens = await rig.redeem(back["code"])
    assert (status, back["state"], back["iss"]) == (200, "st&te", rig.server.url)
    assert str(tokens["refresh_token"]).startswith(REFRESH_MARKER)
    async with ProtectedApi.running(rig.server) as api:
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        async with rig.http.get(f"{api.url}/me", headers=headers) as answer:
            assert (await answer.json())["id"] == "bob"
        rig.server.clock.advance(3601)
        async with rig.http.get(f"{api.url}/me", headers=headers) as answer:
            assert answer.status == 401
        assert api.users() == ["bob", None]


async def test_a_code_works_once_and_its_second_use_ends_the_family(rig: Rig) -> None:
    code = (await rig.authorize())["code"]
    _, tokens = await rig.redeem(code)
    assert (await rig.redeem(code))[0] == 400
    assert rig.server.owner_of(str(tokens["access_token"])) is None


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "everything"}, "invalid_scope"),
    ],
)
async def test_a_faulty_authorization_request_is_answered_with_its_error(
    rig: Rig, changed: dict[str, str], error: str
) -> None:
    assert (await rig.authorize(**changed))["error"] == error


async def test_a_wrong_verifier_and_a_wrong_secret_are_refused(rig: Rig) -> None:
    code = (await rig.authorize(code_challenge="c" * 43))["code"]
    assert (await rig.redeem(code))[1]["error"] == "invalid_grant"
    assert (await rig.token(grant_type="refresh_token", client_secret="wrong"))[0] == 401


async def test_basic_halves_are_form_decoded_and_two_mechanisms_are_refused(rig: Rig) -> None:
    halves = urlencode({"": rig.client.secrets[0]})[1:]
    header = {"Authorization": "Basic " + base64.b64encode(f"sidecar:{halves}".encode()).decode()}
    for form, error in (
        ({"grant_type": "nothing"}, "unsupported_grant_type"),
        ({"grant_type": "nothing", "client_secret": "x"}, "invalid_request"),
    ):
        async with rig.http.post(f"{rig.server.url}/token", data=form, headers=header) as answer:
            assert (await answer.json())["error"] == error
    assert [entry.client_auth for entry in rig.server.token_requests] == ["basic", "multiple"]


@pytest.mark.parametrize(
    ("rotation", "new", "old_works", "family_lives"),
    [
        ("none", False, True, True),
        ("echo", False, True, True),
        ("multi", True, True, True),
        ("single_reject", True, False, True),
        ("single_family", True, False, False),
        ("single_grace:30", True, True, True),
        ("single_grace:-1", True, False, False),
    ],
)
async def test_rotation_modes(rig: Rig, rotation: str, new: bool, old_works: bool, family_lives: bool) -> None:
    rig.server.grants.rotation = rotation
    first = (await rig.signed_in())["refresh_token"]
    _, second = await rig.refresh(first)
    newest = second.get("refresh_token", first)
    assert (newest != first) is new
    assert ((await rig.refresh(first))[0] == 200) is old_works
    assert (not rig.server.grants.families[0].revoked) is family_lives


async def test_a_closed_gate_makes_concurrent_refreshes_visible(rig: Rig) -> None:
    refresh_token = (await rig.signed_in())["refresh_token"]
    rig.server.gate.close()
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(rig.refresh(refresh_token))
        await rig.server.gate.arrived(3)
        rig.server.gate.open()
    assert rig.server.concurrent_max == 3


async def test_faults_are_used_up_one_by_one(rig: Rig) -> None:
    rig.server.grants.rotation = "single_family"
    refresh_token = (await rig.signed_in())["refresh_token"]
    rig.server.faults.put("token", faults.status(503, retry_after="2", error="server_error"))
    rig.server.faults.put("token", faults.NAN_EXPIRES)
    assert (await rig.refresh(refresh_token))[0] == 503
    _, tokens = await rig.refresh(refresh_token)
    assert isinstance(expires_in := tokens["expires_in"], float)
    assert math.isnan(expires_in)
    rig.server.faults.put("token", faults.PROCESS_THEN_RESET)
    with pytest.raises(aiohttp.ClientConnectionError):
        await rig.refresh(tokens["refresh_token"])
    assert rig.server.grants.counters["refresh_ok"] == 2


async def test_the_consent_page_asks_who_is_there(rig: Rig) -> None:
    rig.server.shows_consent_page = True
    query = {"client_id": "sidecar", "redirect_uri": CALLBACK, "response_type": "code", "scope": OFFLINE}
    url = f"{rig.server.url}/authorize?{urlencode(query)}"
    async with rig.http.get(url) as answer:
        assert "Continue as Ada Lovelace" in await answer.text()
    async with rig.http.post(url, data={"user": "eve"}, allow_redirects=False) as answer:
        code = query_of(answer.headers["Location"])["code"]
    assert rig.server.grants.codes[code].user_id == "eve"
    async with rig.http.post(url, data={"decision": "deny"}, allow_redirects=False) as answer:
        assert query_of(answer.headers["Location"])["error"] == "access_denied"


def test_a_secret_in_the_query_of_a_post_is_noticed() -> None:
    entry = Entry(time=0, method="POST", target="/token?code=x", headers=[], body=b"")
    assert entry.leak_in_query


async def test_a_client_gets_a_token_that_is_nobodys(rig: Rig) -> None:
    form = {"grant_type": "client_credentials", "scope": "read", "client_id": "sidecar",
            "client_secret": rig.client.secrets[0]}  # fmt: skip
    async with rig.http.post(f"{rig.server.url}/token", data=form) as answer:
        token = (await answer.json())["access_token"]
    assert rig.server.client_of(token) == "sidecar"
    assert rig.server.owner_of(token) is None
    mine = (await rig.signed_in())["access_token"]
    assert rig.server.client_of(mine) is None
    form["client_secret"] = "wrong"
    async with rig.http.post(f"{rig.server.url}/token", data=form) as answer:
        assert answer.status in {400, 401}
