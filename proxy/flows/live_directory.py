"""What contents and integrations there are now: those of the configuration, and what the API made beside them.

Everybody holds the same :class:`~proxy.model.Directory`; what it maps to is replaced as a whole, in one step, so whoever is
in the middle of a list goes on over the old one. A guid out of an old list may be in the new one no more.

The configuration goes before what is stored: an integration made through the API that has the guid of one in the
configuration is out of sight, and one whose slug is taken meanwhile gets a number behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import TypeVar

import structlog

from proxy.flows.stored_integrations import IntegrationSeal, gone_integration, integration_of, why_unusable
from proxy.model import (
    Anyone,
    Content,
    ContentGuid,
    Directory,
    FirstSeen,
    Integration,
    IntegrationGuid,
    StoredAssociation,
    StoredIntegration,
)
from proxy.policy.associations import association_problem
from proxy.policy.slugs import free_slug
from proxy.store.administration import DirectoryRecords, StoredDirectory

Key = TypeVar("Key")
Value = TypeVar("Value")

log = structlog.get_logger(__name__)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """What was read last."""

    integrations: Mapping[IntegrationGuid, StoredIntegration] = field(default_factory=dict)
    """Without those that the configuration hides."""
    all_integrations: Sequence[StoredIntegration] = ()
    associated_at: Mapping[tuple[ContentGuid, IntegrationGuid], datetime] = field(default_factory=dict)
    seen: Mapping[str, FirstSeen] = field(default_factory=dict)


class LiveDirectory:
    """Owns what is true now."""

    def __init__(
        self,
        configured: Directory,
        *,
        records: DirectoryRecords,
        seal: IntegrationSeal,
        now: Callable[[], datetime],
        forget: Callable[[Integration], None],
    ) -> None:
        """Take what the configuration defines; ``forget`` is called with what an integration was when it is another, or gone."""
        self._configured = configured
        self._records = records
        self._seal = seal
        self.now = now
        self._forget = forget
        self._contents: _Live[ContentGuid, Content] = _Live(configured.contents)
        self._integrations: _Live[IntegrationGuid, Integration] = _Live(configured.integrations)
        self.directory = replace(configured, contents=self._contents, integrations=self._integrations)
        """What everybody reads."""
        self._stored = _Stored()
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        """Read what is stored, and remember since when all of it is known; once, before anybody is served."""
        known = [*self._configured.contents, *self._configured.integrations]
        await self._records.see(known, now=self.now())
        await self.reload()
        for content in self.directory.contents.values():
            self._warn_of_closed_door(content)

    async def reload(self) -> None:
        """Read what is stored now, and let it be true; ``StoreUnavailable`` leaves everything as it was."""
        async with self._turn:  # else what was read first could stand last
            stored = await self._records.read()
            self._become(stored)

    def is_configured(self, guid: IntegrationGuid) -> bool:
        """Say whether the configuration defines this integration."""
        return guid in self._configured.integrations

    def stored(self, guid: IntegrationGuid) -> StoredIntegration | None:
        """Return the record of an integration that was made through the API; ``None``: there is none, or it is configured."""
        return self._stored.integrations.get(guid)

    def all_stored(self) -> Sequence[StoredIntegration]:
        """Return every record, also those that the configuration hides: their names are taken."""
        return self._stored.all_integrations

    def known(self) -> list[Integration]:
        """Return all that can be administered, in the order in which they became known."""
        found = (one for one in self._integrations.values() if self.is_known(one.guid))
        return sorted(found, key=lambda one: self.seen(one.guid).id)

    def is_known(self, guid: str) -> bool:
        """Say whether there is such an integration: some stand for one that is gone."""
        return guid in self._configured.integrations or guid in self._stored.integrations

    def seen(self, guid: ContentGuid | IntegrationGuid) -> FirstSeen:
        """Return since when a content or integration of the directory is known."""
        return self._stored.seen[guid]

    def associated_at(self, content: Content, integration: Integration) -> datetime:
        """Return since when the content uses the integration; in the configuration: since both are known."""
        known = max(self.seen(content.guid).at, self.seen(integration.guid).at)
        if content.are_integrations_configured:
            return known
        return self._stored.associated_at.get((content.guid, integration.guid), known)

    def _become(self, stored: StoredDirectory) -> None:
        """Exchange everything in one step; what stays the same stays the same object, for what was worked out from it."""
        before = dict(self._integrations)
        visible = [one for one in stored.integrations if one.guid not in self._configured.integrations]
        if not self._stored.seen and len(visible) < len(stored.integrations):  # told once, at start
            log.warning("integrations are hidden: the configuration has others of their guids")
        integrations = {**self._configured.integrations, **self._opened(visible, before)}
        contents = self._associated(stored.associations, integrations)
        self._stored = _Stored(
            integrations={one.guid: one for one in visible},
            all_integrations=stored.integrations,
            associated_at={(one.content_guid, one.integration_guid): one.created_at for one in stored.associations},
            seen=stored.seen,
        )
        self._contents.become(contents)
        self._integrations.become(integrations)
        for guid, old in before.items():
            if integrations.get(guid) is not old:
                self._forget(old)

    def _opened(
        self, stored: list[StoredIntegration], before: Mapping[IntegrationGuid, Integration]
    ) -> dict[IntegrationGuid, Integration]:
        taken = {one.slug for one in self._configured.integrations.values()}
        names = {one.name for one in self._configured.integrations.values()}
        found: dict[IntegrationGuid, Integration] = {}
        for record in stored:
            secrets = self._seal.opened(record)
            integration = integration_of(record, secrets, slug=free_slug(record.slug, taken))
            taken.add(integration.slug)
            if before.get(record.guid) == integration:
                integration = before[record.guid]
            else:
                _tell(record, integration, why_unusable(record, secrets), is_name_taken=record.name in names)
            found[record.guid] = integration
        return found

    def _associated(
        self,
        stored: Sequence[StoredAssociation],
        integrations: dict[IntegrationGuid, Integration],
    ) -> dict[ContentGuid, Content]:
        """Return the contents, with what the API says of those whose list the configuration leaves open."""
        said = {guid: list(of_one) for guid, of_one in groupby(stored, key=lambda one: one.content_guid)}
        found: dict[ContentGuid, Content] = {}
        for content in self._configured.contents.values():
            used = [] if content.are_integrations_configured else said.get(content.guid, [])
            for guid in (one.integration_guid for one in used):
                if guid not in integrations:
                    integrations[guid] = self._gone(guid, content)
            found[content.guid] = self._with(content, [integrations[one.integration_guid] for one in used])
        return found

    def _gone(self, guid: IntegrationGuid, content: Content) -> Integration:
        before, gone = self._integrations.get(guid), gone_integration(guid)
        if before is not None and before == gone:
            return before
        log.error("content needs an integration that is gone: nobody gets in", content=content.name, integration=guid)
        return gone

    def _with(self, content: Content, used: list[Integration]) -> Content:
        if content.are_integrations_configured:
            return content
        fitting = [one.guid for one in used if not association_problem(content, one)]
        before = self._contents[content.guid]
        return before if before.integrations == (*fitting,) else replace(content, integrations=tuple(fitting))

    def _warn_of_closed_door(self, content: Content) -> None:
        if self.directory.identified_by is not None or isinstance(content.access, Anyone):
            return
        used = (self._integrations.get(guid) for guid in content.integrations)
        if all(one is None or one.is_service_account for one in used):
            log.warning("nobody can sign in to a content until it has an integration", content=content.name)


def _tell(record: StoredIntegration, integration: Integration, because: str, *, is_name_taken: bool) -> None:
    facts = {"integration": record.guid, "name": record.name}
    if because:
        log.error("integration cannot be used", because=because, **facts)
    if integration.slug != record.slug:
        log.warning("slug is the configuration's now", slug=record.slug, instead=integration.slug, **facts)
    if is_name_taken:
        log.warning("name is the configuration's now", **facts)
