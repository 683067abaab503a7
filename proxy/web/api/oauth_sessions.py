"""OAuth sessions, which here are called credentials: ``v1/oauth/sessions``."""

from __future__ import annotations

from aiohttp import web

from proxy.flows.administered import OAuthSession
from proxy.policy.permissions import Verb
from proxy.web.api.answers import many, nothing, one
from proxy.web.api.bodies import flag, guid
from proxy.web.api.integration_shapes import OAuthSessionAnswer
from proxy.web.api.refusals import granted
from proxy.web.api.shapes import rfc3339
from proxy.web.guards import CALLER, demand
from proxy.web.services import API


async def list_oauth_sessions(request: web.Request) -> web.Response:
    """Answer ``GET v1/oauth/sessions``: the caller's own; ``?all=True``: everybody's."""
    everybodys = flag(request, "all")
    if everybodys:
        demand(request, Verb.LIST_ALL_OAUTH_SESSIONS)
    found = await request.app[API].administration.oauth_sessions(request[CALLER], everybodys=everybodys)
    return many(_answer(session) for session in granted(found))


async def read_oauth_session(request: web.Request) -> web.Response:
    """Answer ``GET v1/oauth/sessions/{guid}``."""
    return one(_answer(granted(await request.app[API].administration.oauth_session(request[CALLER], guid(request)))))


async def delete_oauth_session(request: web.Request) -> web.Response:
    """Answer ``DELETE v1/oauth/sessions/{guid}``: the viewer's grant ends, for every content."""
    granted(await request.app[API].administration.end_oauth_session(request[CALLER], guid(request)))
    return nothing()


def _answer(session: OAuthSession) -> OAuthSessionAnswer:
    return OAuthSessionAnswer(
        id=session.id,
        guid=session.guid,
        user_guid=session.user_guid,
        oauth_integration_guid=session.integration_guid,
        has_refresh_token=session.has_refresh_token,
        created_time=rfc3339(session.created_at),
        updated_time=rfc3339(session.updated_at),
    )
