"""Processes pinned to a core and what they cost; what this machine lacks; which Pythons it has."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
PROXY_CORE, LOAD_CORE = "1", "0"
OPEN_FILES = 16_384
"""5,000 viewers' sockets, 5,000 towards the content, and what else is open."""

DEBIAN_PYTHON = Path("/usr/bin/python3")
APACHE_MODULES = Path("/usr/lib/apache2/modules")

_NEEDED = {
    "nginx": ("nginx", "nginx-light"),
    "wrk": ("wrk", "wrk"),
    "taskset": ("taskset", "util-linux"),
    "apache2": ("apache2", "apache2"),
    "a C compiler": ("cc", "gcc libc6-dev"),
}
"""What is needed: the program, and the Debian packages that bring it."""


def missing() -> Mapping[str, str]:
    """Return what a run needs and this machine lacks, with the Debian packages that bring it."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    lacking = {
        name: package for name, (program, package) in _NEEDED.items() if shutil.which(program, path=path) is None
    }
    if not (APACHE_MODULES / "mod_auth_openidc.so").exists():
        lacking["mod_auth_openidc"] = "libapache2-mod-auth-openidc"
    if not DEBIAN_PYTHON.exists() or not _has_venv(DEBIAN_PYTHON):
        lacking["Debian's Python with venv"] = "python3-venv"
    return lacking


def prepare() -> None:
    """Make room for many open files; refuse a machine on which the figures would say nothing."""
    os.environ["PATH"] += ":/usr/sbin"
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("two cores are needed: one for the proxy, one for everything else")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES:
        raise SystemExit(f"{OPEN_FILES} open files are needed, the limit is {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, OPEN_FILES), hard))


@dataclass
class Server:
    """One process (or family) behind a port, ready to be measured."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)
    """What a signed-in viewer sends beside the browser's usual headers."""

    def pids(self) -> list[int]:
        """Return the process and its descendants: their time is the server's."""
        found, fresh = [self.process.pid], [self.process.pid]
        while fresh:
            fresh = [
                int(child) for pid in fresh for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            ]
            found += fresh
        return found

    def cpu_s(self) -> float:
        """Return the CPU seconds used so far, all threads (``schedstat``: nanoseconds on a core)."""
        total = 0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                total += int(task.read_text().split()[0])
        return total / 1e9

    def rss_kb(self) -> float:
        """Return resident memory in kB (1,000 bytes)."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids())
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e3

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pinned(core: str, command: Sequence[str], **options: object) -> subprocess.Popen[bytes]:
    """Start a command on one core (``taskset`` replaces itself by it); it ends with this process at the latest."""
    process = subprocess.Popen(["taskset", "-c", core, *command], **options)  # type: ignore[call-overload]  # of Popen
    atexit.register(process.terminate)  # does nothing when it has ended and was waited for
    return process


def wait_for(port: int, process: subprocess.Popen[bytes], *, every_s: float = 0.02) -> None:
    """Wait until something listens; end the run when it died instead."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(every_s)
    raise SystemExit(f"nothing listens on {port}: {process.args}")


def sockets_program(folder: Path) -> str:
    """Compile ``sockets.c`` and return the program."""
    program = str(folder / "sockets")
    subprocess.run(["cc", "-O2", "-o", program, str(HERE / "sockets.c")], check=True)
    return program


# — Pythons ————————————————————————————————————————————————————————————————————————————————————————


@dataclass(frozen=True)
class Python:
    """One interpreter with this project installed in an environment of its own."""

    path: str
    build: str
    """Version and whether it was built with profile-guided optimisation: that counts for a quarter."""


def pythons() -> list[Python]:
    """Return Debian's Python and the one that runs this, each in its own environment, made when it is not there."""
    bases = [DEBIAN_PYTHON.resolve()]
    present = Path(sys.base_prefix, "bin", "python3").resolve()
    if present not in bases:
        bases.append(present)
    return [Python(path=_environment(base), build=_build(base)) for base in bases]


def _environment(base: Path) -> str:
    """Make (or renew, when ``pyproject.toml`` changed) an environment with this tree installed; return its Python."""
    tree = HERE.parent
    name = hashlib.sha256(f"{base} {tree}".encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "oauth-sidecar-bench"
    folder = cache / f"{base.name}-{name}"
    stamp, wanted = folder / "stamp", hashlib.sha256((tree / "pyproject.toml").read_bytes()).hexdigest()
    python = folder / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing the project for {base} into {folder} …", file=sys.stderr, flush=True)
        subprocess.run([str(base), "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-e", str(tree)], check=True)
        stamp.write_text(wanted)
    return str(python)


def _build(base: Path) -> str:
    code = (
        "import sys, sysconfig; flags = sysconfig.get_config_var('CONFIG_ARGS') or '';"
        "print(sys.version.split()[0], 'PGO' if '--enable-optimizations' in flags else 'no PGO')"
    )
    version, build = subprocess.check_output([str(base), "-c", code], text=True).strip().split(maxsplit=1)
    if base == DEBIAN_PYTHON.resolve():
        return f"Debian’s Python {version} (PGO)"  # `profile-opt` in debian/rules; its sysconfig tells of another build
    return f"Python {version} ({build})"


def _has_venv(python: Path) -> bool:
    return (
        subprocess.run([str(python), "-c", "import venv, ensurepip"], check=False, capture_output=True).returncode == 0
    )


# — for the page ———————————————————————————————————————————————————————————————————————————————————


def description(python: str) -> list[str]:
    """Name the machine and the versions of everything that was measured."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "unknown processor",
    )
    wanted = ("aiohttp", "httptools", "uvloop")
    code = f"from importlib.metadata import version; print(', '.join(f'{{n}} {{version(n)}}' for n in {wanted!r}))"
    nginx = subprocess.run(["nginx", "-v"], check=True, capture_output=True, text=True).stderr.split("/")[-1].strip()
    apache = subprocess.check_output(["apache2", "-v"], text=True).split("Apache/")[1].split()[0]
    openidc = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "libapache2-mod-auth-openidc"],
        check=False,
        capture_output=True,
        text=True,
    ).stdout
    return [
        f"{cpu}, {os.cpu_count()} cores, Linux {os.uname().release}",
        f"nginx {nginx}, Apache {apache} with mod_auth_openidc {openidc or 'of unknown version'}",
        subprocess.check_output([python, "-c", code], text=True).strip(),
    ]
