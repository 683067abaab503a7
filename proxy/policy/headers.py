"""What travels: of the viewer's headers to the content, and of the content's headers to the viewer.

Rules are data. A name is folded first (lower case, every byte that is not a letter or digit becomes ``-``), because WSGI
and R read ``X_Forwarded_User`` and ``X-Forwarded-User`` as the same variable. Framing is the gateway's business:
``Transfer-Encoding`` and, towards the content, ``Content-Length`` and ``Expect`` never come through here.
RFC 9110 §7.6.1 (hop-by-hop), RFC 6265bis (cookies).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache

from proxy.model import Content, TcpUpstream
from proxy.policy.cookie_scope import narrowed
from proxy.policy.cookies import CookieNames, is_ours, without_ours

Header = tuple[bytes, bytes]

# What the gateway tells the control plane; stripped from every viewer's request and every content's answer.
CLIENT = b"oauth-sidecar-client"
REASON = b"oauth-sidecar-reason"
CONTENT = b"oauth-sidecar-content"
INTEGRATION = b"oauth-sidecar-integration"
REQUEST_ID = b"oauth-sidecar-request-id"
RETRY_AFTER = b"oauth-sidecar-retry-after"
METHOD = b"oauth-sidecar-method"
VOUCHED = b"oauth-sidecar-vouched"

HOP_BY_HOP = frozenset({
    b"connection", b"keep-alive", b"te", b"trailer", b"trailers", b"transfer-encoding", b"upgrade", b"http2-settings",
})  # fmt: skip
"""Folded names that speak about one connection only."""

REQUEST_DROPPED = HOP_BY_HOP | {
    b"content-length", b"expect",  # framing: the gateway writes its own
    b"proxy",  # CGI reads it as HTTP_PROXY
    b"forwarded", b"x-real-ip", b"x-original-url", b"x-rewrite-url",
}  # fmt: skip
"""Folded names that never reach the content as the viewer wrote them."""

REQUEST_FAMILIES = (
    b"proxy-", b"x-forwarded-", b"forwarded-", b"x-original-", b"x-rewrite-",
    b"posit-connect-", b"rstudio-connect-", b"shiny-server-", b"oauth-sidecar-",
)  # fmt: skip
"""Beginnings of folded names that only a proxy or a host of content may write."""

NEVER_BY_CONNECTION = frozenset({b"host", b"cookie", b"content-length", b"transfer-encoding"})
"""Names that ``Connection`` cannot take away: without them request and answer would mean something else."""

ORIGIN_WIDE = frozenset({b"service-worker-allowed", b"nel", b"report-to", b"strict-transport-security"})
"""Answer headers with which one content would act for, or listen to, everything on its origin (``NEL`` reports the
addresses of other pages, callback included; ``Strict-Transport-Security: max-age=0`` takes TLS back from the whole host):
only a content that is alone there may send them."""

SITE_WIDE = frozenset({b"clear-site-data", b"alt-svc"})
"""Answer headers that no content may send. ``Clear-Site-Data: "cookies"`` empties the whole registrable domain, our
sign-in and every sibling included; ``Alt-Svc`` speaks of the listener, which is ours."""


class _Verdict(IntEnum):
    FORWARD = 0
    DROP = 1
    COOKIE = 2
    CONNECTION = 3
    SET_COOKIE = 4
    LOCATION = 5
    ORIGIN_WIDE = 6
    CONTENT_TYPE = 7
    CACHE_CONTROL = 8
    UPGRADE = 9


# Plain names: an attribute look-up per header would cost as much as the decision.
_FORWARD = _Verdict.FORWARD
_DROP = _Verdict.DROP
_COOKIE = _Verdict.COOKIE
_CONNECTION = _Verdict.CONNECTION
_UPGRADE = _Verdict.UPGRADE

_FOLD = bytes(byte if chr(byte).isalnum() and byte < 128 else ord("-") for byte in range(256))
_MAX_REMEMBERED = 1024
_MAX_REMEMBERED_NAME = 64


def fold(name: bytes) -> bytes:
    """Return the form in which names are compared: lower case, every non-alphanumeric byte ``-``."""
    return name.lower().translate(_FOLD)


class _RequestVerdicts(dict[bytes, _Verdict]):
    """Decisions by name as received; bounded, so that invented names cost time but no memory."""

    def __init__(self, injected: frozenset[bytes]) -> None:
        super().__init__()
        self._injected = injected

    def __missing__(self, name: bytes) -> _Verdict:
        verdict = self._judge(fold(name))
        if len(name) <= _MAX_REMEMBERED_NAME:
            if len(self) >= _MAX_REMEMBERED:
                self.clear()  # somebody invents names: the real ones are learnt again at once
            self[name] = verdict
        return verdict

    def _judge(self, folded: bytes) -> _Verdict:
        special = _REQUEST_SPECIAL.get(folded)
        if special is not None:
            return special
        if folded in REQUEST_DROPPED or folded in self._injected or folded.startswith(REQUEST_FAMILIES):
            return _DROP
        return _FORWARD


class _ResponseVerdicts(_RequestVerdicts):
    """The same for answers."""

    def _judge(self, folded: bytes) -> _Verdict:
        special = _RESPONSE_SPECIAL.get(folded)
        if special is not None:
            return special
        if folded in ORIGIN_WIDE:
            return _Verdict.ORIGIN_WIDE
        is_dropped = folded in HOP_BY_HOP or folded in SITE_WIDE or folded in self._injected
        return _DROP if is_dropped or folded.startswith((b"proxy-", b"oauth-sidecar-")) else _FORWARD


_REQUEST_SPECIAL = {b"cookie": _Verdict.COOKIE, b"connection": _Verdict.CONNECTION, b"upgrade": _Verdict.UPGRADE}
_RESPONSE_SPECIAL = {
    b"connection": _Verdict.CONNECTION,
    b"upgrade": _Verdict.UPGRADE,
    b"set-cookie": _Verdict.SET_COOKIE,
    b"location": _Verdict.LOCATION,
    b"content-type": _Verdict.CONTENT_TYPE,
    b"cache-control": _Verdict.CACHE_CONTROL,
}

_request_verdicts = lru_cache(maxsize=8)(_RequestVerdicts)
_response_verdicts = lru_cache(maxsize=8)(_ResponseVerdicts)

_NAMES_NOTHING = frozenset({b"keep-alive", b"close", b"upgrade", b"keep-alive, upgrade", b"Keep-Alive", b"Upgrade"})
_UPGRADE_LINE = (b"Connection", b"Upgrade")


def to_content(
    headers: Iterable[Header], *, names: CookieNames, injected: frozenset[bytes], keep_upgrade: bool
) -> list[Header]:
    """Return what the content may see of the viewer's headers, in order, names as the viewer wrote them.

    ``injected``: folded names of everything we inject. With ``keep_upgrade`` (a checked WebSocket handshake) ``Upgrade``
    stays and ``Connection: Upgrade`` is added; otherwise the result has neither. The caller adds the framing
    (``Content-Length``, ``Transfer-Encoding``, ``Expect``) and what ``policy.injection`` writes.
    """
    verdicts = _request_verdicts(injected)
    kept: list[Header] = []
    nominated: set[bytes] | None = None
    for header in headers:
        verdict = verdicts[header[0]]
        if verdict is _FORWARD:
            kept.append(header)
        elif verdict is _COOKIE:
            rest = without_ours(header[1], names)
            if rest:
                kept.append((header[0], rest))
        elif verdict is _CONNECTION and header[1] not in _NAMES_NOTHING:
            nominated = (nominated or set()) | _nominated(header[1])
        elif verdict is _UPGRADE and keep_upgrade:
            kept.append(header)
    if nominated:
        kept = [header for header in kept if header[0].lower() not in nominated]
    if keep_upgrade:
        kept.append(_UPGRADE_LINE)
    return kept


def to_control_plane(headers: Iterable[Header]) -> list[Header]:
    """Return what the control plane sees of the viewer's headers: our cookies stay, what only a proxy may say does not.

    The caller adds framing and the internal headers.
    """
    verdicts = _request_verdicts(frozenset())
    return [header for header in headers if verdicts[header[0]] in {_Verdict.FORWARD, _Verdict.COOKIE}]


def _nominated(connection: bytes) -> set[bytes]:
    """Return the header names, in lower case, that a ``Connection`` value takes away."""
    return {token.strip(b" \t") for token in connection.lower().split(b",")} - NEVER_BY_CONNECTION - {b"upgrade"}


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def to_viewer(
    headers: Iterable[Header],
    *,
    content: Content,
    injected: frozenset[bytes] = frozenset(),
    keep_upgrade: bool = False,
) -> list[Header]:
    """Return what the viewer may see of the content's headers, in order.

    A content under a path shares its origin with others and with our sign-in pages.
    ``keep_upgrade``: the answer is the 101 of a checked WebSocket handshake. ``Content-Length`` passes: an answer to HEAD
    and a 304 have one without a body; the caller drops it where it frames the body otherwise.
    """
    verdicts = _response_verdicts(injected)
    kept: list[Header] = []
    nominated: set[bytes] | None = None
    is_html = is_cache_controlled = False
    for header in headers:
        verdict = verdicts[header[0]]
        if verdict is _FORWARD:
            kept.append(header)
            continue
        if verdict is _CONNECTION:
            if header[1] not in _NAMES_NOTHING:
                nominated = (nominated or set()) | _nominated(header[1])
            continue
        match verdict:
            case _Verdict.CONTENT_TYPE:
                is_html = is_html or header[1].lstrip().lower().startswith((b"text/html", b"application/xhtml+xml"))
                kept.append(header)
            case _Verdict.CACHE_CONTROL:
                is_cache_controlled = True
                kept.append(header)
            case _Verdict.SET_COOKIE:
                cookie = None if is_ours(header[1]) else narrowed(header[1], content.path.encode("ascii"))
                if cookie is not None:
                    kept.append((header[0], cookie))
            case _Verdict.LOCATION:
                kept.append((header[0], _public_location(header[1], content)))
            case _Verdict.ORIGIN_WIDE if content.origin:
                kept.append(header)
            case _Verdict.UPGRADE if keep_upgrade:
                kept.append(header)
    if nominated:
        kept = [header for header in kept if header[0].lower() not in nominated]
    if keep_upgrade:
        kept.append(_UPGRADE_LINE)
    if is_html and not is_cache_controlled:
        # The page is per viewer, and most frameworks say nothing about caching.
        kept.append((b"Cache-Control", b"private, no-store"))
    return kept


def _public_location(location: bytes, content: Content) -> bytes:
    """Turn an absolute redirect to the content's own upstream into a path here; everything else stays."""
    if not isinstance(content.upstream, TcpUpstream):
        return location
    host = content.upstream.host.lower()
    origin = f"http://{f'[{host}]' if ':' in host else host}:{content.upstream.port}".encode()
    rest = location[len(origin) :]
    if location[: len(origin)].lower() != origin or rest[:1] not in {b"", b"/", b"?", b"#"}:
        return location
    path = b"/" + rest.lstrip(b"/\\\t")  # browsers read "\\" as "/" and no tab at all: "//" would be another origin
    prefix = content.path.encode("ascii")
    is_public = not content.strip_prefix or path.startswith(prefix)
    return path if is_public else prefix + path[1:]
