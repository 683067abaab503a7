"""Who may call a route. Each route names one of these: there is no default that lets anybody in."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from aiohttp import web

from proxy.errors import NotFound
from proxy.flows.audit_actors import by
from proxy.flows.visitor_keys import PREFIX
from proxy.model import Actor, ActorKind, ApiKey, AuditAction, AuditEvent, ContentGuid
from proxy.policy import headers as internal
from proxy.policy.cookies import is_loopback_host
from proxy.policy.origin import is_foreign
from proxy.policy.permissions import ABOUT_CONTENT, TABLE, Grant, Verb, permitted
from proxy.web.api.refusals import ApiRefusal
from proxy.web.api.visitors import VISITOR
from proxy.web.problems import ForeignOrigin
from proxy.web.requests import at_host_of, given_key, internal_header, raw_headers, request_id
from proxy.web.services import API, CONTROL

Guard = Callable[[web.Request], None]

CALLER = web.RequestKey("caller", ApiKey)
"""Set by ``caller_may``: whose key it is."""

log = structlog.get_logger("api")

_PROXY_HEADERS = re.compile(r"origin|sec-fetch-.*|forwarded|x-forwarded-.*|x-real-ip|via|cookie", re.IGNORECASE)
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?")
_LAST_PORT = 65_535


def at_public_url(request: web.Request) -> None:
    """Serve this at ``public_url`` only."""
    if at_host_of(request) is not None:
        raise NotFound


def at_content_host(request: web.Request) -> None:
    """Serve this at a content's own host only."""
    if at_host_of(request) is None:
        raise NotFound


def anywhere(_request: web.Request) -> None:
    """Serve this at every host, by whatever name it was asked for."""


def anyone(_request: web.Request) -> None:
    """Let everybody in: the route shows or does nothing that depends on who asks."""


def exact_address(request: web.Request) -> None:
    """Let everybody in, but only by the address as it is written: no query, no escape, no variant."""
    if request.raw_path != request.match_info.route.resource.canonical:  # type: ignore[union-attr]  # a routed request
        raise NotFound


def flow_state(_request: web.Request) -> None:
    """Leave it to the handler: seal, binding cookie and age of ``state`` decide (``flows.authorization``)."""


def ticket(_request: web.Request) -> None:
    """Leave it to the handler: seal, age, first use, host and binding cookie decide (``flows.hand_over``)."""


def logout_token(_request: web.Request) -> None:
    """Leave it to the handler: the token's signature, age and first use decide (``flows.provider_logout``)."""


def own_page(request: web.Request) -> None:
    """Let in what a page of ours, or of content on the same origin, sends; fail closed when the browser does not say."""
    headers = raw_headers(request)
    content = at_host_of(request)
    own_origin = request.app[CONTROL].public_url if content is None else content.origin
    says_where = any(name.lower() in {b"origin", b"sec-fetch-site"} for name, _ in headers)
    if not says_where or is_foreign(headers, own_origin=own_origin, allowed=frozenset()):
        raise ForeignOrigin


def local_program(request: web.Request) -> None:
    """Refuse browsers, what came through a proxy, and foreign host names (DNS rebinding): only local programs ask here."""
    if any(_PROXY_HEADERS.fullmatch(name) for name in request.headers):
        _tell_of_stranger(request, "browser_or_proxy")
        raise ApiRefusal(403, 22, "This address is for programs beside the sidecar, not for browsers or proxies.")
    hosts = request.headers.getall("Host", [])
    match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    name = match["host"].lower() if match and int(match["port"] or 0) <= _LAST_PORT else ""
    if not (is_loopback_host(name) or name in request.app[API].hosts):
        _tell_of_stranger(request, "foreign_host")
        raise ApiRefusal(
            421, 2, "This address does not answer to that host name: the operator can add it to `api.hosts`."
        )


def no_browser(request: web.Request) -> None:
    """Refuse what a page sends: no form and no script of a viewer's browser has a key of its own."""
    if not {"Origin", "Sec-Fetch-Site"}.isdisjoint(name.title() for name in request.headers):
        _tell_of_stranger(request, "browser")
        raise ApiRefusal(403, 22, "The Server API is for programs, not for pages in a browser.")


