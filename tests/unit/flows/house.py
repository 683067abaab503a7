"""Everything the use cases stand on, with a real store, a scripted authorization server and a clock that waits for us."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from proxy.flows.administration import Administration
from proxy.flows.authorization import Authorization
from proxy.flows.callback_outcomes import CallbackOutcome, Granted
from proxy.flows.change_feed import ChangeFeed
from proxy.flows.credentials import CredentialsKeeper
from proxy.flows.directory_changes import DirectoryChanges
from proxy.flows.exchange import Exchange
from proxy.flows.former_integrations import FormerIntegrations
from proxy.flows.housekeeping import Housekeeping
from proxy.flows.identities import Identities
from proxy.flows.integration_wishes import Wishes
from proxy.flows.live_directory import LiveDirectory
from proxy.flows.oauth_sessions import OAuthSessions
from proxy.flows.recipes import recipe
from proxy.flows.servers import AuthorizationServers
from proxy.flows.service_accounts import ServiceAccounts
from proxy.flows.session_tokens import SessionTokens
from proxy.flows.sessions import SessionLifetimes, Sessions
from proxy.flows.stored_integrations import IntegrationSeal
from proxy.flows.token_revocation import TokenRevocation
from proxy.flows.token_seal import TokenSeal
from proxy.flows.verification import Verification
from proxy.flows.viewer_claims import ViewerClaims
from proxy.flows.visitor_keys import VisitorKeys
from proxy.model import (
    ApiKey,
    ApiKeyGuid,
    ApiKeysChanged,
    AuditEvent,
    Change,
    Content,
    ContentGuid,
    CredentialsChanged,
    Directory,
    Integration,
    IntegrationGuid,
    News,
    Role,
    Secret,
    SignedIn,
    TcpUpstream,
    ViewerGuid,
)
from proxy.oauth.message import OutboundRequest, OutboundResponse, Outcome
from proxy.sealing import KeyRing, hash_handle
from proxy.store.sqlite import open_store

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PUBLIC_URL = "https://apps.example.org"
REDIRECT_URI = PUBLIC_URL + "/__oauth__/integrations/callback"
KEY = bytes(range(32))
ISSUER = "https://id.example.net"

WAREHOUSE = Integration(
    guid=IntegrationGuid("11111111-1111-4111-8111-111111111111"),
    name="warehouse",
    slug="warehouse",
    template="custom",
    config={
        "authorization_uri": ISSUER + "/authorize",
        "token_uri": ISSUER + "/token",
        "userinfo_uri": ISSUER + "/userinfo",
        "revocation_uri": ISSUER + "/revoke",
        "issuer": ISSUER,
        "client_id": "sidecar",
        "scopes": "openid offline_access",
    },
    client_secret=Secret("client-secret"),
)
LAKE = Integration(
    guid=IntegrationGuid("22222222-2222-4222-8222-222222222222"),
    name="The lake",
    slug="lake",
    template="custom",
    config={
        "authorization_uri": "https://lake.example.net/authorize",
        "token_uri": "https://lake.example.net/token",
        "client_id": "sidecar-at-lake",
        "scopes": "all",
    },
    client_secret=Secret("lake-secret"),
)
SALES = Content(
    guid=ContentGuid("33333333-3333-4333-8333-333333333333"),
    name="sales",
    title="Sales",
    owner="bob@example.org",
    path="/sales/",
    upstream=TcpUpstream("127.0.0.1", 8501),
    app_mode="python-streamlit",
    access=SignedIn(),
    integrations=(WAREHOUSE.guid,),
)
STOCK = replace(SALES, guid=ContentGuid("44444444-4444-4444-8444-444444444444"), name="stock", path="/stock/")
BOTH = replace(
    SALES,
    guid=ContentGuid("55555555-5555-4555-8555-555555555555"),
    name="both",
    path="/both/",
    integrations=(WAREHOUSE.guid, LAKE.guid),
)


def directory(*contents: Content, sign_in: IntegrationGuid | None = None) -> Directory:
    return Directory(
        contents={content.guid: content for content in contents or (SALES, STOCK, BOTH)},
        integrations={WAREHOUSE.guid: WAREHOUSE, LAKE.guid: LAKE},
        sign_in=sign_in,
    )


class Clock:
    """A clock that moves when it is told to, and while somebody sleeps by it."""

    def __init__(self) -> None:
        self.at = START
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)


Reply = Outcome | Callable[[OutboundRequest], Outcome]


def answer(status: int, body: object, **headers: str) -> OutboundResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return OutboundResponse(status=status, headers={"content-type": "application/json", **headers}, body=raw)


class Provider:
    """An authorization server as a ``Send``: rotates refresh tokens, and knows a script."""

    def __init__(self) -> None:
        self.requests: list[OutboundRequest] = []
        self.script: deque[Reply] = deque()
        self.userinfo_script: deque[Reply] = deque()
        self.revocation_script: deque[Reply] = deque()
        self.gate: asyncio.Event | None = None
        self.ttl_s: float | None = 600
        self.issued = 0
        self.live_refresh_tokens: set[str] = set()
        self.is_strict = True
        self.omits_refresh_token = False
        self.id_token: Callable[[], str] | None = None
        """Makes the ID token of each token answer."""
        self.claims: dict[str, Any] = {"sub": "ada-at-id", "email": "ada@example.org", "email_verified": True}

    @property
    def token_requests(self) -> list[dict[str, str]]:
        return [
            dict(parse_qsl(request.body.decode()))
            for request in self.requests
            if urlsplit(request.url).path == "/token"
        ]

    @property
    def refreshes(self) -> list[dict[str, str]]:
        return [form for form in self.token_requests if form["grant_type"] == "refresh_token"]

    @property
    def revocations(self) -> list[dict[str, str]]:
        """Forms that came to the revocation endpoint."""
        return [dict(parse_qsl(one.body.decode())) for one in self.requests if urlsplit(one.url).path == "/revoke"]

    async def __call__(self, request: OutboundRequest) -> Outcome:
        self.requests.append(request)
        if urlsplit(request.url).path == "/revoke":
            return self.revoke(request)
        is_token = urlsplit(request.url).path == "/token"
        if is_token and self.gate is not None:
            await self.gate.wait()
        else:
            await asyncio.sleep(0)
        script = self.script if is_token else self.userinfo_script
        if script:
            reply = script.popleft()
            return reply(request) if callable(reply) else reply
        return self.tokens(request) if is_token else answer(200, self.claims)

    def revoke(self, request: OutboundRequest) -> Outcome:
        if self.revocation_script:
            reply = self.revocation_script.popleft()
            return reply(request) if callable(reply) else reply
        self.live_refresh_tokens.discard(dict(parse_qsl(request.body.decode()))["token"])
        return OutboundResponse(status=200, headers={}, body=b"")

    def tokens(self, request: OutboundRequest) -> OutboundResponse:
        form = dict(parse_qsl(request.body.decode()))
        if form["grant_type"] == "refresh_token" and self.is_strict:
            if form["refresh_token"] not in self.live_refresh_tokens:
                return answer(400, {"error": "invalid_grant"})
            if not self.omits_refresh_token:
                self.live_refresh_tokens.discard(form["refresh_token"])
        self.issued += 1
        body: dict[str, object] = {"access_token": f"access-{self.issued}", "token_type": "Bearer"}
        if self.ttl_s is not None:
            body["expires_in"] = self.ttl_s
        if form["grant_type"] == "client_credentials":
            body["refresh_token"] = "nobody's"  # RFC 6749 §4.4.3: not to be given; some do
        elif form["grant_type"] == "authorization_code" or not self.omits_refresh_token:
            body["refresh_token"] = f"refresh-{self.issued}"
            self.live_refresh_tokens.add(f"refresh-{self.issued}")
        if self.id_token is not None:
            body["id_token"] = self.id_token()
        return answer(200, body)


@dataclass
class House:
    """One process: build it again on the same path for a restart."""

    path: Path
    clock: Clock
    provider: Provider
    store: Any
    directory: Directory
    changes: list[Change] = field(default_factory=list)
    lines: list[AuditEvent] = field(default_factory=list)
    seed: int = 1
    is_dead: bool = False
    configured: Directory | None = None
    """What the configuration defines; ``directory`` is what there is."""

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.key_ring = KeyRing([KEY])
        self.configured = self.configured or self.directory
        self.integration_seal = IntegrationSeal(key_ring=self.key_ring, random_bytes=self.random.randbytes)
        self.live = LiveDirectory(
            self.configured,
            records=self.store.administration,
            seal=self.integration_seal,
            now=self.clock,
            forget=self.forget,
        )
        self.directory = self.live.directory
        self.lifetimes = SessionLifetimes(idle=timedelta(hours=12), lifetime=timedelta(days=7))
        self.servers = AuthorizationServers(send=self.provider, now=self.clock)
        self.identities = Identities(send=self.provider, now=self.clock, groups_claim=self.directory.groups_claim)
        self.claims = ViewerClaims(
            sign_in=self.directory.sign_in,
            store=self.store,
            servers=self.servers,
            identities=self.identities,
            now=self.clock,
            publish=self.publish,
        )
        self.keeper = CredentialsKeeper(
            store=self.store,
            key_ring=self.key_ring,
            servers=self.servers,
            refreshed=self.claims.read_again,
            send=self.provider,
            now=self.clock,
            sleep=self.clock.sleep,
            random_bytes=self.random.randbytes,
            publish=self.publish,
            record=self.lines.append,
        )
        self.authorization = Authorization(
            directory=self.directory,
            store=self.store,
            key_ring=self.key_ring,
            servers=self.servers,
            identities=self.identities,
            send=self.provider,
            now=self.clock,
            random_bytes=self.random.randbytes,
            publish=self.publish,
            record=self.lines.append,
            redirect_uri=REDIRECT_URI,
            lifetimes=self.lifetimes,
        )
        self.sessions = Sessions(
            directory=self.directory,
            store=self.store,
            key_ring=self.key_ring,
            keeper=self.keeper,
            now=self.clock,
            publish=self.publish,
            record=self.lines.append,
            lifetimes=self.lifetimes,
        )
        self.service_accounts = ServiceAccounts(
            servers=self.servers,
            send=self.provider,
            now=self.clock,
            sleep=self.clock.sleep,
            random_bytes=self.random.randbytes,
        )
        self.session_tokens = SessionTokens(
            store=self.store, is_present=self.sessions.is_present, now=self.clock, max_remembered=100
        )
        self.visitor_keys = VisitorKeys(
            directory=self.directory,
            session_tokens=self.session_tokens,
            key_ring=self.key_ring,
            now=self.clock,
            random_bytes=self.random.randbytes,
            renew_claims=self.sessions.renew_claims,
        )
        self.exchange = Exchange(
            service_accounts=self.service_accounts,
            visitor_keys=self.visitor_keys,
            key_ring=self.key_ring,
            directory=self.directory,
            session_tokens=self.session_tokens,
            keeper=self.keeper,
            sessions=self.sessions,
            now=self.clock,
            record=self.lines.append,
            public_url=PUBLIC_URL,
            max_per_minute=100,
        )
        seal = TokenSeal(key_ring=self.key_ring, random_bytes=self.random.randbytes)
        self.former = FormerIntegrations(
            directory=self.directory, store=self.store, seal=seal, now=self.clock, record=self.lines.append
        )
        self.token_revocation = TokenRevocation(
            former=self.former,
            store=self.store,
            seal=seal,
            servers=self.servers,
            send=self.provider,
            now=self.clock,
            sleep=self.clock.sleep,
            random_bytes=self.random.randbytes,
        )
        self.feed = ChangeFeed(
            store=self.store, read_directory=self.live.reload, apply=self.apply, sleep=self.clock.sleep
        )
        self.administration = Administration(
            live=self.live,
            changes=DirectoryChanges(
                live=self.live,
                records=self.store.administration,
                seal=self.integration_seal,
                wishes=Wishes(seal=self.integration_seal, allow_networks=()),
                now=self.clock,
                random_bytes=self.random.randbytes,
                catch_up=self.feed.catch_up,
                note=self.former.note,
                lines=lambda event: (event,),
            ),
            sessions=OAuthSessions(
                directory=self.directory,
                records=self.store.administration,
                now=self.clock,
                catch_up=self.feed.catch_up,
                lines=lambda event: (event,),
            ),
            verification=Verification(
                servers=self.servers, send=self.provider, now=self.clock, random_bytes=self.random.randbytes
            ),
            record=self.lines.append,
        )
        self.housekeeping = Housekeeping(
            store=self.store,
            sessions=self.sessions,
            keeper=self.keeper,
            lifetimes=self.lifetimes,
            now=self.clock,
            publish=self.publish,
        )

    def forget(self, integration: Integration) -> None:
        self.keeper.forget_integration(integration.guid)
        self.service_accounts.forget(integration.guid)
        self.servers.forget(recipe(integration))

    def apply(self, news: Sequence[News]) -> None:
        for change in news:
            if not isinstance(change, ApiKeysChanged):
                self.publish(change)

    def publish(self, change: Change) -> None:
        self.changes.append(change)
        self.session_tokens.apply(change)
        if isinstance(change, CredentialsChanged):
            self.keeper.forget(change.viewer_guid, change.integration_guid)

    async def close(self) -> None:
        """End in order; after a kill only the state file is let go of."""
        if not self.is_dead:
            await self.keeper.close()
            await self.service_accounts.close()
        await self.identities.close()
        await self.servers.close()
        await self.store.close()

    # — what a browser does ————————————————————————————————————————————————————————————————————

    async def start(
        self,
        content: Content = SALES,
        integration: Integration = WAREHOUSE,
        *,
        return_to: str = "",
        binding: str = "b1",
        session_id: str | None = None,
    ) -> dict[str, str]:
        url = await self.authorization.start(
            content=content,
            integration=integration,
            return_to=return_to or content.path,
            binding=binding,
            session_id=session_id,
        )
        assert isinstance(url, str), url
        return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

    async def come_back(
        self, state: str, *, bindings: tuple[str, ...] = ("b1",), session_id: str | None = None, **query: str
    ) -> CallbackOutcome:
        parameters = {"state": state, "iss": ISSUER, **({} if "error" in query else {"code": "the-code"}), **query}
        raw = urlencode([pair for pair in parameters.items() if pair[1]])
        return await self.authorization.complete(raw, bindings=bindings, session_id=session_id)

    async def log_in(
        self, content: Content = SALES, integration: Integration = WAREHOUSE, *, session_id: str | None = None
    ) -> str:
        """Run one whole flow; return the session id that the browser has afterwards."""
        iss = ISSUER if integration is WAREHOUSE else ""
        state = (await self.start(content, integration, session_id=session_id))["state"]
        outcome = await self.come_back(state, session_id=session_id, iss=iss)
        assert isinstance(outcome, Granted), outcome
        if outcome.session_id is not None:
            return outcome.session_id.reveal()
        assert session_id is not None
        return session_id

    def hash_of(self, session_id: str) -> Any:
        return hash_handle(session_id)

    async def viewer_guid(self, session_id: str) -> ViewerGuid:
        known = await self.store.session(hash_handle(session_id))
        return known.viewer.guid

    async def row(self, session_id: str, integration: Integration = WAREHOUSE) -> Any:
        return await self.store.credentials(await self.viewer_guid(session_id), integration.guid)

    def neighbour(self) -> House:
        """Return another process on the same store."""
        return replace(self, changes=[], lines=[], seed=self.seed + 1000)

    def key(self, content: Content = SALES) -> ApiKey:
        return ApiKey(
            guid=ApiKeyGuid("99999999-9999-4999-8999-999999999999"),
            name=f"key of {content.name}",
            role=Role.CONTENT,
            hash=b"",
            content_guid=content.guid,
        )


async def open_house(path: Path, clock: Clock, provider: Provider, of: Directory, *, seed: int = 1) -> House:
    store = await open_store(path, now=clock)
    house = House(path=path, clock=clock, provider=provider, store=store, directory=of, seed=seed)
    await house.feed.start()
    await house.live.load()
    return house
