"""How many viewers' connections fit into the file descriptors that the system gives.

Without descriptors nothing can be dialled, and those who were accepted long ago would lose their content to newcomers.
"""

from __future__ import annotations

import resource

import structlog

from proxy.gateway.switchboard import MOST_REFUSED

log = structlog.get_logger("gateway")

PER_CONNECTION = 2
"""The viewer's socket, and the content's."""
OWN = MOST_REFUSED + 256
"""Those who are being refused; store, listeners, providers, pairs to the application (two each, at most 64)."""


def room(connections: int, *, soft: int, hard: int) -> tuple[int, int]:
    """Return the soft limit to set, and how many of the wanted connections there is room for, at least one.

    ``soft``, ``hard``: limits of open files, ``resource.RLIM_INFINITY`` for none.
    """
    needed = connections * PER_CONNECTION + OWN
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return soft, connections
    raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    return raised, max(1, min(connections, (raised - OWN) // PER_CONNECTION))


def make_room(connections: int) -> int:
    """Raise the process's limit of open files as far as needed and allowed; return how many connections it may take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    raised, fitting = room(connections, soft=soft, hard=hard)
    if raised != soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    if fitting < connections:
        log.warning("too few file descriptors", max_connections=connections, fitting=fitting, limit=raised)
    return fitting
