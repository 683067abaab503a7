"""The state file itself: where it may stand, who may read it, and that one process at a time uses it."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

import structlog

from proxy.errors import StoreUnavailable

_log = structlog.get_logger(__name__)

_ONLY_US = 0o600


class StateFile:
    """A state file that this process holds until :meth:`release`."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def hold(cls, path: Path) -> StateFile:
        """Take the file for this process, creating it empty and readable by us only.

        ``StoreUnavailable`` says what to do when the directory is missing, permission is, or another process has it.
        """
        path = path.resolve()  # two links to one file must come to one lock
        _check_directory(path.parent)
        lock = _take_lock(path.with_name(path.name + ".lock"))
        try:
            _create_or_tighten(path)
        except BaseException:
            os.close(lock)
            raise
        return cls(path, lock)

    def release(self) -> None:
        """Let another process have it. The lock file stays: deleting it would let two processes hold two locks."""
        os.close(self._lock)


def find_state_file(path: Path) -> Path:
    """Return where the state file really is, without holding or changing it; ``StoreUnavailable`` when it is not there."""
    try:
        found = path.resolve(strict=True)
    except FileNotFoundError as exc:
        raise StoreUnavailable(f"there is no state file {path}: nobody has served from this configuration yet") from exc
    except OSError as exc:
        raise _unusable(path, exc) from exc
    if not found.is_file():
        raise StoreUnavailable(f"{path} is not a file")
    return found


def _check_directory(directory: Path) -> None:
    try:
        mode = directory.stat().st_mode
    except FileNotFoundError as exc:
        raise StoreUnavailable(
            f"the directory {directory} does not exist: create it, owned by the user the sidecar runs as, with mode 0700"
        ) from exc
    except OSError as exc:
        raise _unusable(directory, exc) from exc
    if not stat.S_ISDIR(mode):
        raise StoreUnavailable(f"{directory} is not a directory")
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        # Not refused: a container's empty volume looks like this, and there nobody else is around.
        _log.warning("everybody may replace the state file", directory=str(directory))


def _take_lock(path: Path) -> int:
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, _ONLY_US)
    except OSError as exc:
        raise _unusable(path, exc) from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError as exc:
        holder = os.pread(lock, 32, 0).decode(errors="replace").strip()
        os.close(lock)
        raise StoreUnavailable(
            f"another oauth-sidecar (process {holder}) uses this state file: one process per file (held by {path})"
        ) from exc
    except OSError as exc:
        os.close(lock)
        raise _unusable(path, exc) from exc
    return lock


def _create_or_tighten(path: Path) -> None:
    """Only before SQLite opens the file: closing any descriptor of it later would drop SQLite's own locks."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, _ONLY_US)
        try:
            if os.fstat(descriptor).st_mode & 0o077:
                os.fchmod(descriptor, _ONLY_US)
        finally:
            os.close(descriptor)
        # These take the mode of the file when they are made; what an earlier mode left behind is corrected here.
        for side in (path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            if side.exists():
                side.chmod(_ONLY_US)
    except OSError as exc:
        raise _unusable(path, exc) from exc


def _unusable(path: Path, exc: OSError) -> StoreUnavailable:
    return StoreUnavailable(f"{path} cannot be used: {exc.strerror or exc}")
