"""Heads are written anew from parsed values, never passed on as bytes: what was read is what the other side reads."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from proxy.policy import headers as policy
from proxy.policy.vouching import vouched

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.model import Content
    from proxy.policy.cookies import CookieNames
    from proxy.policy.routing import Refuse
    from proxy.policy.vouching import Vouching
    from proxy.wire.request import RequestHead

Header = tuple[bytes, bytes]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""What a viewer waits for who asked before sending a body (RFC 9110 §10.1.1); of contents, they say it themselves."""

_CONTROL_DROPS = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"date", b"server"})


def _lines(headers: Iterable[Header]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def request_head(
    request: RequestHead,
    *,
    public_host: bytes,
    target: bytes,
    names: CookieNames,
    ours: frozenset[bytes],
    injected: bytes,
) -> bytes:
    """Return the head that the content gets: the viewer's headers as the policy lets them through, then ours.

    ``ours``: the folded names of every header that we inject anywhere; ``injected``: the lines for this request.
    """
    passed = request.set.lines
    if passed is None or request.is_upgrade:
        kept = policy.to_content(request.headers, names=names, injected=ours, keep_upgrade=request.is_websocket)
        passed = _lines(kept)
        if not request.is_upgrade:
            request.set.lines = passed
    host = b"" if b"host" in request.named else b"Host: %b\r\n" % public_host
    return b"%b %b HTTP/1.1\r\n%b%b%b%b\r\n" % (
        request.method, target, host, passed, injected, _request_framing(request),
    )  # fmt: skip


def request_head_to_control(
    request: RequestHead,
    *,
    public_host: bytes,
    client: str,
    request_id: str,
    content: Content | None = None,
    refusal: Refuse | None = None,
    vouching: Vouching | None = None,
) -> bytes:
    """Return the head for our own application.

    ``content``: the refused one, or, for a path of ours, the one whose own host was asked. For a refused request
    (``refusal``) that is a request without body, GET unless it was HEAD, with the reason in internal headers; those names
    never pass in from a viewer.
    """
    passed = policy.to_control_plane(request.headers)
    told: list[Header] = [(policy.CLIENT, client.encode()), (policy.REQUEST_ID, request_id.encode())]
    if vouching is not None:
        passed = [header for header in passed if policy.fold(header[0]) not in vouching.names]
        told += [(policy.VOUCHED, line.encode()) for line in [vouched(vouching, request.headers)] if line is not None]
    method, framing = request.method, _body_framing(request)
    if content is not None:
        told.append((policy.CONTENT, content.guid.encode()))
    if refusal is not None:
        told.append((policy.REASON, refusal.reason.value.encode()))
        if refusal.integration_guid:
            told.append((policy.INTEGRATION, refusal.integration_guid.encode()))
        if refusal.retry_after_s:
            told.append((policy.RETRY_AFTER, b"%d" % refusal.retry_after_s))
        framing = b""
        if method not in {b"GET", b"HEAD"}:
            told.append((policy.METHOD, method))
            method = b"GET"
    host = b"" if b"host" in request.named else b"Host: %b\r\n" % public_host
    return b"%b %b HTTP/1.1\r\n%b%b%b%b\r\n" % (method, request.target, host, _lines(passed), _lines(told), framing)


def answer_head(
    content: Content | None,
    status: int,
    reason: bytes,
    headers: list[Header],
    last: bytes,
    *,
    ours: frozenset[bytes],
    drop_length: bool = False,
) -> bytes:
    """Return the head of a content's answer for the viewer; ``last`` has the framing and connection lines."""
    if content is None:
        return b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, reason, last)
    passed = policy.to_viewer(headers, content=content, injected=ours, keep_upgrade=status == 101)
    if drop_length:
        passed = [header for header in passed if header[0].lower() != b"content-length"]
    return b"HTTP/1.1 %d %b\r\n%b%b\r\n" % (status, reason, _lines(passed), last)


def answer_head_from_control(
    status: int, reason: bytes, headers: list[Header], last: bytes, *, is_bodyless: bool
) -> bytes:
    """Return the head of our own application's answer."""
    passed = [
        header
        for header in headers
        if (name := header[0].lower()) not in _CONTROL_DROPS and not (is_bodyless and name == b"content-length")
    ]
    return b"HTTP/1.1 %d %b\r\n%b%b\r\n" % (status, reason, _lines(passed), last)


def refusal(status: int, request: RequestHead | None) -> bytes:
    """Return a whole answer without anybody behind it; the connection ends with it.

    ``request``: as far as it was read, ``None``: nothing was. Who asks the Server API gets Connect's envelope: its clients
    look for that in any answer, and fail with a riddle without it.
    """
    line = b"%d %b" % (status, HTTPStatus(status).phrase.encode())
    kind, body = b"text/plain", line + b"\n"
    if request is not None and request.target.startswith(_FOR_PROGRAMS):
        kind, body = b"application/json", _ENVELOPE % (_CODES.get(status, 2), line)
    return (
        b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\nCache-Control: no-store\r\n"
        b"Connection: close\r\n\r\n%b"
        % (line, kind, len(body), b"" if request is not None and request.is_head else body)
    )


_FOR_PROGRAMS = (b"/__api__/", b"/__ping__")
_CODES = {413: 87, 503: 1}
"""Connect's APIErrorCode of a status: CannotParseRequestBody, InternalFailure; all others are BadRequest."""
_ENVELOPE = b'{"code": %d, "error": "%b", "payload": null}\n'


def redirect(location: bytes, last: bytes) -> bytes:
    """Return a whole answer that sends the viewer to another path here."""
    return (
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: %b\r\nCache-Control: no-store\r\nContent-Length: 0\r\n%b\r\n"
        % (location, last)
    )


def _request_framing(request: RequestHead) -> bytes:
    framing = _body_framing(request)
    return b"Expect: 100-continue\r\n" + framing if request.expects_continue else framing


def _body_framing(request: RequestHead) -> bytes:
    if request.is_chunked:
        return b"Transfer-Encoding: chunked\r\n"
    if request.content_length is not None:
        return b"Content-Length: %b\r\n" % request.content_length
    return b""
