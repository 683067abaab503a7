"""An API behind the authorization server: it takes live access tokens only and says whose they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.grants import User
from tests.doubles.serving import serving


@dataclass(frozen=True, slots=True)
class Call:
    """One call: who the token stood for (``None``: refused) and the token itself."""

    user_id: str | None
    token: str = field(repr=False)
    time: float = 0.0


@dataclass(slots=True)
class ProtectedApi:
    """``GET /me`` and ``GET /orders`` with a bearer token; ``async with ProtectedApi.running(server) as api``."""

    server: AuthorizationServer
    url: str = ""
    calls: list[Call] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def running(cls, server: AuthorizationServer) -> AsyncIterator[ProtectedApi]:
        api = cls(server)
        app = web.Application()
        app.router.add_get("/me", api._me)
        app.router.add_get("/orders", api._orders)
        async with serving(app) as api.url:
            yield api

    @property
    def refused(self) -> list[Call]:
        return [call for call in self.calls if call.user_id is None]

    def users(self) -> list[str | None]:
        return [call.user_id for call in self.calls]

    async def _me(self, request: web.Request) -> web.Response:
        user, _ = self._admit(request)
        return web.json_response({"id": user.id, "name": user.name, "email": user.email})

    async def _orders(self, request: web.Request) -> web.Response:
        """The shape that the Streamlit example shows."""
        user, left_s = self._admit(request)
        return web.json_response(
            {
                "owner": user.name,
                "orders": [{"number": 1, "item": f"something of {user.id}", "quantity": 2, "status": "open"}],
                "token_expires_in": int(left_s),
                "served_at": "now",
            }
        )

    def _admit(self, request: web.Request) -> tuple[User, float]:
        """Return whose token it is and how long it lives on; record the call either way."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        user = self.server.owner_of(token)
        now = self.server.clock.now()
        self.calls.append(Call(user.id if user else None, token, now))
        if user is None:
            raise web.HTTPUnauthorized(text="invalid_token")
        return user, self.server.grants.access_tokens[token].expires_at - now
