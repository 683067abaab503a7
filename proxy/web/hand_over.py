"""The three stops of a hand-over: the content's own host asks, ``public_url`` gives a ticket, the host takes it."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import assert_never

import structlog
from aiohttp import web

from proxy.flows.hand_over import HandedOver, TicketRefused, TicketUsed
from proxy.model import Content, SessionHash
from proxy.policy.redirects import Answer, how_to_ask, return_target
from proxy.sealing import hash_handle
from proxy.web.cookies import binding, binding_cookie, session_cookie
from proxy.web.loop_breaker import BREAKER, WITHIN
from proxy.web.pages.rendering import login_link, page
from proxy.web.requests import at_host_of, bindings, cookie_headers, method, request_id
from proxy.web.services import CONTROL

log = structlog.get_logger("web")

TICKET_PATH = "/__oauth__/ticket"
_BINDING_HASH = re.compile(r"[A-Za-z0-9_-]{43}")


def ask_at_public_url(request: web.Request, content: Content, return_to: str) -> web.Response:
    """Tie this browser to the content's host, and send it to where people sign in."""
    services = request.app[CONTROL]
    bound = binding(cookie_headers(request), services.cookies, services.random_bytes)
    hand_over = urlsafe_b64encode(hash_handle(bound.value)).decode().rstrip("=")
    link = login_link(request, content, return_to=return_target(return_to, content), hand_over=hand_over)
    answer = web.Response(status=303, headers={"Location": link})
    answer.headers.add("Set-Cookie", binding_cookie(services.cookies, bound))
    return answer


def back_to(request: web.Request, content: Content, return_to: str, session_hash: SessionHash) -> web.Response:
    """Send somebody who may see the content back to it; with a ticket, when its own host asked for one.

    Anything but a navigation goes without: there the host asks again, in the way that suits.
    """
    asked = request.query.get("hand_over", "")
    is_asked = bool(content.origin and _BINDING_HASH.fullmatch(asked))
    if not is_asked or how_to_ask(method(request), request.headers) is not Answer.REDIRECT:
        return web.Response(status=303, headers={"Location": content.origin + return_to})
    # The host keeps the binding (else the ticket ends on a page) but not the cookie that it was given for it.
    if request.app[BREAKER].is_looping(binding=asked, content_guid=content.guid, return_to=return_to):
        log.warning("hand-over loop stopped", content=content.guid, request_id=request_id(request))
        link = content.origin + return_to
        answer = page(request, "loop", status=429, content=content, integration=None, link=link)
        answer.headers["Retry-After"] = str(int(WITHIN.total_seconds()))
        return answer
    ticket = request.app[CONTROL].hand_over.ticket(
        content=content, session_hash=session_hash, binding_hash=urlsafe_b64decode(asked + "="), return_to=return_to
    )
    return web.Response(status=303, headers={"Location": f"{content.origin}{TICKET_PATH}?ticket={ticket}"})


async def take_ticket(request: web.Request) -> web.Response:
    """Take a ticket for the cookie of this host, and go to the page that the viewer wanted."""
    services = request.app[CONTROL]
    content = at_host_of(request)
    assert content is not None, "guards.at_content_host"
    outcome = await services.hand_over.take(
        request.query.get("ticket", ""), content=content, bindings=bindings(request, services.cookies)
    )
    match outcome:
        case HandedOver(handle=handle, return_to=return_to):
            answer = web.Response(status=303, headers={"Location": content.origin + return_to})
            max_age_s = int(services.session_lifetime.total_seconds())
            answer.headers.add("Set-Cookie", session_cookie(services.cookies, handle.reveal(), max_age_s=max_age_s))
            return answer
        case TicketUsed(return_to=return_to):
            return web.Response(status=303, headers={"Location": content.origin + return_to})
        case TicketRefused(because=because, return_to=return_to):
            status = 409 if because == "session_over" else 400
            return page(
                request,
                "not_handed_over",
                status=status,
                because=because,
                content=content,
                link=content.origin + return_to,
            )
        case _:
            assert_never(outcome)
