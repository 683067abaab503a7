"""What a request says, read once and in one way."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable

import structlog
from aiohttp import web

from proxy.model import Content, ContentGuid, Directory
from proxy.policy import headers as internal
from proxy.policy.cookies import CookieNames, binding_values, session_ids
from proxy.web.services import CONTROL

_REQUEST_ID = web.RequestKey("request_id", str)
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def new_id(random_bytes: Callable[[int], bytes]) -> str:
    """Return sixteen characters that name one request in log and page."""
    return urlsafe_b64encode(random_bytes(12)).decode()


def identify(request: web.Request, random_bytes: Callable[[int], bytes], header: str = "") -> str:
    """Settle the request's id: as the gateway (or ``header``) says, when it is harmless, else a new one.

    Every line that is logged on behalf of this request carries it.
    """
    given = request.headers.get(header or internal.REQUEST_ID.decode(), "")
    request[_REQUEST_ID] = given if _SAFE_ID.fullmatch(given) else new_id(random_bytes)
    structlog.contextvars.bind_contextvars(request_id=request[_REQUEST_ID])
    return request[_REQUEST_ID]


def request_id(request: web.Request) -> str:
    """Return the id that log and page share."""
    return request[_REQUEST_ID]


def internal_header(request: web.Request, name: bytes) -> str:
    """Return what the gateway says; no viewer's request carries these names."""
    return request.headers.get(name.decode(), "")


def method(request: web.Request) -> str:
    """Return the method that the viewer used."""
    return internal_header(request, internal.METHOD) or request.method


def raw_headers(request: web.Request) -> list[tuple[bytes, bytes]]:
    """Return the headers as they were received."""
    return list(request.raw_headers)


def cookie_headers(request: web.Request) -> list[bytes]:
    """Return every ``Cookie`` header, undecoded: aiohttp's own reading would merge and unquote them."""
    return [value for name, value in request.raw_headers if name.lower() == b"cookie"]


def session_id(request: web.Request, names: CookieNames) -> str | None:
    """Return the session cookie's value, or what the proxy in front says in its place."""
    if request.app[CONTROL].directory.is_vouched:
        return internal_header(request, internal.VOUCHED) or None
    found = session_ids(cookie_headers(request), names)
    return found[0] if found and found[0] else None


def bindings(request: web.Request, names: CookieNames) -> list[str]:
    """Return the values of the binding cookies, at most 32."""
    return binding_values(cookie_headers(request), names)


def given_key(request: web.Request) -> str:
    """Return the API key of ``Authorization: Key …``; ``""``: there is none, or more than one such header."""
    given = request.headers.getall("Authorization", [])
    scheme, _, key = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    return key.strip() if scheme.lower() == "key" else ""


def raw_query(request: web.Request) -> str:
    """Return the query, undecoded."""
    return request.raw_path.partition("?")[2]


def at_host_of(request: web.Request) -> Content | None:
    """Return the content whose own host was asked, as the gateway says; ``None``: it was ``public_url``."""
    guid = ContentGuid(internal_header(request, internal.CONTENT))
    content = request.app[CONTROL].directory.contents.get(guid)
    return content if content is not None and content.origin else None


def content_named(directory: Directory, text: str) -> Content | None:
    """Return the content with this guid or name."""
    found = directory.contents.get(ContentGuid(text))
    return found or next((content for content in directory.contents.values() if content.name == text), None)
