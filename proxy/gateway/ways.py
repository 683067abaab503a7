"""The ways a request can take: to its content, or to our own application, and the head it goes there with."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from proxy.gateway.websocket import Tunnel
from proxy.policy.routing import Reason, Refuse
from proxy.wire.heads import CONTINUE, request_head, request_head_to_control
from proxy.wire.request import Refusal

if TYPE_CHECKING:
    from proxy.gateway.exchange import Exchange
    from proxy.model import Content, SessionHash
    from proxy.wire.request_writer import RequestWriter


def to_content(exchange: Exchange, header_block: bytes, session_hash: SessionHash | None) -> None:
    """Send the request to its content with what that may know of the viewer."""
    viewer, request, content = exchange.viewer, exchange.request, exchange.content
    board = viewer.board
    assert content is not None
    exchange.session_hash = session_hash
    if session_hash is not None:
        exchange.expires_at = board.admission.expires_at_of(session_hash)
    if request.is_websocket:
        if board.is_draining:
            refuse(exchange, Refuse(reason=Reason.OVERLOADED, retry_after_s=1))
            return
        exchange.tunnel = Tunnel(board, viewer, content.guid, session_hash)
        board.admission.shake_hands(session_hash, content.guid, board.identify(exchange))
    forwarded = viewer.peer.forwarded_headers(request, content, public_host=board.public_host, proto=board.proto)
    exchange.go(
        board.pools[content.guid],
        request_head(
            request, public_host=board.public_host, target=exchange.target, names=board.names, ours=board.injected,
            injected=header_block + forwarded,
        ),
    )  # fmt: skip


def to_control_plane(exchange: Exchange, content: Content | None, refusal: Refuse | None = None) -> None:
    """Send the request to our own application; ``content``: in whose place, or at whose own host, that answers."""
    viewer, board = exchange.viewer, exchange.viewer.board
    exchange.go(
        board.control,
        request_head_to_control(
            exchange.request, public_host=board.public_host, client=viewer.peer.client, request_id=board.identify(exchange),
            content=content, refusal=refusal, vouching=board.vouching,
        ),
    )  # fmt: skip


def to_our_own(exchange: Exchange, content: Content | None) -> None:
    """Send a request for a page of ours when all of it is here: our connections are few, and a viewer may be slow."""
    if exchange.request.expects_continue and exchange.request.has_body:
        exchange.viewer.write((CONTINUE,))
    exchange.when_whole = partial(to_control_plane, exchange, content)
    exchange.request_body([], is_last=False)


def collect(exchange: Exchange, body: RequestWriter) -> None:
    """Do what waits for the whole body, when this is it; nothing of ours takes more of one than is held."""
    if body.is_full:
        answer_here(exchange, Refusal(413, "body too large"))
    elif body.is_complete and exchange.when_whole is not None:
        go, exchange.when_whole = exchange.when_whole, None
        go()


def refuse(exchange: Exchange, refusal: Refuse) -> None:
    """Let the control plane answer in the content's place; what is left of the request's body is dropped."""
    if exchange.is_over:
        return
    if exchange.drop_request():
        to_control_plane(exchange, exchange.content, refusal)
    else:
        answer_here(exchange, Refusal(503, "control plane unavailable"))


def answer_here(exchange: Exchange, refusal: Refusal) -> None:
    """Answer without anybody behind us, and close."""
    if exchange.cancel():
        exchange.viewer.answer(refusal)
