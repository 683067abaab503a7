"""The provider says that somebody has signed out there: their sessions here end too (Back-Channel Logout 1.0 §2.5 to §2.7).

Anybody can send such a message, so nothing but its signature counts, and each counts once. It ends sessions, not grants: what
a viewer lets contents have while away is theirs to take back (§2.7 leaves ``offline_access`` alone as well).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from proxy.flows.id_tokens import IdTokens, KeysUnavailable
from proxy.flows.recipes import Recipe, recipe
from proxy.flows.request_id import present_request_id
from proxy.flows.servers import AuthorizationServers, Registration, Unlocated
from proxy.model import (
    Actor,
    ActorKind,
    AuditAction,
    AuditEvent,
    Change,
    Directory,
    IntegrationGuid,
    SessionEnded,
    SidHash,
)
from proxy.oauth.logout_token import ExpectedLogout, LogoutToken, LogoutTokenRefused
from proxy.oauth.message import Send
from proxy.providers.identity import FromIdToken, identity_from
from proxy.sealing import hash_handle
from proxy.store.base import ProviderLogout, Store

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """It is done, whether there were sessions or not."""


@dataclass(frozen=True, slots=True)
class LogoutRefused:
    """The message ends nothing."""

    because: str
    """A constant word."""


@dataclass(frozen=True, slots=True)
class LogoutUndecided:
    """Nobody can say whether it is right: the provider does not give its keys. It may be sent again."""


LogoutOutcome = LoggedOut | LogoutRefused | LogoutUndecided


class ProviderLogouts:
    """Takes the messages of the sign-in's provider; to be closed.

    Keys are kept apart from those of sign-ins: with tokens of made-up keys anybody can use up what may be asked for.
    """

    def __init__(
        self,
        *,
        directory: Directory,
        store: Store,
        servers: AuthorizationServers,
        send: Send,
        now: Callable[[], datetime],
        publish: Callable[[Change], None],
    ) -> None:
        self._directory = directory
        self._store = store
        self._servers = servers
        self._publish = publish
        self._now = now
        self._tokens = IdTokens(send=send, now=now)

    async def close(self) -> None:
        """Stop asking for keys."""
        await self._tokens.close()

    async def end(self, token: str) -> LogoutOutcome:
        """End the sessions that a logout token names; ``StoreUnavailable`` when that cannot be written."""
        outcome = await self._end(token)
        if isinstance(outcome, LogoutRefused):
            log.info("logout token refused", because=outcome.because)
        return outcome

    async def _end(self, token: str) -> LogoutOutcome:
        if self._directory.sign_in is None:
            return LogoutRefused("no_sign_in")
        known = recipe(self._directory.integrations[self._directory.sign_in])
        at = await self._servers.locate(known)
        if isinstance(at, Unlocated):
            return LogoutUndecided()
        match await self._verified(token, at):
            case LogoutToken() as verified:
                logout = _logout(verified, known)
                return LogoutRefused("subject") if logout is None else await self._end_sessions(logout)
            case other:
                return other

    async def _verified(self, token: str, at: Registration) -> LogoutToken | LogoutRefused | LogoutUndecided:
        if at.server.jwks_uri is None or at.server.issuer is None:
            return LogoutRefused("no_keys")
        expected = ExpectedLogout(server=at.server, client_id=at.client.client_id)
        match await self._tokens.verify_logout(token, expected, jwks_uri=at.server.jwks_uri):
            case LogoutTokenRefused(because=because):
                return LogoutRefused(because)
            case KeysUnavailable():
                return LogoutUndecided()
            case LogoutToken() as verified:
                return verified

    async def _end_sessions(self, logout: ProviderLogout) -> LoggedOut | LogoutRefused:
        line = AuditEvent(
            at=self._now(),
            action=AuditAction.SIGN_OUT,
            actor=Actor(kind=ActorKind.PROVIDER, id=logout.identified_by),
            integration_guid=logout.identified_by,
            request_id=present_request_id(),
        )
        ended = await self._store.end_sessions_of(logout, line=line)
        if ended is None:
            return LogoutRefused("replayed")
        for session_hash in ended:
            self._publish(SessionEnded(session_hash))
        log.info("viewer sessions ended by the provider", integration=logout.identified_by, count=len(ended))
        return LoggedOut()


def _logout(token: LogoutToken, known: Recipe) -> ProviderLogout | None:
    """Return what to end; ``None``: the recipe makes no subject of these claims."""
    subject = None
    if "sub" in token.claims:
        sources = [source for source in known.provider.identity if isinstance(source, FromIdToken)]
        identity = identity_from(token.claims, sources[0].names) if sources else None
        if identity is None:
            return None
        subject = identity.subject
    guid = known.integration.guid
    return ProviderLogout(
        id=_used_id(guid, token.jti),
        usable_until=token.usable_until,
        identified_by=guid,
        subject=subject,
        sid_hash=None if token.sid is None else SidHash(hash_handle(token.sid)),
    )


def _used_id(guid: IntegrationGuid, jti: str) -> str:
    """Return what no state or ticket is called: theirs are random, and this is of the provider's choosing."""
    return f"logout {hash_handle(f'{guid} {jti}').hex()}"
