"""Web addresses of authorization servers: which can be used at all, and whose they are (RFC 8414 §2, RFC 9700 §4.11)."""

from __future__ import annotations

from urllib.parse import urlsplit

_DEFAULT_PORTS = {"https": 443, "http": 80}


def secure_origin(url: str) -> str | None:
    """Return ``scheme://host:port`` of an address that secrets may be sent to; ``None``: they may not.

    That is https, or http to the literal loopback hosts; no fragment, no user name, nothing that is not visible ASCII.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    is_plain = url.isascii() and url.isprintable() and not {" ", "#", "\\"} & set(url)
    if not is_plain or not host or parts.username is not None:
        return None
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        return None
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}:{port or _DEFAULT_PORTS[parts.scheme]}"


def is_loopback(host: str) -> bool:
    """Say whether the name is one of those that mean this machine whatever a resolver says."""
    return host in {"localhost", "127.0.0.1", "::1"} or host.endswith(".localhost")
