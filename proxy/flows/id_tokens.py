"""Verify ID tokens with keys that are fetched, kept, and fetched again when a token names a new one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from proxy.flows.published import Published
from proxy.oauth.id_token import Claims, Expected, IdTokenRefused, UnknownKey, verify_id_token
from proxy.oauth.jwks import SigningKey, parse_jwks
from proxy.oauth.message import NotSent, OutboundRequest, OutboundResponse, Send

Keys = tuple[SigningKey, ...]

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
        keys = await self._published.get(jwks_uri)
        if keys is None:
            return KeysUnavailable()
        found = verify_id_token(token, keys, expected, now=self._now())
        if isinstance(found, UnknownKey):
            newer = await self._published.get_newer(jwks_uri)
            found = verify_id_token(token, newer or keys, expected, now=self._now())
        return IdTokenRefused("unknown_key") if isinstance(found, UnknownKey) else found

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
