"""The whole sidecar in this process, over a real state file, met at its API listener by whoever has a key."""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from proxy.app import run
from tests.doubles.serving import free_port
from tests.journeys.sidecar import new_key
from tests.unit.config.house import loaded
from tests.unit.logging_state import logging_put_back
from tests.unit.web.api.described import undescribed

ADMINISTRATOR, PUBLISHER, SALES = (secrets.token_urlsafe(32) for _ in range(3))
CONTENT = "33333333-3333-4333-8333-333333333333"
FIXED_CONTENT = "33333333-3333-4333-8333-333333333334"
OPEN_CONTENT = "33333333-3333-4333-8333-333333333335"
RENDERED_CONTENT = "33333333-3333-4333-8333-333333333336"
FIXED = "11111111-1111-4111-8111-111111111111"
ROBOT = "11111111-1111-4111-8111-111111111112"
STRANGER = "11111111-1111-4111-8111-111111111113"
NOBODY = "00000000-0000-4000-8000-000000000000"
NOT_COMPARED = {"audit", "api_key_use", "sqlite_sequence"}
"""A refusal is written down, and when a key was last used."""

CONFIG = f"""
public_url: http://localhost:@port
listen: 127.0.0.1:@port
store: {{url: "sqlite://@folder/state.db", keys: ["@seal"]}}
api:
  listen: 127.0.0.1:@api_port
  public: true
  keys:
    - {{name: ops, role: administrator, key: "{ADMINISTRATOR}"}}
    - {{name: bob, role: publisher, user: bob@example.org, key: "{PUBLISHER}"}}
    - {{name: sales, content: sales, key: "{SALES}"}}
integrations:
  - name: fixed
    guid: {FIXED}
    template: custom
    config: {{authorization_uri: "https://id.example.net/authorize", token_uri: "https://id.example.net/token", client_id: x}}
  - name: robot
    guid: {ROBOT}
    template: custom
    config: {{auth_type: Service Account, token_uri: "http://127.0.0.1:1/token", client_id: x, client_secret: "robots-own-s3cret"}}
  - name: stranger
    guid: {STRANGER}
    template: custom
    config: {{auth_type: Service Account, token_uri: "http://127.0.0.1:@provider/token", client_id: x, client_secret: "strangers-s3cret"}}
content:
  - {{name: sales, guid: {CONTENT}, owner: bob@example.org, path: /sales/, app_mode: python-streamlit,
     upstream: "http://127.0.0.1:1", access: signed_in}}
  - {{name: fixed, guid: {FIXED_CONTENT}, owner: bob@example.org, path: /fixed/, app_mode: python-streamlit,
     upstream: "http://127.0.0.1:1", access: signed_in, integrations: [fixed]}}
  - {{name: open, guid: {OPEN_CONTENT}, owner: bob@example.org, path: /open/, app_mode: python-streamlit,
     upstream: "http://127.0.0.1:1", access: anyone}}
  - {{name: page, guid: {RENDERED_CONTENT}, owner: bob@example.org, path: /page/, app_mode: static,
     upstream: "http://127.0.0.1:1", access: signed_in}}
"""
LAKE = {
    "name": "Lake",
    "template": "custom",
    "config": {
        "authorization_uri": "https://id.example.net/authorize",
        "token_uri": "https://id.example.net/token",
        "client_id": "sidecar",
        "client_secret": "s3cret-of-the-lake",
    },
}


@dataclass(frozen=True)
class Scene:
    """A running sidecar with one integration, ``lake``, that the API made."""

    session: aiohttp.ClientSession
    base: URL
    """``api.listen``."""
    public: URL
    """``public_url``, behind the gateway."""
    state_file: Path
    lake: str

    def dump(self) -> list[str]:
        """All that is stored, whatever it is."""
        with sqlite3.connect(f"file:{self.state_file}?mode=ro", uri=True) as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return [
                f"{table}: {row}"
                for table in sorted(set(tables) - NOT_COMPARED)
                for row in sorted(map(repr, connection.execute(f'SELECT * FROM "{table}"')))
            ]

    async def send(
        self,
        method: str,
        where: str | URL,
        *,
        key: str | None = ADMINISTRATOR,
        body: bytes | object = None,
        **headers: str,
    ) -> tuple[int, Any]:
        """Send one request; return status and JSON (``None``: there is none). The answer has to be as described."""
        url = where if isinstance(where, URL) else URL(f"{self.base}{where}", encoded=True)
        sent = {} if key is None else {"Authorization": f"Key {key}"}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.request(
            method, url, data=data, headers=sent | headers, allow_redirects=False, skip_auto_headers=["Content-Type"]
        ) as answer:
            said = await answer.read()
            if method != "HEAD":
                fault = undescribed(method, answer.url, answer.status, answer.headers, said)
                assert fault is None, f"{method} {answer.url}: {fault}"
            return answer.status, json.loads(said) if said and answer.content_type == "application/json" else None


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Scene]:
    text = CONFIG.replace("@folder", str(folder)).replace("@seal", new_key())
    text = text.replace("@port", str(free_port())).replace("@api_port", str(free_port()))
    stop, ready = asyncio.Event(), asyncio.Event()
    async with _provider() as port:
        config = loaded(folder, text.replace("@provider", str(port)))
        with logging_put_back():
            serving = asyncio.create_task(run(config, stop=stop, ready=ready))
            try:
                await asyncio.wait_for(ready.wait(), 20)
                base = URL(f"http://127.0.0.1:{config.api_listen.port}")
                async with aiohttp.ClientSession() as session:
                    headers = {"Authorization": f"Key {ADMINISTRATOR}"}
                    made = await session.post(base / "__api__/v1/oauth/integrations", json=LAKE, headers=headers)
                    assert made.status == 200, await made.text()
                    yield Scene(session, base, URL(config.public_url), folder / "state.db", (await made.json())["guid"])
            finally:
                stop.set()
                await serving


@asynccontextmanager
async def _provider() -> AsyncIterator[int]:
    """An authorization server that knows no client."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        said = b'{"error": "invalid_client"}'
        writer.write(b"HTTP/1.1 401 No\r\nContent-Type: application/json\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(said), said))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
