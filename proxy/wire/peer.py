"""Who is at the other end: the socket's address, or behind trusted proxies the right-most address that is not theirs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from proxy.policy.injection import forwarded_headers

if TYPE_CHECKING:
    from proxy.model import Content, ContentGuid
    from proxy.wire.request import RequestHead

Network = IPv4Network | IPv6Network


@lru_cache(maxsize=4096)
def is_trusted(address: str, proxies: tuple[Network, ...]) -> bool:
    """Whether ``address`` is a trusted proxy; what is no address is not."""
    if not proxies:
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed.version == network.version and parsed in network for network in proxies)


def client_address(peer: str, headers: Sequence[tuple[bytes, bytes]], proxies: tuple[Network, ...]) -> str:
    """Return the viewer's address as a trusted proxy ``peer`` tells it; an entry that is no address ends the search."""
    address = peer
    hops = b",".join(value for name, value in headers if name.lower() == b"x-forwarded-for")
    for hop in reversed(hops.decode("latin-1").split(",")):
        candidate = hop.strip()
        try:
            ip_address(candidate)
        except ValueError:
            return address
        address = candidate
        if not is_trusted(candidate, proxies):
            return address
    return address


class Peer:
    """The other end of one viewer connection."""

    __slots__ = ("_forwarded", "_proxies", "address", "client", "is_proxy")

    def __init__(self, address: str, proxies: tuple[Network, ...]) -> None:
        """``address``: the socket's, empty for a Unix socket; ``proxies``: whose ``X-Forwarded-For`` is believed."""
        self.address = address
        self.client = address
        """The viewer's address, as far as it can be believed."""
        self._proxies = proxies
        self.is_proxy = is_trusted(address, proxies)
        """Whether it speaks for others."""
        self._forwarded: dict[ContentGuid, bytes] = {}

    def speaks(self, request: RequestHead) -> None:
        """Take note of a proxy's next request: it speaks for another viewer with each."""
        self.client = client_address(self.address, request.headers, self._proxies)

    def forwarded_headers(self, request: RequestHead, content: Content, *, public_host: bytes, proto: bytes) -> bytes:
        """Return the ``X-Forwarded-…`` lines about this connection for a content."""
        lines = self._forwarded.get(content.guid)
        if lines is None:
            received = [value for name, value in request.headers if name.lower() == b"x-forwarded-for"]
            lines = forwarded_headers(
                client=self.address,
                host=content.host.encode() or public_host,
                proto=proto,
                prefix=content.path.encode() if content.strip_prefix else None,
                trusted_for=b", ".join(received) if self.is_proxy and received else None,
            )
            if not self.is_proxy:
                self._forwarded[content.guid] = lines
        return lines
