"""The demo's authorization server behind a clock that tests turn, and a client that speaks OAuth to it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from yarl import URL

from proxy.demo.authorization_server import authorization_server
from proxy.demo.records import Registration

REDIRECT_URI = "http://localhost:8080/__oauth__/integrations/callback"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-0"
ISSUER = "http://127.0.0.1:9"
SECRET = "s3cr3t:/+ %41"
ALL_SCOPES = "openid profile email orders offline_access"


@dataclass
class Clock:
    value: datetime = field(default_factory=lambda: datetime(2030, 1, 1, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.value

    def pass_s(self, seconds: float) -> None:
        self.value += timedelta(seconds=seconds)


@dataclass
class OAuthClient:
    """What the sidecar does, in the smallest words."""

    http: TestClient
    clock: Clock
    client_id: str = "sidecar"
    secret: str | None = SECRET

    async def authorize(self, method: str, *, decision: str = "approve", **changes: str | None) -> ClientResponse:
        query: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT_URI,
            "scope": ALL_SCOPES,
            "state": "st-4711",
            "code_challenge": create_s256_code_challenge(VERIFIER),
            "code_challenge_method": "S256",
            "person": "ada",
        } | changes
        params = {name: value for name, value in query.items() if value is not None}
        data = {"decision": decision} if method == "POST" else None
        return await self.http.request(method, "/authorize", params=params, data=data, allow_redirects=False)

    async def code(self, **changes: str | None) -> str:
        answer = await self.authorize("POST", **changes)
        return URL(answer.headers["Location"]).query["code"]

    async def post(self, path: str, form: Mapping[str, str]) -> ClientResponse:
        secret = {} if self.secret is None else {"client_secret": self.secret}
        return await self.http.post(path, data={"client_id": self.client_id} | secret | form)

    async def redeem(self, code: str, **changes: str) -> ClientResponse:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
        return await self.post("/token", form | {"code_verifier": VERIFIER} | changes)

    async def refresh(self, refresh_token: str, **changes: str) -> ClientResponse:
        return await self.post("/token", {"grant_type": "refresh_token", "refresh_token": refresh_token} | changes)

    async def tokens(self, **changes: str | None) -> dict[str, str]:
        answer = await self.redeem(await self.code(**changes))
        tokens: dict[str, str] = await answer.json()
        return tokens

    async def get(self, path: str, access_token: str) -> ClientResponse:
        return await self.http.get(path, headers={"Authorization": f"Bearer {access_token}"})

    async def with_authorization(self, form: Mapping[str, str], authorization: str) -> ClientResponse:
        headers = {"Authorization": authorization}
        return await self.http.post("/token", data=form, headers=headers)


@pytest.fixture
async def oauth() -> AsyncIterator[OAuthClient]:
    clock = Clock()
    app = authorization_server(
        issuer=ISSUER,
        clients=[
            Registration(client_id="sidecar", client_secret=SECRET, redirect_uris=(REDIRECT_URI,), name="Hello"),
            Registration(client_id="other", client_secret="other", redirect_uris=(REDIRECT_URI,), name="Other"),
            Registration(client_id="public", client_secret=None, redirect_uris=(REDIRECT_URI,), name="Public"),
        ],
        access_ttl_s=60,
        now=clock,
    )
    async with TestClient(TestServer(app)) as http:
        yield OAuthClient(http, clock)
