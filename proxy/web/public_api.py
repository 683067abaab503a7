"""The Server API at ``public_url``: which requests are its, so that programs get its words there and people their pages."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from proxy.policy import headers as internal
from proxy.policy.routing import Reason
from proxy.web.api.refusals import ApiRefusal
from proxy.web.requests import at_host_of, internal_header


def is_public_api(request: web.Request) -> bool:
    """Say whether this is a program's: by the path that the routes are found by, and not at a content's own host.

    What the gateway refuses, it refuses by the path as it is written: there, an address with escapes in it is a content's.
    """
    is_refused = bool(internal_header(request, internal.REASON))
    path = request.raw_path.partition("?")[0] if is_refused else request.path
    is_its_path = path == "/__ping__" or path.startswith("/__api__/")
    return is_its_path and at_host_of(request) is None


def for_programs(middleware: Middleware) -> Middleware:
    """Wrap the API's requests only."""
    return _where(middleware, is_api=True)


def for_people(middleware: Middleware) -> Middleware:
    """Wrap all other requests."""
    return _where(middleware, is_api=False)


def _where(middleware: Middleware, *, is_api: bool) -> Middleware:
    @web.middleware
    async def chosen(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_public_api(request) is is_api:
            return await middleware(request, handler)
        return await handler(request)

    return chosen


@web.middleware
async def gateway_refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Say in the API's words why the gateway refuses a request."""
    match internal_header(request, internal.REASON):
        case "":
            return await handler(request)
        case Reason.MISDIRECTED:
            raise ApiRefusal(421, 2, "This host name is not served here.")
        case _:
            raise ApiRefusal(503, 1, "Too much is going on just now.", retry_after_s=1)


async def not_here(_request: web.Request) -> web.StreamResponse:
    """Answer as if there were no such address: tokens are handed out on ``api.listen`` only."""
    raise web.HTTPNotFound
