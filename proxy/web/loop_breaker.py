"""Notices a browser that is sent to the provider again and again: a page with the cause is better than a spinning tab."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256

from aiohttp import web

WITHIN = timedelta(seconds=30)

MAX_STARTS_FOR_A_PAGE = 5
"""A loop comes back to the same page; a person does not do that so often."""

MAX_STARTS_FOR_A_CONTENT = 20
"""Ten tabs restored at once are no loop; a loop whose address changes with each turn still ends here."""

MAX_REMEMBERED = 4096
"""Browsers and pages; the one that was quiet for longest is forgotten first (about 1 MiB altogether)."""


class LoopBreaker:
    """Counts flow starts per browser, content and page, in memory."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._starts: OrderedDict[bytes, deque[datetime]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._starts)

    def is_looping(self, *, binding: str, content_guid: str, return_to: str, integration_guid: str = "") -> bool:
        """Count one start and say whether it is one too many; a chain of several integrations is no loop."""
        of_page = self._count((binding, content_guid, return_to, integration_guid), MAX_STARTS_FOR_A_PAGE)
        of_content = self._count((binding, content_guid), MAX_STARTS_FOR_A_CONTENT)
        return of_page or of_content

    def _count(self, parts: tuple[str, ...], most: int) -> bool:
        key = sha256("\n".join(parts).encode()).digest()
        starts = self._starts.setdefault(key, deque(maxlen=most + 1))
        self._starts.move_to_end(key)
        while len(self._starts) > MAX_REMEMBERED:
            self._starts.popitem(last=False)
        now = self._now()
        starts.append(now)
        return len(starts) > most and now - starts[0] < WITHIN


BREAKER = web.AppKey("breaker", LoopBreaker)
"""Where the control plane keeps its own."""
