"""Who runs a command, for the audit log."""

from __future__ import annotations

import os
import pwd

from proxy.model import Actor, ActorKind


def operator() -> Actor:
    """Return the operator, by the system's name for them; behind ``sudo`` by that of who asked for it.

    Whoever may run the command may also say that they are somebody else: it helps to find people, and proves nothing.
    """
    return Actor(kind=ActorKind.OPERATOR, name=os.environ.get("SUDO_USER") or _user_name())


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in containers not every number has a name
        return str(os.getuid())
