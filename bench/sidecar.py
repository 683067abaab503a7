"""The real process, configured as an operator would, with one viewer signed in or with many stored sessions."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from dataclasses import dataclass, field
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
    api_port: int
    api_key: str
    """Of the first content."""
    pages: list[str]
    """One of each content."""
    cookie_name: str = ""
    """Known once sessions were stored."""
    integrations: list[str] = field(default_factory=list)
    """Their guids, known then too."""

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

    @property
    def session_tokens(self) -> Path:
        """Where those of the usable stored sessions stand, a line each."""
        return self.folder / "session-tokens"

    def store(self, stored: int, usable: int) -> None:
        """Fill the state file with sessions like the one that signed in."""
        arguments = [str(self.config), str(stored), str(usable), str(self.session_tokens)]
        said = json.loads(subprocess.check_output([self.python.path, str(HERE / "stored.py"), *arguments], text=True))
        self.cookie_name, self.integrations = said["cookie_name"], said["integrations"]


def deployment(
    folder: Path, python: Python, behind: Server, echo: Server | None = None, *, integrations: int = 1
) -> Deployment:
    """Write a configuration: one content with so many integrations, and one for WebSockets."""
    folder.mkdir()
    port, provider_port, api_port = free_port(), free_port(), free_port()
    key, api_key = (
        subprocess.check_output([python.path, "-m", "proxy", "keygen"], text=True).strip() for _ in range(2)
    )
    pages = ["/app/1k", "/live/"] if echo else ["/app/1k"]
    made = Deployment(folder, python, port, provider_port, api_port, api_key, pages)
    names = ["bench", *(f"bench-{number}" for number in range(2, integrations + 1))]
    integration = (
        "  - name: {name}\n    template: custom\n    config:\n"
        f"      authorization_uri: http://127.0.0.1:{provider_port}/authorize\n"
        f"      token_uri: http://127.0.0.1:{provider_port}/token\n      client_id: bench\n"
    )
    content = (
        "  - name: {name}\n    path: /{name}/\n    app_mode: python-api\n"
        "    upstream: http://127.0.0.1:{port}\n    integrations: [{names}]\n"
    )
    made.config.write_text(
        f"public_url: http://localhost:{port}\nlisten: 127.0.0.1:{port}\n"
        f"store: {{url: 'sqlite://{made.state}', keys: ['{key}']}}\n"
        "limits: {max_exchanges_per_session_per_minute: 0}\n"
        f"api: {{listen: '127.0.0.1:{api_port}', keys: [{{name: app, content: app, key: {api_key}}}]}}\n"
        "integrations:\n"
        + "".join(integration.format(name=name) for name in names)
        + "content:\n"
        + content.format(name="app", port=behind.port, names=", ".join(names))
        + (content.format(name="live", port=echo.port, names="bench") if echo else "")
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
