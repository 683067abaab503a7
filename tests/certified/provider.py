"""The certified provider as a process: npm's oidc-provider under Node, with what a test wants of it, and what it recorded."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_plus

import aiohttp

from tests.doubles.serving import free_port

HERE = Path(__file__).parent
NODE = shutil.which("node", path=str(HERE / "node_modules/.bin")) or shutil.which("node") or shutil.which("nodejs")
NEEDS = 'process.exit(typeof require("node:crypto").hash === "function" ? 0 : 1)'
"""What the library uses of Node 20.12 and later."""

STARTS_WITHIN_S = 30.0

Event = Mapping[str, str]


def why_no_provider() -> str | None:
    """Why it cannot run on this machine; ``None``: it can."""
    if NODE is None:
        return "Node is not installed"
    if subprocess.run([NODE, "-e", NEEDS], check=False).returncode:
        return "Node is older than 20.12"
    if not (HERE / "node_modules/oidc-provider").is_dir():
        return "oidc-provider is not installed: `npm ci --prefix tests/certified`"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedProvider:
    """One that runs; its record is read from its standard output."""

    issuer: str
    record: Path
    process: subprocess.Popen[bytes]

    def events(self, name: str = "") -> list[Event]:
        """What happened, the oldest first; a line that it has not finished writing is not read yet."""
        lines = self.record.read_text().split("\n")[:-1]
        told = [json.loads(line) for line in lines if line.startswith("{")]
        return [event for event in told if not name or event["event"] == name]

    async def until(self, name: str, *, more_than: int = 0, within_s: float = 20) -> Event:
        """Wait for the next event of this name."""
        return await self.until_true(lambda: self.events(name)[more_than:], within_s=within_s, what=name)

    async def until_true(self, look: Callable[[], list[Event]], *, within_s: float, what: str) -> Event:
        try:
            async with asyncio.timeout(within_s):
                while not (found := look()):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"no {what}: {self.record.read_text()[-3000:]}") from None
        return found[0]

    async def goes_down(self) -> None:
        """End the process; its port answers nobody."""
        await _stop(self.process)

    @property
    def refreshes(self) -> list[Event]:
        """The token answers to refresh tokens."""
        return [event for event in self.events("grant.success") if event["grant_type"] == "refresh_token"]

    async def post(
        self, path: str, form: Mapping[str, str], *, client: tuple[str, str]
    ) -> tuple[int, dict[str, object]]:
        """Send a form as a client does; return status and JSON."""
        login, secret = (quote_plus(half) for half in client)
        headers = {"Authorization": aiohttp.encode_basic_auth(login, secret)}
        async with aiohttp.ClientSession(headers=headers) as http, http.post(self.issuer + path, data=form) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else {}

    async def is_active(self, token: str, *, client: tuple[str, str]) -> bool:
        """Introspect a token (RFC 7662)."""
        _, said = await self.post("/token/introspection", {"token": token}, client=client)
        return said["active"] is True


@asynccontextmanager
async def running(
    folder: Path, clients: Sequence[Mapping[str, object]], *, access_ttl_s: float = 3600
) -> AsyncIterator[CertifiedProvider]:
    """Start it for these clients, as its own configuration writes them."""
    assert NODE is not None
    issuer = f"http://127.0.0.1:{free_port()}"
    settings = {"issuer": issuer, "clients": list(clients), "access_ttl_s": access_ttl_s}
    record = folder / "provider.jsonl"
    command = [NODE, "--no-warnings", str(HERE / "provider.mjs"), json.dumps(settings)]
    with record.open("wb") as out, (folder / "provider.err").open("wb") as err:
        process = subprocess.Popen(command, cwd=HERE, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
    try:
        provider = CertifiedProvider(issuer=issuer, record=record, process=process)
        await provider.until("listening", within_s=STARTS_WITHIN_S)
        yield provider
    finally:
        await _stop(process)


async def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    await asyncio.to_thread(process.wait)
