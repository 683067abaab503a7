"""Answers in a content's place: the gateway refused a request and says why, in internal headers."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from proxy.flows.sessions import AccessRefused
from proxy.model import Content, ContentGuid, Integration, IntegrationGuid, Viewer
from proxy.policy import headers as internal
from proxy.policy.redirects import Answer, how_to_ask
from proxy.policy.routing import Reason
from proxy.web.asking import ask
from proxy.web.pages.rendering import login_link, page
from proxy.web.requests import at_host_of, internal_header, method, request_id, session_id
from proxy.web.services import CONTROL

log = structlog.get_logger("web")

RETRY_AFTER_S = 5
"""First pause of a page that asks again by itself; the script lets it grow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """What a refusal is called for programs, and its page for people."""

    status: int
    code: str
    text: str
    template: str
    retries: bool = False


_REFUSALS = {
    Reason.ACCESS_REFUSED: _Refusal(
        status=403, code="access_refused", text="You may not see this content.", template="access_refused"
    ),
    Reason.TOKEN_UNAVAILABLE: _Refusal(
        status=503, code="token_unavailable", text="The sign-in service does not answer.",
        template="token_unavailable", retries=True,
    ),
    Reason.CONTENT_UNAVAILABLE: _Refusal(
        status=502, code="content_unavailable", text="The content does not answer.",
        template="content_unavailable", retries=True,
    ),
    Reason.CONTENT_SLOW: _Refusal(
        status=504, code="content_slow", text="The content took too long to answer.", template="content_slow"
    ),
    Reason.ORIGIN_REFUSED: _Refusal(
        status=403, code="origin_refused", text="A page of another site asked for this.", template="origin_refused"
    ),
    Reason.NOT_FOUND: _Refusal(status=404, code="not_found", text="There is nothing here.", template="not_found"),
    Reason.STORE_UNAVAILABLE: _Refusal(
        status=503, code="store_unavailable", text="The sidecar cannot reach its own records. Nothing was lost.",
        template="store_unavailable", retries=True,
    ),
    Reason.MISDIRECTED: _Refusal(
        status=421, code="misdirected", text="This host name is not served here.", template="misdirected"
    ),
    Reason.OVERLOADED: _Refusal(
        status=503, code="overloaded", text="Too much is going on just now.", template="overloaded", retries=True
    ),
}  # fmt: skip


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer by the gateway's reason, whatever the path; without one, let the routes answer."""
    said = internal_header(request, internal.REASON)
    if not said:
        return await handler(request)
    return await _answer(request, Reason(said))


async def _answer(request: web.Request, reason: Reason) -> web.Response:
    directory = request.app[CONTROL].directory
    content = directory.contents.get(ContentGuid(internal_header(request, internal.CONTENT)))
    integration = directory.integrations.get(IntegrationGuid(internal_header(request, internal.INTEGRATION)))
    match reason:
        case Reason.SIGN_IN | Reason.CONSENT:
            if content is None:
                return refuse(request, _REFUSALS[Reason.NOT_FOUND])
            return_to = request.raw_path if method(request) in {"GET", "HEAD"} else content.path
            return await ask(request, content=content, integration=integration, return_to=return_to)
        case Reason.ACCESS_REFUSED if content is not None:
            return access_refused(request, content, await _viewer(request, content))
        case Reason.TOKEN_UNAVAILABLE if content is not None and integration is not None:
            return token_unavailable(request, content, integration, _retry_after_s(request))
        case _:
            return refuse(request, _REFUSALS[reason], content=content, retry_after_s=_retry_after_s(request))


def access_refused(request: web.Request, content: Content, viewer: Viewer | None) -> web.Response:
    """Say who the viewer is here, and whom to ask."""
    return refuse(request, _REFUSALS[Reason.ACCESS_REFUSED], content=content, who=_who(viewer))


def token_unavailable(
    request: web.Request, content: Content, integration: Integration, retry_after_s: float
) -> web.Response:
    """Say that the grant is there but no token comes: nothing is lost, it is only to wait for."""
    link = login_link(request, content, integration=integration)
    return refuse(
        request, _REFUSALS[Reason.TOKEN_UNAVAILABLE],
        content=content, retry_after_s=retry_after_s, integration=integration, link=link,
    )  # fmt: skip


def refuse(
    request: web.Request,
    refusal: _Refusal,
    *,
    content: Content | None = None,
    retry_after_s: float = RETRY_AFTER_S,
    integration: Integration | None = None,
    who: str = "",
    link: str = "",
) -> web.Response:
    """Answer a person with a page, a script with JSON; only a page that can be asked for again asks again itself."""
    named = "" if content is None else content.guid
    log.info("request refused", code=refusal.code, content=named, request_id=request_id(request))
    way = how_to_ask(method(request), request.headers)
    pause_s = max(1, round(retry_after_s))
    if way is Answer.UNAUTHORIZED_JSON:
        said = {"error": refusal.code, "message": refusal.text, "request_id": request_id(request)}
        answer = web.json_response(said, status=refusal.status)
    else:
        answer = page(
            request,
            refusal.template,
            status=refusal.status,
            has_script=refusal.retries and method(request) == "GET",
            is_frameable=way is Answer.PAGE_WITH_LINK,
            content=content,
            pause_s=pause_s,
            public_url=request.app[CONTROL].public_url,
            integration=integration,
            who=who,
            link=link,
        )
    if refusal.retries:
        answer.headers["Retry-After"] = str(pause_s)
    return answer


def _retry_after_s(request: web.Request) -> float:
    said = internal_header(request, internal.RETRY_AFTER)
    return float(said) if said.isdecimal() else RETRY_AFTER_S


async def _viewer(request: web.Request, content: Content) -> Viewer | None:
    services = request.app[CONTROL]
    admit = services.sessions.admit if at_host_of(request) is None else services.sessions.admit_at_host
    admission = await admit(session_id(request, services.cookies), content)
    return admission.viewer if isinstance(admission, AccessRefused) else None


def _who(viewer: Viewer | None) -> str:
    if viewer is None or viewer.identity is None:
        return ""
    return viewer.identity.email or viewer.identity.preferred_username or viewer.identity.name
