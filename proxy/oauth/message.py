"""Requests to an authorization server and what came of them: plain values, so that the core needs no HTTP client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundRequest:
    """One HTTP request towards an authorization server."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundResponse:
    """A whole HTTP answer; at most 256 KiB of body (a longer one is a :class:`LostAnswer`)."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case; of a repeated header the last value."""
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotSent:
    """DNS, connect or TLS failure before the request was written: sending it again is safe."""

    reason: str
    """A constant word for the log."""


@dataclass(frozen=True, slots=True)
class LostAnswer:
    """Timeout or disconnect after the request was written: the server may or may not have acted on it."""

    reason: str


Outcome = OutboundResponse | NotSent | LostAnswer

Send = Callable[[OutboundRequest], Awaitable[Outcome]]
"""Sends one request: no redirects, no cookies, bounded time (3 s connect, 10 s total) and size. Never raises for a
failure of the network; cancellation passes through."""
