"""What the configuration comes to: plain frozen values, checked, without a trace of YAML or pydantic."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from proxy.model import ApiKey, Directory, Roles
from proxy.policy.limits import Limits
from proxy.policy.vouching import Vouching

CALLBACK_PATH = "/__oauth__/integrations/callback"

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class TcpListen:
    """An address and port to listen on; port 0 takes any free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class UnixListen:
    """A Unix socket to listen on."""

    path: str


Listen = TcpListen | UnixListen


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """PEM files for a listener."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """How authorization servers are reached."""

    ca_bundle: Path | None = None
    proxy: str = field(default="", repr=False)
    """``http://[name:password@]host:port``; empty: none."""
    no_proxy: tuple[str, ...] = ()
    unsafe_allow_networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One process, completely described."""

    public_url: str
    """The origin that viewers type: ``scheme://host[:port]``, lower case, no default port, no slash at the end."""
    public_host: str
    """``host[:port]`` as browsers send it in ``Host``."""
    listen: Listen
    tls: Tls | None
    trusted_proxies: tuple[Network, ...]
    store_path: Path
    store_keys: tuple[bytes, ...] = field(repr=False)
    """32 bytes each: the first seals, all open."""
    api_listen: Listen | None
    """``None``: no Server API and no exchange."""
    api_unsafe_listen_anywhere: bool = False
    api_tls: Tls | None = None
    api_session_token_lifetime: timedelta = timedelta(hours=24)
    """Of a content session token in a file."""
    api_hosts: tuple[str, ...] = ()
    """Lower case, without port."""
    api_public: bool = False
    """Whether the Server API is served at ``public_url`` as well."""
    api_keys: tuple[ApiKey, ...] = ()
    """Those that the configuration defines; the store may have more."""
    roles: Roles = field(default_factory=Roles)
    session_idle: timedelta
    session_lifetime: timedelta
    audit_keep: timedelta
    """Zero: no audit log."""
    limits: Limits
    directory: Directory
    unsafe_shared_origin: bool = False
    outbound: Outbound = field(default_factory=Outbound)
    vouching: Vouching | None = None
    """How a proxy in front says who the viewer is; ``None``: it does not."""

    @property
    def redirect_uri(self) -> str:
        """The one redirect URI to register at every authorization server."""
        return self.public_url + CALLBACK_PATH
