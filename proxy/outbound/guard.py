"""Where we may be sent: what the operator wrote down is trusted; any other origin must be on the public internet.

An authorization server's document, or whoever registers one through an API, could name addresses inside the network (cloud
metadata, a database's web console). So names of such origins are looked up by us, all their addresses must be public, and
the connection goes to what was looked up: a name that means something else a moment later changes nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

from proxy.policy.addresses import Network, may_connect, parse_address

_DEFAULT_PORTS = {"https": 443, "http": 80}


class AddressRefused(OSError):
    """The origin is not the operator's, and at an address that is not of the public internet."""


class Guard:
    """Judges origins; ``written``: the URLs in the configuration, ``allowed``: networks that the operator permits."""

    def __init__(self, *, written: Collection[str], allowed: Collection[Network]) -> None:
        self._written = frozenset(place(url) for url in written)
        self._allowed = tuple(allowed)

    def check_literal(self, host: str, port: int) -> None:
        """Raise :class:`AddressRefused` for an address in a URL; a name is left to the lookup."""
        address = parse_address(host)
        if address is not None and not self._is_written(host, port) and not may_connect(address, self._allowed):
            raise AddressRefused(host)

    def check_found(self, host: str, port: int, found: Collection[str]) -> None:
        """Raise :class:`AddressRefused` unless all that was found for a name may be connected to."""
        if self._is_written(host, port):
            return
        addresses = [parse_address(text) for text in found]
        if not all(address is not None and may_connect(address, self._allowed) for address in addresses):
            raise AddressRefused(host)

    def _is_written(self, host: str, port: int) -> bool:
        return (host.lower(), port) in self._written


class GuardedResolver(AbstractResolver):
    """Looks names up for a connector, which connects to exactly what it gets from here."""

    def __init__(self, inner: AbstractResolver, guard: Guard) -> None:
        self._inner = inner
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name; ``AddressRefused`` when one of them must not be connected to."""
        found = await self._inner.resolve(host, port, family)
        self._guard.check_found(host, port, [one["host"] for one in found])
        return found

    async def close(self) -> None:
        """Let go of the real resolver."""
        await self._inner.close()


def place(url: str) -> tuple[str, int]:
    """Return host (lower case, brackets off) and port of a URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
