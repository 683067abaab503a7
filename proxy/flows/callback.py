"""Judge a callback: whether it belongs to a flow that this browser has open, and brings a code (RFC 6749 §4.1.2).

Nothing is spent here and nobody is asked: seal, age, browser (binding cookie), issuer (RFC 9207) and configuration decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from proxy.flows.binding import is_bound
from proxy.flows.callback_outcomes import (
    Declined,
    IssuerMismatch,
    Malformed,
    ProviderFailed,
    ProviderUnavailable,
    StateRefused,
)
from proxy.flows.pending import from_state
from proxy.flows.published import MISSING_FOR
from proxy.flows.recipes import Recipe, recipe
from proxy.flows.servers import AuthorizationServers, Registration, Unlocated
from proxy.model import Content, Directory, Integration, PendingAuthorization
from proxy.oauth.authorization import (
    AuthorizationCode,
    CallbackError,
    CallbackParameters,
    MalformedCallback,
    parse_callback,
)
from proxy.oauth.metadata import AuthorizationServer
from proxy.policy.redirects import return_target
from proxy.sealing import KeyRing


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """An open flow of this browser."""

    pending: PendingAuthorization
    content: Content
    integration: Integration
    recipe: Recipe
    registration: Registration
    return_to: str
    is_sign_in: bool
    """Whether the account at the provider becomes the viewer, for the whole deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeReceived:
    """The callback brings a code for this flow; neither state nor code is spent yet."""

    flow: Flow
    code: AuthorizationCode


CallbackRefused = Malformed | StateRefused | IssuerMismatch | Declined | ProviderFailed | ProviderUnavailable


class Callbacks:
    """Judges callbacks."""

    def __init__(
        self, *, directory: Directory, key_ring: KeyRing, servers: AuthorizationServers, now: Callable[[], datetime]
    ) -> None:
        self._directory = directory
        self._key_ring = key_ring
        self._servers = servers
        self._now = now

    async def judge(self, raw_query: str, *, bindings: Sequence[str]) -> CodeReceived | CallbackRefused:
        """Read the query of a callback from a browser with these binding cookies."""
        parameters = parse_callback(raw_query)
        if isinstance(parameters, MalformedCallback):
            return Malformed()
        flow = await self._open_flow(parameters, bindings)
        if isinstance(flow, StateRefused | ProviderUnavailable):
            return flow
        if _is_foreign_issuer(parameters.iss, flow.registration.server):
            return IssuerMismatch(content=flow.content, integration=flow.integration, return_to=flow.return_to)
        if parameters.error is not None:
            return _callback_error(flow, parameters.error)
        is_used = flow.is_sign_in or flow.integration.guid in flow.content.integrations
        if not is_used or flow.integration.is_service_account:  # or is one now
            return StateRefused(because="gone", content=flow.content, return_to=flow.return_to)
        assert parameters.code is not None, "parse_callback gives a code or an error"
        return CodeReceived(flow=flow, code=parameters.code)

    async def _open_flow(
        self, parameters: CallbackParameters, bindings: Sequence[str]
    ) -> Flow | StateRefused | ProviderUnavailable:
        if parameters.state is None:  # Snowflake sends errors without state: no other flow is touched
            because = "missing" if parameters.error is None else "error_without_state"
            return StateRefused(because=because)
        pending = from_state(parameters.state, key_ring=self._key_ring)
        if pending is None:
            return StateRefused(because="unreadable")
        content = self._directory.contents.get(pending.content_guid)
        is_ours = is_bound(pending.binding_hash, bindings)
        # In a browser that did not start the flow, nothing that its starter chose is repeated.
        way_back = "" if content is None else _return_to(pending, content) if is_ours else content.path
        if pending.expires_at <= self._now():
            return StateRefused(because="expired", content=content, return_to=way_back)
        if not is_ours:
            return StateRefused(because="other_browser", content=content, return_to=way_back)
        integration = self._directory.integrations.get(pending.integration_guid)
        if content is None or integration is None:
            return StateRefused(because="gone", content=content, return_to=way_back)
        known = recipe(integration)
        if known.fingerprint != pending.fingerprint:  # the code is another server's, or for another client
            return StateRefused(because="gone", content=content, return_to=way_back)
        registration = await self._servers.locate(known)
        if isinstance(registration, Unlocated):
            return unlocated(content, integration, way_back)
        return Flow(
            pending=pending,
            content=content,
            integration=integration,
            recipe=known,
            registration=registration,
            return_to=way_back,
            is_sign_in=integration.guid == self._directory.sign_in,
        )


def _return_to(pending: PendingAuthorization, content: Content) -> str:
    return return_target(pending.return_to or content.path, content)


def _is_foreign_issuer(iss: str | None, server: AuthorizationServer) -> bool:
    """RFC 9207 §2.4; where the issuer is not known there is nothing to compare (the documented residual risk)."""
    if server.issuer is None:
        return False
    return server.iss_in_response_supported if iss is None else not server.is_response_issuer(iss)


def unlocated(content: Content, integration: Integration, return_to: str) -> ProviderUnavailable:
    """Say that an authorization server does not tell where its endpoints are."""
    return ProviderUnavailable(
        content=content, integration=integration, return_to=return_to, retry_after_s=MISSING_FOR.total_seconds()
    )


def _callback_error(flow: Flow, error: CallbackError) -> Declined | ProviderFailed:
    if error.error == "access_denied":
        return Declined(content=flow.content, integration=flow.integration, return_to=flow.return_to)
    return ProviderFailed(
        content=flow.content, integration=flow.integration, return_to=flow.return_to, error=error.error
    )
