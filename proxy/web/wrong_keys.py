"""Wrong API keys, counted by address, so that nobody can try keys for long.

An address with too many of them waits, and while it waits even a right key is refused that it has not shown before: guessing
gets nothing out of it, and whoever worked from there goes on working. Loopback is one address for every content of this
machine: there only the wrong keys are refused, or one broken script could keep every other from its tokens.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address

import structlog

from proxy.flows.memory import Memory
from proxy.policy.rate import MAX_KEYS, RatePerMinute, who_shares
from proxy.sealing import hash_handle

MOST_PER_MINUTE = 60
"""At once, and in each further minute. A key has 256 bits, those of configurations at least 32 characters: this keeps logs and
counters small, and tells somebody."""

log = structlog.get_logger("api")


class WrongKeys:
    """Counts in memory; the addresses and keys that were quiet longest are forgotten first."""

    def __init__(self, most_per_minute: int = MOST_PER_MINUTE) -> None:
        self._rate = RatePerMinute(most_per_minute)
        self._until: Memory[str, datetime] = Memory(MAX_KEYS)
        """By address, until when it waits."""
        self._right: Memory[tuple[str, bytes], bool] = Memory(MAX_KEYS)
        """Keys that were right, by the address that showed them."""

    def wait_s(self, address: str, key: str, now: datetime) -> float:
        """Return the seconds that this address has to wait before the key is looked at; 0: it is looked at."""
        if not len(self._until):  # as nearly always
            return 0.0
        sharer = _sharer(address)
        until = None if sharer is None else self._until.get(sharer)
        if sharer is None or until is None or until <= now or self._right.get((sharer, hash_handle(key))):
            return 0.0
        return (until - now).total_seconds()

    def wrong(self, address: str, now: datetime) -> float:
        """Count a wrong key; return 0, or the seconds to wait when it was one too many."""
        sharer = _sharer(address)
        wait_s = self._rate.wait_s(hash_handle(sharer or ""), now)
        if wait_s and sharer is not None:
            if (self._until.get(sharer) or now) <= now:
                log.warning("too many wrong API keys", client=address)
            self._until.put(sharer, now + timedelta(seconds=wait_s))
        return wait_s

    def right(self, address: str, key: str) -> None:
        """Remember that this address showed a right key."""
        sharer = _sharer(address)
        if sharer is not None:
            self._right.put((sharer, hash_handle(key)), True)


@lru_cache(maxsize=1024)
def _sharer(address: str) -> str | None:
    """Return whom to count; ``None`` where the address tells nobody apart: loopback, or a Unix socket (empty)."""
    try:
        is_shared = ip_address(address).is_loopback
    except ValueError:
        is_shared = True
    return None if is_shared else who_shares(address)
