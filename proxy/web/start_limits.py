"""How many sign-ins may be started: each sends a browser to a provider, which counts them against this sidecar."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from proxy.policy.rate import RatePerMinute, who_shares


class StartLimits:
    """Counts per client address and per browser, in memory."""

    def __init__(self, *, per_address: int, per_browser: int) -> None:
        """Take how many may be started per minute; 0: no limit."""
        self._of_address = RatePerMinute(per_address)
        self._of_browser = RatePerMinute(per_browser)

    def wait_s(self, *, address: str, browser: str | None, now: datetime) -> float:
        """Count one start and return 0, or the seconds until another one is due.

        An empty ``address`` is not known (a Unix socket) and not counted; ``browser`` is what its cookie says, and
        ``None`` without one.
        """
        of_address = self._of_address.wait_s(_key(who_shares(address)), now) if address else 0.0
        of_browser = self._of_browser.wait_s(_key(browser), now) if browser is not None else 0.0
        return max(of_address, of_browser)


def _key(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
