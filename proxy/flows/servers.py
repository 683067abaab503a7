"""Where authorization servers are: written down, or discovered and remembered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from proxy.flows.published import Published
from proxy.flows.recipes import Recipe
from proxy.oauth.client_auth import Client
from proxy.oauth.discovery import discovery_requests, parse_metadata
from proxy.oauth.message import NotSent, OutboundResponse, Send
from proxy.oauth.metadata import AuthorizationServer, Undiscovered
from proxy.providers.registration import client

OK = 200

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """An integration's authorization server, and who we are there."""

    server: AuthorizationServer
    client: Client


@dataclass(frozen=True, slots=True)
class Unlocated:
    """The server does not say where its endpoints are, or says what cannot be believed: try again later."""


class AuthorizationServers:
    """Finds servers for one process; to be closed."""

    def __init__(self, *, send: Send, now: Callable[[], datetime]) -> None:
        self._send = send
        self._documents: Published[Undiscovered, AuthorizationServer] = Published(fetch=self._fetch, now=now)

    async def locate(self, recipe: Recipe) -> Registration | Unlocated:
        """Return where the integration's server is; asks nobody when the configuration says it."""
        if recipe.integration.is_unusable:
            return Unlocated()
        match recipe.server:
            case AuthorizationServer() as server:
                return registration(recipe, server)
            case Undiscovered() as wanted:
                found = await self._documents.get(wanted)
                return Unlocated() if found is None else registration(recipe, found)

    def forget(self, recipe: Recipe) -> None:
        """Ask anew where the integration's server is; who waits for an answer gets that one."""
        if isinstance(recipe.server, Undiscovered):
            self._documents.forget(recipe.server)

    async def close(self) -> None:
        """Stop asking."""
        await self._documents.close()

    async def _fetch(self, wanted: Undiscovered) -> AuthorizationServer | None:
        because = "unanswered"
        for request in discovery_requests(wanted.issuer):
            outcome = await self._send(request)
            if isinstance(outcome, NotSent):
                outcome = await self._send(request)
            if not isinstance(outcome, OutboundResponse):
                because = outcome.reason
                break  # the second address is of the same server
            if outcome.status == OK:
                found = parse_metadata(outcome, wanted)
                if isinstance(found, AuthorizationServer):
                    return found
                because = f"refused: {found.because}"
                break
        log.error("authorization server not discovered", issuer=wanted.issuer, because=because)
        return None


def registration(recipe: Recipe, server: AuthorizationServer) -> Registration:
    """Return who we are at a server that is known."""
    return Registration(server=server, client=client(recipe.provider, recipe.integration, server))
