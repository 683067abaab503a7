"""Is the process there (live), and can it serve (ready)? For whoever restarts it and whoever sends it viewers."""

from __future__ import annotations

import structlog
from aiohttp import web

from proxy.errors import SidecarError
from proxy.web.services import CONTROL

log = structlog.get_logger("web")


async def live(_request: web.Request) -> web.Response:
    """Answer: the process runs its loop."""
    return web.json_response({"status": "live"})


async def ready(request: web.Request) -> web.Response:
    """Answer whether requests can be served; the cause as a constant word, detail goes to the log."""
    try:
        await request.app[CONTROL].check_ready()
    except SidecarError as error:
        log.warning("not ready", code=error.code, detail=error.detail)
        return web.json_response({"status": "not ready", "because": error.code}, status=503)
    return web.json_response({"status": "ready"})
