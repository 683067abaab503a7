"""A barrier that makes races deterministic: whoever arrives at a closed gate waits until a test opens it."""

from __future__ import annotations

import asyncio


class Gate:
    """Open until ``close()``; ``await arrived(n)`` returns when ``n`` wait before it."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._changed = asyncio.Condition()
        self.waiting = 0

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def arrived(self, count: int = 1, *, within_s: float = 10) -> None:
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(lambda: self.waiting >= count)

    async def pass_through(self) -> None:
        if self._open.is_set():
            return
        await self._count(1)
        try:
            await self._open.wait()
        finally:
            self.waiting -= 1

    async def _count(self, step: int) -> None:
        async with self._changed:
            self.waiting += step
            self._changed.notify_all()
