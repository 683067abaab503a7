"""What other processes wrote (the command line, a replica) takes effect here, too: the store's feed is followed.

Our own changes come by as well, and are applied again: that changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from proxy.errors import StoreUnavailable
from proxy.model import ApiKeysChanged, ChangesLost, ConsentEnded, DirectoryChanged, News, SessionEnded
from proxy.store.base import Store

EVERY_S = 1.0
"""From a change anywhere to its effect here; an answer of the feed that has nothing new costs one read."""

log = structlog.get_logger(__name__)


class ChangeFeed:
    """The reader of one process: :meth:`start` before the first request, then :meth:`follow`."""

    def __init__(
        self,
        *,
        store: Store,
        read_directory: Callable[[], Awaitable[None]],
        apply: Callable[[Sequence[News]], None],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """``read_directory``: has the directory read again, before anybody is told that it is another."""
        self._store = store
        self._read_directory = read_directory
        self._apply = apply
        self._sleep = sleep
        self._position = 0
        self._turn = asyncio.Lock()
        self._is_ill = False

    async def start(self) -> None:
        """Begin with what changes from now on."""
        self._position, _ = await self._store.changes_since(-1)

    async def follow(self) -> None:
        """Catch up about once a second, for ever: whatever goes wrong is told once, and tried again."""
        while True:
            await self._sleep(EVERY_S)
            try:
                await self.catch_up()
            except StoreUnavailable as error:
                self._went_wrong(error.detail)
            except Exception as error:  # noqa: BLE001 - a reader that ends in silence would let revoked sessions in
                self._went_wrong(repr(error))
            else:
                self._went_well()

    async def catch_up(self) -> None:
        """Apply everything that is new, once: whoever has just written something need not wait for the next second."""
        async with self._turn:
            while True:
                position, changes = await self._store.changes_since(self._position)
                if not changes:
                    return
                if any(isinstance(change, DirectoryChanged | ChangesLost) for change in changes):
                    await self._read_directory()
                self._apply(changes)
                self._position = position
                _tell(changes)

    def _went_wrong(self, detail: str) -> None:
        if not self._is_ill:
            log.error("changes of other processes cannot be read", detail=detail)
        self._is_ill = True

    def _went_well(self) -> None:
        if self._is_ill:
            log.info("changes of other processes are read again")
        self._is_ill = False


def _tell(changes: Sequence[News]) -> None:
    """Leave a trace of what ended, whoever ended it: the command line has no log of its own."""
    if isinstance(changes[0], ChangesLost):
        log.warning("changes of other processes were missed: everything is asked for again")
    sessions = sum(isinstance(change, SessionEnded) for change in changes)
    consents = sum(isinstance(change, ConsentEnded) for change in changes)
    if sessions or consents:
        log.info("endings applied", sessions=sessions, consents=consents)
    if any(isinstance(change, ApiKeysChanged) for change in changes):
        log.info("API keys changed")
