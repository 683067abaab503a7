"""One piece of work per key, however many callers: it goes on when they leave, and all get the same outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Generic, TypeVar

Outcome = TypeVar("Outcome")


class SingleFlight(Generic[Outcome]):
    """Runs work as tasks of its own; :meth:`close` waits for them."""

    def __init__(self) -> None:
        self._by_key: dict[Hashable, asyncio.Task[Outcome]] = {}
        self._tasks: set[asyncio.Task[Outcome]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, key: Hashable) -> bool:
        """Whether work for ``key`` runs."""
        return key in self._by_key

    def start(self, key: Hashable, work: Callable[[], Coroutine[None, None, Outcome]]) -> asyncio.Task[Outcome]:
        """Return the task that runs for ``key``, a new one when none does."""
        task = self._by_key.get(key)
        if task is None:
            task = self._by_key[key] = asyncio.get_running_loop().create_task(work())
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._landed(key, done))
        return task

    async def join(self, key: Hashable, work: Callable[[], Coroutine[None, None, Outcome]]) -> Outcome:
        """Wait for the work of ``key``; the caller's cancellation leaves it running."""
        return await asyncio.shield(self.start(key, work))

    def leave_behind(self, key: Hashable) -> None:
        """Let what runs for ``key`` finish, but give its outcome to nobody who asks from now on."""
        self._by_key.pop(key, None)

    def leave_all_behind(self) -> None:
        """Leave behind what runs, whatever its key."""
        self._by_key.clear()

    async def close(self, grace_s: float) -> None:
        """Wait at most ``grace_s`` for all work, then cancel what still runs."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(set(self._tasks), timeout=grace_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def _landed(self, key: Hashable, task: asyncio.Task[Outcome]) -> None:
        self._tasks.discard(task)
        if self._by_key.get(key) is task:
            del self._by_key[key]
        if not task.cancelled():
            task.exception()  # seen: whoever waited has it, and with nobody waiting there is nobody to tell
