"""Back-channel logout: the provider tells us, server to server, that somebody has signed out there (Back-Channel Logout 1.0 §2.5)."""

from __future__ import annotations

from urllib.parse import parse_qsl

import structlog
from aiohttp import web

from proxy.errors import AuthorizationServerUnavailable
from proxy.flows.provider_logout import LoggedOut, LogoutRefused, LogoutUndecided
from proxy.web.requests import request_id
from proxy.web.services import CONTROL

BACKCHANNEL_PATH = "/__oauth__/backchannel-logout"

MAX_FIELDS = 20
"""§2.5 allows others beside ``logout_token``; they are not looked at."""

log = structlog.get_logger("web")


async def backchannel_logout(request: web.Request) -> web.Response:
    """End what the token names; 200 and nothing to read, or 400 with the reason's class (§2.8)."""
    token = await _logout_token(request)
    if token is None:
        log.info("logout request refused", because="form", request_id=request_id(request))
        return _refused("exactly one logout_token is expected, form-encoded")
    match await request.app[CONTROL].provider_logouts.end(token):
        case LoggedOut():
            return web.Response(status=200)
        case LogoutRefused():
            return _refused("the logout_token is not accepted")
        case LogoutUndecided():
            raise AuthorizationServerUnavailable("the keys for a logout token cannot be had")


async def _logout_token(request: web.Request) -> str | None:
    """Return the one token of the form; ``None``: this is no such form."""
    if request.content_type != "application/x-www-form-urlencoded":
        return None
    try:
        body = await request.read()
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except (web.HTTPRequestEntityTooLarge, ValueError):
        return None
    tokens = [value for name, value in fields if name == "logout_token"]
    return tokens[0] if len(tokens) == 1 else None


def _refused(text: str) -> web.Response:
    return web.json_response({"error": "invalid_request", "error_description": text}, status=400)
