"""Where a server's endpoints are, asked by somebody who wants to know why not (OpenID Connect Discovery 1.0 §4, RFC 8414 §3).

``flows.servers`` asks the same for viewers, remembers the answer, and has only the log to say why there is none.
"""

from __future__ import annotations

from typing import assert_never

from proxy.flows.online_visit import Visit
from proxy.flows.servers import OK, Registration, registration
from proxy.oauth.announced import announced
from proxy.oauth.discovery import MetadataRefused, discovery_requests, parse_metadata
from proxy.oauth.message import OutboundResponse
from proxy.oauth.metadata import AuthorizationServer, Undiscovered

_ELSEWHERE = {
    "unreadable": "What it answers there is no JSON object.",
    "authorization_endpoint": "Its document names no authorization endpoint, or one on another origin: see `endpoint_origins`.",
    "token_endpoint": "Its document names no token endpoint, or one on another origin: see `endpoint_origins`.",
}


async def locate(visit: Visit) -> Registration | None:
    """Return where the server is and who we are there; ``None``: that could not be found, and the visit says why."""
    match visit.recipe.server:
        case AuthorizationServer() as server:
            return registration(visit.recipe, server)
        case Undiscovered() as wanted:
            found = await _discover(visit, wanted)
            return None if found is None else registration(visit.recipe, found)
        case _ as unknown:
            assert_never(unknown)


async def _discover(visit: Visit, wanted: Undiscovered) -> AuthorizationServer | None:
    statuses = []
    for request in discovery_requests(wanted.issuer):
        outcome = await visit.send(request)
        if not isinstance(outcome, OutboundResponse):
            visit.unreached(outcome, request.url)
            return None
        if outcome.status == OK:
            return _believed(visit, outcome, wanted, request.url)
        statuses.append(f"{request.url} answers {outcome.status}")
    visit.add("discovery", "problem", f"There is no document: {', '.join(statuses)}. Check `issuer`.")
    return None


def _believed(visit: Visit, response: OutboundResponse, wanted: Undiscovered, url: str) -> AuthorizationServer | None:
    visit.announced = announced(response.body)
    found = parse_metadata(response, wanted)
    if not isinstance(found, MetadataRefused):
        visit.add("discovery", "ok", f"{url} says where everything is.")
        return found
    if found.because == "issuer":
        said = visit.announced.issuer or "none"
        text = f"The document is of the issuer {said}, and {wanted.issuer} is configured: they have to be equal."
    else:
        default = f"Its document names a {found.because} on another origin: see `endpoint_origins`."
        text = _ELSEWHERE.get(found.because, default)
    visit.add("discovery", "problem", text)
    return None
