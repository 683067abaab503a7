"""Which addresses we may be sent to by somebody else's word: those of the public internet, and no disguise of another.

The tables are ours because Python's ``ipaddress`` changes its mind between versions. Sources: the IANA special-purpose address
registries (RFC 6890) and what clouds put beside them; RFC 6052 (NAT64), RFC 4291 §2.5.5 (IPv4 inside IPv6).
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SPECIAL_IPV4 = tuple(map(IPv4Network, (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
    "240.0.0.0/4",
    "168.63.129.16/32",  # Azure's platform address; the other clouds' are link-local, shared or private
)))  # fmt: skip

_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that is given out of IPv6; loopback, private, link-local and multicast are elsewhere."""

_SPECIAL_IPV6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
"""Of these 2001::/32 (Teredo) and 2002::/16 (6to4) have anybody's IPv4 network behind them."""

_CARRY_IPV4 = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
"""Prefixes whose last 32 bits are the IPv4 address that is meant."""


def parse_address(host: str) -> Address | None:
    """Read an IP address as it stands in a URL, brackets already off; ``None``: it is a name."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def may_connect(address: Address, allowed: Collection[Network]) -> bool:
    """Say whether to connect where a discovery document or the like sends us; ``allowed``: what the operator permits."""
    spellings = {address, _meant(address)}
    return is_public(address) or any(one in network for one in spellings for network in allowed)


def is_public(address: Address) -> bool:
    """Say whether the address is of the public internet: not private, loopback, link-local, shared, multicast, reserved."""
    meant = _meant(address)
    if isinstance(meant, IPv4Address):
        return not any(meant in network for network in _SPECIAL_IPV4)
    return meant in _GLOBAL_UNICAST and not any(meant in network for network in _SPECIAL_IPV6)


def _meant(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    carries = any(address in network for network in _CARRY_IPV4)
    return IPv4Address(int(address) & 0xFFFF_FFFF) if carries else address
