"""The directory's room in the store: what was made through the Server API beside the configuration.

Each change is one transaction with the audit line that tells of it and the news for other processes, and names what it is a
change of: when that is another by now, or gone, nothing happens and ``None`` comes back. So of any two changes at once
one is made before the other, as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from proxy.model import (
    AuditEvent,
    ContentGuid,
    CredentialsGuid,
    FirstSeen,
    IntegrationGuid,
    StoredAssociation,
    StoredIntegration,
    Viewer,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDirectory:
    """All of it, at one moment."""

    integrations: Sequence[StoredIntegration]
    """In the order in which they were made."""
    associations: Sequence[StoredAssociation]
    """Of one content: in their order."""
    seen: Mapping[str, FirstSeen]
    """By the guids of contents and integrations, of the configuration's too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a change ended."""

    credentials: int = 0
    consents: int = 0


Tell = Callable[[Ended], Sequence[AuditEvent]]
"""Makes the audit lines of a change, when it is known what it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGrant:
    """Credentials as they are listed: without the tokens."""

    guid: CredentialsGuid
    viewer: Viewer
    integration_guid: IntegrationGuid
    has_refresh_token: bool
    created_at: datetime
    updated_at: datetime


class DirectoryRecords(Protocol):
    """Integrations, who may use them, and which contents do."""

    async def see(self, guids: Collection[str], *, now: datetime) -> None:
        """Remember that these contents and integrations are there; what is known already stays as it is."""

    async def read(self) -> StoredDirectory:
        """Return all of it."""

    async def names(self) -> Mapping[IntegrationGuid, str]:
        """Return what the integrations are called; waits for nobody who writes."""

    async def add_integration(self, made: StoredIntegration, *, tell: Tell) -> None:
        """Write a new one; ``Conflict`` when its guid, name or slug is there. Feed: ``DirectoryChanged``."""

    async def change_integration(self, changed: StoredIntegration, *, ends_grants: bool, tell: Tell) -> Ended | None:
        """Write it in the place of the one whose ``revision`` is one less; its guid and ``created_at`` stay.

        ``ends_grants``: delete its credentials and consents, too, as ``Store.disconnect`` does. ``Conflict`` when name or
        slug is another's. Feed: ``DirectoryChanged``, and those of ``disconnect``.
        """

    async def delete_integration(self, guid: IntegrationGuid, *, tell: Tell) -> Ended | None:
        """Delete it with its permissions and associations, its credentials and consents. Feed: as above."""

    async def associate(
        self,
        content_guid: ContentGuid,
        integration_guids: Sequence[IntegrationGuid],
        *,
        made: Collection[IntegrationGuid],
        now: datetime,
        tell: Tell,
    ) -> Ended | None:
        """Write the whole list of a content; those that stay keep their instant.

        ``made``: which of them were made through the API, and so may have been deleted; then nothing happens. Consents for
        what is in the list no more are deleted. Feed: ``DirectoryChanged``, ``ConsentEnded`` when something left the list.
        """

    async def grants(self, *, after: CredentialsGuid, most: int) -> Sequence[StoredGrant]:
        """Return everybody's credentials, by guid, those after ``after``."""

    async def grants_of(self, email: str, identified_by: IntegrationGuid) -> Sequence[StoredGrant]:
        """Return the credentials of whoever has this verified address (lower case), as that integration says."""

    async def grant(self, guid: CredentialsGuid) -> StoredGrant | None:
        """Return these credentials."""

    async def end_grant(self, credentials: StoredGrant, *, tell: Tell) -> Ended | None:
        """Delete these credentials, and the viewer's consents for their integration, as ``Store.disconnect`` does."""
