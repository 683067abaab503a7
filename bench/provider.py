"""The smallest authorization server that a benchmark needs: everybody consents at once. Usage: PORT ACCESS_TOKEN."""

import sys
from urllib.parse import urlencode

from aiohttp import web


async def authorize(request: web.Request) -> web.Response:
    query = urlencode({"code": "bench", "state": request.query["state"]})
    raise web.HTTPFound(f"{request.query['redirect_uri']}?{query}")


async def token(_: web.Request) -> web.Response:
    return web.json_response({
        "access_token": sys.argv[2], "token_type": "Bearer", "expires_in": 86400, "refresh_token": "r"
    })  # fmt: skip


app = web.Application()
app.add_routes([web.get("/authorize", authorize), web.post("/token", token)])
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
