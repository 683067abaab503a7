"""Whether an address that somebody named over the API may be one of an authorization server (SSRF).

What the configuration names is the operator's own word. Over the API it is said by whoever has a key, so it has to be on the
public internet, or in a network that the operator allows. Names are looked up when they are connected to, and judged then
(``outbound.guard``); what can be seen without that is refused when it is said.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv4Address
from urllib.parse import urlsplit

from proxy.oauth.origins import is_loopback
from proxy.policy.addresses import Network, may_connect, parse_address

METADATA_NAMES = frozenset({
    "metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal",
    "metadata.azure.internal", "metadata.packet.net", "metadata.platformequinix.com", "rancher-metadata",
})  # fmt: skip
"""By which clouds' machines are told who they are. Behind ``outbound.proxy`` nobody here looks the name up."""

_LOOPBACK = IPv4Address("127.0.0.1")
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*", re.IGNORECASE)
"""What resolvers read as an IPv4 address in one of its old spellings: ``127.1``, ``2130706433``, ``0x7f.1``."""


def endpoint_problem(url: str, allowed: Collection[Network]) -> str:
    """Say why this address may not be one; ``allowed``: the operator's networks. Empty: it may, as far as can be seen."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host in METADATA_NAMES:
        return "is the name of a cloud's metadata service"
    address = _LOOPBACK if is_loopback(host) and parse_address(host) is None else parse_address(host)
    if address is None:
        return "must have an IP address in its usual spelling" if _NUMERIC.fullmatch(host) else ""
    if may_connect(address, allowed):
        return ""
    return "is not on the public internet: the operator can allow its network in outbound.unsafe_allow_networks"
