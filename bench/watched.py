"""Run ``oauth-sidecar`` with a watch on its event loop. Usage: REPORT COMMAND.

A timer of one millisecond beats on the loop. What lies between two beats and is more than a millisecond is a pause:
nothing else could run. Two figures for each: time on the wall, and CPU time of the loop's thread, which another process
on the core does not lengthen. Garbage collections are timed by themselves. The report is JSON, written at the end.
"""

import asyncio
import gc
import json
import sys
import time
from pathlib import Path

import uvloop

from proxy.cli import main

WORTH_KEEPING_MS = 4.0

report: dict[str, list[dict[str, float]]] = {"pauses": [], "collections": []}


class Watch:
    """Beats on one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._wall = time.monotonic()
        self._cpu_s = time.thread_time()
        self._loop.call_soon(self._beat)

    def _beat(self) -> None:
        wall, cpu_s = time.monotonic(), time.thread_time()
        wall_ms, cpu_ms = (wall - self._wall) * 1e3 - 1, (cpu_s - self._cpu_s) * 1e3
        if wall_ms > WORTH_KEEPING_MS:
            report["pauses"].append({"at": wall, "wall_ms": wall_ms, "cpu_ms": cpu_ms})
        self._wall, self._cpu_s = wall, cpu_s
        self._loop.call_later(0.001, self._beat)


def watched_loop(make: object = uvloop.new_event_loop) -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = make()  # type: ignore[operator]  # uvloop's
    Watch(loop)
    return loop


def on_collection(phase: str, info: dict[str, int], began: list[float] = [0.0]) -> None:  # noqa: B006  # its memory
    if phase == "start":
        began[0] = time.thread_time()
        return
    took_ms = (time.thread_time() - began[0]) * 1e3
    if took_ms > WORTH_KEEPING_MS:
        report["collections"].append({"at": time.monotonic(), "ms": took_ms, "generation": info["generation"]})


uvloop.new_event_loop = watched_loop
gc.callbacks.append(on_collection)
try:
    main(sys.argv[2:])
finally:
    Path(sys.argv[1]).write_text(json.dumps(report))
