"""Which content a request target belongs to, and what of the target that content sees (RFC 9112 §3.2, RFC 3986 §3.3).

The bytes that were matched are the bytes that are forwarded: nothing is decoded, normalised or joined on the way. So a
target that two parsers could read differently is refused instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote_to_bytes

from proxy.model import Content


class Reason(StrEnum):
    """Why the gateway sends a request for content to the control plane instead."""

    SIGN_IN = "sign-in"
    CONSENT = "consent"
    ACCESS_REFUSED = "access-refused"
    TOKEN_UNAVAILABLE = "token-unavailable"  # noqa: S105 - a word, not a secret
    CONTENT_UNAVAILABLE = "content-unavailable"
    CONTENT_SLOW = "content-slow"
    ORIGIN_REFUSED = "origin-refused"
    NOT_FOUND = "not-found"
    STORE_UNAVAILABLE = "store-unavailable"
    MISDIRECTED = "misdirected"
    """The ``Host`` is none of ours."""
    OVERLOADED = "overloaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """A request that goes to no content: the control plane answers, by ``reason``."""

    reason: Reason
    integration_guid: str = ""
    """The one that the viewer must be asked for, or whose token is lacking."""
    retry_after_s: int = 0
    """Whole seconds; 0: nothing is known."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A target that is answered with 400."""

    because: str
    """A constant word for the log."""


@dataclass(frozen=True, slots=True)
class OwnPath:
    """A path of ours: the control plane answers."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """No content lives there."""


@dataclass(frozen=True, slots=True)
class RedirectToSlash:
    """A content's path without its last slash: relative links of the page would miss the prefix."""

    location: bytes
    """Path and query, ASCII."""


RESERVED_PREFIX = b"/__"
"""Paths of ours begin with it (``/__oauth__/``, ``/__health__/``, ``/__dashboard__/``, ``/__api__/``); no content can."""

_OWN_PATH = OwnPath()
_NOT_FOUND = NotFound()

# What nearly every target looks like: no escape, no odd byte, no "//" at the front. A dot after a slash needs a look.
_CLEAN_PATH = re.compile(rb"/(?!/)[A-Za-z0-9._~!$&'()*+,;=:@/-]*")
_CLEAN_QUERY = re.compile(rb"[!\x22$-~]*")
_UNPRINTABLE = re.compile(rb"[^\x21-\x7e]")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# "..;x" counts too: servlet containers cut path parameters before they resolve dots.
_DOT_SEGMENT = re.compile(rb"(?:^|/)\.{1,2}(?:[/;]|\Z)")
_OVERLONG = re.compile(rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f]|\xf0[\x80-\x8f]")


def split_target(target: bytes) -> tuple[bytes, bytes] | Malformed:
    """Split a request target into path and query (without the ``?``), or say why it cannot be used."""
    path, _, query = target.partition(b"?")
    if _CLEAN_PATH.fullmatch(path) and b"/." not in path and (not query or _CLEAN_QUERY.fullmatch(query)):
        return path, query
    problem = _problem(target, path)
    return (path, query) if problem is None else Malformed(problem)


def path_problem(target: bytes) -> str | None:
    """Return why a request target cannot be used, as a constant word, or ``None``."""
    split = split_target(target)
    return split.because if isinstance(split, Malformed) else None


def _problem(target: bytes, path: bytes) -> str | None:
    """Look at the path as it is, decoded once and decoded twice; at the query only for bytes that no target may have."""
    if not target.startswith(b"/"):
        return "not-origin-form"
    if b"#" in target:
        return "fragment"
    if _UNPRINTABLE.search(target):
        return "unprintable"
    if path.startswith(b"//"):
        return "empty-first-segment"
    if _BROKEN_ESCAPE.search(path):
        return "broken-escape"
    once = unquote_to_bytes(path)
    for form in (path, once, unquote_to_bytes(once)):
        if b"\\" in form:
            return "backslash"
        if b"\x00" in form:
            return "nul"
        if _DOT_SEGMENT.search(form):
            return "dot-segment"
        if _OVERLONG.search(form):
            return "overlong-utf8"
    return None


class Routes:
    """The contents by path: the longest prefix that ends at a segment wins."""

    __slots__ = ("_alone", "_by_path_without_slash", "_longest_first", "_root")

    def __init__(self, contents: Iterable[Content]) -> None:
        by_path = {content.path.encode("ascii"): content for content in contents}
        self._root = by_path.pop(b"/", None)
        self._by_path_without_slash = {path[:-1]: path for path in by_path}
        below: dict[bytes, list[tuple[bytes, Content]]] = {}
        for path in sorted(by_path, key=len, reverse=True):
            below.setdefault(path[: path.index(b"/", 1) + 1], []).append((path, by_path[path]))
        self._longest_first = below
        # The usual case: one content below a first segment, and that segment is its whole path. One look-up decides.
        self._alone = {first: group[0][1] for first, group in below.items() if [path for path, _ in group] == [first]}

    def find(self, path: bytes, query: bytes = b"") -> Content | OwnPath | NotFound | RedirectToSlash:
        """Return who answers a path that ``split_target`` let through; ``query`` only travels into a redirect."""
        first = path[: path.find(b"/", 1) + 1]
        alone = self._alone.get(first)
        if alone is not None:
            return alone
        if path in self._by_path_without_slash:
            return RedirectToSlash(self._by_path_without_slash[path] + (b"?" + query if query else b""))
        for prefix, content in self._longest_first.get(first, ()):
            if path.startswith(prefix):
                return content
        if path.startswith(RESERVED_PREFIX):
            return _OWN_PATH
        return self._root or _NOT_FOUND


def forward_target(content: Content, target: bytes) -> bytes | Malformed:
    """Return the target that the content sees: unchanged, or minus the content's path when that is stripped.

    ``target`` is one that ``Routes.find`` gave to this content.
    """
    if not content.strip_prefix:
        return target
    start = len(content.path) - 1
    if target.startswith(b"//", start):
        return Malformed("empty-first-segment")
    return target[start:]
