"""The page: from the figures of one run to tables, and to targets that are reached or missed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Figures = Mapping[str, float]
Table = Mapping[str, Figures]


@dataclass(frozen=True)
class Target:
    """One promise of the project and what was measured."""

    what: str
    measured: float
    bound: float
    at_least: bool
    unit: str = ""

    @property
    def is_reached(self) -> bool:
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    def row(self) -> str:
        sign, verdict = "≥" if self.at_least else "≤", "reached" if self.is_reached else "**missed**"
        return (
            f"| {self.what} | {sign} {number(self.bound)}{self.unit} | {number(self.measured)}{self.unit} | {verdict} |"
        )


def number(value: float) -> str:
    """Write a figure with about three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def targets(results: Mapping[str, object]) -> list[Target]:
    """Judge a whole run; what was not measured is not judged."""
    return [*_side_by_side(results), *_at_rest(results), *_with_sessions(results), *_of_exchanges(results)]


def _side_by_side(results: Mapping[str, object]) -> Iterator[Target]:
    found = results.get("side_by_side")
    if not isinstance(found, Mapping):
        return
    ours = list(results["ours"])  # type: ignore[call-overload]  # a list of names, Debian's Python first
    for case, table in found["requests"].items():
        for position, name in enumerate(ours):
            bound = 0.70 if position == 0 else 0.50
            yield Target(f"{case}: nginx’s CPU over ours, {name}", of_nginx(table, name), bound, at_least=True)
        openidc = table["mod_auth_openidc"]["cpu_us"] / table[ours[0]]["cpu_us"]
        yield Target(f"{case}: mod_auth_openidc’s CPU over ours", openidc, 4, at_least=True)
        if "64" in case:
            p99 = table[ours[0]]["p99_us"] / table["nginx"]["p99_us"]
            yield Target(f"{case}: our 99th percentile over nginx’s", p99, 1.5, at_least=False)
    for case, table in found["bodies"].items():
        yield Target(f"{case}: tuned nginx’s CPU over ours", of_nginx(table, ours[0]), 0.85, at_least=True)
    for case, table in found["websockets"].items():
        yield Target(
            f"WebSocket round trip, {case}: nginx’s CPU over ours", of_nginx(table, ours[0]), 0.8, at_least=True
        )


def _at_rest(results: Mapping[str, object]) -> Iterator[Target]:
    idle, started = results.get("idle_sockets"), results.get("starts")
    if isinstance(idle, Mapping):
        for kind, words in KINDS.items():
            for count, kb in next(of for name, of in idle[kind].items() if name != "nginx").items():
                yield Target(f"{int(count):,} idle {words}, each", kb, 8, at_least=False, unit=" kB")
    if isinstance(started, Mapping):
        for python, took_s in started.items():
            yield Target(f"start, {python}", took_s, 1, at_least=False, unit=" s")


def _with_sessions(results: Mapping[str, object]) -> Iterator[Target]:
    found = results.get("sessions")
    if not isinstance(found, Mapping):
        return
    yield Target("resident with 1,000 sessions", found["rss_mb"]["1,000 sessions"], 80, at_least=False, unit=" MB")
    few, many = found["cost"].values()
    yield Target(
        "1 kB from sessions at random, CPU: many stored over few", many["cpu_us"] / few["cpu_us"], 1.1, at_least=False
    )
    for phase, longest in found["pauses"].items():
        yield Target(f"longest pause of the loop {phase} (CPU)", longest["cpu_ms"], 20, at_least=False, unit=" ms")


def _of_exchanges(results: Mapping[str, object]) -> Iterator[Target]:
    found = results.get("exchanges")
    if not isinstance(found, Mapping):
        return
    hello, one, *_ = found["cost"].values()
    yield Target(
        "an exchange from memory over a hello of the same listener (CPU)",
        one["cpu_us"] / hello["cpu_us"],
        3,
        at_least=False,
    )


def of_nginx(table: Table, name: str) -> float:
    """Return nginx's CPU over this server's: 1 is as cheap, above is cheaper."""
    return table["nginx"]["cpu_us"] / table[name]["cpu_us"]


# — the page ———————————————————————————————————————————————————————————————————————————————————————

KINDS = {"ws": "WebSockets", "http": "keep-alive sockets"}


def page(results: Mapping[str, object], *, facts: Sequence[str], command: str, notes: str) -> str:
    """Return ``docs/benchmarks.md``."""
    parts = [
        "# What the gateway costs\n",
        f"Written by `{command}`: do not edit, change `bench/notes.md` or run it again.\n",
        *(f"- {fact}" for fact in facts),
        f"\n{METHOD}",
        "## Targets\n\n| what | to reach | measured | |\n|---|---|---|---|",
        *(target.row() for target in targets(results)),
        *_tables(results),
        f"\n{notes.strip()}",
    ]
    return "\n".join(parts) + "\n"


