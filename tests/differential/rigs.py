"""The three that read: the gateway in memory, aiohttp's parser, and a real nginx; each before a content that records."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser
from aiohttp.http_exceptions import HttpProcessingError

from tests.differential.strict import End, Message, Reading, read_requests
from tests.unit.gateway.memory import Line, World

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"


class Recorder:
    """A content in memory: it reads strictly, answers each whole request with a tag of its own, and forgets nothing."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.tags: list[bytes] = []
        self._answered: dict[Line, int] = {}

    def meet(self, line: Line) -> None:
        self.lines.append(line)
        line.on_taken = self._taken

    @property
    def bytes(self) -> bytes:
        return b"".join(bytes(line.taken) for line in self.lines)

    @property
    def readings(self) -> list[Reading]:
        return [read_requests(bytes(line.taken)) for line in self.lines]

    @property
    def messages(self) -> list[Message]:
        return [message for reading in self.readings for message in reading.messages]

    def _taken(self, line: Line) -> None:
        whole = read_requests(bytes(line.taken)).messages
        for message in whole[self._answered.get(line, 0) :]:
            tag = b"answer-%d" % len(self.tags)
            self.tags.append(tag)
            answer = ANSWER % (len(tag), tag)
            line.send(answer[: -len(tag)] if message.method == b"HEAD" else answer)
        self._answered[line] = len(whole)


@dataclass
class Outcome:
    """What became of a stream before the gateway."""

    recorder: Recorder
    viewer: bytes
    """What the viewer got."""
    refusals: list[str]
    """Why the gateway answered itself: its own words, in order."""
    control: list[bytes]
    """Heads that went to our own application."""


def through_gateway(segments: list[bytes]) -> Outcome:
    """Send segments to a fresh gateway; afterwards it must be at rest, whatever they were."""
    recorder = Recorder()
    with structlog.testing.capture_logs() as logged, World(on_content=recorder.meet) as world:
        world.admit("ada")
        viewer = world.viewer()
        for segment in segments:
            viewer.send(segment)
        answered = bytes(viewer.taken)
        world.tick(400)  # beyond every limit of time: whoever still waits is answered or cut now
        world.tick(3)
        world.tick(20)
        world.settle()
        assert not world.board.connections, "a viewer was left waiting"
        assert not world.board.tasks
        assert not world.board.tunnels
    refusals = [entry["reason"] for entry in logged if entry["event"] == "request refused"]
    return Outcome(recorder, answered, refusals, world.control_requests)


@dataclass
class AiohttpReading:
    """What aiohttp reads in a stream."""

    messages: list[Message] = field(default_factory=list)
    end: End = End.WHOLE
    because: str = ""


def through_aiohttp(loop: asyncio.AbstractEventLoop, data: bytes) -> AiohttpReading:
    """Read a stream with aiohttp's request parser, the limits ours."""
    parser = HttpRequestParser(
        BaseProtocol(loop),
        loop,
        2**16,
        max_line_size=16_384,
        max_field_size=16_384,
        max_headers=128,
        auto_decompress=False,
    )
    reading = AiohttpReading()
    try:
        messages, upgraded, _ = parser.feed_data(data)
    except HttpProcessingError as error:
        reading.end, reading.because = End.MALFORMED, type(error).__name__
        return reading
    for head, payload in messages:
        target = "" if head.path is None else head.path  # ``None``: of a CONNECT that names nothing
        message = Message(
            list(head.raw_headers), method=head.method.encode(), target=target.encode("utf-8", "surrogateescape")
        )
        message.minor = head.version.minor
        if payload.exception() is not None:
            reading.end, reading.because = End.MALFORMED, type(payload.exception()).__name__
            break
        message.body = payload.read_nowait() if payload.total_bytes else b""
        if not payload.is_eof() and not (upgraded and payload is messages[-1][1]):
            reading.end = End.WAITING
            break
        reading.messages.append(message)
    return reading


_NGINX = """
daemon off; master_process off; pid {here}/pid; error_log {here}/error.log crit;
events {{ worker_connections 128; }}
http {{
  access_log off;
  client_body_temp_path {here}/body; proxy_temp_path {here}/proxy; fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u;
  scgi_temp_path {here}/s;
  server {{
    listen unix:{here}/nginx.sock;
    location / {{
      proxy_pass http://unix:{here}/content.sock:;
      proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host localhost;
      proxy_ignore_client_abort on; proxy_next_upstream off; proxy_read_timeout 1s; lingering_close off;
    }}
  }}
}}
"""
_WITHIN_S = 5.0


class Nginx:
    """A real nginx before a content that records."""

    def __init__(self, here: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._here, self._loop = here, loop
        self._records: list[bytearray] = []
        self._answer: Callable[[bytes], bytes | None] = lambda got: None
        self._server = loop.run_until_complete(asyncio.start_unix_server(self._serve, f"{here}/content.sock"))
        (here / "nginx.conf").write_text(_NGINX.format(here=here))
        binary = shutil.which("nginx")
        assert binary
        self._process = subprocess.Popen(
            [binary, "-p", str(here), "-c", str(here / "nginx.conf"), "-e", str(here / "error.log")]
        )
        until = time.monotonic() + _WITHIN_S
        while not (here / "nginx.sock").exists():
            assert time.monotonic() < until, (here / "error.log").read_text()
            time.sleep(0.02)

    def ask(self, raw: bytes, answer: Callable[[bytes], bytes | None]) -> tuple[bytes, list[bytes]]:
        """Send ``raw`` and the end; return what nginx answered and what its content got, by connection.

        ``answer`` gets all that the content received on a connection and returns what it says then, once, and closes.
        """
        self._records, self._answer = [], answer
        return self._loop.run_until_complete(asyncio.wait_for(self._ask(raw), _WITHIN_S))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(_WITHIN_S)
        self._server.close()
        self._loop.run_until_complete(asyncio.sleep(0))

    async def _ask(self, raw: bytes) -> tuple[bytes, list[bytes]]:
        reader, writer = await asyncio.open_unix_connection(f"{self._here}/nginx.sock")
        got = b""
        with suppress(ConnectionError):
            writer.write(raw)
            writer.write_eof()
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                got += data
        writer.transport.abort()
        return got, [bytes(record) for record in self._records]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        record = bytearray()
        self._records.append(record)
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                record += data
                said = self._answer(bytes(record))
                if said is not None:
                    writer.write(said)
                    await writer.drain()
                    break
        writer.close()
