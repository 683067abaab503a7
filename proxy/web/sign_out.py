"""Sign-out: this browser's session ends, or all of the viewer's; nothing that follows starts a new one by itself."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from aiohttp import web

from proxy.model import Content
from proxy.policy.routing import Malformed, Routes, split_target
from proxy.web.cookies import ended_session_cookie
from proxy.web.pages.rendering import login_link, page
from proxy.web.requests import at_host_of, content_named, session_id
from proxy.web.services import CONTROL

SIGNED_OUT_PATH = "/__oauth__/signed-out"

THEN_THERE = {"then": "provider"}
"""Said of a sign-out that goes on at the provider."""

STATE = "state"
"""What the provider sends people back with: the content that they came from (RP-Initiated Logout 1.0 §3)."""

NOWHERE = "-"
"""What they come back with when they came from no content: always something, by which they are known to come back."""

EVERYWHERE = b"everywhere=yes"
"""What a form sends when its other button was pressed."""


async def ask_to_sign_out(request: web.Request) -> web.Response:
    """Show the button; a link or an image cannot sign anybody out."""
    services = request.app[CONTROL]
    content = _content(request)
    answer = page(
        request,
        "sign_out",
        has_session=session_id(request, services.cookies) is not None,
        content=content,
        has_everywhere=at_host_of(request) is None,
        action="/__oauth__/logout" + _query(content),
    )
    # With no-referrer a browser would send "Origin: null" with the form.
    answer.headers["Referrer-Policy"] = "same-origin"
    return answer


async def sign_out(request: web.Request) -> web.Response:
    """End the session, wherever it is known, and take this host's cookie away.

    Everywhere, with what was granted, only at ``public_url``: a content's own host speaks for that content.
    """
    services = request.app[CONTROL]
    signed_in_as, content = session_id(request, services.cookies), at_host_of(request)
    if signed_in_as is not None and content is not None:
        await services.sessions.end_at_host(signed_in_as, content)
    elif signed_in_as is not None and await request.read() == EVERYWHERE:
        await services.sessions.end_everywhere(signed_in_as)
    elif signed_in_as is not None:
        await services.sessions.end(signed_in_as)
    then = THEN_THERE if services.sign_out_there.follows else {}
    answer = web.Response(status=303, headers={"Location": SIGNED_OUT_PATH + _query(_content(request), **then)})
    answer.headers.add("Set-Cookie", ended_session_cookie(services.cookies))
    return answer


async def signed_out(request: web.Request) -> web.Response:
    """Say that it is done; the way back in is a link, not a redirect.

    Whoever comes back from the provider (``state``) is not sent there again. Who is sent there at once is by this page: a
    browser follows no redirect of a form to where ``form-action`` does not let it (CSP).
    """
    services = request.app[CONTROL]
    content = _content(request)
    way = (
        None
        if STATE in request.query
        else await services.sign_out_there.way(NOWHERE if content is None else content.guid)
    )
    if content is None and len(services.directory.contents) == 1:
        content = next(iter(services.directory.contents.values()))
    link = None if content is None else login_link(request, content)
    follows = way is not None and services.sign_out_there.follows and THEN_THERE.items() <= request.query.items()
    answer = page(request, "signed_out", content=content, link=link, way=way, follows=follows)
    if way is not None and follows:
        answer.headers["Refresh"] = f"0; url={way.url}"
    return answer


def _content(request: web.Request) -> Content | None:
    """Return the content that the viewer comes from: as the query says, or the page that the form was on."""
    directory = request.app[CONTROL].directory
    here = at_host_of(request)
    if here is not None:
        return here
    named = request.query.get("content", request.query.get(STATE))
    if named is not None:
        return content_named(directory, named)
    try:
        referer = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return None
    split = split_target(referer.path.encode("utf-8", "replace"))
    if isinstance(split, Malformed) or f"{referer.scheme}://{referer.netloc}" != request.app[CONTROL].public_url:
        return None
    found = Routes(content for content in directory.contents.values() if not content.origin).find(split[0])
    return found if isinstance(found, Content) else None


def _query(content: Content | None, **then: str) -> str:
    query = {**({} if content is None else {"content": content.guid}), **then}
    return "?" + urlencode(query) if query else ""
