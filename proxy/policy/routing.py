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
_CLEAN = re.compile(
    rb"(/(?:[A-Za-z0-9._~!$&'()*+,;=:@-][A-Za-z0-9._~!$&'()*+,;=:@/-]*)?)(?:\?([!\x22$-~]*))?", re.DOTALL
)
_UNPRINTABLE = re.compile(rb"[^\x21-\x7e]")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# "..;x" counts too: servlet containers cut path parameters before they resolve dots.
_DOT_SEGMENT = re.compile(rb"(?:^|/)\.{1,2}(?:[/;]|\Z)")
_OVERLONG = re.compile(rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f]|\xf0[\x80-\x8f]")


def path_problem(target: bytes) -> str | None:
    """Return why a request target cannot be used, as a constant word, or ``None``.

    The path is looked at as it is, decoded once and decoded twice; the query only for bytes that no target may have.
    """
    clean = _CLEAN.fullmatch(target)
    if clean is not None and b"/." not in clean[1]:
        return None
    if not target.startswith(b"/"):
        return "not-origin-form"
    if b"#" in target:
        return "fragment"
    if _UNPRINTABLE.search(target):
        return "unprintable"
    path = target.partition(b"?")[0]
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


def split_target(target: bytes) -> tuple[bytes, bytes] | Malformed:
    """Split a usable request target into path and query (without the ``?``)."""
    clean = _CLEAN.fullmatch(target)
    if clean is not None and b"/." not in clean[1]:
        return clean[1], clean[2] or b""
    problem = path_problem(target)
    if problem is not None:
        return Malformed(problem)
    path, _, query = target.partition(b"?")
    return path, query


class Routes:
    """The contents by path: the longest prefix that ends at a segment wins."""

    __slots__ = ("_by_first_segment", "_by_path_without_slash", "_root")

    def __init__(self, contents: Iterable[Content]) -> None:
        self._root: Content | None = None
        self._by_path_without_slash: dict[bytes, bytes] = {}
        # First segment → the contents below it, longest path first. Usually one, whose path is that segment.
        self._by_first_segment: dict[bytes, list[tuple[bytes, Content]]] = {}
        for content in contents:
            path = content.path.encode("ascii")
            if path == b"/":
                self._root = content
                continue
            self._by_path_without_slash[path[:-1]] = path
            below = self._by_first_segment.setdefault(path[: path.index(b"/", 1) + 1], [])
            below.append((path, content))
            below.sort(key=lambda entry: len(entry[0]), reverse=True)

    def find(self, path: bytes, query: bytes = b"") -> Content | OwnPath | NotFound | RedirectToSlash:
        """Return who answers a path that ``split_target`` let through; ``query`` only travels into a redirect."""
        below = self._by_first_segment.get(path[: path.find(b"/", 1) + 1])
        if below is not None:
            for prefix, content in below:
                if path.startswith(prefix):
                    # A deeper content, asked for without its slash, is still another content.
                    if path in self._by_path_without_slash:
                        break
                    return content
        if path in self._by_path_without_slash:
            return RedirectToSlash(self._by_path_without_slash[path] + (b"?" + query if query else b""))
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
