"""Asks the running sidecar whether it is ready: for container images that have no other HTTP client."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPConnection, HTTPException

from proxy.config.values import Config, TcpListen, UnixListen

PATH = "/__health__/ready"
_TIMEOUT_S = 5.0
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # to connect where the sidecar listens anywhere


def why_not_ready(config: Config) -> str | None:
    """Ask the viewers' listener; ``None``: ready, else a line for people."""
    try:
        with _connect(config) as connected:
            connection = HTTPConnection(config.public_host, timeout=_TIMEOUT_S)
            connection.sock = connected
            connection.request("GET", PATH, headers={"Host": config.public_host, "Connection": "close"})
            status = connection.getresponse().status
    except (OSError, HTTPException) as exc:
        return f"no answer: {exc}"
    return None if status == 200 else f"it answers {status}"


def _connect(config: Config) -> socket.socket:
    match config.listen:
        case TcpListen(host, port):
            plain = socket.create_connection((_EVERY_ADDRESS.get(host, host), port), timeout=_TIMEOUT_S)
        case UnixListen(path):
            plain = _connect_unix(path)
    if config.tls is None:
        return plain
    trusting_own_certificate = ssl.create_default_context(cafile=str(config.tls.certificate))
    trusting_own_certificate.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    host_name = config.public_host.rsplit(":", 1)[0] if not config.public_host.endswith("]") else config.public_host
    try:
        return trusting_own_certificate.wrap_socket(plain, server_hostname=host_name.strip("[]"))
    except OSError:
        plain.close()
        raise


def _connect_unix(path: str) -> socket.socket:
    plain = socket.socket(socket.AF_UNIX)
    try:
        plain.settimeout(_TIMEOUT_S)
        plain.connect(path)
    except OSError:
        plain.close()
        raise
    return plain
