"""What administrators and publishers do through the Server API: integrations, which contents use them, OAuth sessions.

Whoever asks is an API key. The guards of the routes let only those in whose role may do it at all; here it is asked again,
with what only the records know: whose content it is, and who may use an integration.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.flows.administered import (
    AssociationRecord,
    IntegrationChanged,
    IntegrationChanges,
    IntegrationRecord,
    NewIntegration,
    OAuthSession,
)
from proxy.flows.live_directory import LiveDirectory
from proxy.flows.refused import NOT_ALLOWED, NOT_THERE, Refused
from proxy.model import ApiKey, Content, ContentGuid, Integration, IntegrationGuid, Role


class Administration:
    """Reads and changes the directory for one caller at a time."""

    def __init__(self, *, live: LiveDirectory) -> None:
        self._live = live
        self._directory = live.directory

    # — integrations ———————————————————————————————————————————————————————————————————————————

    def integrations(self, caller: ApiKey) -> Sequence[IntegrationRecord]:
        """Return those that the caller may use, in the order in which they became known; none for a content's key."""
        records = [self._record(one) for one in self._directory.integrations.values()]
        return sorted((one for one in records if _may_use(caller, one)), key=lambda record: int(record.id))

    def integration(self, caller: ApiKey, guid: str) -> IntegrationRecord | Refused:
        """Return one; that there is one which the caller may not use is not said."""
        if caller.role in {Role.CONTENT, Role.VIEWER}:
            return NOT_ALLOWED
        found = self._directory.integrations.get(IntegrationGuid(guid))
        record = None if found is None else self._record(found)
        return NOT_THERE if record is None or not _may_use(caller, record) else record

    async def create(self, caller: ApiKey, asked: NewIntegration) -> IntegrationRecord | Refused:
        """Make an integration."""
        raise NotImplementedError

    async def change(self, caller: ApiKey, guid: str, asked: IntegrationChanges) -> IntegrationChanged | Refused:
        """Change an integration; as another client, or at another server, its credentials end."""
        raise NotImplementedError

    async def delete(self, caller: ApiKey, guid: str) -> Refused | None:
        """Delete an integration; its credentials and associations go with it."""
        raise NotImplementedError

    async def verify(self, caller: ApiKey, guid: str) -> Refused | None:
        """Ask a service account's server for a token, and throw it away."""
        raise NotImplementedError

    # — which contents use which integrations ——————————————————————————————————————————————————

    def associations_of_integration(self, caller: ApiKey, guid: str) -> Sequence[AssociationRecord] | Refused:
        """Return the contents that use an integration."""
        if caller.role is not Role.ADMINISTRATOR:
            return NOT_ALLOWED
        integration = self._directory.integrations.get(IntegrationGuid(guid))
        if integration is None:
            return NOT_THERE
        return [
            self._association(content, integration)
            for content in self._directory.contents.values()
            if integration.guid in content.integrations
        ]

    def associations_of_content(self, caller: ApiKey, content_guid: str) -> Sequence[AssociationRecord] | Refused:
        """Return the integrations that a content uses, in order."""
        content = self._content(caller, content_guid)
        if isinstance(content, Refused):
            return content
        used = (self._directory.integrations.get(guid) for guid in content.integrations)
        return [self._association(content, one) for one in used if one is not None]

    async def associate(self, caller: ApiKey, content_guid: str, integration_guids: Sequence[str]) -> Refused | None:
        """Replace the whole list of a content."""
        raise NotImplementedError

    # — OAuth sessions —————————————————————————————————————————————————————————————————————————

    async def oauth_sessions(self, caller: ApiKey, *, everybodys: bool) -> Sequence[OAuthSession] | Refused:
        """Return the caller's own, or everybody's."""
        raise NotImplementedError

    async def oauth_session(self, caller: ApiKey, guid: str) -> OAuthSession | Refused:
        """Return one of the caller's own, or anybody's to an administrator."""
        raise NotImplementedError

    async def end_oauth_session(self, caller: ApiKey, guid: str) -> Refused | None:
        """End one: credentials and consents, for all contents."""
        raise NotImplementedError

    # — what is known —————————————————————————————————————————————————————————————————————————

    def _record(self, integration: Integration) -> IntegrationRecord:
        seen = self._live.seen(integration.guid)
        return IntegrationRecord(
            id=str(seen.id),
            integration=integration,
            created_at=seen.at,
            updated_at=seen.at,
            permissions=(),
            everyone=True,
            is_configured=self._live.is_configured(integration.guid),
            content_count=sum(integration.guid in one.integrations for one in self._directory.contents.values()),
        )

    def _association(self, content: Content, integration: Integration) -> AssociationRecord:
        created_at = max(self._live.seen(content.guid).at, self._live.seen(integration.guid).at)
        return AssociationRecord(content_guid=content.guid, integration=integration, created_at=created_at)

    def _content(self, caller: ApiKey, guid: str) -> Content | Refused:
        """Return a content that is the caller's business: its own key's, its owner's, any to an administrator."""
        content = self._directory.contents.get(ContentGuid(guid))
        if content is None:
            return NOT_THERE
        match caller.role:
            case Role.ADMINISTRATOR:
                is_theirs = True
            case Role.PUBLISHER:
                is_theirs = bool(caller.user) and content.owner.lower() == caller.user
            case Role.CONTENT:
                is_theirs = content.guid == caller.content_guid
            case Role.VIEWER:
                is_theirs = False
        return content if is_theirs else NOT_ALLOWED


def _may_use(caller: ApiKey, record: IntegrationRecord) -> bool:
    match caller.role:
        case Role.ADMINISTRATOR:
            return True
        case Role.PUBLISHER:
            return record.everyone or any(caller.user == grant.user for grant in record.permissions)
        case Role.CONTENT | Role.VIEWER:
            return False
