"""What a server publishes and we keep: its endpoints, its signing keys. Fetched once for everybody who waits.

A document is kept for a day, and longer while the server does not give a new one. Whoever finds it too old (a token signed
with a key that is not in it) has it fetched again, at most once in five minutes: tokens cost nothing to make up, so anybody
could have the server asked without end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Generic, TypeVar

from proxy.flows.single_flight import SingleFlight

KEPT_FOR = timedelta(hours=24)
"""MSAL and social-core keep key sets as long."""

ASK_AGAIN_AFTER = timedelta(minutes=5)
"""Between two requests for a document that we have: when it is old and cannot be had, and when somebody wants a newer."""

MISSING_FOR = timedelta(seconds=10)
"""A document that we never had and that could not be had is not asked for again for this long."""

CLOSE_GRACE_S = 1.0

Key = TypeVar("Key", bound=Hashable)
Document = TypeVar("Document")


@dataclass(slots=True)
class _Copy(Generic[Document]):
    document: Document | None = None
    fetched_at: datetime | None = None
    asked_at: datetime | None = None
    renewed_at: datetime | None = None
    """When it was last asked for because somebody wanted a newer one."""


class Published(Generic[Key, Document]):
    """The documents of one kind; keys are few (one per integration)."""

    def __init__(self, *, fetch: Callable[[Key], Awaitable[Document | None]], now: Callable[[], datetime]) -> None:
        """``fetch`` returns ``None`` for a document that cannot be had or used, within bounded time."""
        self._fetch = fetch
        self._now = now
        self._copies: dict[Key, _Copy[Document]] = {}
        self._flights: SingleFlight[Document | None] = SingleFlight()

    async def get(self, key: Key) -> Document | None:
        """Return the document; ``None``: it cannot be had now, try again later."""
        copy = self._copies.setdefault(key, _Copy())
        if key not in self._flights and self._is_good_for_now(copy):
            return copy.document
        return await self._ask(key, copy)

    async def get_newer(self, key: Key) -> Document | None:
        """Return the document as it is now, or the one at hand when it was asked for too recently."""
        copy = self._copies.setdefault(key, _Copy())
        if key not in self._flights:
            if copy.renewed_at is not None and self._now() < copy.renewed_at + ASK_AGAIN_AFTER:
                return copy.document
            copy.renewed_at = self._now()
        return await self._ask(key, copy)

    def forget(self, key: Key) -> None:
        """Forget a document; what is being fetched is for those who wait for it already."""
        self._copies.pop(key, None)
        self._flights.leave_behind(key)

    async def close(self) -> None:
        """Stop asking."""
        await self._flights.close(CLOSE_GRACE_S)

    def _is_good_for_now(self, copy: _Copy[Document]) -> bool:
        now = self._now()
        if copy.fetched_at is not None and now < copy.fetched_at + KEPT_FOR:
            return True
        pause = MISSING_FOR if copy.document is None else ASK_AGAIN_AFTER
        return copy.asked_at is not None and now < copy.asked_at + pause

    async def _ask(self, key: Key, copy: _Copy[Document]) -> Document | None:
        return await self._flights.join(key, partial(self._fetched, key, copy))

    async def _fetched(self, key: Key, copy: _Copy[Document]) -> Document | None:
        copy.asked_at = self._now()
        document = await self._fetch(key)
        if document is not None:
            copy.document, copy.fetched_at = document, copy.asked_at
        return copy.document