METHOD = """## How it is measured

One core has the proxy, another the load generator (wrk for HTTP, `bench/sockets.c` for WebSockets) and the content (nginx:
1 kB from memory, files from a RAM disk, an upload sink; for WebSockets an echo server in C). Loopback, HTTP/1.1,
keep-alive, a browser's request headers, a session cookie. Every proxy adds an access token of 1.2 kB to each request.
oauth-sidecar and mod_auth_openidc have one viewer signed in by a real flow against a small OpenID provider, with every
duty on; nginx looks the token up in a map of 1,000 sessions and checks nothing.

The figure is **CPU time of the proxy per request** (all threads of all its processes, from `schedstat`): it stays
comparable on a noisy machine, requests per second do not. Servers are measured in turn, round after round, after one
round that does not count; the tables have medians. "Of nginx" is nginx's CPU over the server's: 1 is as cheap as nginx,
2 costs half. Compare figures of one run only.
"""


def _tables(results: Mapping[str, object]) -> Iterator[str]:
    found = results.get("side_by_side")
    if isinstance(found, Mapping):
        for part, title, unit in (
            ("requests", "Requests", "request"), ("bodies", "Bodies", "transfer"), ("websockets", "WebSocket round trips", "trip")
        ):  # fmt: skip
            yield f"\n## {title}\n\n| case | server | CPU µs/{unit} | of nginx | {unit}s/s | p50 µs | p99 µs |\n|---|---|---|---|---|---|---|"
            for case, table in found[part].items():
                for name, of in table.items():
                    cells = (number(of["cpu_us"]), f"{of_nginx(table, name):.2f}", *(number(of[f]) for f in LATENCY))
                    yield f"| {case} | {name} | {' | '.join(cells)} |"
    idle = results.get("idle_sockets")
    if isinstance(idle, Mapping):
        yield "\n## Idle sockets\n\nResident memory per socket that only stands there, in a fresh process.\n"
        yield "| kind | server | sockets | kB each |\n|---|---|---|---|"
        for kind, words in KINDS.items():
            for name, of in idle[kind].items():
                for count, kb in of.items():
                    yield f"| {words} | {name} | {int(count):,} | {number(kb)} |"
    yield from _session_tables(results.get("sessions"))
    yield from _exchange_tables(results.get("exchanges"))


LATENCY = ("per_s", "p50_us", "p99_us")


def _session_tables(found: object) -> Iterator[str]:
    if not isinstance(found, Mapping):
        return
    yield "\n## Sessions\n\nDebian’s Python; 1 kB, 16 connections, each request from a session at random.\n"
    yield "| state file and table | CPU µs/request | p99 µs |\n|---|---|---|"
    for name, of in found["cost"].items():
        yield f"| {name} | {number(of['cpu_us'])} | {number(of['p99_us'])} |"
    rss = ", ".join(f"{name} {number(mb)} MB" for name, mb in found["rss_mb"].items())
    yield f"\nResident memory: {rss}. Start with the large state file: {number(found['start_with_many_s'])} s.\n"
    yield "Longest pauses of the loop, in ms; the wall has other processes' time in it.\n"
    yield "| phase | loop, CPU | loop, wall | garbage collection |\n|---|---|---|---|"
    for phase, of in found["pauses"].items():
        yield f"| {phase} | {' | '.join(number(of[f]) for f in ('cpu_ms', 'wall_ms', 'gc_ms'))} |"


def _exchange_tables(found: object) -> Iterator[str]:
    if not isinstance(found, Mapping):
        return
    yield "\n## Exchanges\n\nDebian’s Python; 16 connections, three integrations, a viewer and an integration at random."
    yield "No peer: of what Debian packages, nothing exchanges tokens (RFC 8693) for sessions that it keeps.\n"
    yield "| what | CPU µs each | per second | p50 µs | p99 µs |\n|---|---|---|---|---|"
    for name, of in found["cost"].items():
        said = f"exchange, {found['viewers']:,} viewers" if name == "all viewers" else name
        said = f"exchange, {said}" if said.endswith(" viewer") or said == "200 viewers" else said
        yield f"| {said} | {number(of['cpu_us'])} | {' | '.join(number(of[f]) for f in LATENCY)} |"
    rss = ", ".join(f"{name} {number(mb)} MB" for name, mb in found["rss_mb"].items())
    yield f"\nWith {found['viewers']:,} viewers stored: start {number(found['start_s'])} s; resident memory: {rss}.\n"
