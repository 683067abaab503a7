"""Put an aiohttp application on a loopback port or a Unix socket for the length of a ``with``."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

_given: set[int] = set()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listened on a moment ago; never the same one twice."""
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
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
