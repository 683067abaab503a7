"""Our cookies among the viewer's: how they are called, how they are read, and that content never gets them (RFC 6265bis).

Browsers do not separate cookies by port, so names carry the deployment; and every deployment's cookies are kept from
content, not only this one's: a neighbour's session is worth as much as ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import urlsplit

_FAMILY = b"oauth-sidecar-"
# Whatever a browser, a proxy or a cookie library could still read as one of our names: other case, another or no prefix,
# blanks or quotes in front, and the cookie without a name ("=__Host-…") whose value looks like one of ours.
_OURS = re.compile(rb"[\s\"=]*(?:__[a-z-]+-)?oauth-sidecar-", re.IGNORECASE)

MAX_BINDINGS = 32
"""So many sign-ins may be under way in one browser; more binding cookies than this are not looked at."""


@dataclass(frozen=True, slots=True)
class CookieNames:
    """The names of one deployment's cookies."""

    session: str
    binding_prefix: str
    secure: bool
    """Whether cookies are set ``Secure`` (and so may have the ``__Host-Http-`` prefix)."""
    session_pair: bytes = field(init=False, repr=False, compare=False)
    """What a session cookie begins with in a ``Cookie`` header: the name and ``=``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "session_pair", self.session.encode("ascii") + b"=")


def deployment_id(public_url: str) -> str:
    """Return eight hex digits that stand for this deployment in cookie names."""
    return sha256(public_url.rstrip("/").lower().encode()).hexdigest()[:8]


def cookie_names(public_url: str) -> CookieNames:
    """Return the cookie names for a public URL; without TLS (loopback only) browsers refuse the ``__Host-`` prefix."""
    secure = urlsplit(public_url).scheme == "https"
    session = f"{'__Host-Http-' if secure else ''}oauth-sidecar-{deployment_id(public_url)}"
    return CookieNames(session=session, binding_prefix=f"{session}-binding-", secure=secure)


def is_loopback_host(host: str) -> bool:
    """Say whether a host (without port) is one of the literal loopback names; nothing is resolved."""
    host = host.lower()
    return host in {"localhost", "127.0.0.1", "::1", "[::1]"} or (host.endswith(".localhost") and host[0] != ".")


def is_ours(cookie: bytes) -> bool:
    """Say whether a cookie (``name=value``, of a request or an answer) is of our family, in any disguise."""
    return _OURS.match(cookie) is not None


def session_ids(cookie_headers: Sequence[bytes], names: CookieNames) -> list[str]:
    """Return the value of our session cookie, as a list of one; empty without, and empty with two different ones.

    Two different values mean that somebody planted one (from a sibling subdomain, say): none of them is believed.
    """
    pair = names.session_pair
    if len(cookie_headers) == 1:
        header = cookie_headers[0]
        start = header.find(pair)
        if start < 0:
            return []
        after = start + len(pair)
        if (start == 0 or header.startswith(b"; ", start - 2)) and header.find(pair, after) < 0:
            return [header[after:].partition(b";")[0].rstrip(b" \t").decode("latin-1")]
    found = {cookie[len(pair) :] for header in cookie_headers for cookie in _cookies(header) if cookie.startswith(pair)}
    return [value.decode("latin-1") for value in found] if len(found) == 1 else []


def _cookies(header: bytes) -> list[bytes]:
    return [cookie.strip(b" \t") for cookie in header.split(b";")]


def binding_values(cookie_headers: Sequence[bytes], names: CookieNames) -> list[str]:
    """Return the values of our binding cookies, at most 32."""
    prefix = names.binding_prefix.encode("ascii")
    found: list[str] = []
    for header in cookie_headers:
        for cookie in _cookies(header):
            name, _, value = cookie.partition(b"=")
            if name.startswith(prefix) and len(found) < MAX_BINDINGS:
                found.append(value.decode("latin-1"))
    return found


def without_ours(cookie_header: bytes, names: CookieNames) -> bytes:
    """Return a ``Cookie`` value without our cookies, the others byte for byte; empty when nothing is left.

    Empty pieces (``;;``) that the viewer sent may stay; none is made here.
    """
    rest = _without_session(cookie_header, names.session_pair)
    if _FAMILY not in rest.lower():
        return rest
    kept = [cookie for cookie in rest.split(b";") if not is_ours(cookie) and not cookie.isspace() and cookie]
    return b";".join(kept).strip(b" \t")


def _without_session(header: bytes, pair: bytes) -> bytes:
    """Cut one session cookie out of a header in the usual form (``a=1; b=2``); another form is left as it is."""
    start = header.find(pair)
    if start < 0:
        return header
    end = header.find(b";", start)
    if start == 0:
        if end < 0:
            return b""
        return header[end + 2 :] if header.startswith(b" ", end + 1) else header
    if not header.startswith(b"; ", start - 2):
        return header
    return header[: start - 2] if end < 0 else header[: start - 2] + header[end:]
