"""An API behind the authorization server: it takes live access tokens only and says whose they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.serving import serving


@dataclass(frozen=True, slots=True)
class Call:
    """One call: who the token stood for (``None``: refused) and the token itself."""

    user_id: str | None
    token: str = field(repr=False)
    time: float = 0.0


@dataclass(slots=True)
class ProtectedApi:
    """``GET /me`` with a bearer token; ``async with ProtectedApi.running(server) as api``."""

    server: AuthorizationServer
    url: str = ""
    calls: list[Call] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def running(cls, server: AuthorizationServer) -> AsyncIterator[ProtectedApi]:
        api = cls(server)
        app = web.Application()
        app.router.add_get("/me", api._me)
        async with serving(app) as api.url:
            yield api

    @property
    def refused(self) -> list[Call]:
        return [call for call in self.calls if call.user_id is None]

    def users(self) -> list[str | None]:
        return [call.user_id for call in self.calls]

    async def _me(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        user = self.server.owner_of(token)
        self.calls.append(Call(user.id if user else None, token, self.server.clock.now()))
        if user is None:
            return web.json_response({"error": "invalid_token"}, status=401)
        return web.json_response({"id": user.id, "name": user.name, "email": user.email})
