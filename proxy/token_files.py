"""Content session tokens in files: written at the start, and replaced when half of their life is over.

A file is replaced whole or not at all: whoever reads it meets the old token or the new one, and both are good. It is its
owner's only (mode 0600), so the content's code runs as the user that the sidecar runs as.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from proxy.config.checks.token_files import folder_problem
from proxy.errors import ConfigError

LONGEST_WAIT_S = 30.0
"""Between two looks: how long a file that somebody deleted stays away, and how soon a failure is tried again."""

_IN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ANEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

log = structlog.get_logger("token_files")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFile:
    """Where a content finds its token, and what makes one."""

    content: str
    """Its name, for the log."""
    path: Path
    token_until: Callable[[datetime], str]


class TokenFiles:
    """All files of one process: :meth:`write_all` before content is served, then :meth:`follow`."""

    def __init__(self, files: Sequence[TokenFile], *, lifetime: timedelta, now: Callable[[], datetime]) -> None:
        self._files = files
        self._lifetime = lifetime
        self._now = now
        self._written_at: dict[Path, datetime] = {}
        self._ill: set[Path] = set()

    def write_all(self) -> None:
        """Write every file; ``ConfigError`` for the first that cannot be."""
        for file in self._files:
            try:
                self._write(file)
            except OSError as exc:
                raise ConfigError(f"session_token_file of `{file.content}`: {_reason(exc)}") from exc

    def refresh(self) -> None:
        """Replace what is due or gone; never raises. What cannot be written is told of once, and tried again."""
        for file in self._files:
            if not self._is_due(file):
                continue
            try:
                self._write(file)
            except OSError as exc:
                if file.path not in self._ill:
                    log.error("session token file cannot be written", content=file.content, reason=_reason(exc))
                self._ill.add(file.path)
            else:
                self._ill.discard(file.path)

    async def follow(self, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Refresh for ever; files may stand on something slow, so not on the loop."""
        while self._files:
            await sleep(min(LONGEST_WAIT_S, self._lifetime.total_seconds() / 8))
            await asyncio.to_thread(self.refresh)

    def _is_due(self, file: TokenFile) -> bool:
        written_at = self._written_at[file.path]
        # A clock that was set back makes it due too: the token would seem to be good for too long.
        is_young = written_at <= self._now() < written_at + self._lifetime / 2
        return not is_young or not os.path.lexists(file.path)

    def _write(self, file: TokenFile) -> None:
        now = self._now()
        _replace(file.path, file.token_until(now + self._lifetime) + "\n")
        self._written_at[file.path] = now


def _replace(path: Path, text: str) -> None:
    """Put a file with this text in the place of whatever is there; ``OSError`` when that cannot be done whole."""
    if problem := folder_problem(path.parent):
        raise OSError(problem)
    folder = os.open(path.parent, _IN_FOLDER)
    try:
        name = f".{path.name}.new"
        with suppress(FileNotFoundError):  # of a process that was killed
            os.unlink(name, dir_fd=folder)
        _write_new(folder, name, text.encode())
        os.rename(name, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_new(folder: int, name: str, text: bytes) -> None:
    new = os.open(name, _ANEW, 0o600, dir_fd=folder)
    with open(new, "wb") as file:  # noqa: PTH123  # a descriptor has no path
        os.fchmod(new, 0o600)
        file.write(text)
        file.flush()
        os.fsync(new)


def _reason(exc: OSError) -> str:
    return (exc.strerror or str(exc)).lower() if exc.errno else str(exc)
