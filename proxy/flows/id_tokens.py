"""Verify ID and logout tokens with keys that are fetched, kept, and fetched again when a token names a new one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog

from proxy.flows.published import Published
from proxy.oauth.id_token import Expected, IdTokenRefused, verify_id_token
from proxy.oauth.jwks import SigningKey, parse_jwks
from proxy.oauth.logout_token import ExpectedLogout, LogoutToken, LogoutTokenRefused, verify_logout_token
from proxy.oauth.message import NotSent, OutboundRequest, OutboundResponse, Send
from proxy.oauth.signed_token import Claims, UnknownKey

Keys = tuple[SigningKey, ...]
Judged = TypeVar("Judged")

OK = 200

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeysUnavailable:
    """Nobody can say whether the token is right: its server does not give its keys."""


class IdTokens:
    """Verifies for one process; to be closed."""

    def __init__(self, *, send: Send, now: Callable[[], datetime]) -> None:
        self._send = send
        self._now = now
        self._published: Published[str, Keys] = Published(fetch=self._fetch, now=now)

    async def verify(
        self, token: str, expected: Expected, *, jwks_uri: str
    ) -> Claims | IdTokenRefused | KeysUnavailable:
        """Return the claims of a token that is right.

        A token of a key that nobody knows is refused once the keys were fetched anew, or were too recently to do it again.
        """
        found = await self._with_keys(jwks_uri, lambda keys: verify_id_token(token, keys, expected, now=self._now()))
        return IdTokenRefused("unknown_key") if isinstance(found, UnknownKey) else found

    async def verify_logout(
        self, token: str, expected: ExpectedLogout, *, jwks_uri: str
    ) -> LogoutToken | LogoutTokenRefused | KeysUnavailable:
        """Return a logout token that is right; of keys that nobody knows as with ``verify``."""
        found = await self._with_keys(
            jwks_uri, lambda keys: verify_logout_token(token, keys, expected, now=self._now())
        )
        return LogoutTokenRefused("unknown_key") if isinstance(found, UnknownKey) else found

    async def _with_keys(self, jwks_uri: str, judge: Callable[[Keys], Judged]) -> Judged | KeysUnavailable:
        keys = await self._published.get(jwks_uri)
        if keys is None:
            return KeysUnavailable()
        found = judge(keys)
        if isinstance(found, UnknownKey):
            newer = await self._published.get_newer(jwks_uri)
            found = judge(newer or keys)
        return found

    async def close(self) -> None:
        """Stop asking."""
        await self._published.close()

    async def _fetch(self, jwks_uri: str) -> Keys | None:
        request = OutboundRequest(method="GET", url=jwks_uri, headers={"Accept": "application/json"})
        outcome = await self._send(request)
        if isinstance(outcome, NotSent):
            outcome = await self._send(request)
        if not isinstance(outcome, OutboundResponse):
            because = outcome.reason
        elif outcome.status != OK:
            because = f"status {outcome.status}"
        elif (keys := parse_jwks(outcome.body)) is None:
            because = "no usable key"
        else:
            return keys
        log.warning("signing keys not fetched", jwks_uri=jwks_uri, because=because)
        return None
