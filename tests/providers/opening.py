"""Open a world: use cases with a real store, and vendors' doubles that are reached under the vendors' own names over TLS.

Names lead to loopback and certificates are of a throw-away authority, so endpoints are those of the recipes, not one is
overridden. Sidecar and doubles live by one clock, which moves when a test says so.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from proxy.model import ContentGuid, Directory, Integration, IntegrationGuid, Secret, SignedIn
from proxy.outbound.authorization_server import AuthorizationServerClient
from proxy.providers import PROVIDERS
from proxy.providers.fields import problems
from proxy.providers.registration import written_urls
from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.clock import Clock as DoublesClock
from tests.doubles.grants import RegisteredClient
from tests.doubles.profile import Profile
from tests.journeys.authority import Authority
from tests.providers.world import Place, World
from tests.unit.flows.house import REDIRECT_URI, SALES, Clock, open_house

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
    pins: bool = False,
    patience_s: float = 2 * HANG_S,
) -> World:
    """Open all of it; ``config`` adds to what is written down about the first vendor.

    ``pins``: the account has to stay the same. ``patience_s``: real seconds for a request; long where a gate holds one up.
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
        integration = replace(integration, pin_identity=pins)
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
