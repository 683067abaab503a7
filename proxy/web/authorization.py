"""The two addresses of the code flow: where it starts when a person asks, and the one callback of all providers."""

from __future__ import annotations

import re
from typing import assert_never

from aiohttp import web

from proxy.errors import NotFound
from proxy.flows.callback_outcomes import (
    AccountRefused,
    CodeRefused,
    Declined,
    Granted,
    IssuerMismatch,
    Malformed,
    ProviderFailed,
    ProviderUnavailable,
    Replayed,
    StateRefused,
)
from proxy.flows.sessions import AccessRefused, Admitted, ConsentNeeded, SignInNeeded, TokenUnavailable
from proxy.model import Content, Integration
from proxy.policy.redirects import Answer, how_to_ask, return_target
from proxy.web.asking import ask, provider_unavailable
from proxy.web.cookies import session_cookie
from proxy.web.hand_over import back_to
from proxy.web.pages.rendering import login_link, page, without_link
from proxy.web.refusals import access_refused, token_unavailable
from proxy.web.requests import bindings, content_named, method, raw_query, session_id
from proxy.web.services import CONTROL

_ERROR_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")


async def login(request: web.Request) -> web.Response:
    """Start a flow for a content: for the integration asked for, or for the one that is missing."""
    services = request.app[CONTROL]
    content = content_named(services.directory, request.query.get("content", ""))
    if content is None:
        raise NotFound("no such content")
    asked = _asked(request, content)
    return_to = return_target(request.query.get("return_to", ""), content)
    match await services.sessions.admit(session_id(request, services.cookies), content):
        case SignInNeeded(integration=integration):
            first = integration if services.directory.sign_in is not None else asked or integration
            return await ask(request, content=content, integration=first, return_to=return_to)
        case ConsentNeeded(integration=integration):
            return await ask(request, content=content, integration=asked or integration, return_to=return_to)
        case AccessRefused(viewer=viewer):
            return access_refused(request, content, viewer)
        case TokenUnavailable(integration=integration, retry_after_s=retry_after_s) if asked is None:
            return token_unavailable(request, content, integration, retry_after_s)
        case Admitted(unasked=Integration() as unasked) if asked is None and _may_go_on(request):
            return await ask(request, content=content, integration=unasked, return_to=return_to)
        case Admitted(session_hash=session_hash) if asked is None:
            return back_to(request, content, return_to, session_hash)
        case Admitted() | TokenUnavailable():
            return await ask(request, content=content, integration=asked, return_to=return_to)


def _asked(request: web.Request, content: Content) -> Integration | None:
    """Return the integration that the query names; only one that this content, or signing in, uses."""
    directory = request.app[CONTROL].directory
    named = request.query.get("integration")
    if named is None:
        return None
    for integration in directory.integrations.values():
        is_used = integration.guid in content.integrations or integration.guid == directory.sign_in
        if (
            is_used
            and not integration.is_service_account
            and named in {integration.guid, integration.slug, integration.name}
        ):
            return integration
    raise NotFound("no such integration for this content")


def _may_go_on(request: web.Request) -> bool:
    """Whether this browser can be sent to a provider now; the content opens without it to anything else."""
    return how_to_ask(method(request), request.headers) is Answer.REDIRECT


async def callback(request: web.Request) -> web.Response:
    """Finish a flow: back to the content, or a page that says why not. Never straight back to the provider."""
    services = request.app[CONTROL]
    outcome = await services.authorization.complete(
        raw_query(request),
        bindings=bindings(request, services.cookies),
        session_id=session_id(request, services.cookies),
    )
    match outcome:
        case Granted(content=content, return_to=return_to, session_id=new_session):
            answer = web.Response(status=303, headers={"Location": content.origin + return_to})
            if new_session is not None:
                max_age_s = int(services.session_lifetime.total_seconds())
                cookie = session_cookie(services.cookies, new_session.reveal(), max_age_s=max_age_s)
                answer.headers.add("Set-Cookie", cookie)
            return answer
        case Replayed(content=content, return_to=return_to):
            return web.Response(status=303, headers={"Location": content.origin + return_to})
        case Declined():
            return _page(request, "declined", outcome, status=403)
        case StateRefused(because=because, content=content, return_to=return_to):
            return _start_over(request, because, content, return_to)
        case IssuerMismatch():
            return _page(request, "issuer_mismatch", outcome, status=400)
        case CodeRefused(because=because):
            return _page(request, "code_refused", outcome, status=502, because=because)
        case AccountRefused(expected=expected, is_known=is_known):
            return _page(request, "account_refused", outcome, status=403, expected=expected, is_known=is_known)
        case ProviderFailed(error=error):
            word = error if _ERROR_WORD.fullmatch(error) else "unreadable"
            return _page(request, "provider_failed", outcome, status=502, error=word)
        case ProviderUnavailable():
            return provider_unavailable(request, outcome)
        case Malformed():
            return _start_over(request, "malformed")
        case _:
            assert_never(outcome)


_WithWayBack = Declined | IssuerMismatch | CodeRefused | AccountRefused | ProviderFailed


def _page(
    request: web.Request,
    template: str,
    outcome: _WithWayBack,
    *,
    status: int,
    because: str = "",
    error: str = "",
    expected: str = "",
    is_known: bool = False,
) -> web.Response:
    content, integration = outcome.content, outcome.integration
    link = login_link(request, content, integration=integration, return_to=outcome.return_to)
    return page(
        request, template, status=status,
        content=content, integration=integration, link=link,
        because=because, error=error, expected=expected, is_known=is_known,
        without=without_link(request, content, integration, outcome.return_to),
    )  # fmt: skip


def _start_over(
    request: web.Request, because: str, content: Content | None = None, return_to: str = ""
) -> web.Response:
    """Answer a callback that belongs to no open flow; the way back is a link to the content, if it is known."""
    link = None if content is None else content.origin + return_to
    status = 409 if because in {"gone", "other_viewer", "session_over"} else 400
    return page(request, "start_over", status=status, because=because, content=content, link=link)
