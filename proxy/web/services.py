"""What the two applications stand on: use cases and facts, given by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from aiohttp import web

from proxy.flows.administration import Administration
from proxy.flows.api_keys import ApiKeys
from proxy.flows.callback_outcomes import CallbackOutcome, ProviderUnavailable
from proxy.flows.exchange_answers import Issued
from proxy.flows.hand_over import HandedOver, TicketRefused, TicketUsed
from proxy.flows.provider_logout import LogoutOutcome
from proxy.flows.refused import Refused
from proxy.flows.sessions import Admission
from proxy.flows.sign_out_there import WayOut
from proxy.flows.users import Users
from proxy.model import ApiKey, AuditEvent, Content, ContentGuid, Directory, FirstSeen, Integration, SessionHash
from proxy.policy.cookies import CookieNames
from proxy.policy.rate import RatePerMinute
from proxy.store.audit import AuditLog
from proxy.web.start_limits import StartLimits
from proxy.web.wrong_keys import WrongKeys


class Authorization(Protocol):
    """Starts and completes the code flow: ``flows.authorization``."""

    async def start(
        self, *, content: Content, integration: Integration, return_to: str, binding: str, session_id: str | None
    ) -> str | ProviderUnavailable:
        """Return the URL at the provider."""

    async def complete(self, raw_query: str, *, bindings: Sequence[str], session_id: str | None) -> CallbackOutcome:
        """Finish the flow that the callback's query names."""


class Sessions(Protocol):
    """Judges and ends viewer sessions: ``flows.sessions``."""

    async def admit(self, session_id: str | None, content: Content) -> Admission:
        """Judge one browser in front of one content."""

    async def admit_at_host(self, handle: str | None, content: Content) -> Admission:
        """Judge one browser at the content's own host."""

    async def note_asked(self, session_id: str | None, content: Content, integration: Integration) -> None:
        """Remember that the viewer is sent to consent to what is optional."""

    async def end(self, session: str) -> bool:
        """End the session with this cookie value."""

    async def end_everywhere(self, session_id: str) -> None:
        """End all sessions of its viewer, and what they granted."""

    async def end_at_host(self, handle: str, content: Content) -> bool:
        """End the session that the content's own host knows by this cookie value."""


class HandOver(Protocol):
    """Hands sessions over to contents' own hosts: ``flows.hand_over``."""

    def ticket(self, *, content: Content, session_hash: SessionHash, binding_hash: bytes, return_to: str) -> str:
        """Return a ticket."""

    async def take(
        self, text: str, *, content: Content, bindings: Sequence[str]
    ) -> HandedOver | TicketUsed | TicketRefused:
        """Take a ticket."""


class ProviderLogouts(Protocol):
    """Ends sessions that are over at the provider: ``flows.provider_logout``."""

    async def end(self, token: str) -> LogoutOutcome:
        """End what a logout token names."""


class SignOutThere(Protocol):
    """Knows how viewers sign out of the provider: ``flows.sign_out_there``."""

    @property
    def follows(self) -> bool:
        """Whether they are sent there at once."""

    async def way(self, state: str) -> WayOut | None:
        """Return where to."""


class Exchange(Protocol):
    """Hands tokens to content: ``flows.exchange``."""

    async def redeem(
        self,
        *,
        caller: ApiKey,
        subject_token: str | None,
        audience: str | None,
        requested_token_type: str | None,
        subject_token_type: str | None,
        grant_type: str | None,
        rejected_token: str | None = None,
    ) -> Issued | Refused:
        """Answer the form of RFC 8693."""

    async def token(
        self, *, caller: ApiKey, session_token: str | None, integration: str | None, rejected_token: str | None = None
    ) -> Issued | Refused:
        """Answer the short form."""


class Visitors(Protocol):
    """Knows viewers by the keys that content got for them: ``flows.visitor_keys``."""

    async def caller(self, key: str) -> ApiKey | None:
        """Return whose key it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlServices:
    """What the control plane stands on."""

    authorization: Authorization
    sessions: Sessions
    hand_over: HandOver
    provider_logouts: ProviderLogouts
    sign_out_there: SignOutThere
    directory: Directory
    cookies: CookieNames
    public_url: str
    """The origin that viewers type, without a slash at the end."""
    session_lifetime: timedelta
    """How long a session cookie is kept by the browser: the absolute lifetime; the idle end is ours to judge."""
    check_ready: Callable[[], Awaitable[None]]
    """Raises a ``SidecarError`` while requests could not be served well."""
    start_limits: StartLimits
    now: Callable[[], datetime]
    random_bytes: Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServices:
    """What the API listener's application stands on."""

    exchange: Exchange
    administration: Administration
    keys: ApiKeys
    users: Users
    visitors: Visitors
    directory: Directory
    first_seen: Callable[[ContentGuid], FirstSeen]
    public_url: str
    """The origin that viewers type, without a slash at the end."""
    requests_of_key: RatePerMinute
    wrong_keys: WrongKeys = field(default_factory=WrongKeys)
    is_public: bool = False
    """Whether this is at ``public_url``, and not on a listener for local programs."""
    record: Callable[[AuditEvent], None]
    audit: AuditLog
    """What ``record`` and others have written."""
    now: Callable[[], datetime]
    hosts: frozenset[str]
    """Host names (without port, lower case) to answer to beside the loopback literals: the configured address."""
    random_bytes: Callable[[int], bytes]


CONTROL = web.AppKey("control", ControlServices)
API = web.AppKey("api", ApiServices)
