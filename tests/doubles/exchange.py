"""The exchange as a content's code sees it, in a thread: records what it is asked, and answers what a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs


class Exchange:
    """``with Exchange.running() as exchange``."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b'{"access_token": "at-1", "expires_in": 30}'
        self.headers: dict[str, str] = {}
        self.before: list[tuple[int, bytes]] = []
        """Status and body of the first answers."""
        self.asked: list[tuple[str, dict[str, list[str]], str | None]] = []
        """Path, form and ``Authorization``."""
        exchange = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                exchange.asked.append((self.path, parse_qs(form), self.headers["Authorization"]))
                status, body = exchange.before.pop(0) if exchange.before else (exchange.status, exchange.body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                for name, value in exchange.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Keep the test's output quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Exchange]:
        exchange = cls()
        thread = threading.Thread(target=exchange._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield exchange
        finally:
            exchange._server.shutdown()
            thread.join()
            exchange._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def answers(self, status: int, said: object) -> None:
        self.status, self.body = status, json.dumps(said).encode()
