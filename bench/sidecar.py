"""The real process, configured as an operator would, with one viewer signed in or with many stored sessions."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from machine import HERE, PROXY_CORE, Python, Server, free_port, pinned, wait_for
from peers import provider
from viewer import sign_in

READY = "/__health__/ready"


@dataclass
class Deployment:
    """A configuration and a state file on disk; the process may come and go."""

    folder: Path
    python: Python
    port: int
    provider_port: int
    pages: list[str]
    """One of each content."""
    cookie_name: str = ""
    """Known once sessions were stored."""

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def state(self) -> Path:
        return self.folder / "state.db"

    def start(self, name: str, *, watch: Path | None = None) -> Server:
        """Start the process; ``watch``: with a watch on its event loop that writes there when the process ends."""
        module = [str(HERE / "watched.py"), str(watch)] if watch else ["-m", "proxy"]
        process = pinned(
            PROXY_CORE, [self.python.path, *module, "serve", "-c", str(self.config)],
            stderr=(self.folder / "log").open("ab"),
        )  # fmt: skip
        wait_for(self.port, process, every_s=0.002)
        with urllib.request.urlopen(f"http://localhost:{self.port}{READY}", timeout=60) as answer:
            answer.read()
        return Server(name, self.port, process)

    def store(self, stored: int, usable: int) -> None:
        """Fill the state file with sessions like the one that signed in."""
        said = subprocess.check_output(
            [self.python.path, str(HERE / "stored.py"), str(self.config), str(stored), str(usable)], text=True
        )
        self.cookie_name = json.loads(said)["cookie_name"]


def deployment(folder: Path, python: Python, behind: Server, echo: Server | None = None) -> Deployment:
    """Write a configuration: one content with an integration, and one for WebSockets."""
    folder.mkdir()
    port, provider_port = free_port(), free_port()
    key = subprocess.check_output([python.path, "-m", "proxy", "keygen"], text=True).strip()
    made = Deployment(folder, python, port, provider_port, ["/app/1k", "/live/"] if echo else ["/app/1k"])
    content = (
        "  - name: {name}\n    path: /{name}/\n    app_mode: python-api\n"
        "    upstream: http://127.0.0.1:{port}\n    integrations: [bench]\n"
    )
    made.config.write_text(
        f"public_url: http://localhost:{port}\nlisten: 127.0.0.1:{port}\n"
        f"store: {{url: 'sqlite://{made.state}', keys: ['{key}']}}\n"
        f"api: {{listen: '127.0.0.1:{free_port()}'}}\n"
        "integrations:\n  - name: bench\n    template: custom\n    config:\n"
        f"      authorization_uri: http://127.0.0.1:{provider_port}/authorize\n"
        f"      token_uri: http://127.0.0.1:{provider_port}/token\n      client_id: bench\n"
        "content:\n"
        + content.format(name="app", port=behind.port)
        + (content.format(name="live", port=echo.port) if echo else "")
    )
    return made


def signed_in(made: Deployment, name: str) -> Server:
    """Start the process and let one viewer sign in and consent to every content; return it with the cookie."""
    server = made.start(name)
    running = provider(made.python, made.provider_port)
    try:
        cookie = sign_in([f"http://localhost:{made.port}{page}" for page in made.pages], "oauth-sidecar-")
    finally:
        running.terminate()
        running.wait()
    server.headers = {"Cookie": f"a=1; {cookie}; b=2"}
    return server
