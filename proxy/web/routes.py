"""The one table of routes: what is reachable, by which method, by whom, answered where."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from aiohttp import web
from aiohttp.typedefs import Middleware

from proxy.policy.permissions import TABLE, Verb
from proxy.web import guards
from proxy.web.api.api_keys import create_api_key, list_api_keys, revoke_api_key
from proxy.web.api.associations import list_content_associations, set_content_associations
from proxy.web.api.audit_logs import audit_logs
from proxy.web.api.bodies import no_body, query
from proxy.web.api.content import list_content, read_content
from proxy.web.api.exchange import credentials, token
from proxy.web.api.integrations import (
    change_integration,
    create_integration,
    delete_integration,
    list_associations,
    list_integrations,
    read_integration,
    verify_integration,
)
from proxy.web.api.oauth_sessions import delete_oauth_session, list_oauth_sessions, read_oauth_session
from proxy.web.api.openapi import openapi_document
from proxy.web.api.operations import TAKE_BODY
from proxy.web.api.refusals import api_answers
from proxy.web.api.server import ping, server_settings
from proxy.web.api.templates import list_templates, read_template
from proxy.web.api.users import list_users, read_user, read_user_self
from proxy.web.api.visitors import visiting
from proxy.web.authorization import callback, login
from proxy.web.guards import CallerMay, Guard, caller_may
from proxy.web.hand_over import TICKET_PATH, take_ticket
from proxy.web.health import live, ready
from proxy.web.loop_breaker import BREAKER, LoopBreaker
from proxy.web.middleware import answers
from proxy.web.provider_logout import BACKCHANNEL_PATH, backchannel_logout
from proxy.web.public_api import for_people, for_programs, gateway_refusals, not_here
from proxy.web.refusals import refusals
from proxy.web.services import API, CONTROL, ApiServices, ControlServices
from proxy.web.sign_out import ask_to_sign_out, sign_out, signed_out
from proxy.web.static_files import static_file

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_BODY_BYTES = 64 * 1024
"""Nobody has more to say to us."""


@dataclass(frozen=True, slots=True)
class Route:
    """One row: ``method`` is exact; HEAD is answered only where it is listed."""

    method: str
    path: str
    handler: Handler
    guard: Guard
    """Who may call it."""
    hosts: Guard = guards.at_public_url
    """Under which names it is served."""


CONTROL_PLANE = (
    Route("GET", "/__oauth__/login", login, guards.anyone),
    Route("GET", "/__oauth__/integrations/callback", callback, guards.flow_state),
    Route("GET", TICKET_PATH, take_ticket, guards.ticket, guards.at_content_host),
    Route("GET", "/__oauth__/logout", ask_to_sign_out, guards.anyone, guards.anywhere),
    Route("POST", "/__oauth__/logout", sign_out, guards.own_page, guards.anywhere),
    Route("POST", BACKCHANNEL_PATH, backchannel_logout, guards.logout_token),
    Route("GET", "/__oauth__/signed-out", signed_out, guards.anyone, guards.anywhere),
    Route("GET", "/__oauth__/static/{name}", static_file, guards.anyone, guards.anywhere),
    Route("GET", "/__health__/live", live, guards.exact_address, guards.anywhere),
    Route("HEAD", "/__health__/live", live, guards.exact_address, guards.anywhere),
    Route("GET", "/__health__/ready", ready, guards.exact_address, guards.anywhere),
    Route("HEAD", "/__health__/ready", ready, guards.exact_address, guards.anywhere),
)


def _v1(method: str, path: str, handler: Handler, verb: Verb) -> Route:
    """Return a row of the versioned API; who may ask is the verb's."""
    return Route(method, "/__api__/v1" + path, handler, caller_may(verb), guards.anywhere)


_EXCHANGE = "/__api__/v1/oauth/integrations/credentials"
_OF_CONTENT = "/content/{content_guid}/oauth/integrations/associations"

