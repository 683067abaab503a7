"""What one writes first: aiohttp's server and client, no access log, uvloop. Usage: PORT UPSTREAM_PORT."""

import sys
from collections.abc import AsyncIterator

import aiohttp
import uvloop
from aiohttp import web
from yarl import URL

UPSTREAM = int(sys.argv[2])
SESSION = web.AppKey("session", aiohttp.ClientSession)


async def forward(request: web.Request) -> web.StreamResponse:
    url = URL(f"http://127.0.0.1:{UPSTREAM}/{request.match_info['rest']}", encoded=True)
    headers = [(name, value) for name, value in request.headers.items() if name.lower() != "host"]
    headers.append(("X-Forwarded-Access-Token", "bench-token-" + "x" * 1200))
    body = request.content if request.can_read_body else None
    async with request.app[SESSION].request(
        request.method, url, headers=headers, data=body, allow_redirects=False
    ) as answer:
        passed = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
        passed.content_length = answer.content_length
        await passed.prepare(request)
        async for piece in answer.content.iter_any():
            await passed.write(piece)
        await passed.write_eof()
        return passed


async def sessions(app: web.Application) -> AsyncIterator[None]:
    async with aiohttp.ClientSession(
        auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(limit=0)
    ) as session:
        app[SESSION] = session
        yield


app = web.Application(client_max_size=0)
app.cleanup_ctx.append(sessions)
app.router.add_route("*", "/app/{rest:.*}", forward)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None, loop=uvloop.new_event_loop())
