"""What contents and integrations there are now: those of the configuration, and those that the API made.

Everybody holds the same :class:`~proxy.model.Directory`; what it maps to is replaced as a whole, in one step, so whoever is
in the middle of a list goes on over the old one. A guid out of an old list may be in the new one no more.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from proxy.model import Content, ContentGuid, Directory, FirstSeen, Integration, IntegrationGuid

Key = TypeVar("Key")
Value = TypeVar("Value")


class _Live(Mapping[Key, Value]):
    """A mapping whose whole content is exchanged at once; its views are of the moment at which they were taken."""

    __slots__ = ("_present",)

    def __init__(self, present: Mapping[Key, Value]) -> None:
        self._present = dict(present)

    def become(self, present: Mapping[Key, Value]) -> None:
        self._present = dict(present)

    def __getitem__(self, key: Key) -> Value:
        return self._present[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._present)

    def __len__(self) -> int:
        return len(self._present)

    # Those of ``Mapping`` look each value up when its turn comes: by then it may be gone.

    def keys(self) -> KeysView[Key]:
        return self._present.keys()

    def values(self) -> ValuesView[Value]:
        return self._present.values()

    def items(self) -> ItemsView[Key, Value]:
        return self._present.items()


class LiveDirectory:
    """Owns what is true now."""

    def __init__(self, configured: Directory, *, now: Callable[[], datetime]) -> None:
        self._configured = configured
        self._now = now
        self._contents: _Live[ContentGuid, Content] = _Live(configured.contents)
        self._integrations: _Live[IntegrationGuid, Integration] = _Live(configured.integrations)
        self.directory = replace(configured, contents=self._contents, integrations=self._integrations)
        """What everybody reads."""
        self._seen: Mapping[str, FirstSeen] = {}

    async def load(self) -> None:
        """Read what is stored; once, before anybody is served."""
        now = self._now()
        known = (*self._configured.contents, *self._configured.integrations)
        self._seen = {guid: FirstSeen(id=position, at=now) for position, guid in enumerate(known, start=1)}

    def is_configured(self, guid: IntegrationGuid) -> bool:
        """Say whether the configuration defines this integration."""
        return guid in self._configured.integrations

    def seen(self, guid: ContentGuid | IntegrationGuid) -> FirstSeen:
        """Return since when a content or integration of the directory is known."""
        return self._seen[guid]