API_LISTENER = (
    Route("GET", "/__ping__", ping, caller_may(Verb.PING), guards.anywhere),
    Route("GET", "/__api__/openapi.json", openapi_document, caller_may(Verb.OPENAPI), guards.anywhere),
    Route("GET", "/__api__/server_settings", server_settings, caller_may(Verb.SERVER_SETTINGS), guards.anywhere),
    Route("GET", "/__api__/me", read_user_self, caller_may(Verb.READ_USER_SELF), guards.anywhere),
    _v1("GET", "/user", read_user_self, Verb.READ_USER_SELF),
    _v1("GET", "/users", list_users, Verb.LIST_USERS),
    _v1("GET", "/users/{guid}", read_user, Verb.READ_USER),
    _v1("GET", "/content", list_content, Verb.LIST_CONTENT),
    _v1("GET", "/content/{content_guid}", read_content, Verb.READ_CONTENT),
    _v1("GET", "/api_keys", list_api_keys, Verb.LIST_API_KEYS),
    _v1("POST", "/api_keys", create_api_key, Verb.CREATE_API_KEY),
    _v1("DELETE", "/api_keys/{guid}", revoke_api_key, Verb.REVOKE_API_KEY),
    Route("POST", _EXCHANGE, credentials, caller_may(Verb.EXCHANGE), guards.anywhere),
    Route("GET", "/token", token, caller_may(Verb.EXCHANGE), guards.anywhere),
    _v1("GET", "/oauth/templates", list_templates, Verb.LIST_TEMPLATES),
    _v1("GET", "/oauth/templates/{key}", read_template, Verb.READ_TEMPLATE),
    _v1("GET", "/oauth/integrations", list_integrations, Verb.LIST_INTEGRATIONS),
    _v1("POST", "/oauth/integrations", create_integration, Verb.CREATE_INTEGRATION),
    _v1("GET", "/oauth/integrations/{guid}", read_integration, Verb.READ_INTEGRATION),
    _v1("PATCH", "/oauth/integrations/{guid}", change_integration, Verb.CHANGE_INTEGRATION),
    _v1("DELETE", "/oauth/integrations/{guid}", delete_integration, Verb.DELETE_INTEGRATION),
    _v1("POST", "/oauth/integrations/{guid}/verify", verify_integration, Verb.VERIFY_INTEGRATION),
    _v1("GET", "/oauth/integrations/{guid}/associations", list_associations, Verb.LIST_INTEGRATION_ASSOCIATIONS),
    _v1("GET", _OF_CONTENT, list_content_associations, Verb.LIST_CONTENT_ASSOCIATIONS),
    _v1("PUT", _OF_CONTENT, set_content_associations, Verb.SET_CONTENT_ASSOCIATIONS),
    _v1("GET", "/oauth/sessions", list_oauth_sessions, Verb.LIST_OAUTH_SESSIONS),
    _v1("GET", "/oauth/sessions/{guid}", read_oauth_session, Verb.READ_OAUTH_SESSION),
    _v1("DELETE", "/oauth/sessions/{guid}", delete_oauth_session, Verb.DELETE_OAUTH_SESSION),
    _v1("GET", "/audit_logs", audit_logs, Verb.READ_AUDIT_LOG),
)


PUBLIC_API = (
    *(
        replace(route, hosts=guards.at_public_url)
        for route in API_LISTENER
        if isinstance(route.guard, CallerMay) and not TABLE[route.guard.verb].is_local
    ),
    Route("POST", _EXCHANGE, not_here, guards.anyone),
)
"""What ``api.public`` adds at ``public_url``: everything that no token is handed out by."""


def control_plane(services: ControlServices, api: ApiServices | None = None) -> web.Application:
    """Build the application behind the gateway; ``api``: serve the Server API there, too."""
    if api is None:
        return _control_plane(services, [answers, refusals])
    app = _control_plane(
        services, [*map(for_programs, (api_answers, gateway_refusals, visiting)), *map(for_people, (answers, refusals))]
    )
    app[API] = replace(api, is_public=True)
    return _with_routes(app, map(_read_one_way, PUBLIC_API))


def _control_plane(services: ControlServices, middlewares: Sequence[Middleware]) -> web.Application:
    app = web.Application(middlewares=middlewares, client_max_size=MAX_BODY_BYTES)
    app[CONTROL] = services
    app[BREAKER] = LoopBreaker(services.now)
    return _with_routes(app, CONTROL_PLANE)


def api_application(services: ApiServices, routes: Iterable[Route] = API_LISTENER) -> web.Application:
    """Build the application of the API listener."""
    app = web.Application(middlewares=[api_answers, visiting], client_max_size=MAX_BODY_BYTES)
    app[API] = services
    return _with_routes(app, map(_read_one_way, routes))


def _with_routes(app: web.Application, routes: Iterable[Route]) -> web.Application:
    for route in routes:
        app.router.add_route(route.method, route.path, _guarded(route))
    return app


def _read_one_way(route: Route) -> Route:
    return replace(route, handler=_unambiguous(route))


def _unambiguous(route: Route) -> Handler:
    """Let through to the handler what says nothing twice, and no body that it would not read."""
    takes_body = (route.method, route.path) in TAKE_BODY

    async def unambiguous(request: web.Request) -> web.StreamResponse:
        query(request)
        if not takes_body:
            await no_body(request)
        return await route.handler(request)

    return unambiguous


def _guarded(route: Route) -> Handler:
    async def guarded(request: web.Request) -> web.StreamResponse:
        route.hosts(request)
        route.guard(request)
        return await route.handler(request)

    return guarded
