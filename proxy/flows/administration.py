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
from proxy.flows.audit import Record
from proxy.flows.audit_actors import by
from proxy.flows.directory_changes import DirectoryChanges
from proxy.flows.live_directory import LiveDirectory
from proxy.flows.oauth_sessions import OAuthSessions
from proxy.flows.refused import NOT_ALLOWED, NOT_THERE, Refused
from proxy.flows.verification import Verification
from proxy.model import ApiKey, AuditAction, AuditEvent, Content, ContentGuid, Integration, IntegrationGuid, Role
from proxy.policy.permissions import owns


class Administration:
    """Reads and changes the directory for one caller at a time."""

    def __init__(
        self,
        *,
        live: LiveDirectory,
        changes: DirectoryChanges,
        sessions: OAuthSessions,
        verification: Verification,
        record: Record,
    ) -> None:
        self._live = live
        self._directory = live.directory
        self._changes = changes
        self._sessions = sessions
        self._verification = verification
        self._tell = record

    # — integrations ———————————————————————————————————————————————————————————————————————————

    def integrations(self, caller: ApiKey) -> Sequence[IntegrationRecord]:
        """Return those that the caller may use, in the order in which they became known; none for a content's key."""
        return [self._record(one) for one in self._live.known() if self._changes.may_use(caller, one.guid)]

    def integration(self, caller: ApiKey, guid: str) -> IntegrationRecord | Refused:
        """Return one; that there is one which the caller may not use is not said."""
        if caller.role in {Role.CONTENT, Role.VIEWER}:
            return NOT_ALLOWED
        found = self._found(guid)
        return NOT_THERE if found is None or not self._changes.may_use(caller, found.guid) else self._record(found)

    async def create(self, caller: ApiKey, asked: NewIntegration) -> IntegrationRecord | Refused:
        """Make an integration."""
        if caller.role is not Role.ADMINISTRATOR:
            return NOT_ALLOWED
        made = await self._changes.create(caller, asked)
        return made if isinstance(made, Refused) else self.integration(caller, made)

    async def change(self, caller: ApiKey, guid: str, asked: IntegrationChanges) -> IntegrationChanged | Refused:
        """Change an integration; as another client, or at another server, its credentials end."""
        if caller.role is not Role.ADMINISTRATOR:
            return NOT_ALLOWED
        ended = await self._changes.change(caller, IntegrationGuid(guid), asked)
        if isinstance(ended, Refused):
            return ended
        record = self.integration(caller, guid)
        if isinstance(record, Refused):  # deleted just now
            return record
        return IntegrationChanged(record=record, ended_credentials=ended.credentials, ended_consents=ended.consents)

    async def delete(self, caller: ApiKey, guid: str) -> Refused | None:
        """Delete an integration; its credentials and associations go with it."""
        if caller.role is not Role.ADMINISTRATOR:
            return NOT_ALLOWED
        return await self._changes.delete(caller, IntegrationGuid(guid))

    async def verify(self, caller: ApiKey, guid: str) -> Refused | None:
        """Ask a service account's server for a token, and throw it away."""
        if caller.role is not Role.ADMINISTRATOR:
            return NOT_ALLOWED
        found = self._found(guid)
        if found is None:
            return NOT_THERE
        refused = await self._verification.of(found)
        self._tell(
            AuditEvent(
                at=self._live.now(),
                action=AuditAction.INTEGRATION_VERIFIED,
                actor=by(caller),
                integration_guid=found.guid,
                detail={"outcome": "ok" if refused is None else str(refused.code)},
            )
        )
        return refused

    # — which contents use which integrations ——————————————————————————————————————————————————

    def associations_of_integration(self, caller: ApiKey, guid: str) -> Sequence[AssociationRecord] | Refused:
        """Return the contents that use an integration."""
        if caller.role is not Role.ADMINISTRATOR:
            return NOT_ALLOWED
        integration = self._found(guid)
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
        used = (self._found(guid) for guid in content.integrations)
        return [self._association(content, one) for one in used if one is not None]

    async def associate(self, caller: ApiKey, content_guid: str, integration_guids: Sequence[str]) -> Refused | None:
        """Replace the whole list of a content."""
        content = self._content(caller, content_guid)
        if isinstance(content, Refused):
            return content
        if caller.role is Role.CONTENT:
            return NOT_ALLOWED
        return await self._changes.associate(caller, content.guid, integration_guids)

    # — OAuth sessions —————————————————————————————————————————————————————————————————————————

    async def oauth_sessions(self, caller: ApiKey, *, everybodys: bool) -> Sequence[OAuthSession] | Refused:
        """Return the caller's own, or everybody's."""
        return await self._sessions.all(caller, everybodys=everybodys)

    async def oauth_session(self, caller: ApiKey, guid: str) -> OAuthSession | Refused:
        """Return one of the caller's own, or anybody's to an administrator."""
        return await self._sessions.one(caller, guid)

    async def end_oauth_session(self, caller: ApiKey, guid: str) -> Refused | None:
        """End one: credentials and consents, for all contents."""
        return await self._sessions.end(caller, guid)

    # — what is known —————————————————————————————————————————————————————————————————————————

    def _found(self, guid: str) -> Integration | None:
        return self._directory.integrations.get(IntegrationGuid(guid)) if self._live.is_known(guid) else None

    def _record(self, integration: Integration) -> IntegrationRecord:
        seen, stored = self._live.seen(integration.guid), self._live.stored(integration.guid)
        return IntegrationRecord(
            id=str(seen.id),
            integration=integration,
            created_at=seen.at if stored is None else stored.created_at,
            updated_at=seen.at if stored is None else stored.updated_at,
            permissions=() if stored is None else stored.permissions,
            everyone=stored is None or not stored.permissions,
            is_configured=stored is None,
            content_count=sum(integration.guid in one.integrations for one in self._directory.contents.values()),
        )

    def _association(self, content: Content, integration: Integration) -> AssociationRecord:
        return AssociationRecord(
            content_guid=content.guid,
            integration=integration,
            created_at=self._live.associated_at(content, integration),
        )

    def _content(self, caller: ApiKey, guid: str) -> Content | Refused:
        """Return a content that is the caller's business: its own key's, its owner's, any to an administrator."""
        content = self._directory.contents.get(ContentGuid(guid))
        if content is None:
            return NOT_THERE
        match caller.role:
            case Role.ADMINISTRATOR:
                is_theirs = True
            case Role.PUBLISHER:
                is_theirs = owns(caller, content)
            case Role.CONTENT:
                is_theirs = content.guid == caller.content_guid
            case Role.VIEWER:
                is_theirs = False
        return content if is_theirs else NOT_ALLOWED
