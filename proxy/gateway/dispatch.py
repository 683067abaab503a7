"""Where one request goes: decided in one synchronous step when the table knows the viewer, else in the slow lane."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, assert_never

import structlog
from multidict import CIMultiDict

from proxy.admission import Admit, session_hash
from proxy.errors import StoreUnavailable
from proxy.gateway.ways import answer_here, refuse, to_content, to_our_own
from proxy.model import Anyone, Content
from proxy.policy.origin import is_foreign
from proxy.policy.redirects import Answer, how_to_ask
from proxy.policy.routing import (
    RESERVED_PREFIX,
    Malformed,
    NotFound,
    OwnPath,
    Reason,
    RedirectToSlash,
    Refuse,
    forward_target,
)
from proxy.policy.vouching import vouched
from proxy.wire.request import SAFE_METHODS, Refusal

if TYPE_CHECKING:
    from proxy.gateway.exchange import Exchange
    from proxy.wire.request import RequestHead

log = structlog.get_logger("gateway")

_UNDER_ANY_HOST = (b"/__health__/", b"/__oauth__/static/")
"""Probes come by address, not by name; and the page that says "not this name" has a style sheet. Nothing else."""

_FILL_TRIES = 3


def dispatch(exchange: Exchange) -> None:
    """Send the request on its way."""
    board, request = exchange.viewer.board, exchange.request
    host = request.named.get(b"host", board.public_host)
    if host != board.public_host and host.lower() != board.public_host:
        _at_other_host(exchange, board.contents_by_host.get(host.lower()))
        return
    route = board.routes.find(request.path, request.query)
    match route:
        case Content():
            _to_content(exchange, route)
        case OwnPath():
            _to_ours(exchange)
        case RedirectToSlash(location=location):
            exchange.redirect_here(location)
        case NotFound():
            refuse(exchange, Refuse(reason=Reason.NOT_FOUND))
        case _:
            assert_never(route)


def _at_other_host(exchange: Exchange, content: Content | None) -> None:
    """Everything at a content's own host is that content, but for the paths that are ours everywhere."""
    path = exchange.request.path
    if content is not None and not path.startswith(RESERVED_PREFIX):
        _to_content(exchange, content)
    elif content is not None or path.startswith(_UNDER_ANY_HOST):
        _to_ours(exchange, content)
    else:
        refuse(exchange, Refuse(reason=Reason.MISDIRECTED))


def _to_ours(exchange: Exchange, at_host_of: Content | None = None) -> None:
    if exchange.request.is_upgrade:
        answer_here(exchange, Refusal(400, "upgrade refused"))
    else:
        to_our_own(exchange, at_host_of)


def _to_content(exchange: Exchange, content: Content) -> None:
    board, request = exchange.viewer.board, exchange.request
    exchange.content = content
    target = forward_target(content, request.target)
    if isinstance(target, Malformed):
        answer_here(exchange, Refusal(400, target.because))
        return
    exchange.target = target
    may_change = request.is_upgrade or request.method not in SAFE_METHODS
    own_origin = content.origin or board.own_origin
    if may_change and is_foreign(request.headers, own_origin=own_origin, allowed=content.unsafe_allow_origins):
        refuse(exchange, Refuse(reason=Reason.ORIGIN_REFUSED))
        return
    if isinstance(content.access, Anyone):
        to_content(exchange, b"", None)
        return
    if board.vouching is None:
        cookie = request.set.cookie(board.names)
        find = board.admission.find_at_host if content.origin else board.admission.find
    else:
        said = vouched(board.vouching, request.headers)
        cookie = None if said is None else (said, session_hash(said))
        find = board.admission.find
    hit = find(cookie[1], content.guid, board.now) if cookie is not None else None
    if hit is not None:
        to_content(exchange, hit[1], hit[0])
    else:
        exchange.waiting = board.spawn(_slow_lane(exchange, content, cookie[0] if cookie is not None else None))


async def _slow_lane(exchange: Exchange, content: Content, session_id: str | None) -> None:
    # A task has a context of its own.
    structlog.contextvars.bind_contextvars(request_id=exchange.viewer.board.identify(exchange))
    try:
        verdict = await _ask(exchange, content, session_id)
    except StoreUnavailable as error:
        log.error("store unavailable", detail=error.detail)
        verdict = Refuse(reason=Reason.STORE_UNAVAILABLE)
    except Exception:
        log.exception("slow lane failed", content=content.name)
        verdict = Refuse(reason=Reason.OVERLOADED)
    exchange.waiting = None
    if exchange.is_over:
        return
    if isinstance(verdict, Admit):
        to_content(exchange, verdict.header_block, verdict.session_hash)
    else:
        refuse(exchange, verdict)


async def _ask(exchange: Exchange, content: Content, session_id: str | None) -> Admit | Refuse:
    """Ask the use cases until nothing changed between their reading and our filling."""
    board = exchange.viewer.board
    for _ in range(_FILL_TRIES):
        epoch = board.admission.epoch
        verdict = await board.slow_lane(session_id, content)
        if isinstance(verdict, Admit) and verdict.ask_for and _is_navigation(exchange.request):
            return Refuse(reason=Reason.CONSENT, integration_guid=verdict.ask_for)
        if isinstance(verdict, Refuse) or board.admission.fill(verdict, content.guid, epoch=epoch, now=board.now):
            return verdict
        await asyncio.sleep(0)
    return Refuse(reason=Reason.OVERLOADED, retry_after_s=1)


def _is_navigation(request: RequestHead) -> bool:
    """Whether somebody looks on who can be sent to a provider."""
    named = CIMultiDict((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers)
    return how_to_ask(request.method.decode("latin-1"), named) is Answer.REDIRECT
