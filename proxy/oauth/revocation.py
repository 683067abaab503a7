"""Tell an authorization server that a token is not needed any more (RFC 7009)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from proxy.oauth.client_auth import Client, Once, authenticated_form
from proxy.oauth.message import OutboundRequest, OutboundResponse, Outcome
from proxy.oauth.spans import retry_after_s
from proxy.oauth.text import json_object, one_line

TokenTypeHint = Literal["refresh_token", "access_token"]

MAX_ERROR_CHARS = 100


@dataclass(frozen=True, slots=True)
class Revoked:
    """The token is worth nothing any more, or never was."""


@dataclass(frozen=True, slots=True)
class Unrevocable:
    """The server will not do it, now or later."""

    because: str
    """The server's word, one line."""


@dataclass(frozen=True, slots=True)
class NotNow:
    """The token counts still: try again, not before ``retry_after_s`` when the server said so (§2.2.1)."""

    because: str
    """A constant word for the log."""
    retry_after_s: float | None = None


def revocation_request(
    endpoint: str, client: Client, *, token: str, hint: TokenTypeHint, once: Once
) -> OutboundRequest:
    """Return the request (§2.1); the client proves who it is as at the token endpoint."""
    return authenticated_form(endpoint, client, [("token", token), ("token_type_hint", hint)], once)


def parse_revocation(outcome: Outcome, *, now: datetime) -> Revoked | Unrevocable | NotNow:
    """Read what came of it (§2.2); never raises.

    A client that is refused, and a redirect, are somebody's mistake that may be mended before the last try.
    """
    if not isinstance(outcome, OutboundResponse):
        return NotNow(outcome.reason)
    if 200 <= outcome.status < 300:
        return Revoked()
    if outcome.status in {408, 429} or outcome.status >= 500:
        return NotNow("server_busy", retry_after_s(outcome.headers, now=now))
    if outcome.status < 400:
        return NotNow("redirected")
    error = one_line((json_object(outcome.body) or {}).get("error"), MAX_ERROR_CHARS)
    if error == "invalid_token":  # Google's and GitHub's way to say that it is over already; §2.2 wants 200
        return Revoked()
    if outcome.status == 401 or error in {"invalid_client", "unauthorized_client"}:
        return NotNow("client_refused")
    return Unrevocable(error or f"status {outcome.status}")
