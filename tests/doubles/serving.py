"""Put an aiohttp application on a loopback port or a Unix socket for the length of a ``with``."""

from __future__ import annotations

import secrets
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from aiohttp import web

_NOT_GIVEN_BY_THE_SYSTEM = range(10_240, 32_768)
"""Below what Linux and others give to whoever asks for any port, or connects."""

_given: set[int] = set()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listened on a moment ago; never the same one twice.

    None of those that the system gives by itself: it could give one to somebody else before it is listened on.
    """
    while True:
        port = secrets.choice(_NOT_GIVEN_BY_THE_SYSTEM)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


@asynccontextmanager
async def serving(
    app: web.Application, *, port: int = 0, socket_path: Path | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve ``app`` and yield its address: ``http://127.0.0.1:<port>`` or ``unix:<path>``."""
    # Half a second at the end: a handler that a test left hanging must not hold up the test's end.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handle_signals=False)
    await runner.setup()
    try:
        if socket_path is not None:
            await web.UnixSite(runner, str(socket_path)).start()
            yield f"unix:{socket_path}"
        else:
            await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
            yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
