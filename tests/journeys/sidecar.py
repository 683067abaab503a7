"""The real process: started with a configuration of its own, watched from outside, ended politely or not."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import aiohttp
import yaml

from tests.doubles.serving import free_port

REPOSITORY = Path(__file__).parents[2]
READY_WITHIN_S = 30.0
_LISTENS = "0A"
"""The state of a listening socket in ``/proc/net/tcp``."""
CALLBACK = "/__oauth__/integrations/callback"


def new_key() -> str:
    """A sealing key in the form that ``keygen`` prints."""
    return "osk1_" + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


@dataclass(slots=True, kw_only=True)
class Setup:
    """What one sidecar is started with; change it before ``start``, or between ``stop`` and ``start``."""

    folder: Path
    integrations: list[dict[str, object]] = field(default_factory=list)
    content: list[dict[str, object]] = field(default_factory=list)
    more: dict[str, object] = field(default_factory=dict)
    """Further top-level settings; they win over the generated ones."""
    scheme: str = "http"
    host: str = "localhost"
    """Host of ``public_url``; its address is always 127.0.0.1."""
    port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=free_port)
    key: str = field(default_factory=new_key, repr=False)
    content_keys: dict[str, str] = field(default_factory=dict, repr=False)
    """API key by content name; made when a content is added."""
    environment: dict[str, str] = field(default_factory=dict)
    """What the process has beside the environment of the tests."""

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def redirect_uri(self) -> str:
        return self.url + CALLBACK

    @property
    def state_file(self) -> Path:
        return self.folder / "state.db"

    def add_integration(self, name: str, config: Mapping[str, str]) -> None:
        self.integrations.append({"name": name, "template": "custom", "config": dict(config)})

    def add_content(self, name: str, upstream: str, *, integrations: Sequence[str] = (), **settings: object) -> None:
        """Add a content at ``/<name>/`` (or its ``host``) that signed-in viewers may see, with an API key."""
        # Long and random: the configuration refuses keys that could be guessed.
        self.content_keys[name] = secrets.token_urlsafe(32)
        entry: dict[str, object] = {
            "name": name,
            "owner": "bob@example.org",
            **({} if "host" in settings else {"path": f"/{name}/"}),
            "app_mode": "python-streamlit",
            "upstream": upstream,
            "integrations": list(integrations),
            "access": "signed_in",
        }
        self.content.append(entry | settings)

    def document(self) -> dict[str, object]:
        """The configuration as it is written."""
        document: dict[str, object] = {
            "public_url": self.url,
            "listen": f"127.0.0.1:{self.port}",
            "store": {"url": f"sqlite://{self.state_file}", "keys": [self.key]},
            "api": {
                "listen": f"127.0.0.1:{self.api_port}",
                "keys": [{"name": name, "content": name, "key": key} for name, key in self.content_keys.items()],
            },
            "integrations": self.integrations,
            "content": self.content,
        }
        return document | self.more

    def write(self) -> Path:
        path = self.folder / "config.yaml"
        path.write_text(yaml.safe_dump(self.document(), sort_keys=False, allow_unicode=True))
        path.chmod(0o600)
        return path


class Sidecar:
    """One process and its log; ``async with Sidecar.running(setup) as sidecar``."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._process: subprocess.Popen[bytes] | None = None
        self._log_path = setup.folder / "sidecar.log"
        self._log_file: IO[bytes] | None = None

    @classmethod
    @asynccontextmanager
    async def running(cls, setup: Setup) -> AsyncIterator[Sidecar]:
        sidecar = cls(setup)
        await sidecar.start()
        try:
            yield sidecar
        finally:
            await sidecar.stop()

    @property
    def url(self) -> str:
        return self.setup.url

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> bytes:
        """All that the process ever wrote to stdout and stderr, restarts included."""
        return self._log_path.read_bytes() if self._log_path.exists() else b""

    @property
    def rss_bytes(self) -> int:
        """Resident memory now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))

    @property
    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def connections(self) -> int:
        """TCP connections that it holds, to viewers and to content; its listeners are none."""
        held = set[str]()
        for link in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                held.add(str(link.readlink()))
        lines = [line.split() for line in Path(f"/proc/{self.pid}/net/tcp").read_text().splitlines()[1:]]
        return sum(f"socket:[{line[9]}]" in held and line[3] != _LISTENS for line in lines)

    async def until_connections(self, most: int, *, within_s: float = 15) -> None:
        """Wait until it holds no more than so many; idle ones to content go within five seconds."""
        async with asyncio.timeout(within_s):
            while self.connections > most:
                await asyncio.sleep(0.1)

    async def start(self) -> None:
        """Start the process and wait until it says that it is ready."""
        path = self.setup.write()
        self._log_file = self._log_path.open("ab")
        # The environment is ours: coverage of the child, when the run asks for it, travels in it (see pyproject.toml).
        self._process = subprocess.Popen(
            [sys.executable, "-m", "proxy", "serve", "-c", str(path)],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.setup.environment},
            stdin=subprocess.DEVNULL,
            stdout=self._log_file,
            stderr=subprocess.STDOUT,
        )
        try:
            await self._until_ready()
        except BaseException:
            await self.kill()
            raise

    async def _until_ready(self) -> None:
        scheme, port = self.setup.scheme, self.setup.port
        url = f"{scheme}://127.0.0.1:{port}/__health__/ready"
        # Not verified, and nothing depends on it: the question is only whether somebody answers already.
        listen = str(self.setup.more.get("listen", ""))
        is_socket = listen.startswith("unix:")
        connector = aiohttp.UnixConnector(listen[5:]) if is_socket else aiohttp.TCPConnector(ssl=False)
        async with aiohttp.ClientSession(connector=connector) as http, asyncio.timeout(READY_WITHIN_S):
            while True:
                assert self._process is not None
                if self._process.poll() is not None:
                    raise AssertionError(f"the sidecar ended with {self._process.returncode}:\n{self.log.decode()}")
                with suppress(aiohttp.ClientError):
                    async with http.get(url, headers={"Host": f"{self.setup.host}:{port}"}) as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.05)

    def terminate(self) -> None:
        """Send SIGTERM, and do not wait."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    async def ended(self, *, within_s: float = 30) -> int:
        """Wait for the end; return the exit status (negative: the signal)."""
        assert self._process is not None
        try:
            return await asyncio.to_thread(self._process.wait, within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
            raise AssertionError(f"the sidecar did not end:\n{self.log.decode()[-4000:]}") from None
        finally:
            if self._log_file is not None:
                self._log_file.close()

    async def stop(self) -> int:
        """SIGTERM, and wait; a process that has ended already is fine."""
        if self._process is None or self._process.poll() is not None:
            return await self.ended() if self._process is not None else 0
        self.terminate()
        return await self.ended()

    async def kill(self) -> None:
        """``kill -9``: no handler runs, nothing is flushed."""
        assert self._process is not None
        self._process.kill()
        await self.ended()

    async def restart(self) -> None:
        """Stop politely, start again on the same ports and state."""
        await self.stop()
        await self.start()
