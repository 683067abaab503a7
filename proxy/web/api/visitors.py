"""Knows who has a visitor's key, before any guard asks: it is the one kind of key for which the store may have to be read."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from proxy.model import ApiKey
from proxy.web.requests import given_key
from proxy.web.services import API

VISITOR = web.RequestKey("visitor", ApiKey)
"""Set where the request has such a key, and it is good."""


@web.middleware
async def visiting(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Look the key up."""
    found = await request.app[API].visitors.caller(given_key(request))
    if found is not None:
        request[VISITOR] = found
    return await handler(request)
