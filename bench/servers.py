"""The servers that are compared: each runs pinned to one core, in front of the same upstream on the other core."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PROXY_CORE, LOAD_CORE = "1", "0"
TOKEN = "bench-token-" + "x" * 1200
"""As long as a provider's token often is: every proxy adds it to each request."""


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """One process (or family) behind a port, ready to be measured."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)

    def pids(self) -> list[int]:
        """Return the process and its children: their time is the server's."""
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [self.process.pid, *map(int, children.stdout.split())]

    def cpu_s(self) -> float:
        """Return the CPU seconds used so far, all threads (``schedstat``: nanoseconds on a core)."""
        total = 0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                total += int(task.read_text().split()[0])
        return total / 1e9

    def rss_mb(self) -> float:
        """Return resident memory."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids())
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait(timeout=30)


def pinned(core: str, command: Sequence[str], **options: object) -> subprocess.Popen[bytes]:
    """Start a command on one core."""
    return subprocess.Popen(["taskset", "-c", core, *command], **options)  # type: ignore[call-overload]  # options of Popen


def wait_for(port: int) -> None:
    """Wait until something listens."""
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nothing listens on {port}")


def nginx(name: str, folder: Path, core: str, server_block: str, *, http_block: str = "") -> Server:
    """Start an nginx with one worker."""
    port = free_port()
    place = folder / name
    place.mkdir()
    (place / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {place}/pid; error_log {place}/error.log;\n"
        "events { worker_connections 20000; }\n"
        f"http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 600s; client_max_body_size 0;\n"
        f"client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/f;\n"
        f"uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;\n"
        f"{http_block}\nserver {{ listen 127.0.0.1:{port} backlog=4096; {server_block} }} }}\n"
    )
    process = pinned(core, ["nginx", "-p", str(place), "-c", str(place / "nginx.conf")])
    wait_for(port)
    return Server(name, port, process)


def upstream(folder: Path) -> Server:
    """Start what stands for the content: 1 kB from memory, files from a RAM disk, an upload sink."""
    files = Path("/dev/shm") / f"oauth-sidecar-bench-{os.getpid()}"  # files from memory, not from a disk
    files.mkdir(exist_ok=True)
    for name, size in (("100k", 100_000), ("10m", 10_000_000)):
        (files / name).write_bytes(secrets.token_bytes(size))
    body = "x" * 1024
    return nginx(
        "upstream", folder, LOAD_CORE,
        f'location = /1k {{ default_type text/plain; return 200 "{body}"; }}'
        f" location /files/ {{ alias {files}/; sendfile on; }}"
        " location = /sink { client_body_buffer_size 256k; proxy_pass http://127.0.0.1:9/; }",
    )  # fmt: skip


def nginx_proxy(folder: Path, behind: Server) -> Server:
    """Start nginx as the peer: keep-alive to the upstream, the same headers from a map of sessions, tuned buffers."""
    sessions = "".join(f'"s{number}" "{TOKEN}";' for number in range(1000))
    server = nginx(
        "nginx", folder, PROXY_CORE,
        "proxy_buffers 16 64k; proxy_busy_buffers_size 256k; client_body_buffer_size 256k;"
        ' location /app/ { proxy_pass http://content/; proxy_http_version 1.1; proxy_set_header Connection "";'
        " proxy_set_header Host $host; proxy_set_header X-Forwarded-Access-Token $token;"
        " proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto http; }",
        http_block=f"map_hash_bucket_size 4096; map_hash_max_size 8192; map $cookie_sid $token {{ {sessions} }}"
        f" upstream content {{ server 127.0.0.1:{behind.port}; keepalive 64; }}",
    )  # fmt: skip
    server.path, server.headers = "/app/", {"Cookie": "a=1; sid=s500; b=2"}
    return server


def python_sidecar(folder: Path, behind: Server, python: str) -> Server:
    """Start the real process, sign one viewer in through a small authorization server, and return it with the cookie."""
    place = folder / "sidecar"
    place.mkdir()
    port, api_port, provider_port = free_port(), free_port(), free_port()
    here = Path(__file__).parent
    provider = subprocess.Popen([python, str(here / "provider.py"), str(provider_port), TOKEN])
    wait_for(provider_port)
    provider_url = f"http://127.0.0.1:{provider_port}"
    key = subprocess.run([python, "-m", "proxy", "keygen"], capture_output=True, text=True, check=True).stdout.strip()
    config = place / "config.yaml"
    config.write_text(
        f"public_url: http://localhost:{port}\nlisten: 127.0.0.1:{port}\n"
        f"store: {{url: 'sqlite://{place}/state.db', keys: ['{key}']}}\n"
        f"api: {{listen: '127.0.0.1:{api_port}'}}\n"
        "integrations:\n  - name: bench\n    template: custom\n    config:\n"
        f"      authorization_uri: {provider_url}/authorize\n      token_uri: {provider_url}/token\n"
        "      client_id: bench\n"
        "content:\n  - name: app\n    path: /app/\n    app_mode: python-api\n"
        f"    upstream: http://127.0.0.1:{behind.port}\n    integrations: [bench]\n"
    )
    process = pinned(PROXY_CORE, [python, "-m", "proxy", "serve", "-c", str(config)], stderr=subprocess.DEVNULL)
    wait_for(port)
    cookie = _sign_in(f"http://localhost:{port}/app/1k")
    provider.terminate()
    provider.wait()
    return Server("oauth-sidecar", port, process, "/app/", {"Cookie": f"a=1; {cookie}; b=2"})


def _sign_in(url: str) -> str:
    """Walk through the flow with a cookie jar; return the session cookie."""
    from http.cookiejar import CookieJar

    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    opener.open(urllib.request.Request(url, headers={"Accept": "text/html"}), timeout=10).read()
    [session] = [cookie for cookie in jar if "binding" not in cookie.name]
    return f"{session.name}={session.value}"


def aiohttp_proxy(behind: Server, python: str) -> Server:
    """Start the straightforward proxy that aiohttp's server and client make, for scale."""
    port = free_port()
    process = pinned(PROXY_CORE, [python, str(Path(__file__).parent / "plain_proxy.py"), str(port), str(behind.port)])
    wait_for(port)
    return Server("aiohttp proxy", port, process, "/app/")


def missing() -> list[str]:
    """Return the programs that a run needs and this machine lacks."""
    return [program for program in ("nginx", "wrk", "taskset") if shutil.which(program) is None]


def python_build() -> str:
    """Name the Python build that is measured: PGO counts."""
    import sysconfig

    flags = sysconfig.get_config_var("CONFIG_ARGS") or ""
    pgo = "PGO" if "--enable-optimizations" in flags else "no PGO"
    return f"Python {sys.version.split()[0]} ({pgo}), {sys.executable}"
