"""Ways in which a server goes wrong, queued by endpoint and used up one by one.

A fault acts before the request is processed (nothing happened at the server), or after (it happened, and the answer is
spoilt): the difference is what a client with rotating refresh tokens must survive.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

Before = Callable[[web.Request], Awaitable[web.StreamResponse]]
After = Callable[[web.Request, web.Response], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong; exactly one of ``before`` and ``after`` is set."""

    name: str
    before: Before | None = None
    after: After | None = None


class Faults:
    """The queue: ``put("token", status(503), times=3)``."""

    def __init__(self) -> None:
        self._queues: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}

    def put(self, endpoint: str, fault: Fault, *, times: int = 1) -> None:
        self._queues[endpoint].extend([fault] * times)

    def always(self, endpoint: str, fault: Fault | None) -> None:
        """Go wrong in this way whenever the queue is empty; ``None`` ends it."""
        if fault is None:
            self._always.pop(endpoint, None)
        else:
            self._always[endpoint] = fault

    def next(self, endpoint: str) -> Fault | None:
        queue = self._queues[endpoint]
        return queue.popleft() if queue else self._always.get(endpoint)


# — before: the request is not processed ———————————————————————————————————————————————————————————————————————————————


def status(code: int, *, retry_after: str | None = None, error: str | None = None) -> Fault:
    """Answer with this status; ``error`` puts an RFC 6749 error body into it."""

    async def before(_: web.Request) -> web.StreamResponse:
        headers = {"Retry-After": retry_after} if retry_after is not None else {}
        if error is None:
            return web.Response(status=code, headers=headers, text="fault")
        return web.json_response({"error": error, "error_description": error}, status=code, headers=headers)

    return Fault(f"status:{code}", before=before)


def html(code: int, text: str = "<html><body>invalid_grant? Blocked by the firewall.</body></html>") -> Fault:
    """A page where JSON was due, such as a firewall sends; its words look like an error code on purpose."""

    async def before(_: web.Request) -> web.StreamResponse:
        return web.Response(status=code, text=text, content_type="text/html")

    return Fault(f"html:{code}", before=before)


def redirect(code: int, location: str) -> Fault:
    async def before(_: web.Request) -> web.StreamResponse:
        return web.Response(status=code, headers={"Location": location})

    return Fault(f"redirect:{code}", before=before)


def raw_body(body: bytes, *, content_type: str = "application/json", code: int = 200, **headers: str) -> Fault:
    async def before(_: web.Request) -> web.StreamResponse:
        return web.Response(status=code, body=body, headers={"Content-Type": content_type, **headers})

    return Fault("raw_body", before=before)


def huge(megabytes: int) -> Fault:
    """An endless-looking answer, sent as it is read."""

    async def before(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for _ in range(megabytes * 16):
            await response.write(b" " * 65_536)
        return response

    return Fault(f"huge:{megabytes}", before=before)


def trickle() -> Fault:
    """Headers, then a byte now and then, for ever."""

    async def before(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.2)

    return Fault("trickle", before=before)


async def _reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _hang(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


RESET_BEFORE_HEADERS = Fault("reset_before_headers", before=_reset)
"""The connection ends, and nothing was processed."""

TIMEOUT = Fault("timeout", before=_hang)
"""No answer at all, and nothing was processed."""


# — after: it was processed, and the answer is spoilt —————————————————————————————————————————————————————————————————


async def _process_then_reset(request: web.Request, _: web.Response) -> web.StreamResponse:
    return await _reset(request)


async def _process_then_hang(request: web.Request, _: web.Response) -> web.StreamResponse:
    return await _hang(request)


PROCESS_THEN_RESET = Fault("process_then_reset", after=_process_then_reset)
"""The lost answer: tokens rotated, and the client never hears of it."""

PROCESS_THEN_TIMEOUT = Fault("process_then_timeout", after=_process_then_hang)


def slow(seconds: float) -> Fault:
    """The right answer, late."""

    async def after(_: web.Request, response: web.Response) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return response

    return Fault(f"slow:{seconds}", after=after)


def rewrite(name: str, change: Callable[[bytes], bytes], **headers: str) -> Fault:
    """Change the bytes of the answer's body."""

    async def after(_: web.Request, response: web.Response) -> web.StreamResponse:
        assert isinstance(response.body, bytes)
        kept = {"Content-Type": response.headers["Content-Type"], **headers}
        return web.Response(status=response.status, body=change(response.body), headers=kept)

    return Fault(name, after=after)


def with_members(members: Mapping[str, object], *, without: tuple[str, ...] = ()) -> Fault:
    """The right JSON answer with members replaced, added or left out (``float('nan')`` becomes ``NaN``)."""

    def change(body: bytes) -> bytes:
        answer = {name: value for name, value in json.loads(body).items() if name not in without} | members
        return json.dumps(answer).encode()

    return rewrite("with_members", change)


TRUNCATED_JSON = rewrite("truncated_json", lambda body: body[: len(body) // 2])
BYTE_ORDER_MARK = rewrite("byte_order_mark", lambda body: b"\xef\xbb\xbf" + body)
NAN_EXPIRES = with_members({"expires_in": float("nan")})
ZERO_EXPIRES = with_members({"expires_in": 0})
NEGATIVE_EXPIRES = with_members({"expires_in": -1})
MISSING_EXPIRES = with_members({}, without=("expires_in",))
GZIP = rewrite("gzip", gzip.compress, **{"Content-Encoding": "gzip"})
"""Packed although nobody asked for it."""

TWO_TOKENS = rewrite("two_tokens", lambda body: body[:-1] + b', "access_token": "another"}')
"""One name, two values: which is meant is anybody's guess."""

LATIN_1 = rewrite(
    "latin_1",
    lambda body: body[:-1] + ', "name": "Bärkeley"}'.encode("latin-1"),
    **{"Content-Type": "application/json"},
)
"""JSON in the wrong encoding (RFC 8259 §8.1)."""
