"""TLS on both listeners of the real process, and a certificate that is renewed while it runs."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.doubles.content import RecordingContent
from tests.journeys.authority import Authority, ServerCertificate
from tests.journeys.sidecar import REPOSITORY, Setup, Sidecar

WITHIN_S = 20.0
"""The documentation says ten seconds; the machine may be busy."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One TLS connection, trusting the authority and nobody else."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def serial(self) -> str:
        """The serial number of the certificate that was shown."""
        certificate = self.writer.get_extra_info("ssl_object").getpeercert()
        return str(certificate["serialNumber"])

    async def get(self, path: str, host: str) -> bytes:
        """Ask, and return the status line."""
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
            [length] = [
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-l")
            ]
            await self.reader.readexactly(length)
        return head.partition(b"\r\n")[0]


@dataclass(frozen=True, slots=True)
class Scene:
    setup: Setup
    sidecar: Sidecar
    authority: Authority
    stack: AsyncExitStack

    @property
    def ports(self) -> tuple[int, int]:
        return self.setup.port, self.setup.api_port

    async def connect(self, port: int) -> Connection:
        trusting = self.authority.trusting_context()
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trusting, server_hostname="localhost", ssl_shutdown_timeout=2
        )
        self.stack.push_async_callback(close, writer)
        return Connection(reader, writer)

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not is_so():
                await asyncio.sleep(0.1)

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.sidecar.log.splitlines()]

    def issue(self) -> ServerCertificate:
        """Issue a certificate, over the one before."""
        return self.authority.issue("localhost")


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def scene_in(folder: Path, stack: AsyncExitStack) -> Scene:
    (folder / "authority").mkdir()
    authority = Authority(folder / "authority")
    content = await stack.enter_async_context(RecordingContent.running())
    setup = Setup(folder=folder, scheme="https")
    setup.add_content("open", content.address, access="anyone")
    issued = authority.issue("localhost")
    files = {"certificate": str(issued.certificate), "key": str(issued.key)}
    api = setup.document()["api"]
    assert isinstance(api, dict)
    setup.more = {"tls": files, "api": api | {"tls": files}}
    sidecar = await stack.enter_async_context(Sidecar.running(setup))
    return Scene(setup, sidecar, authority, stack)


async def test_a_renewed_certificate_is_shown_at_both_listeners_and_nothing_is_dropped(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        scene = await scene_in(tmp_path, stack)
        host = f"localhost:{scene.setup.port}"
        paths = {scene.setup.port: "/open/", scene.setup.api_port: "/__ping__"}
        before = [await scene.connect(port) for port in scene.ports]
        for port, connection in zip(scene.ports, before, strict=True):
            assert await connection.get(paths[port], host) == b"HTTP/1.1 200 OK"

        scene.issue()

        await scene.until(lambda: scene.events().count("certificate renewed") == 2)
        after = [await scene.connect(port) for port in scene.ports]
        assert {one.serial for one in after}.isdisjoint({one.serial for one in before})
        for port, old, new in zip(scene.ports, before, after, strict=True):
            assert await old.get(paths[port], host) == b"HTTP/1.1 200 OK", "it was open, and stays so"
            assert await new.get(paths[port], host) == b"HTTP/1.1 200 OK"

        command = [sys.executable, "-m", "proxy", "healthcheck", "-c", str(tmp_path / "config.yaml")]
        asked = await asyncio.to_thread(subprocess.run, command, cwd=REPOSITORY, capture_output=True, check=False)
        assert (asked.returncode, asked.stdout) == (0, b"ready\n")


async def test_a_broken_renewal_keeps_the_old_certificate_until_a_sound_one_comes(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        scene = await scene_in(tmp_path, stack)
        before = [(await scene.connect(port)).serial for port in scene.ports]
        kept = "the changed certificate cannot be used, the old one stays"

        (scene.authority.folder / "localhost.key").write_text("not a key")
        await scene.until(lambda: scene.events().count(kept) == 2)
        assert [(await scene.connect(port)).serial for port in scene.ports] == before

        scene.issue()
        await scene.until(lambda: scene.events().count("certificate renewed") == 2)
        after = [(await scene.connect(port)).serial for port in scene.ports]
        assert set(after).isdisjoint(before)
        assert scene.events().count(kept) == 2


async def test_plain_http_at_a_listener_with_tls_is_no_answer(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        scene = await scene_in(tmp_path, stack)
        for port in scene.ports:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.push_async_callback(close, writer)
            writer.write(b"GET /open/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            async with asyncio.timeout(10):
                assert b"HTTP/" not in await reader.read()
