"""``oauth-sidecar demo``: starts an authorization server, a small content and the sidecar between them, on loopback.

All three run in this process. Keys, store and the generated ``config.yaml`` live in a temporary folder that is removed
at the end.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import uvloop
from aiohttp import web

from proxy.config.load import load
from proxy.config.values import Config
from proxy.demo.authorization_server import authorization_server
from proxy.demo.content import Place, content
from proxy.demo.records import Registration
from proxy.errors import SidecarError
from proxy.sealing import KEY_BYTES, format_key

_LOOPBACK = "127.0.0.1"
_PREFERRED_PORTS = (8080, 8081, 8088, 8180)
_ACCESS_TTL_S = 60
_CLIENT_ID = "oauth-sidecar"


class Sidecar(Protocol):
    """Serves until ``stop`` is set, as ``proxy.app.run`` does."""

    def __call__(
        self, config: Config, *, stop: asyncio.Event, ready: asyncio.Event | None = None
    ) -> Coroutine[None, None, None]: ...


def main(port: int | None = None) -> int:
    """Run the demo until Ctrl-C or SIGTERM; return the exit code.

    ``port``: where viewers go; ``None``: 8080, or another free one.
    """
    from proxy.app import run
    from proxy.logs import configure_logs

    # The log shows on standard error what the sidecar does while somebody clicks: part of the demo.
    configure_logs()

    async def until_told() -> int:
        stop = asyncio.Event()
        for signum in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signum, stop.set)
        return await demo(port, stop=stop, sidecar=run, say=_print)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(until_told())


async def demo(port: int | None, *, stop: asyncio.Event, sidecar: Sidecar, say: Callable[[str], None]) -> int:
    """Start all three, say what to try, serve until ``stop``; return the exit code."""
    try:
        public_port = _free_port((), otherwise=port) if port else _free_port(_PREFERRED_PORTS, otherwise=0)
    except OSError as exc:
        say(f"Port {port} cannot be used: {exc.strerror}. Choose another one with --port.")
        return 1
    with (
        TemporaryDirectory(prefix="oauth-sidecar-demo-") as folder,
        socket.create_server((_LOOPBACK, 0)) as server_socket,
        socket.create_server((_LOOPBACK, 0)) as content_socket,
    ):
        layout = _Layout(
            folder=Path(folder),
            public_url=f"http://localhost:{public_port}",
            public_port=public_port,
            api_port=_free_port((), otherwise=0),
            issuer=f"http://{_LOOPBACK}:{_port_of(server_socket)}",
            content_url=f"http://{_LOOPBACK}:{_port_of(content_socket)}",
            client_secret=secrets.token_urlsafe(32),
            api_key=secrets.token_urlsafe(32),
        )
        config = load(_write_configuration(layout), environment={})
        async with (
            _serving(_server_of(layout), server_socket),
            _serving(_content_of(layout), content_socket),
        ):
            problem = await _serve(sidecar, config, stop, lambda: say(_welcome(layout)))
    if problem is not None:
        say(f"The sidecar cannot go on: {problem}")
        return 1
    say("\nStopped. The demo's folder is removed.")
    return 0


async def _serve(
    sidecar: Sidecar, config: Config, stop: asyncio.Event, when_ready: Callable[[], None]
) -> Exception | None:
    """Serve until ``stop``; return what ended it before."""
    ready = asyncio.Event()

    async def announce() -> None:
        await ready.wait()
        when_ready()

    async with asyncio.TaskGroup() as group:
        announcing = group.create_task(announce())
        try:
            await sidecar(config, stop=stop, ready=ready)
        except (SidecarError, OSError) as problem:
            return problem
        finally:
            announcing.cancel()
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    folder: Path
    public_url: str
    public_port: int
    api_port: int
    issuer: str
    content_url: str
    client_secret: str
    api_key: str

    @property
    def config_path(self) -> Path:
        return self.folder / "config.yaml"


def _server_of(layout: _Layout) -> web.Application:
    client = Registration(
        client_id=_CLIENT_ID,
        client_secret=layout.client_secret,
        redirect_uris=(f"{layout.public_url}/__oauth__/integrations/callback",),
        name="Hello",
    )
    return authorization_server(issuer=layout.issuer, clients=[client], access_ttl_s=_ACCESS_TTL_S)


def _content_of(layout: _Layout) -> web.Application:
    return content(
        Place(
            connect_server=f"http://{_LOOPBACK}:{layout.api_port}/",
            connect_api_key=layout.api_key,
            orders_url=f"{layout.issuer}/api/orders",
            account_url=f"{layout.issuer}/",
        )
    )


def _write_configuration(layout: _Layout) -> Path:
    for name, secret in (
        ("store.key", format_key(secrets.token_bytes(KEY_BYTES))),
        ("client.secret", layout.client_secret),
        ("hello.key", layout.api_key),
    ):
        (layout.folder / name).write_text(secret + "\n")
        (layout.folder / name).chmod(0o600)
    layout.config_path.write_text(f"""\
