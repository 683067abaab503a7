"""What tests do in a world of vendors: walk through the flow as a browser, ask for tokens as content, look at what is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from proxy.flows.callback_outcomes import CallbackOutcome, Granted
from proxy.flows.fresh_tokens import Answer, Fresh, RenewedLately
from proxy.flows.sessions import Admitted
from proxy.model import Content, Integration, Secret, ViewerGuid
from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.grants import RegisteredClient
from tests.unit.flows.house import Clock, House, open_house


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Somebody who is signed in."""

    session_id: str
    viewer_guid: ViewerGuid


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One vendor, the integration that an administrator registered there, and the content that uses it."""

    server: AuthorizationServer
    client: RegisteredClient
    integration: Integration
    content: Content


class World:
    """One process of the sidecar, and vendors; ``first`` is the vendor that is meant when none is named."""

    def __init__(self, *, clock: Clock, house: House, places: Sequence[Place], http: aiohttp.ClientSession) -> None:
        self.clock = clock
        self.house = house
        self.places = places
        self._http = http

    @property
    def first(self) -> Place:
        return self.places[0]

    @property
    def server(self) -> AuthorizationServer:
        return self.first.server

    # — a browser ——————————————————————————————————————————————————————————————————————————————

    async def start(self, session_id: str | None = None, *, at: Place | None = None, return_to: str = "") -> str:
        """Return the URL that the viewer is sent to."""
        place = at or self.first
        url = await self.house.authorization.start(
            content=place.content,
            integration=place.integration,
            return_to=return_to or place.content.path,
            binding="b1",
            session_id=session_id,
        )
        assert isinstance(url, str), url
        return url

    async def visit(self, url: str, person: str = "ada") -> str:
        """Open a page of the vendor; return where it sends the browser, ``""``: nowhere."""
        headers = {"Person": person}
        async with self._http.get(URL(url, encoded=True), headers=headers, allow_redirects=False) as answer:
            return answer.headers.get("Location", "")

    async def come_back(
        self, location: str, *, bindings: tuple[str, ...] = ("b1",), session_id: str | None = None
    ) -> CallbackOutcome:
        query = urlsplit(location).query
        return await self.house.authorization.complete(query, bindings=bindings, session_id=session_id)

    async def consent(
        self, person: str = "ada", *, session_id: str | None = None, at: Place | None = None
    ) -> CallbackOutcome:
        """Walk one whole flow."""
        location = await self.visit(await self.start(session_id, at=at), person)
        return await self.come_back(location, session_id=session_id)

    async def signed_in(self, person: str = "ada") -> Seat:
        outcome = await self.consent(person)
        assert isinstance(outcome, Granted), outcome
        assert outcome.session_id is not None
        session_id = outcome.session_id.reveal()
        return Seat(session_id=session_id, viewer_guid=await self.house.viewer_guid(session_id))

    # — content ————————————————————————————————————————————————————————————————————————————————

    async def ask(self, seat: Seat, *, house: House | None = None) -> Answer:
        return await (house or self.house).keeper.fresh(seat.viewer_guid, self.first.integration)

    async def reject(self, seat: Seat, token: str) -> Answer | RenewedLately:
        """Content says that an API did not take this token."""
        return await self.house.keeper.instead_of(Secret(token), seat.viewer_guid, self.first.integration)

    async def token(self, seat: Seat) -> str:
        answer = await self.ask(seat)
        assert isinstance(answer, Fresh), answer
        return answer.access_token.reveal()

    async def header_block(self, seat: Seat) -> str:
        admitted = await self.house.sessions.admit(seat.session_id, self.first.content)
        assert isinstance(admitted, Admitted), admitted
        return admitted.header_block.decode()

    async def row(self, seat: Seat) -> object:
        return await self.house.store.credentials(seat.viewer_guid, self.first.integration.guid)

    async def refresh_token(self, seat: Seat) -> str | None:
        """What is stored, opened."""
        row = await self.house.store.credentials(seat.viewer_guid, self.first.integration.guid)
        if row is None or row.refresh_token is None:
            return None
        found = self.house.keeper._seal.refresh_token(row)
        assert isinstance(found, Secret)
        return found.reveal()

    async def call(self, url: str, token: str, *, body: object = None) -> tuple[int, object]:
        """Call an API of the vendor as content does."""
        headers = {"Authorization": f"Bearer {token}"}
        how = {"json": body} if body is not None else {}
        method = "POST" if body is not None else "GET"
        async with self._http.request(method, url, headers=headers, **how) as answer:
            return answer.status, await answer.json()

    async def settled(self) -> None:
        """Wait until nobody refreshes in the background any more."""
        running = set(self.house.keeper._renewals._tasks)
        if running:
            await asyncio.wait(running)

    async def restart(self) -> None:
        """End the process politely, and begin another on the same state."""
        await self.house.close()
        before = self.house
        self.house = await open_house(before.path, self.clock, before.provider, before.directory, seed=before.seed + 1)

    async def close(self) -> None:
        await self.house.close()
