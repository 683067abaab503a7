"""What we are measured against, and the content behind all of it."""

from __future__ import annotations

import os
import secrets
import subprocess
from pathlib import Path

from machine import APACHE_MODULES, HERE, LOAD_CORE, PROXY_CORE, Python, Server, free_port, pinned, wait_for
from viewer import sign_in

TOKEN = "bench-token-" + "x" * 1200
"""As long as a provider's token often is: every proxy adds it to each request."""

FILES = Path("/dev/shm") / f"oauth-sidecar-bench-{os.getpid()}"
"""What the content serves: from memory, not from a disk."""

_TUNED = (
    "proxy_buffers 16 64k; proxy_busy_buffers_size 256k; client_body_buffer_size 256k; proxy_request_buffering off;"
)
"""Uploads are passed on as they come, as we do, instead of being written to a file first."""

_SECRET = "a-client-secret-of-a-benchmark-on-loopback"


def nginx(name: str, folder: Path, core: str, server_block: str, *, http_block: str = "") -> Server:
    """Start an nginx with one worker."""
    port = free_port()
    place = folder / name.replace(" ", "-")
    place.mkdir()
    (place / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; worker_rlimit_nofile 16384; pid {place}/pid; error_log {place}/error.log;\n"
        "events { worker_connections 16000; }\n"
        f"http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 600s; client_max_body_size 0;\n"
        f"client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/f;\n"
        f"uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;\n"
        f"{http_block}\nserver {{ listen 127.0.0.1:{port} backlog=4096; {server_block} }} }}\n"
    )
    process = pinned(core, ["nginx", "-p", str(place), "-c", str(place / "nginx.conf")], stderr=subprocess.DEVNULL)
    wait_for(port, process)
    return Server(name, port, process)


def content(folder: Path) -> Server:
    """Start what stands for the content: 1 kB from memory, files from a RAM disk, an upload sink.

    The sink reads a whole upload into memory before it answers, as an app does.
    """
    FILES.mkdir(exist_ok=True)
    for name, size in (("100k", 100_000), ("10m", 10_000_000)):
        (FILES / name).write_bytes(secrets.token_bytes(size))
    body, empty = "x" * 1024, free_port()
    return nginx(
        "content", folder, LOAD_CORE,
        f'location = /1k {{ default_type text/plain; return 200 "{body}"; }}'
        f" location /files/ {{ alias {FILES}/; sendfile on; }}"
        f" location = /sink {{ client_body_buffer_size 11m; proxy_pass http://127.0.0.1:{empty}/;"
        ' proxy_pass_request_body off; proxy_set_header Content-Length ""; }'
        f' }} server {{ listen 127.0.0.1:{empty} backlog=4096; return 200 "taken";',
    )  # fmt: skip


def echo_content(program: str) -> Server:
    """Start the WebSocket echo server."""
    port = free_port()
    process = pinned(LOAD_CORE, [program, "echo", str(port)])
    wait_for(port, process)
    return Server("echo", port, process)


def nginx_proxy(folder: Path, behind: Server, echo: Server, *, tuned: bool) -> Server:
    """Start nginx as the peer: keep-alive to the content, the token from a map of a thousand sessions."""
    sessions = "".join(f'"s{number}" "{TOKEN}";' for number in range(1000))
    ours = (
        "proxy_http_version 1.1; proxy_set_header Host $host; proxy_set_header X-Forwarded-Access-Token $token;"
        " proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto http;"
    )
    server = nginx(
        "nginx" if tuned else "nginx, default buffers", folder, PROXY_CORE,
        f"{_TUNED if tuned else ''}"
        f' location /app/ {{ proxy_pass http://content/; {ours} proxy_set_header Connection ""; }}'
        f" location /live/ {{ proxy_pass http://127.0.0.1:{echo.port}/; {ours} proxy_set_header Upgrade $http_upgrade;"
        " proxy_set_header Connection upgrade; proxy_read_timeout 600s; }",
        http_block=f"map_hash_bucket_size 4096; map_hash_max_size 8192; map $cookie_sid $token {{ {sessions} }}"
        f" upstream content {{ server 127.0.0.1:{behind.port}; keepalive 64; }}",
    )  # fmt: skip
    server.headers = {"Cookie": "a=1; sid=s500; b=2"}
    return server


def mod_auth_openidc(folder: Path, behind: Server, python: Python) -> Server:
    """Start Apache (event MPM, one process) with mod_auth_openidc and its shared-memory cache; sign one viewer in."""
    place = folder / "apache"
    place.mkdir()
    port, provider_port = free_port(), free_port()
    provider_url = f"http://127.0.0.1:{provider_port}"
    modules = ("mpm_event", "authn_core", "authz_core", "authz_user", "headers", "proxy", "proxy_http", "auth_openidc")
    load = "\n".join(f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in modules)
    (place / "httpd.conf").write_text(f"""{load}
ServerName localhost:{port}
Listen 127.0.0.1:{port}
ListenBacklog 4096
PidFile {place}/pid
ErrorLog {place}/error.log
LogLevel error
DefaultRuntimeDir {place}
StartServers 1
ServerLimit 1
ThreadLimit 128
ThreadsPerChild 128
MaxRequestWorkers 128
KeepAlive On
KeepAliveTimeout 600
MaxKeepAliveRequests 0
OIDCProviderMetadataURL {provider_url}/.well-known/openid-configuration
OIDCIDTokenSignedResponseAlg HS256
OIDCClientID bench
OIDCClientSecret {_SECRET}
OIDCScope openid
OIDCRedirectURI http://localhost:{port}/callback
OIDCCryptoPassphrase {secrets.token_hex(16)}
OIDCSessionType server-cache
OIDCCacheType shm
OIDCStripCookies mod_auth_openidc_session
OIDCPassClaimsAs headers
RequestHeader set X-Forwarded-Proto http
ProxyPass /app/ http://127.0.0.1:{behind.port}/ enablereuse=on keepalive=on
<Location />
  AuthType openid-connect
  Require valid-user
</Location>
""")
    process = pinned(PROXY_CORE, ["apache2", "-f", str(place / "httpd.conf"), "-D", "FOREGROUND"])
    wait_for(port, process)
    with_provider = provider(python, provider_port)
    try:
        cookie = sign_in([f"http://localhost:{port}/app/1k"], "mod_auth_openidc_session")
    finally:
        with_provider.terminate()
        with_provider.wait()
    return Server("mod_auth_openidc", port, process, {"Cookie": f"a=1; {cookie}; b=2"})


def aiohttp_proxy(behind: Server, python: Python) -> Server:
    """Start the straightforward proxy that aiohttp's server and client make, for scale."""
    port = free_port()
    command = [python.path, str(HERE / "plain_proxy.py"), str(port), str(behind.port)]
    process = pinned(PROXY_CORE, command, stderr=subprocess.DEVNULL)
    wait_for(port, process)
    return Server("plain aiohttp proxy", port, process)


def provider(python: Python, port: int) -> subprocess.Popen[bytes]:
    """Start the small authorization server."""
    process = subprocess.Popen([python.path, str(HERE / "provider.py"), str(port), TOKEN, _SECRET])
    wait_for(port, process)
    return process
