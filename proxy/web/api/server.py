"""What Connect's client libraries ask before anything else: whether it is there, and which version it speaks."""

from __future__ import annotations

from aiohttp import web

CONNECT_VERSION = "2026.06.1"
"""The Connect whose API is spoken here: opens every version gate of posit-sdk 0.17 and connectapi 0.12."""


async def ping(_request: web.Request) -> web.Response:
    """Answer R's connectapi before it connects."""
    return web.json_response({})


async def server_settings(_request: web.Request) -> web.Response:
    """Answer the version gates."""
    return web.json_response(
        {
            "version": CONNECT_VERSION,
            "oauth_integrations_enabled": True,
            "license": {"oauth-integrations": True},
            "authentication": {},
            "dashboard_path": "/__dashboard__",
        }
    )
