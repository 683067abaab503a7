"""Around every answer of the control plane: the request id, security headers, errors as pages or JSON."""

from __future__ import annotations

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from proxy.errors import SidecarError
from proxy.policy.redirects import Answer, how_to_ask
from proxy.web.pages.rendering import content_security_policy, page
from proxy.web.requests import identify, method, request_id
from proxy.web.services import CONTROL

log = structlog.get_logger("web")

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": content_security_policy(),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Unless the answer says otherwise."""

_TEXTS = {
    404: ("not_found", "There is nothing here."),
    405: ("method_not_allowed", "This address does not understand that kind of request."),
    413: ("too_large", "This request is too large."),
}


@web.middleware
async def answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let no exception out, and no answer without its headers."""
    identify(request, request.app[CONTROL].random_bytes)
    try:
        answer = await handler(request)
    except SidecarError as error:
        answer = _refused(request, error)
    except web.HTTPException as error:
        log.info("request refused", code=error.status, request_id=request_id(request), route=_route(request))
        code, text = _TEXTS.get(error.status, ("bad_request", "This request could not be understood."))
        answer = _error(request, error.status, code, text)
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
    except Exception:
        log.exception("request failed", request_id=request_id(request), route=_route(request))
        answer = _error(request, 500, SidecarError.code, SidecarError.public)
    for name, value in _HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


def _refused(request: web.Request, error: SidecarError) -> web.Response:
    say = log.error if error.status >= 500 else log.info
    say("request refused", code=error.code, detail=error.detail, request_id=request_id(request), route=_route(request))
    answer = _error(request, error.status, error.code, error.public)
    if error.status == 503:
        answer.headers["Retry-After"] = "5"
    return answer


def _error(request: web.Request, status: int, code: str, text: str) -> web.Response:
    if how_to_ask(method(request), request.headers) is Answer.UNAUTHORIZED_JSON:
        said = {"error": code, "message": text, "request_id": request_id(request)}
        return web.json_response(said, status=status)
    if status == 404:
        return page(request, "not_found", status=status)
    return page(request, "error", status=status, text=text)


def _route(request: web.Request) -> str:
    """Return the route's pattern: a path may hold what no log should."""
    resource = request.match_info.route.resource
    return "none" if resource is None else resource.canonical
