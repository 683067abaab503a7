"""One text of the configuration → one value. Each function raises ``ValueError`` with what to write instead."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from proxy.config.problems import did_you_mean
from proxy.config.values import Listen, Network, TcpListen, UnixListen
from proxy.model import KEPT_ROLES, HeaderPreset, Role, TcpUpstream, UnixUpstream, Upstream
from proxy.policy.cookies import is_loopback_host

_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNIX_PATH_BYTES = 107
"""``sun_path`` of Linux is 108 bytes with the NUL that ends it."""
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?")
_NUMERIC_NAME = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*\.?")
_SPAN = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?")
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")
_SQLITE = "sqlite://"
_UNIX = "unix:"


def origin(text: str) -> str:
    """Read ``scheme://host[:port]``: lower case, without default port or slash."""
    parts = _http_url(text, "https://apps.example.org")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("give the origin only, without path or query: https://apps.example.org")
    port = parts.port
    host = _in_url(_host(parts))
    return f"{parts.scheme}://{host}" + ("" if port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{port}")


def endpoint(text: str) -> str:
    """Read the URL of an authorization server's endpoint: https, or http on a literal loopback host; no fragment."""
    parts = _http_url(text, "https://login.example.org/authorize")
    host = _host(parts)
    if "#" in text:
        raise ValueError("an endpoint has no fragment (`#…`)")
    _refuse_plain_http(parts.scheme, host)
    return text


def public_origin(text: str) -> str:
    """Read the origin that viewers type; plain http only on a literal loopback host."""
    value = origin(text)
    parts = urlsplit(value)
    _refuse_plain_http(parts.scheme, parts.hostname or "")
    return value


def listen(text: str) -> Listen:
    """Read ``ADDRESS:PORT``, ``[IPv6]:PORT`` or ``unix:/path``."""
    if text.startswith(_UNIX):
        return UnixListen(_unix_path(text))
    host, port = _host_and_port(text, "127.0.0.1:8080 or unix:/run/oauth-sidecar.sock")
    if host != "localhost" and not _is_address(host):
        raise ValueError("listen on an IP address or `localhost` (0.0.0.0 is every IPv4 address)")
    return TcpListen(host, port)


def host_name(text: str) -> str:
    """Read a host name or an IP address, lower case; no port."""
    name = text.lower()
    is_name = _HOST_NAME.fullmatch(name) and len(name) <= 253 and not _NUMERIC_NAME.fullmatch(name)
    if not (is_name or _is_address(name)) or "%" in name:
        raise ValueError("write a host name or an IP address alone, such as sidecar.internal, without scheme or port")
    return _in_url(name)


def upstream(text: str) -> Upstream:
    """Read ``http://host:port`` or ``unix:/path``."""
    if text.startswith(_UNIX):
        return UnixUpstream(_unix_path(text))
    parts = _http_url(text, "http://127.0.0.1:8501 or unix:/run/content.sock")
    if parts.scheme != "http":
        raise ValueError("https towards content is not supported by this version: use http")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("an upstream has no path or query: paths are forwarded as viewers ask for them")
    if parts.port == 0:
        raise ValueError("port 0 cannot be connected to")
    return TcpUpstream(_host(parts), parts.port or _DEFAULT_PORTS["http"])


def any_network(text: str) -> Network:
    """Read an address or network (``10.0.0.0/8``)."""
    try:
        return ip_network(text)
    except ValueError as exc:
        raise ValueError("write an IP address or a network such as 10.0.0.0/8, with no bits beyond the prefix") from exc


def http_proxy(text: str) -> str:
    """Read the URL of an HTTP proxy; a name and a password may be in it."""
    say = "write the proxy as http://HOST:PORT or http://NAME:PASSWORD@HOST:PORT"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as exc:
        raise ValueError(say) from exc
    is_bare = parts.path in {"", "/"} and not (parts.query or parts.fragment)
    if parts.scheme != "http" or not parts.hostname or port is None or not is_bare or not text.isascii():
        raise ValueError(say)
    return text.removesuffix("/")


def network(text: str) -> Network:
    """Read an address or network (``10.0.0.0/8``) of proxies."""
    value = any_network(text)
    if value.prefixlen == 0:
        raise ValueError("this would trust everybody's X-Forwarded-For: name the proxies in front")
    return value


def sqlite_path(text: str) -> Path:
    """Read ``sqlite:///absolute/path``."""
    path = text.removeprefix(_SQLITE)
    if not text.startswith(_SQLITE):
        raise ValueError("write sqlite:///absolute/path.db: SQLite is the only engine of this version")
    if not path.startswith("/") or path.endswith("/") or {"?", "#", "\0"} & set(path):
        raise ValueError("write an absolute path after sqlite://, as in sqlite:///var/lib/oauth-sidecar/state.db")
    return Path(path)


def absolute_path(text: str) -> Path:
    """Read the path of a file, from the root, without ``.`` and ``..``."""
    path = Path(text)
    if not path.is_absolute() or "\0" in text or text.endswith("/") or {".", ".."} & set(text.split("/")):
        raise ValueError("write the whole path of a file, from / on and without . and ..")
    return path


def span(text: str) -> timedelta:
    """Read a span such as ``12h``, ``7d`` or ``1h30m``."""
    match = _SPAN.fullmatch(text)
    if match is None or not text:
        raise ValueError("write a span with units d, h, m, s: 12h, 7d, 1h30m")
    days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def content_path(text: str) -> str:
    """Read where content lives: ``/``, or ``/sales/`` with plain segments, none starting with ``__`` at the top."""
    if not text.startswith("/") or not text.endswith("/"):
        raise ValueError("a path starts and ends with a slash: /sales/")
    if text.startswith("/__"):
        raise ValueError("paths that start with /__ are reserved for the sidecar itself")
    for segment in text[1:-1].split("/") if text != "/" else ():
        if segment in {".", ".."} or not _SEGMENT.fullmatch(segment):
            raise ValueError("a path has segments of letters, digits and - . _ ~ only, none empty, `.` or `..`")
    return text


def header_preset(text: str) -> HeaderPreset:
    """Read which of our headers a content gets."""
    try:
        return HeaderPreset(text)
    except ValueError as exc:
        raise ValueError(f"must be one of {', '.join(HeaderPreset)}{did_you_mean(text, list(HeaderPreset))}") from exc


def role(text: str) -> Role:
    """Read what a key may do."""
    if text in KEPT_ROLES:
        return Role(text)
    raise ValueError(f"must be one of {', '.join(KEPT_ROLES)}{did_you_mean(text, list(KEPT_ROLES))}")


def content_host(text: str) -> str:
    """Read the host of a content's own origin: a plain name in lower case, no port, no address."""
    host = text.lower()
    if not _HOST_NAME.fullmatch(host) or len(host) > 253 or host.endswith(".") or _NUMERIC_NAME.fullmatch(host):
        raise ValueError(
            "write a plain host name such as sales.example.org; scheme and port are those of `public_url` (IDN as xn--…)"
        )
    return host


def origin_at(public_url: str, host: str) -> str:
    """Return the origin of a host beside ``public_url``: the same scheme and port."""
    parts = urlsplit(public_url)
    return f"{parts.scheme}://{host}" + ("" if parts.port is None else f":{parts.port}")


def guid(text: str) -> str:
    """Read a UUID; lower case with hyphens."""
    try:
        value: str | None = str(uuid.UUID(text))
    except ValueError:
        value = None
    if value is None or value != text.lower():
        raise ValueError("write a UUID such as 0f8fad5b-d9cb-469f-a165-70867728950e, or leave it out")
    return value


def _http_url(text: str, example: str) -> SplitResult:
    if not text.isascii() or any(character <= " " or character in "\\\x7f" for character in text):
        raise ValueError("an address has ASCII characters only, no blanks and no backslash (a host name as xn--…)")
    try:
        parts = urlsplit(text)
        has_good_port = parts.port is None or parts.port >= 0
    except ValueError as exc:
        raise ValueError(f"this is not an address; write it like {example}") from exc
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or not has_good_port:
        raise ValueError(f"write it like {example}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address here has no user name or password in it")
    return parts


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if _is_address(host) and "%" not in host:
        return host
    if not _HOST_NAME.fullmatch(host) or len(host) > 253:
        raise ValueError("this host name is not valid")
    if _NUMERIC_NAME.fullmatch(host):
        raise ValueError("write an IPv4 address as four decimal numbers")
    return host


def _host_and_port(text: str, example: str) -> tuple[str, int]:
    if "/" in text:
        raise ValueError(f"an address to listen on has no scheme and no path; write it like {example}")
    host, colon, port = text.rpartition(":")
    if not colon or not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError(f"write it like {example}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("write an IPv6 address in brackets: [::1]:8080")
    return host.lower(), int(port)


def _unix_path(text: str) -> str:
    path = text.removeprefix(_UNIX)
    if not path.startswith("/") or path.endswith("/") or "\0" in path:
        raise ValueError("write an absolute path after unix:, as in unix:/run/oauth-sidecar/public.sock")
    if len(path.encode()) > _UNIX_PATH_BYTES:
        raise ValueError(f"the path of a Unix socket has at most {_UNIX_PATH_BYTES} bytes")
    return path


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _in_url(host: str) -> str:
    return f"[{IPv6Address(host).compressed}]" if ":" in host else host


def _refuse_plain_http(scheme: str, host: str) -> None:
    if scheme == "http" and not is_loopback_host(host):
        raise ValueError("plain http is for localhost, *.localhost, 127.0.0.1 and [::1] only: use https")
