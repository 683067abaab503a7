"""The parts of a run. Each starts what it needs, measures in alternation, stops everything, and returns plain figures."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import load
import peers
import sidecar
from load import Figures
from machine import Python, Server

NGINX, DEFAULT_NGINX, OPENIDC, PLAIN = "nginx", "nginx, default buffers", "mod_auth_openidc", "plain aiohttp proxy"


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rounds: int
    seconds: float
    idle_sockets: tuple[int, ...]
    stored: int
    """Sessions in the large state file."""
    in_memory: int
    """Sessions that come by, so that the table reaches its bound."""
    starts: int
    exchanging: int
    """Viewers with three integrations each whose tokens are exchanged."""


@dataclass(frozen=True)
class Bench:
    """What every part needs."""

    folder: Path
    sockets: str
    pythons: Sequence[Python]
    """Debian's first."""
    content: Server
    echo: Server
    effort: Effort
    say: Callable[[str], None]

    @property
    def debian(self) -> Python:
        return self.pythons[0]


Table = dict[str, Figures]
"""Server → medians over the rounds."""


def ours(python: Python) -> str:
    """Name our server on one Python."""
    return f"oauth-sidecar, {python.build}"


@contextmanager
def running(servers: Sequence[Server]) -> Iterator[Sequence[Server]]:
    """Stop them in the end."""
    try:
        yield servers
    finally:
        for server in servers:
            server.stop()


def in_turn(servers: Sequence[Server], measure: Callable[[Server], Figures], effort: Effort) -> Table:
    """Measure round-robin after one run of each that does not count; return the medians."""
    runs: dict[str, list[Figures]] = {server.name: [] for server in servers}
    for number in range(effort.rounds + 1):
        for server in servers:
            figures = measure(server)
            if number:
                runs[server.name].append(figures)
    return {
        name: {figure: statistics.median(run[figure] for run in of_server) for figure in of_server[0]}
        for name, of_server in runs.items()
    }


# — requests, bodies, WebSockets ———————————————————————————————————————————————————————————————————

SMALL = (("1 kB, 1 connection", 1), ("1 kB, 16 connections", 16), ("1 kB, 64 connections", 64))
BODIES = (
    ("100 kB down, 16 connections", "/app/files/100k", 16, ""),
    ("10 MB down, 8 connections", "/app/files/10m", 8, ""),
    ("10 MB up, 8 connections", "/app/sink", 8, "upload.lua"),
)
TRIPS = (("100 B, 16 sockets", 16, 100), ("64 kB, 8 sockets", 8, 65_536))


def side_by_side(bench: Bench) -> Mapping[str, Mapping[str, Table]]:
    """Return ``requests``, ``bodies`` and ``websockets``: case → table."""
    place = bench.folder / "side-by-side"
    place.mkdir(mode=0o711)
    tuned, default = (peers.nginx_proxy(place, bench.content, bench.echo, tuned=tuned) for tuned in (True, False))
    sidecars = [
        sidecar.signed_in(
            sidecar.deployment(place / f"python-{number}", python, bench.content, bench.echo), ours(python)
        )
        for number, python in enumerate(bench.pythons)
    ]
    others = [
        peers.mod_auth_openidc(place, bench.content, bench.debian), peers.aiohttp_proxy(bench.content, bench.debian)
    ]  # fmt: skip
    seconds, effort = bench.effort.seconds, bench.effort
    requests, bodies, websockets = {}, {}, {}
    with running([tuned, default, *sidecars, *others]):
        for name, connections in SMALL:
            bench.say(name)
            run = partial(load.http, path="/app/1k", connections=connections, seconds=seconds)
            requests[name] = in_turn([tuned, *sidecars, *others], run, effort)
        for name, path, connections, script in BODIES:
            bench.say(name)
            run = partial(load.http, path=path, connections=connections, seconds=seconds, script=script)
            bodies[name] = in_turn([tuned, default, *sidecars, *others], run, effort)
        for name, sockets, size in TRIPS:
            bench.say(f"WebSocket, {name}")
            trip = partial(_trip, bench.sockets, sockets=sockets, size=size, seconds=seconds)
            websockets[name] = in_turn([tuned, *sidecars], trip, effort)
    return {"requests": requests, "bodies": bodies, "websockets": websockets}


def _trip(program: str, server: Server, *, sockets: int, size: int, seconds: float) -> Figures:
    return load.round_trips(program, server, sockets, size, seconds)


# — memory and start ———————————————————————————————————————————————————————————————————————————————


