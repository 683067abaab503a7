"""Store what a refresh gave before anybody gets it, with patience: it is the only copy of a rotated refresh token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from proxy.errors import StoreUnavailable
from proxy.flows.fresh_tokens import Key
from proxy.model import Credentials
from proxy.store.base import RefreshedTokens, Store

SAVE_PAUSES_S = (0.1, 0.5, 1.0, 2.0)
"""Between attempts to store an answer; what cannot be stored stays in memory and is tried again by whoever comes next."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsaved:
    """An answer that the store has not taken yet."""

    row: Credentials
    """What was refreshed."""
    tokens: RefreshedTokens


class Saving:
    """Remembers answers until the store has them; ``saved`` is told of each that it took."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        saved: Callable[[Key], None],
    ) -> None:
        self._now = now
        self._sleep = sleep
        self._saved = saved
        self._unsaved: dict[Key, Unsaved] = {}

    def __len__(self) -> int:
        return len(self._unsaved)

    def __contains__(self, key: Key) -> bool:
        return key in self._unsaved

    async def save(self, store: Store, key: Key, unsaved: Unsaved) -> Credentials | None:
        """Return the row after it (``None``: it is gone); ``StoreUnavailable``: kept for whoever comes next."""
        self._unsaved[key] = unsaved
        for pause_s in SAVE_PAUSES_S:
            try:
                return await self._save_once(store, key, unsaved)
            except StoreUnavailable:
                log.warning("a refreshed token could not be stored yet", viewer=key[0], integration=key[1])
            await self._sleep(pause_s)
        return await self._save_once(store, key, unsaved)

    async def save_kept(self, store: Store, key: Key) -> None:
        """Store what was kept for this key, if anything, with the same patience."""
        unsaved = self._unsaved.get(key)
        if unsaved is not None:
            await self.save(store, key, unsaved)

    async def save_all_once(self, store: Store) -> None:
        """Store whatever was kept; ``StoreUnavailable`` when it still cannot be."""
        for key, unsaved in list(self._unsaved.items()):
            await self._save_once(store, key, unsaved)

    async def _save_once(self, store: Store, key: Key, unsaved: Unsaved) -> Credentials | None:
        stands = await store.save_refresh(
            unsaved.row.guid, generation=unsaved.row.generation, tokens=unsaved.tokens, now=self._now()
        )
        if self._unsaved.get(key) is unsaved:
            del self._unsaved[key]
        log.info("credentials refreshed", viewer=key[0], integration=key[1])
        self._saved(key)
        return stands
