"""Runs of a load generator, and what the proxy spent meanwhile."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

from machine import HERE, LOAD_CORE, Server
from viewer import BROWSER

Figures = dict[str, float]
"""``cpu_us`` per request or round trip, ``per_s``, ``p50_us``, ``p99_us``, ``count``."""


def http(
    server: Server,
    path: str,
    connections: int,
    seconds: float,
    *,
    script: str = "",
    arguments: Sequence[str] = (),
    is_browser: bool = True,
) -> Figures:
    """Run wrk once; a wrong answer ends the whole run."""
    headers = (BROWSER if is_browser else {}) | {"Host": f"localhost:{server.port}"} | dict(server.headers)
    options = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    if script:
        options += ["-s", str(HERE / script)]
    url = f"http://127.0.0.1:{server.port}{path}"
    before = server.cpu_s()
    said = subprocess.run(
        ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency",
         *options, url, *(["--", *arguments] if arguments else [])],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    used_s = server.cpu_s() - before
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"{server.name}, {path}: wrong answers\n{said}")
    count = int(_found(r"(\d+) requests in", said)[1])
    return {
        "cpu_us": used_s / count * 1e6,
        "per_s": float(_found(r"Requests/sec: +([\d.]+)", said)[1]),
        "p50_us": _microseconds(_found(r"50% +([\d.]+)(us|ms|s)", said)),
        "p99_us": _microseconds(_found(r"99% +([\d.]+)(us|ms|s)", said)),
        "count": count,
    }


def round_trips(program: str, server: Server, sockets: int, size: int, seconds: float) -> Figures:
    """Run WebSocket round trips."""
    command = ["trips", str(server.port), "/live/", server.headers["Cookie"], str(sockets), str(size), str(seconds)]
    before = server.cpu_s()
    said = subprocess.check_output(["taskset", "-c", LOAD_CORE, program, *command], text=True)
    used_s = server.cpu_s() - before
    trips, took_s, p50_us, p99_us = map(float, said.split())
    return {"cpu_us": used_s / trips * 1e6, "per_s": trips / took_s, "p50_us": p50_us, "p99_us": p99_us, "count": trips}


def idle_socket_kb(program: str, server: Server, kind: str, counts: Sequence[int]) -> list[float]:
    """Return resident memory per idle socket (``ws`` or ``http``), in kB, for each count."""
    target = "/live/" if kind == "ws" else "/app/1k"
    before = server.rss_kb()
    holders, measured, open_now = [], [], 0
    try:
        for count in counts:
            command = ["hold", str(server.port), target, server.headers["Cookie"], str(count - open_now), kind]
            holder = subprocess.Popen(
                ["taskset", "-c", LOAD_CORE, program, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            holders.append(holder)
            assert holder.stdout is not None
            if holder.stdout.readline() != "ready\n":
                raise SystemExit(f"{server.name}: {count} idle sockets could not be opened")
            open_now = count
            measured.append((server.rss_kb() - before) / count)
    finally:
        for holder in holders:
            holder.communicate()
    return measured


def _found(pattern: str, said: str) -> re.Match[str]:
    found = re.search(pattern, said)
    if found is None:
        raise SystemExit(f"wrk said something unexpected:\n{said}")
    return found


def _microseconds(found: re.Match[str]) -> float:
    return float(found[1]) * {"us": 1, "ms": 1e3, "s": 1e6}[found[2]]
