"""Use cases with a real store, and vendors' doubles on loopback that are reached under the vendors' own names over TLS.

Names lead to the doubles and their certificates are of a throw-away authority, so endpoints are those of the recipes, not
one is overridden. Sidecar and doubles live by one clock, which moves when a test says so.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from proxy.flows.callback_outcomes import CallbackOutcome, Granted
from proxy.flows.fresh_tokens import Answer, Fresh, RenewedLately
from proxy.flows.sessions import Admitted
from proxy.model import Content, ContentGuid, Directory, Integration, IntegrationGuid, Secret, SignedIn, ViewerGuid
from proxy.outbound.authorization_server import AuthorizationServerClient
from proxy.providers import PROVIDERS
from proxy.providers.fields import problems
from proxy.providers.registration import written_urls
from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.clock import Clock as DoublesClock
from tests.doubles.grants import RegisteredClient
from tests.doubles.profile import Profile
from tests.journeys.authority import Authority
from tests.unit.flows.house import REDIRECT_URI, SALES, Clock, House, open_house

HANG_S = 0.4
"""Real seconds until a server that does not answer is given up, in tests."""


class SharedClock(DoublesClock):
    """The doubles' time is the sidecar's."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def now(self) -> float:
        return self._clock().timestamp()


class Names(AbstractResolver):
    """The vendors' names lead to the doubles."""

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host not in self.ports:
            raise OSError(f"no such host: {host}")
        found = ResolveResult(
            hostname=host,
            host="127.0.0.1",
            port=self.ports[host],
            family=socket.AF_INET,
            proto=0,
            flags=socket.AI_NUMERICHOST,
        )
        return [found]

    async def close(self) -> None:
        pass


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

    async def start(self, session_id: str | None = None, *, at: Place | None = None) -> str:
        """Return the URL that the viewer is sent to."""
        place = at or self.first
        url = await self.house.authorization.start(
            content=place.content,
            integration=place.integration,
            return_to=place.content.path,
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


def spread(profiles: Iterable[Profile], authority: Authority) -> ssl.SSLContext:
    """A certificate for everything that these vendors are called."""
    names = dict.fromkeys(host for profile in profiles for host in profile.hosts)
    return authority.issue(*names).context()


def integration_at(
    server: AuthorizationServer, client: RegisteredClient, number: int, more: Mapping[str, str]
) -> Integration:
    """What an administrator wrote down, checked as the configuration is."""
    config = server.named_config_for(client) | dict(more)
    secret, key = config.pop("client_secret", None), config.pop("private_key", None)
    given = [name for name, value in (("client_secret", secret), ("private_key", key)) if value]
    provider = PROVIDERS[server.profile.template]
    assert problems(provider, config, secrets=given) == ()
    return Integration(
        guid=IntegrationGuid(str(UUID(int=number + 1))),
        name=server.profile.name,
        slug=f"vendor-{number}",
        template=server.profile.template,
        config={name: value for name, value in config.items() if value},
        client_secret=None if secret is None else Secret(secret),
        private_key=None if key is None else Secret(key),
    )


async def open_world(
    stack: AsyncExitStack,
    folder: Path,
    authority: Authority,
    tls: ssl.SSLContext,
    *profiles: Profile,
    config: Mapping[str, str] | None = None,
    is_public: bool = False,
    secret: str = "",
    certificate: str = "",
    sign_in: bool = False,
    patience_s: float = 2 * HANG_S,
) -> World:
    """Open all of it; ``config`` adds to what is written down about the first vendor.

    ``patience_s``: real seconds for a request; long where a gate holds one up.
    """
    clock, names, places = Clock(), Names(), list[Place]()
    for number, profile in enumerate(profiles):
        server = await stack.enter_async_context(
            AuthorizationServer.running(clock=SharedClock(clock), tls=tls, profile=profile)
        )
        names.ports |= dict.fromkeys(profile.hosts, urlsplit(server.address).port or 0)
        client = server.register(REDIRECT_URI, public=is_public or bool(certificate))
        client.secrets = [secret] if secret else client.secrets
        client.certificates = [certificate] if certificate else []
        integration = integration_at(server, client, number, config or {} if number == 0 else {})
        content = replace(
            SALES,
            guid=ContentGuid(str(UUID(int=number + 101))),
            name=f"content-{number}",
            path=f"/content-{number}/",
            access=SignedIn(),
            integrations=(integration.guid,),
        )
        places.append(Place(server=server, client=client, integration=integration, content=content))
    directory = Directory(
        contents={place.content.guid: place.content for place in places},
        integrations={place.integration.guid: place.integration for place in places},
        sign_in=places[0].integration.guid if sign_in else None,
    )
    written = [written_urls(PROVIDERS[place.integration.template], place.integration) for place in places]
    outbound = AuthorizationServerClient(
        written=frozenset[str]().union(*written),
        ca_bundle=authority.certificate,
        resolver=names,
        total_timeout_s=patience_s,
        connect_timeout_s=patience_s,
    )
    stack.push_async_callback(outbound.close)
    connector = aiohttp.TCPConnector(resolver=names, ssl=authority.trusting_context())
    http = await stack.enter_async_context(
        aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
    )
    house = await open_house(folder / "state.db", clock, outbound.send, directory)
    world = World(clock=clock, house=house, places=places, http=http)
    stack.push_async_callback(world.close)
    return world
