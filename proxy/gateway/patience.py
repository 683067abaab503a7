"""Once a second: end what takes too long, whoever it is that does not move. Times are epoch seconds and spans in seconds."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

import structlog

from proxy.policy.routing import Reason
from proxy.wire.request import Refusal

if TYPE_CHECKING:
    from proxy.gateway.exchange import Exchange
    from proxy.gateway.viewer_side import ViewerSide

log = structlog.get_logger("gateway")

FLUSH_S = 10.0
"""How long a closing connection may take to carry off what was written, counted from the last bytes taken."""

_OURS_S = 60
"""How long our own work may take, slow lane or control plane: two questions to a provider (10 s each) and the store."""


class Debtor(Enum):
    """Who has to act before an exchange can go on."""

    VIEWER = auto()
    CONTENT = auto()
    OURSELVES = auto()
    NOBODY = auto()
    """The answer is under way, and may pause as long as its content likes."""


def check(viewer: ViewerSide, now: float) -> None:
    """Look at one connection of a viewer, and at what goes on over it."""
    limits = viewer.board.limits
    _watch_taking(viewer, now)
    if viewer.closing_at:
        if now >= max(viewer.closing_at, viewer.taken_at + FLUSH_S if viewer.left_unsent else 0.0):
            viewer.abort()
    elif viewer.tunnel is not None:
        viewer.tunnel.check(now)
    elif viewer.exchange is not None:
        _check_exchange(viewer.exchange, now)
    elif viewer.is_in_head:
        if limits.head_timeout_s and now - viewer.head_since > limits.head_timeout_s:
            viewer.answer(Refusal(408, "head timeout"))
    elif limits.keep_alive_s and now - max(viewer.idle_since, viewer.taken_at) > limits.keep_alive_s:
        viewer.close_soon()


def _watch_taking(viewer: ViewerSide, now: float) -> None:
    """A slow line that still takes what was written is at work, however long the last write is ago."""
    unsent = viewer.unsent_bytes
    if unsent < viewer.left_unsent:
        viewer.taken_at = now
    viewer.left_unsent = unsent


def _check_exchange(exchange: Exchange, now: float) -> None:
    viewer = exchange.viewer
    limits = viewer.board.limits
    if exchange.session_hash is not None and now >= exchange.expires_at:
        _cut(exchange, "the session is over")
        return
    still_s = now - max(exchange.progress_at, viewer.taken_at)
    match exchange.owed_by:
        case Debtor.VIEWER if 0 < limits.body_progress_timeout_s < still_s:
            _cut(exchange, "no progress by the viewer")
        case Debtor.CONTENT if 0 < limits.content_response_timeout_s < still_s:
            exchange.content_failed("no answer in time", Reason.CONTENT_SLOW)
        case Debtor.OURSELVES if still_s > _OURS_S:
            exchange.content_failed("no answer of ours in time", Reason.OVERLOADED)


def _cut(exchange: Exchange, because: str) -> None:
    log.info("exchange ended", reason=because)
    exchange.abort()
