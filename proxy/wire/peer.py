"""Who is at the other end: the socket's address, or behind trusted proxies the right-most address that is not theirs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

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
