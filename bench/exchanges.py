"""The exchange beside the cheapest answer of the same listener, and with many viewers.

No peer stands beside it: of what Debian packages, nothing answers a token exchange (RFC 8693) for a session that it keeps.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial

import load
import sidecar
from cases import Bench, Table, in_turn, running
from load import Figures
from machine import Server

HELLO, ONE, SOME, ALL = "hello (`GET /__ping__`)", "one viewer", "200 viewers", "all viewers"
CONNECTIONS = 16
INTEGRATIONS = 3


def exchanges(bench: Bench) -> Mapping[str, object]:
    """Return the cost of a hello and of exchanges, memory, and the start with so many viewers stored."""
    effort = bench.effort
    made = sidecar.deployment(bench.folder / "exchanges", bench.debian, bench.content, integrations=INTEGRATIONS)
    bench.say(f"storing {effort.exchanging:,} viewers with {INTEGRATIONS} integrations each")
    sidecar.signed_in(made, "model").stop()
    made.store(effort.exchanging, effort.exchanging)
    began = time.monotonic()
    server = made.start("exchange")
    started_s = time.monotonic() - began
    with running([server]):
        rss_mb = {"empty": server.rss_kb() / 1e3}
        cost = _in_turn(bench, made, server, [HELLO, ONE, SOME])
        bench.say("each viewer's tokens once")
        _visit_all(made, server, effort.exchanging)
        rss_mb["all viewers have asked"] = server.rss_kb() / 1e3
        cost |= _in_turn(bench, made, server, [ALL])
    return {"viewers": effort.exchanging, "start_s": started_s, "rss_mb": rss_mb, "cost": cost}


def _in_turn(bench: Bench, made: sidecar.Deployment, server: Server, cases: list[str]) -> Table:
    bench.say(f"exchanges: {', '.join(cases)}")
    headers = {"Authorization": f"Key {made.api_key}"}
    faces = [Server(case, made.api_port, server.process, headers) for case in cases]
    return in_turn(faces, partial(_measure, made, bench.effort.exchanging, bench.effort.seconds), bench.effort)


def _measure(made: sidecar.Deployment, viewers: int, seconds: float, face: Server) -> Figures:
    if face.name == HELLO:
        return load.http(face, "/__ping__", CONNECTIONS, seconds, is_browser=False)
    count = {ONE: 1, SOME: 200, ALL: viewers}[face.name]
    return _exchange(made, face, seconds, first=0, count=count, order="random")


def _visit_all(made: sidecar.Deployment, server: Server, viewers: int) -> None:
    face = Server("all", made.api_port, server.process, {"Authorization": f"Key {made.api_key}"})
    seen = 0
    while seen < viewers * INTEGRATIONS:
        seen += int(_exchange(made, face, 2, first=seen, count=viewers, order="one-by-one")["count"])


def _exchange(made: sidecar.Deployment, face: Server, seconds: float, *, first: int, count: int, order: str) -> Figures:
    return load.http(
        face, "/__api__/v1/oauth/integrations/credentials", CONNECTIONS, seconds, script="exchanges.lua",
        arguments=[str(made.session_tokens), str(first), str(count), order, *made.integrations], is_browser=False,
    )  # fmt: skip