@dataclass(frozen=True, slots=True)
class CallerMay:
    """Let in a program whose key may do this: ``policy.permissions`` says who."""

    verb: Verb

    def __call__(self, request: web.Request) -> None:
        if request.app[API].is_public:
            no_browser(request)
        else:
            local_program(request)
        if TABLE[self.verb].anonymous is Grant.YES:
            return
        request[CALLER] = _caller(request)
        if self.verb is not Verb.EXCHANGE:  # which counts by session token
            _count(request)
        demand(request, self.verb)


def caller_may(verb: Verb) -> Guard:
    """Return the guard of a verb."""
    return CallerMay(verb)


def demand(request: web.Request, verb: Verb) -> None:
    """Refuse what the caller may not; a handler asks for what only the request's query or body tells."""
    caller, guid, content = request[CALLER], None, None
    if verb in ABOUT_CONTENT:
        guid = ContentGuid(request.match_info["content_guid"].lower())
        content = request.app[API].directory.contents.get(guid)
    if permitted(verb, caller, guid=guid, content=content) in {Grant.YES, Grant.OWN}:
        return
    services = request.app[API]
    log.info("key refused", api_key=caller.guid, name=caller.name, verb=verb.value, request_id=request_id(request))
    services.record(
        AuditEvent(
            at=services.now(),
            action=AuditAction.ACCESS_REFUSED,
            actor=by(caller),
            content_guid=None if content is None else content.guid,
            request_id=request_id(request),
            detail={"verb": verb.value},
        )
    )
    raise ApiRefusal(403, TABLE[verb].code, _SAY[TABLE[verb].code])


_SAY = {
    19: "You don't have permission to view this content.",
    22: "You don't have permission to perform this operation.",
}
_NO_KEY = "An API key is needed, in one header: `Authorization: Key <api-key>`."
_UNKNOWN_KEY = "This API key is not known here: it was revoked, is another server's, or was copied in part."


def _caller(request: web.Request) -> ApiKey:
    services, key, address = request.app[API], given_key(request), _client_address(request)
    _let_wait(services.wrong_keys.wait_s(address, key, services.now()))
    found = request.get(VISITOR) or services.keys.caller(key)
    if found is None:
        if key.startswith(PREFIX):  # nobody guesses a sealed one, and each ends within the hour: not counted as wrong
            raise ApiRefusal(401, 24, "This visitor's key has ended: exchange the session token again.")
        if "Authorization" in request.headers:  # a key that was revoked, of another deployment, or made up
            _let_wait(services.wrong_keys.wrong(address, services.now()))
            _tell_of_stranger(request, "unknown_key")
        raise ApiRefusal(401, 24, _UNKNOWN_KEY if key else _NO_KEY)
    services.wrong_keys.right(address, key)
    return found


def _let_wait(wait_s: float) -> None:
    if wait_s:
        raise ApiRefusal(429, 277, "Rate limit exceeded: too many wrong API keys.", retry_after_s=wait_s)


def _client_address(request: web.Request) -> str:
    """Return who asks; empty: a Unix socket does not tell."""
    return internal_header(request, internal.CLIENT) if request.app[API].is_public else request.remote or ""


def _tell_of_stranger(request: web.Request, because: str) -> None:
    """Write down who was refused before anybody knew whose program it is."""
    services = request.app[API]
    services.record(
        AuditEvent(
            at=services.now(),
            action=AuditAction.ACCESS_REFUSED,
            actor=Actor(kind=ActorKind.API_KEY),
            request_id=request_id(request),
            detail={"because": because, "address": _client_address(request)},
        )
    )


def _count(request: web.Request) -> None:
    services = request.app[API]
    wait_s = services.requests_of_key.wait_s(request[CALLER].hash, services.now())
    if wait_s:
        raise ApiRefusal(429, 277, "Rate limit exceeded: too many requests with this API key.", retry_after_s=wait_s)
