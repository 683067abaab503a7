"""The smallest OpenID provider that a benchmark needs: everybody consents at once.

Usage: PORT ACCESS_TOKEN CLIENT_SECRET. The code carries what the token endpoint must know: the nonce, if there was one.
Who asked for ``openid`` gets an ID token, signed with the client secret (HS256, OpenID Connect Core §10.1).
"""

import hmac
import json
import sys
import time
from base64 import urlsafe_b64encode
from urllib.parse import urlencode

from aiohttp import web

ISSUER = f"http://127.0.0.1:{sys.argv[1]}"


def metadata(issuer: str) -> dict[str, object]:
    return {
        "issuer": issuer, "authorization_endpoint": f"{issuer}/authorize", "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks", "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["HS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    }  # fmt: skip


async def configuration(_: web.Request) -> web.Response:
    return web.json_response(metadata(ISSUER))


async def keys(_: web.Request) -> web.Response:
    return web.json_response({"keys": []})


async def authorize(request: web.Request) -> web.Response:
    asked = request.query
    code = asked.get("nonce", "") if "openid" in asked.get("scope", "") else "none"
    raise web.HTTPFound(f"{asked['redirect_uri']}?{urlencode({'code': f'bench.{code}', 'state': asked['state']})}")


async def token(request: web.Request) -> web.Response:
    nonce = str((await request.post())["code"]).removeprefix("bench.")
    answer = {"access_token": sys.argv[2], "token_type": "Bearer", "expires_in": 86400, "refresh_token": "r" * 1200}
    return web.json_response(answer if nonce == "none" else answer | {"id_token": id_token(nonce)})


def id_token(nonce: str) -> str:
    now = int(time.time())
    claims = {
        "iss": ISSUER, "sub": "ada", "aud": "bench", "iat": now, "exp": now + 86400, "nonce": nonce,
    }  # fmt: skip
    signed = ".".join(map(encoded, (b'{"alg":"HS256"}', json.dumps(claims).encode())))
    return f"{signed}.{encoded(hmac.digest(sys.argv[3].encode(), signed.encode(), 'sha256'))}"


def encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


app = web.Application()
app.add_routes([
    web.get("/.well-known/openid-configuration", configuration), web.get("/jwks", keys),
    web.get("/authorize", authorize), web.post("/token", token),
])  # fmt: skip
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
