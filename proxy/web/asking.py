"""Somebody must sign in or consent first: the redirect, the page, or the JSON that says so.

This is the only place where a flow starts.
"""

from __future__ import annotations

from math import ceil
from urllib.parse import urljoin

import structlog
from aiohttp import web

from proxy.flows.callback_outcomes import ProviderUnavailable
from proxy.model import Content, Integration
from proxy.policy import headers as internal
from proxy.policy.redirects import Answer, how_to_ask, return_target
from proxy.web.cookies import binding, binding_cookie
from proxy.web.hand_over import ask_at_public_url
from proxy.web.loop_breaker import BREAKER, WITHIN
from proxy.web.pages.rendering import login_link, page, without_link
from proxy.web.requests import at_host_of, bindings, cookie_headers, internal_header, method, request_id, session_id
from proxy.web.services import CONTROL

log = structlog.get_logger("web")


async def ask(
    request: web.Request, *, content: Content, integration: Integration | None, return_to: str
) -> web.Response:
    """Answer a request that cannot go on before its viewer was at the provider; ``None``: any integration will do."""
    way = how_to_ask(method(request), request.headers)
    if integration is None:
        log.warning("nobody can sign in", content=content.guid, request_id=request_id(request))
        return page(
            request, "nobody_can_sign_in", status=403,
            content=content, is_vouched=request.app[CONTROL].directory.is_vouched,
        )  # fmt: skip
    match way:
        case Answer.REDIRECT if at_host_of(request) is not None:
            return ask_at_public_url(request, content, return_to)
        case Answer.REDIRECT:
            return await _redirect(request, content, integration, return_target(return_to, content))
        case Answer.PAGE_WITH_LINK:
            return _page(request, content, integration, return_to)
        case Answer.UNAUTHORIZED_JSON:
            return _json(request, content, integration)


async def _redirect(request: web.Request, content: Content, integration: Integration, return_to: str) -> web.Response:
    services = request.app[CONTROL]
    bound = binding(cookie_headers(request), services.cookies, services.random_bytes)
    if request.app[BREAKER].is_looping(
        binding=bound.value, content_guid=content.guid, return_to=return_to, integration_guid=integration.guid
    ):
        log.warning("sign-in loop stopped", content=content.guid, integration=integration.guid,
                    request_id=request_id(request))  # fmt: skip
        link = login_link(request, content, integration=integration, return_to=return_to)
        answer = page(request, "loop", status=429, content=content, integration=integration, link=link)
        answer.headers["Retry-After"] = str(int(WITHIN.total_seconds()))
        return answer
    wait_s = services.start_limits.wait_s(
        address=internal_header(request, internal.CLIENT),
        browser=bound.value if bound.value in bindings(request, services.cookies) else None,
        now=services.now(),
    )
    if wait_s:
        return _too_many(request, wait_s)
    # Before the provider is asked for anything: however that ends, the content opens without it next time.
    await services.sessions.note_asked(session_id(request, services.cookies), content, integration)
    started = await services.authorization.start(
        content=content,
        integration=integration,
        return_to=return_to,
        binding=bound.value,
        session_id=session_id(request, services.cookies),
    )
    if isinstance(started, ProviderUnavailable):
        return provider_unavailable(request, started)
    answer = web.Response(status=303, headers={"Location": started})
    answer.headers.add("Set-Cookie", binding_cookie(services.cookies, bound))
    return answer


def _too_many(request: web.Request, wait_s: float) -> web.Response:
    log.warning("too many sign-ins started", client=internal_header(request, internal.CLIENT),
                request_id=request_id(request))  # fmt: skip
    pause_s = ceil(wait_s)
    answer = page(request, "too_many_starts", status=429, has_script=True, pause_s=pause_s)
    answer.headers["Retry-After"] = str(pause_s)
    return answer


def provider_unavailable(request: web.Request, outcome: ProviderUnavailable) -> web.Response:
    """Say that the provider does not answer, and when to try again."""
    content, integration = outcome.content, outcome.integration
    link = login_link(request, content, integration=integration, return_to=outcome.return_to)
    answer = page(
        request, "provider_unavailable", status=503,
        content=content, integration=integration, link=link,
        without=without_link(request, content, integration, outcome.return_to),
    )  # fmt: skip
    answer.headers["Retry-After"] = str(max(1, round(outcome.retry_after_s)))
    return answer


def _page(request: web.Request, content: Content, integration: Integration, return_to: str) -> web.Response:
    is_form = method(request) not in {"GET", "HEAD"}
    link = login_link(
        request, content, integration=_to_name(request, integration), return_to=return_target(return_to, content)
    )
    return page(
        request, "sign_in", status=401, is_frameable=True,
        content=content, integration=integration, link=link, is_form=is_form,
    )  # fmt: skip


def _json(request: web.Request, content: Content, integration: Integration) -> web.Response:
    link = login_link(request, content, integration=_to_name(request, integration))
    login_url = urljoin(request.app[CONTROL].public_url, link)
    said = {"error": "login_required", "login_url": login_url, "request_id": request_id(request)}
    return web.json_response(said, status=401)


def _to_name(request: web.Request, integration: Integration) -> Integration | None:
    """Return what the link asks for by name: nothing, at a content's own host.

    There a viewer may be signed in at ``public_url`` and lack no consent; a named one would be asked for again.
    """
    return integration if at_host_of(request) is None else None
