"""What travels: of the viewer's headers to the content, of the content's headers to the viewer, and what we add.

Rules are data. A name is folded first (lower case, every byte that is not a letter or digit becomes ``-``), because WSGI
and R read ``X_Forwarded_User`` and ``X-Forwarded-User`` as the same variable. Framing is the gateway's business:
``Transfer-Encoding`` and, towards the content, ``Content-Length`` and ``Expect`` never come through here.
RFC 9110 §7.6.1 (hop-by-hop), RFC 6265bis (cookies).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from urllib.parse import quote

from proxy.model import Content, Identity, Integration, Secret, TcpUpstream
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

ORIGIN_WIDE = frozenset({b"service-worker-allowed", b"clear-site-data", b"nel", b"report-to", b"alt-svc"})
"""Answer headers with which one content would act for, or listen to, everything on its origin (``NEL`` reports the
addresses of other pages, callback included)."""

MAX_TOKEN_CHARS = 16 * 1024
"""A longer token is not injected (content's own header limits are near); the exchange serves it."""


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
        is_dropped = folded in HOP_BY_HOP or folded in self._injected
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
    (``Content-Length``, ``Transfer-Encoding``, ``Expect``), ``forwarded_headers`` and the viewer's ``header_block``.
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


def forwarded_headers(
    *, client: str, host: bytes, proto: bytes, prefix: bytes | None, trusted_for: bytes | None
) -> bytes:
    """Return the ``X-Forwarded-*`` lines, each with its CRLF.

    ``client``: the peer's address, empty for a Unix socket. ``prefix``: the content's path when it was stripped (its last
    slash is not sent), else ``None``. ``trusted_for``: the ``X-Forwarded-For`` that a trusted proxy sent.
    """
    lines = b"X-Forwarded-Host: %b\r\nX-Forwarded-Proto: %b\r\n" % (host, proto)
    if client:
        address = client.encode("ascii")
        lines += b"X-Forwarded-For: %b\r\n" % (trusted_for + b", " + address if trusted_for else address)
    elif trusted_for:
        lines += b"X-Forwarded-For: %b\r\n" % trusted_for
    if prefix and prefix != b"/":
        lines += b"X-Forwarded-Prefix: %b\r\n" % prefix.removesuffix(b"/")
    return lines


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def to_viewer(
    headers: Iterable[Header],
    *,
    content: Content,
    injected: frozenset[bytes] = frozenset(),
    shared_origin: bool = True,
    keep_upgrade: bool = False,
) -> list[Header]:
    """Return what the viewer may see of the content's headers, in order.

    ``shared_origin``: anything else, our sign-in pages included, lives on the content's origin (so always with a path).
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
        match verdict:
            case _Verdict.CONTENT_TYPE:
                is_html = is_html or header[1].lstrip().lower().startswith((b"text/html", b"application/xhtml+xml"))
                kept.append(header)
            case _Verdict.CACHE_CONTROL:
                is_cache_controlled = True
                kept.append(header)
            case _Verdict.SET_COOKIE:
                cookie = None if is_ours(header[1]) else _narrowed_cookie(header[1], content.path.encode("ascii"))
                if cookie is not None:
                    kept.append((header[0], cookie))
            case _Verdict.LOCATION:
                kept.append((header[0], _public_location(header[1], content)))
            case _Verdict.ORIGIN_WIDE if not shared_origin:
                kept.append(header)
            case _Verdict.UPGRADE if keep_upgrade:
                kept.append(header)
            case _Verdict.CONNECTION if header[1] not in _NAMES_NOTHING:
                nominated = (nominated or set()) | _nominated(header[1])
    if nominated:
        kept = [header for header in kept if header[0].lower() not in nominated]
    if keep_upgrade:
        kept.append(_UPGRADE_LINE)
    if is_html and not is_cache_controlled:
        # The page is per viewer, and most frameworks say nothing about caching.
        kept.append((b"Cache-Control", b"private, no-store"))
    return kept


def _narrowed_cookie(cookie: bytes, prefix: bytes) -> bytes | None:
    """Keep a content's cookie on its own host and path; ``None``: it cannot be kept there, the viewer does not get it."""
    pair, *attributes = cookie.split(b";")
    if prefix == b"/":
        return b";".join([pair, *(part for part in attributes if _attribute_name(part) != b"domain")])
    if pair.lstrip(b" \t=").lower().startswith((b"__host-", b"__http-host-")):
        # Browsers take such a cookie with Path=/ only, where every other content would receive it.
        return None
    kept = [pair]
    path: bytes | None = None
    for part in attributes:
        match _attribute_name(part):
            case b"domain":
                continue
            case b"path":
                path = part.partition(b"=")[2].strip(b" \t")  # the last one counts
            case _:
                kept.append(part)
    if path is not None:
        # An empty or relative Path means the directory of the request, which is inside already: no harm in naming it.
        kept.append(b" Path=" + (path if path.startswith(prefix) else prefix))
    return b";".join(kept)


def _attribute_name(part: bytes) -> bytes:
    return part.partition(b"=")[0].strip(b" \t").lower()


def _public_location(location: bytes, content: Content) -> bytes:
    """Turn an absolute redirect to the content's own upstream into a path here; everything else stays."""
    if not isinstance(content.upstream, TcpUpstream):
        return location
    host = content.upstream.host.lower()
    origin = f"http://{f'[{host}]' if ':' in host else host}:{content.upstream.port}".encode()
    rest = location[len(origin) :]
    if location[: len(origin)].lower() != origin or rest[:1] not in {b"", b"/", b"?", b"#"}:
        return location
    path = b"/" + rest.lstrip(b"/")
    prefix = content.path.encode("ascii")
    is_public = not content.strip_prefix or path.startswith(prefix)
    return path if is_public else prefix + path[1:]


# ── what we add ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedToken:
    """One integration's token on its way to the content."""

    slug: str
    access_token: Secret | None
    """``None``: the viewer declined; no header, and no other integration moves up into its place."""
    expires_at: int | None
    """Epoch seconds; ``None``: it does not expire."""


ACCESS_TOKEN = "X-Forwarded-Access-Token"  # noqa: S105 - a header's name
SESSION_TOKEN = "Posit-Connect-User-Session-Token"  # noqa: S105 - a header's name

_FIXED_NAMES = (
    ACCESS_TOKEN, f"{ACCESS_TOKEN}-Expires", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Preferred-Username",
    "X-Forwarded-Groups", SESSION_TOKEN,
)  # fmt: skip


def token_header(slug: str) -> str:
    """Return the header of one integration's token: ``my-warehouse`` → ``X-Forwarded-Access-Token-My-Warehouse``."""
    return f"{ACCESS_TOKEN}-{slug.title()}"


def injected_names(integrations: Iterable[Integration]) -> frozenset[bytes]:
    """Return the folded names of every header that ``header_block`` can write."""
    names = (*_FIXED_NAMES, *(token_header(integration.slug) for integration in integrations))
    return frozenset(fold(name.encode("ascii")) for name in names)


def header_block(*, session_token: str, tokens: Sequence[InjectedToken], identity: Identity | None) -> bytes:
    """Return the lines for one viewer at one content, each with its CRLF.

    ``tokens``: in the order of the content's associations; the first also gets the header without a slug. Values are
    checked here, once, and written as they are on every request: a value with a control character is left out, a token
    that is not visible ASCII or is longer than 16 KiB too. Other text is percent-encoded UTF-8 (``%`` included, so that
    decoding always gives the original). An e-mail address is sent only when the authorization server verified it.
    """
    lines = [(SESSION_TOKEN, session_token if _is_injectable(session_token) else "")]
    for position, token in enumerate(tokens):
        value = token.access_token.reveal() if token.access_token is not None else ""
        if not _is_injectable(value):
            continue
        lines.append((token_header(token.slug), value))
        if position == 0:
            lines.append((ACCESS_TOKEN, value))
            lines.append((f"{ACCESS_TOKEN}-Expires", "" if token.expires_at is None else str(token.expires_at)))
    if identity is not None:
        lines += [
            ("X-Forwarded-User", _encoded(identity.subject)),
            ("X-Forwarded-Email", _encoded(identity.email) if identity.email_verified else ""),
            ("X-Forwarded-Preferred-Username", _encoded(identity.preferred_username)),
            ("X-Forwarded-Groups", ",".join(filter(None, (_encoded(group, ",") for group in identity.groups)))),
        ]
    return "".join(f"{name}: {value}\r\n" for name, value in lines if value).encode("ascii")


def _is_injectable(token: str) -> bool:
    return 0 < len(token) <= MAX_TOKEN_CHARS and token.isascii() and token.isprintable() and " " not in token


_READABLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def _encoded(text: str, separator: str = "") -> str:
    """Return a value that cannot leave its line; empty when it carries control characters (nobody's name does)."""
    text = text.strip(" ")
    if any(character < " " or character == "\x7f" for character in text):
        return ""
    return quote(text, safe=_READABLE.replace(separator, "") if separator else _READABLE, errors="replace")
