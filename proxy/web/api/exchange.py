"""A content's code asks for its viewer's token: Connect's form (RFC 8693), and a short one for curl and shell."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote_plus, unquote_plus

from aiohttp import web

from proxy.flows.exchange_answers import Issued
from proxy.policy.exchange_refusals import ACCESS_TOKEN, CONTENT_SESSION_TOKEN, GRANT_TYPE, USER_SESSION_TOKEN
from proxy.web.api.refusals import ApiRefusal, granted
from proxy.web.guards import CALLER
from proxy.web.services import API

MAX_FIELDS = 32
_FIELDS = ("grant_type", "subject_token_type", "subject_token", "requested_token_type", "audience", "rejected_token")
_OTHER_BODIES = (b"{", b"[", b"--")
"""How JSON and multipart begin: whoever sends them would look for ``grant_type`` in vain, which they gave."""
_REJECTED_HEADER = "X-Rejected-Token"
"""A header, because what stands in a URL is logged by everybody."""
_SESSION_HEADERS = ("X-Viewer-Session", "Posit-Connect-User-Session-Token")


async def credentials(request: web.Request) -> web.Response:
    """Exchange a session token: ``POST /__api__/v1/oauth/integrations/credentials``."""
    raw = await request.read()
    if raw.startswith(_OTHER_BODIES):
        raise _no_form()
    form = _fields(raw, _FIELDS)
    issued = granted(
        await request.app[API].exchange.redeem(
            caller=request[CALLER],
            subject_token=form["subject_token"],
            audience=(form["audience"] or "").lower() or None,  # a guid, as in an address
            requested_token_type=form["requested_token_type"],
            subject_token_type=form["subject_token_type"],
            grant_type=form["grant_type"],
            rejected_token=form["rejected_token"],
        )
    )
    return _json(issued)


async def token(request: web.Request) -> web.Response:
    """Exchange a session token: ``GET /token?integration=``; plain text when that alone is accepted."""
    query = _fields(request.raw_path.partition("?")[2].encode("utf-8", "replace"), ("integration",))
    rejected = set(request.headers.getall(_REJECTED_HEADER, []))
    if len(rejected) > 1 or not all(value.isascii() for value in rejected):
        raise ApiRefusal(400, 25, f"{_REJECTED_HEADER} has to be one token.")
    given = {value for name in _SESSION_HEADERS for value in request.headers.getall(name, [])}
    if len(given) > 1:
        raise ApiRefusal(400, 25, "There are two different session tokens in this request.")
    issued = granted(
        await request.app[API].exchange.token(
            caller=request[CALLER],
            session_token=next(iter(given), None),
            integration=query["integration"],
            rejected_token=next(iter(rejected), None) or None,
        )
    )
    if request.headers.get("Accept", "").partition(";")[0].strip().lower() == "text/plain":
        return web.Response(text=issued.access_token.reveal(), content_type="text/plain")
    return _json(issued)


def _fields(raw: bytes, names: tuple[str, ...]) -> dict[str, str | None]:
    """Read a form, whatever the Content-Type says (curl and R do not agree); absent and empty are the same."""
    try:
        pairs = list(_pairs(raw.decode()))
    except ValueError:
        raise _no_form() from None
    found: dict[str, str | None] = dict.fromkeys(names)
    for name, value in pairs:
        if name not in found:  # "resource" and "scope" may come, several times even
            continue
        if found[name] is not None:
            raise ApiRefusal(400, 25, f"The parameter {name} is given twice.")
        found[name] = value
    return {name: value or None for name, value in found.items()}


def _no_form() -> ApiRefusal:
    return ApiRefusal(400, 87, "The request is not a form (application/x-www-form-urlencoded).")


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """As ``urllib.parse.parse_qsl`` does, for a third of its cost: it took a fifth of an exchange (measured: bench/run)."""
    if text.count("&") >= MAX_FIELDS:
        raise ValueError("too many fields")
    for part in text.split("&"):
        if part:
            name, _, value = part.partition("=")
            yield _decoded(name), _decoded(value)


def _decoded(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    return _AS_WRITTEN.get(text) or unquote_plus(text, errors="strict")


_AS_WRITTEN = {quote_plus(word): word for word in (GRANT_TYPE, USER_SESSION_TOKEN, CONTENT_SESSION_TOKEN, ACCESS_TOKEN)}
"""The long words of the form as clients send them, so that they need not be taken apart each time."""


def _json(issued: Issued) -> web.Response:
    return web.json_response(
        {
            "access_token": issued.access_token.reveal(),
            "issued_token_type": issued.issued_token_type,
            "token_type": issued.token_type,
            "expires_in": issued.expires_in,
        }
    )