def idle_sockets(bench: Bench) -> Mapping[str, Mapping[str, Figures]]:
    """Return kind → server → kB per idle socket, by count. A fresh process each time: nothing freed is used again."""
    result: dict[str, dict[str, Figures]] = {}
    for kind in ("ws", "http"):
        result[kind] = {}
        for number in range(1 + len(bench.pythons)):
            place = bench.folder / f"idle-{kind}-{number}"
            place.mkdir(mode=0o711)
            if number:
                python = bench.pythons[number - 1]
                made = sidecar.deployment(place / "s", python, bench.content, bench.echo)
                server = sidecar.signed_in(made, ours(python))
            else:
                server = peers.nginx_proxy(place, bench.content, bench.echo, tuned=True)
            with running([server]):
                bench.say(f"idle {kind} sockets, {server.name}")
                counts = bench.effort.idle_sockets
                per_socket = load.idle_socket_kb(bench.sockets, server, kind, counts)
                result[kind][server.name] = {str(count): kb for count, kb in zip(counts, per_socket, strict=True)}
    return result


def starts(bench: Bench) -> Figures:
    """Return seconds from the command to the first answer of the readiness probe, per Python: medians."""
    result = {}
    for number, python in enumerate(bench.pythons):
        bench.say(f"start, {python.build}")
        made = sidecar.deployment(bench.folder / f"start-{number}", python, bench.content)
        took = [_start_s(made) for _ in range(bench.effort.starts + 1)]
        result[python.build] = statistics.median(took[1:])
    return result


def _start_s(made: sidecar.Deployment) -> float:
    began = time.monotonic()
    server = made.start("start")
    took = time.monotonic() - began
    server.stop()
    return took


# — sessions ———————————————————————————————————————————————————————————————————————————————————————


def sessions(bench: Bench) -> Mapping[str, object]:
    """Return memory with 1,000 sessions, cost per request with few and with many stored, and the loop's pauses."""
    effort, python = bench.effort, bench.debian
    few = sidecar.deployment(bench.folder / "few", python, bench.content)
    many = sidecar.deployment(bench.folder / "many", python, bench.content)
    for made, stored, usable in ((few, 1_000, 1_000), (many, effort.stored, effort.in_memory)):
        bench.say(f"storing {stored:,} sessions")
        sidecar.signed_in(made, "model").stop()
        made.store(stored, usable)
    watch = bench.folder / "watch.json"
    small = few.start("1,000 stored, 1,000 in memory")
    began = time.monotonic()
    large = many.start("many", watch=watch)
    started_s = time.monotonic() - began
    large.name = f"{effort.stored:,} stored, {effort.in_memory:,} in memory"
    marks: dict[str, float] = {}
    with running([small]):
        try:
            empty_mb = small.rss_kb() / 1e3
            _visit_all(few, small, 1_000)
            rss_mb = small.rss_kb() / 1e3
            marks["begin"] = time.monotonic()
            bench.say(f"filling the table with {effort.in_memory:,} sessions")
            _visit_all(many, large, effort.in_memory)
            marks["full"] = time.monotonic()
            full_mb = large.rss_kb() / 1e3
            bench.say("cost per request at the bound")
            cost = in_turn(
                [small, large], partial(_random_session, {small.name: few, large.name: many}, effort), effort
            )
            marks["end"] = time.monotonic()
        finally:
            large.stop()
    return {
        "rss_mb": {"empty": empty_mb, "1,000 sessions": rss_mb, f"{effort.in_memory:,} sessions": full_mb},
        "start_with_many_s": started_s,
        "cost": cost,
        "pauses": _pauses(watch, marks),
    }


def _visit_all(made: sidecar.Deployment, server: Server, count: int) -> None:
    """Let each session come by once, so that each is in the table."""
    seen = 0
    while seen < count:
        figures = load.http(
            server,
            "/app/1k",
            16,
            2,
            script="sessions.lua",
            arguments=[str(seen), str(count), made.cookie_name, "one-by-one"],
        )
        seen += int(figures["count"])


def _random_session(deployments: Mapping[str, sidecar.Deployment], effort: Effort, server: Server) -> Figures:
    made = deployments[server.name]
    count = "1000" if server.name.startswith("1,000 ") else str(effort.in_memory)
    return load.http(
        server, "/app/1k", 16, effort.seconds, script="sessions.lua", arguments=["0", count, made.cookie_name, "random"]
    )


def _pauses(watch: Path, marks: Mapping[str, float]) -> Mapping[str, Figures]:
    """Return the longest pause of each phase, in ms: of the loop on the wall and in CPU, of garbage collections."""
    report = json.loads(watch.read_text())
    phases = {
        "while the table fills": (marks["begin"], marks["full"]),
        "under load, table full": (marks["full"], marks["end"]),
        "while it stops": (marks["end"], float("inf")),
    }

    def longest(entries: Sequence[Mapping[str, float]], figure: str, span: tuple[float, float]) -> float:
        return max((entry[figure] for entry in entries if span[0] <= entry["at"] < span[1]), default=0.0)

    return {
        name: {
            "wall_ms": longest(report["pauses"], "wall_ms", span),
            "cpu_ms": longest(report["pauses"], "cpu_ms", span),
            "gc_ms": longest(report["collections"], "ms", span),
        }
        for name, span in phases.items()
    }
