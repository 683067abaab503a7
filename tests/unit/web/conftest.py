"""Both applications over hand-written flows that answer what a test puts into them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.errors import SidecarError
from proxy.flows.callback_outcomes import CallbackOutcome, Malformed, ProviderUnavailable
from proxy.flows.exchange_answers import Issued
from proxy.flows.hand_over import HandedOver, TicketRefused, TicketUsed
from proxy.flows.refused import Refused
from proxy.flows.sessions import Admission, SignInNeeded
from proxy.flows.sign_out_there import WayOut
from proxy.model import (
    ApiKey,
    AuditEvent,
    Content,
    ContentGuid,
    Directory,
    FirstSeen,
    Identity,
    Integration,
    IntegrationGuid,
    Role,
    Secret,
    SignedIn,
    TcpUpstream,
    Viewer,
    ViewerGuid,
)
from proxy.policy.cookies import cookie_names
from proxy.policy.guids import configured_key_guid
from proxy.policy.rate import RatePerMinute
from proxy.store.audit import AuditFilter, AuditLog, AuditPage
from proxy.web.routes import api_application, control_plane
from proxy.web.services import ApiServices, ControlServices
from proxy.web.start_limits import StartLimits
from tests.unit.web.administered import Administered, People, record_of, session_of
from tests.unit.web.api.described import DescribedClient

PUBLIC_URL = "https://apps.example.org"
NAMES = cookie_names(PUBLIC_URL)
PROVIDER = "https://id.example.net/authorize"
CALLBACK = "/__oauth__/integrations/callback"
KEY = "sales-key-0123456789"
ADMINISTRATOR = "ops-key-0123456789"
PUBLISHER = "bob-key-0123456789"
"""Of whom ``SALES`` is."""
NAVIGATION = {
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Site": "none",
    "Accept": "text/html",
}
FRAME = NAVIGATION | {"Sec-Fetch-Dest": "iframe"}
XHR = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "application/json"}


def api_key(name: str, role: Role, **more: object) -> ApiKey:
    """Return a key that the configuration defines."""
    return ApiKey(guid=configured_key_guid(name), name=name, role=role, hash=name.encode(), **more)


WAREHOUSE = Integration(
    guid=IntegrationGuid("11111111-1111-4111-8111-111111111111"),
    name="Warehouse", slug="warehouse", template="custom", config={},
)  # fmt: skip
LAKE = replace(WAREHOUSE, guid=IntegrationGuid("22222222-2222-4222-8222-222222222222"), name="Lake", slug="lake")
UNUSED = replace(WAREHOUSE, guid=IntegrationGuid("99999999-9999-4999-8999-999999999999"), name="Unused", slug="unused")
SALES = Content(
    guid=ContentGuid("33333333-3333-4333-8333-333333333333"),
    name="sales", title="Quarterly sales", owner="bob@example.org", path="/sales/",
    upstream=TcpUpstream("127.0.0.1", 8501), app_mode="python-streamlit", access=SignedIn(),
    integrations=(WAREHOUSE.guid, LAKE.guid),
)  # fmt: skip
STOCK = replace(SALES, guid=ContentGuid("44444444-4444-4444-8444-444444444444"), name="stock", title="Stock",
                path="/stock/", owner="")  # fmt: skip
ADA = Viewer(
    guid=ViewerGuid("66666666-6666-4666-8666-666666666666"),
    identity=Identity(subject="1", email="ada@example.org"),
    identified_by=WAREHOUSE.guid,
    created_at=datetime(2026, 3, 1, tzinfo=UTC),
)
CALLERS = {
    KEY: api_key("sales", Role.CONTENT, content_guid=SALES.guid),
    ADMINISTRATOR: api_key("ops", Role.ADMINISTRATOR),
    PUBLISHER: api_key("bob", Role.PUBLISHER, user="bob@example.org"),
}
"""By the text of the key."""
VISITOR = "visitor-key-0123456789"
SESSION = {"Cookie": f"{NAMES.session}=the-session"}


def refused(reason: str, content: Content | None = SALES, **more: str) -> dict[str, str]:
    """Return the headers by which the gateway hands a request over."""
    said = {"Oauth-Sidecar-Reason": reason, "Oauth-Sidecar-Request-Id": "request-7"}
    if content is not None:
        said["Oauth-Sidecar-Content"] = content.guid
    return said | {f"Oauth-Sidecar-{name.replace('_', '-').title()}": value for name, value in more.items()}


@dataclass
class Flows:
    """Every use case that the applications call; what was asked is remembered."""

    outcome: CallbackOutcome = field(default_factory=Malformed)
    admission: Admission = field(default_factory=lambda: SignInNeeded(integration=WAREHOUSE))
    answer: Issued | Refused = field(default_factory=lambda: Issued(access_token=Secret("the-token"), expires_in=55))
    unlocated: ProviderUnavailable | None = None
    error: Exception | None = None
    unready: SidecarError | None = None
    started: list[dict[str, object]] = field(default_factory=list)
    started_by: list[str | None] = field(default_factory=list)
    completed: list[dict[str, object]] = field(default_factory=list)
    asked: list[dict[str, object]] = field(default_factory=list)
    ended: list[object] = field(default_factory=list)
    taken: HandedOver | TicketUsed | TicketRefused = field(
        default_factory=lambda: TicketRefused(because="unreadable", return_to="/")
    )
    end_outcome: object = True
    way_out: WayOut | None = None
    follows: bool = False
    ways: list[str] = field(default_factory=list)
    tickets: list[dict[str, object]] = field(default_factory=list)
    noted: list[tuple[str | None, str, str]] = field(default_factory=list)
    redeemed: list[dict[str, object]] = field(default_factory=list)
    admitted_as: list[str | None] = field(default_factory=list)
    recorded: list[AuditEvent] = field(default_factory=list)
    at: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    _bytes: deque[int] = field(default_factory=lambda: deque(range(256)))

    async def start(
        self, *, content: Content, integration: Integration, return_to: str, binding: str, session_id: str | None
    ) -> str | ProviderUnavailable:
        self.started_by.append(session_id)
        self.started.append({"content": content, "integration": integration, "to": return_to, "binding": binding})
        return self.unlocated or f"{PROVIDER}?state={len(self.started)}"

    async def complete(self, raw_query: str, *, bindings: Sequence[str], session_id: str | None) -> CallbackOutcome:
        self._fail()
        self.completed.append({"query": raw_query, "bindings": list(bindings), "session": session_id})
        return self.outcome

    async def admit(self, session_id: str | None, content: Content) -> Admission:
        self._fail()
        return self.admission

    async def admit_at_host(self, handle: str | None, content: Content) -> Admission:
        self.admitted_as.append(handle)
        return self.admission

    async def note_asked(self, session_id: str | None, content: Content, integration: Integration) -> None:
        self.noted.append((session_id, content.name, integration.name))

    async def end(self, session: str) -> object:
        self.ended.append(session)
        if isinstance(self.end_outcome, Exception):
            raise self.end_outcome
        return self.end_outcome

    async def way(self, state: str) -> WayOut | None:
        self.ways.append(state)
        return None if self.way_out is None else replace(self.way_out, url=f"{self.way_out.url}?state={state}")

    async def end_everywhere(self, session_id: str) -> None:
        self.ended.append(("everywhere", session_id))

    async def end_at_host(self, handle: str, content: Content) -> bool:
        self.ended.append((handle, content.name))
        return True

    def ticket(self, *, content: Content, **of: object) -> str:
        self.tickets.append({"content": content.name, **of})
        return f"TICKET{len(self.tickets)}"

    async def take(self, text: str, *, content: Content, bindings: Sequence[str]) -> object:
        self._fail()
        self.redeemed.append({"ticket": text, "content": content.name, "bindings": list(bindings)})
        return self.taken

    async def redeem(self, *, caller: ApiKey, **form: str | None) -> Issued | Refused:
        self._fail()
        self.asked.append({"key": caller.content_guid, **form})
        return self.answer

    async def token(self, *, caller: ApiKey, **form: str | None) -> Issued | Refused:
        self._fail()
        self.asked.append({"key": caller.content_guid, **form})
        return self.answer

    async def check_ready(self) -> None:
        if self.unready is not None:
            raise self.unready

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error

    def now(self) -> datetime:
        return self.at

    def random_bytes(self, count: int) -> bytes:
        self._bytes.rotate(-count)
        return bytes(list(self._bytes) * (count // 256 + 1))[:count]


class Keys:
    """Whoever the tests need, by the text of their keys."""

    def __init__(self, callers: Mapping[str, ApiKey] = CALLERS) -> None:
        self._callers = callers

    def caller(self, key: str) -> ApiKey | None:
        return self._callers.get(key)

    def all(self) -> Sequence[ApiKey]:
        return list(self._callers.values())


class Visitors:
    """One viewer, by the text of the key that a content got for them."""

    async def caller(self, key: str) -> ApiKey | None:
        return api_key("visitor of sales", Role.VIEWER, user="eve@example.org") if key == VISITOR else None


@pytest.fixture
def flows() -> Flows:
    return Flows()


def services(flows: Flows, *, sign_in: IntegrationGuid | None = None, public_url: str = PUBLIC_URL,
             contents: Sequence[Content] = (SALES, STOCK)) -> ControlServices:  # fmt: skip
    return ControlServices(
        authorization=flows,
        sessions=flows,
        hand_over=flows,
        provider_logouts=flows,
        sign_out_there=flows,
        directory=Directory(
            contents={content.guid: content for content in contents},
            integrations={one.guid: one for one in (WAREHOUSE, LAKE, UNUSED)},
            sign_in=sign_in,
        ),
        cookies=cookie_names(public_url),
        public_url=public_url,
        session_lifetime=timedelta(days=7),
        check_ready=flows.check_ready,
        start_limits=StartLimits(per_address=100, per_browser=30),
        now=flows.now,
        random_bytes=flows.random_bytes,
    )


class Browser:
    """Sends requests as the gateway passes them on; follows no redirect, keeps no cookie."""

    def __init__(self, client) -> None:
        self._client = client

    async def get(self, path: str, **headers):
        return await self.send("GET", path, headers.pop("headers", NAVIGATION))

    async def send(self, method: str, path: str, headers=NAVIGATION, **more):
        return await self._client.request(method, path, headers=headers, allow_redirects=False, **more)


@pytest.fixture
async def browser(aiohttp_client, flows):
    return Browser(await aiohttp_client(control_plane(services(flows))))


async def as_served(app: web.Application) -> TestServer:
    """Serve as the composition root does: bodies come as they are sent."""
    server = TestServer(app)
    await server.start_server(auto_decompress=False)
    return server


@pytest.fixture
def administered() -> Administered:
    return Administered(record=record_of(WAREHOUSE), content=SALES.guid, session=session_of(ADA.guid, WAREHOUSE.guid))


class Lines:
    """An audit log without a line."""

    async def page(self, wanted: AuditFilter, **_asked: object) -> AuditPage:
        return AuditPage(events=[], viewers={}, reached=None)


SINCE = datetime(2026, 2, 1, tzinfo=UTC)


def api_services(
    flows: Flows,
    *,
    administration: object = None,
    keys: object = None,
    users: object = None,
    contents: Sequence[Content] = (SALES, STOCK),
    audit: AuditLog | None = None,
) -> ApiServices:
    directory = services(flows, contents=contents).directory
    return ApiServices(
        exchange=flows,
        administration=administration,
        keys=keys or Keys(),
        users=users or People(),
        visitors=Visitors(),
        directory=directory,
        first_seen=lambda guid: FirstSeen(id=list(directory.contents).index(guid) + 1, at=SINCE),
        public_url=PUBLIC_URL,
        requests_of_key=RatePerMinute(1000),
        record=flows.recorded.append,
        audit=Lines() if audit is None else audit,
        now=flows.now,
        hosts=frozenset({"sidecar.internal"}),
        random_bytes=flows.random_bytes,
    )


@pytest.fixture
async def api(aiohttp_client, flows, administered):
    services = api_services(flows, administration=administered)
    return DescribedClient(await aiohttp_client(await as_served(api_application(services))))
