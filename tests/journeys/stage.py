"""The stage of a journey: an authorization server, recording contents, the real process, and people who visit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.content import RecordingContent, Seen
from tests.doubles.grants import RegisteredClient
from tests.journeys.leaks import search_everywhere
from tests.journeys.sidecar import Setup, Sidecar
from tests.journeys.viewer import Page, Viewer

ACCESS_TOKEN = b"X-Forwarded-Access-Token"
SESSION_TOKEN = b"Posit-Connect-User-Session-Token"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
SESSION_TOKEN_TYPE = "urn:posit:connect:user-session-token"
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"

Change = Callable[[Setup], None]


@dataclass(slots=True, kw_only=True)
class Stage:
    """Everything a journey can look at; ``async with stage(folder) as s``."""

    server: AuthorizationServer
    client: RegisteredClient
    contents: dict[str, RecordingContent]
    setup: Setup
    sidecar: Sidecar
    viewers: list[Viewer] = field(default_factory=list)
    http: aiohttp.ClientSession
    """For what content and operators send."""
    _people: AsyncExitStack

    @property
    def content(self) -> RecordingContent:
        """The first content."""
        return next(iter(self.contents.values()))

    async def viewer(self, person: str = "ada") -> Viewer:
        """Open a fresh browser for somebody."""
        viewer = await self._people.enter_async_context(Viewer.at(self.sidecar.url, person=person))
        self.viewers.append(viewer)
        return viewer

    async def signed_in(self, person: str = "ada", path: str | None = None) -> Viewer:
        """Open a fresh browser and walk through the sign-in of the first content."""
        viewer = await self.viewer(person)
        page = await viewer.visit(path or f"/{next(iter(self.contents))}/")
        assert page.status == 200, f"{page.status} at {page.url.partition('?')[0]}: {page.text[:500]}"
        return viewer

    def owner_of(self, seen: Seen) -> str | None:
        """Whose live access token this request carries; ``None``: nobody's."""
        [token] = seen.values(ACCESS_TOKEN)
        user = self.server.owner_of(token.decode())
        return user.id if user else None

    async def until_dead(self, access_token: bytes) -> None:
        """Wait, in real time, until this access token has expired at the provider."""
        token = self.server.grants.access_tokens[access_token.decode()]
        await asyncio.sleep(max(0.0, token.expires_at - self.server.clock.now()) + 0.05)

    def new_content_request(self) -> Seen:
        """The one request that the first content saw since ``forget``."""
        [seen] = self.content.requests
        return seen

    async def exchange(self, content: str, session_token: str, **form: str) -> Page:
        """Ask for an access token as content does, in Connect's shape."""
        body = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token_type": SESSION_TOKEN_TYPE,
            "subject_token": session_token,
            "requested_token_type": ACCESS_TOKEN_TYPE,
            **form,
        }
        url = f"{self.setup.api_url}/__api__/v1/oauth/integrations/credentials"
        headers = {"Authorization": f"Key {self.setup.content_keys[content]}"}
        async with self.http.post(url, data=body, headers=headers) as answer:
            return Page(url, answer.status, answer.headers.copy(), await answer.read())

    def leaks(self) -> list[str]:
        """Search every place that must not hold a secret."""
        return search_everywhere(
            server=self.server,
            state_file=self.setup.state_file,
            log=self.sidecar.log,
            contents=self.contents.values(),
            viewers=self.viewers,
        )


def nothing(_: Setup) -> None:
    """Leave the configuration as it is generated."""


@asynccontextmanager
async def stage(
    folder: Path,
    *,
    contents: Sequence[str] = ("sales",),
    integrations: Sequence[str] = ("warehouse",),
    change: Change = nothing,
) -> AsyncIterator[Stage]:
    """Start everything; after a journey that went well, stop the sidecar and search for leaked secrets.

    Each content uses every integration. ``change`` may alter the configuration before the start.
    """
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(AuthorizationServer.running())
        setup = Setup(folder=folder)
        client = server.register(setup.redirect_uri)
        for name in integrations:
            setup.add_integration(name, server.config_for(client))
        doubles = {name: await stack.enter_async_context(RecordingContent.running()) for name in contents}
        for name, double in doubles.items():
            setup.add_content(name, double.address, integrations=integrations)
        change(setup)
        http = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        people = await stack.enter_async_context(AsyncExitStack())
        sidecar = await stack.enter_async_context(Sidecar.running(setup))
        the_stage = Stage(
            server=server,
            client=client,
            contents=doubles,
            setup=setup,
            sidecar=sidecar,
            http=http,
            _people=people,
        )
        yield the_stage
        # While it runs the log and the write-ahead log hold most; once more when all is flushed.
        assert the_stage.leaks() == []
        assert await sidecar.stop() == 0
        assert the_stage.leaks() == []
