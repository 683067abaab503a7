"""The cookies we set, attribute for attribute (RFC 6265bis).

``__Host-`` demands Secure and Path=/ and forbids Domain; a deletion repeats every attribute, else the browser keeps the
cookie. On loopback http the plain names are used and Secure is left out.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from proxy.policy.cookies import CookieNames

BINDING_FOR_S = 3600
"""Longer than any flow may take (10 minutes), so that the tabs of one browser share one cookie."""

_BINDING_VALUE = re.compile(rb"[A-Za-z0-9_-]{43}")
_BINDING_SUFFIX = re.compile(rb"[0-9a-f]{4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What ties a flow to the browser that started it."""

    name: str
    value: str = field(repr=False)


def session_cookie(names: CookieNames, value: str, *, max_age_s: int) -> str:
    """Return the ``Set-Cookie`` value that signs a browser in."""
    return _line(names, names.session, value, max_age_s)


def ended_session_cookie(names: CookieNames) -> str:
    """Return the ``Set-Cookie`` value that takes the session away."""
    return _line(names, names.session, "", 0)


def binding_cookie(names: CookieNames, binding: Binding) -> str:
    """Return the ``Set-Cookie`` value that sets or prolongs a binding."""
    return _line(names, binding.name, binding.value, BINDING_FOR_S)


def binding(cookie_headers: Sequence[bytes], names: CookieNames, random_bytes: Callable[[int], bytes]) -> Binding:
    """Return the browser's first binding, or a new one under a name of its own.

    Tabs that open at the same moment all come without a cookie; each gets another name, so none overwrites another's.
    """
    prefix = names.binding_prefix.encode()
    for header in cookie_headers:
        for cookie in header.split(b";"):
            name, _, value = cookie.strip(b" \t").partition(b"=")
            is_ours = name.startswith(prefix) and _BINDING_SUFFIX.fullmatch(name, len(prefix))
            if is_ours and _BINDING_VALUE.fullmatch(value):
                return Binding(name=name.decode(), value=value.decode())
    value = urlsafe_b64encode(random_bytes(32)).rstrip(b"=")
    return Binding(name=names.binding_prefix + random_bytes(2).hex(), value=value.decode())


def _line(names: CookieNames, name: str, value: str, max_age_s: int) -> str:
    secure = "Secure; " if names.secure else ""
    return f"{name}={value}; Max-Age={max_age_s}; Path=/; {secure}HttpOnly; SameSite=Lax"