# What `oauth-sidecar demo` runs with. A real one looks the same: `oauth-sidecar serve -c config.yaml`.
public_url: {layout.public_url}
listen: {_LOOPBACK}:{layout.public_port}

# Whose word counts for who the viewer is.
sign_in: Example Accounts

store:
  url: sqlite://{layout.folder}/state.db
  keys: ["file:{layout.folder}/store.key"]

# Where content asks for fresh tokens. Never reachable for viewers.
api:
  listen: {_LOOPBACK}:{layout.api_port}
  keys:
    - {{name: hello, content: hello, key: "file:{layout.folder}/hello.key"}}

integrations:
  - name: Example Accounts
    slug: accounts
    template: custom
    description: Your account and your orders
    config:
      authorization_uri: {layout.issuer}/authorize
      token_uri: {layout.issuer}/token
      userinfo_uri: {layout.issuer}/userinfo
      revocation_uri: {layout.issuer}/revoke
      issuer: {layout.issuer}
      client_id: {_CLIENT_ID}
      client_secret: "file:{layout.folder}/client.secret"
      scopes: openid profile email orders offline_access

content:
  - name: hello
    title: Hello
    owner: grace@example.org
    path: /hello/
    app_mode: proxied
    upstream: {layout.content_url}
    integrations: [Example Accounts]
    access: signed_in
""")
    return layout.config_path


def _welcome(layout: _Layout) -> str:
    return f"""
  {_bold("oauth-sidecar demo")}

  Open      {_bold(layout.public_url + "/hello/")}

  Try       1  Sign in as Ada; open a private window and sign in there as Grace.
            2  Watch the ring run out: the token changes, the WebSocket stays.
            3  Sign out in one tab and see the socket of the other close with 4401.
            4  Sign in again, but decline.
            5  Withdraw the consent at {layout.issuer}/ and wait a minute.

  Behind it {layout.config_path}   a real configuration, worth reading
            {layout.content_url}   the content itself: it knows nobody
            {layout.issuer}   the authorization server

  Everything is on this machine only. Ctrl-C ends it.
"""


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _free_port(preferred: Sequence[int], *, otherwise: int) -> int:
    """Return the first port that can be listened on; 0 stands for any. ``OSError`` when ``otherwise`` cannot."""
    for candidate in preferred:
        with suppress(OSError):
            return _probe(candidate)
    return _probe(otherwise)


def _probe(port: int) -> int:
    with socket.create_server((_LOOPBACK, port)) as listening:
        return _port_of(listening)


def _port_of(bound: socket.socket) -> int:
    port: int = bound.getsockname()[1]
    return port


@asynccontextmanager
async def _serving(app: web.Application, listening: socket.socket) -> AsyncIterator[None]:
    # Neither may keep Ctrl-C waiting for an open page.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        yield
    finally:
        await runner.cleanup()
