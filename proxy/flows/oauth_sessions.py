"""OAuth sessions, as Connect calls what one viewer granted to one integration: whose they are, and their end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

import structlog

from proxy.flows.administered import OAuthSession
from proxy.flows.audit import Lines
from proxy.flows.audit_actors import by
from proxy.flows.refused import NOT_ALLOWED, NOT_THERE, Refused
from proxy.model import ApiKey, AuditAction, AuditEvent, CredentialsGuid, Directory, Role
from proxy.policy.access import verified_email
from proxy.store.administration import DirectoryRecords, Ended, StoredGrant

BATCH = 500
"""What is read at once: some milliseconds, in which nobody else is served."""

log = structlog.get_logger(__name__)


class OAuthSessions:
    """Lists and ends them."""

    def __init__(
        self,
        *,
        directory: Directory,
        records: DirectoryRecords,
        now: Callable[[], datetime],
        catch_up: Callable[[], Awaitable[None]],
        lines: Lines,
    ) -> None:
        self._directory = directory
        self._records = records
        self._now = now
        self._catch_up = catch_up
        self._lines = lines

    async def all(self, caller: ApiKey, *, everybodys: bool) -> Sequence[OAuthSession] | Refused:
        """Return those of the person whom the key names, or everybody's to an administrator; the oldest first."""
        if caller.role is Role.CONTENT or (everybodys and caller.role is not Role.ADMINISTRATOR):
            return NOT_ALLOWED
        found = await (self._everybodys() if everybodys else self._own(caller))
        return [_session(row) for row in sorted(found, key=lambda row: (row.created_at, row.guid))]

    async def one(self, caller: ApiKey, guid: str) -> OAuthSession | Refused:
        """Return one."""
        found = await self._found(caller, guid)
        return found if isinstance(found, Refused) else _session(found)

    async def end(self, caller: ApiKey, guid: str) -> Refused | None:
        """End one: the tokens are given back at the provider, and no content has the viewer's consent for it any more."""
        found = await self._found(caller, guid)
        if isinstance(found, Refused):
            return found

        def tell(ended: Ended) -> Sequence[AuditEvent]:
            return self._lines(
                AuditEvent(
                    at=self._now(),
                    action=AuditAction.REVOCATION,
                    actor=by(caller),
                    viewer_guid=found.viewer.guid,
                    integration_guid=found.integration_guid,
                    detail={"credentials": str(ended.credentials), "consents": str(ended.consents)},
                )
            )

        ended = await self._records.end_grant(found, tell=tell)
        if ended is None:
            return NOT_THERE
        await self._catch_up()
        log.info("OAuth session ended", viewer=found.viewer.guid, integration=found.integration_guid, by=caller.name)
        return None

    async def _everybodys(self) -> list[StoredGrant]:
        found: list[StoredGrant] = []
        after = CredentialsGuid("")
        while rows := await self._records.grants(after=after, most=BATCH):
            found += rows
            after = rows[-1].guid
        return found

    async def _own(self, caller: ApiKey) -> list[StoredGrant]:
        """Look up one person's only: whoever has any key may ask for them, as often as they like."""
        source = self._directory.identified_by
        rows = [] if source is None or not caller.user else await self._records.grants_of(caller.user, source)
        return [row for row in rows if self._is_own(caller, row)]

    async def _found(self, caller: ApiKey, guid: str) -> StoredGrant | Refused:
        if caller.role is Role.CONTENT:
            return NOT_ALLOWED
        found = await self._records.grant(CredentialsGuid(guid))
        if found is None or not (caller.role is Role.ADMINISTRATOR or self._is_own(caller, found)):
            return NOT_THERE
        return found

    def _is_own(self, caller: ApiKey, row: StoredGrant) -> bool:
        viewer = row.viewer
        if viewer.identity is None or viewer.identified_by != self._directory.identified_by:
            return False
        return bool(caller.user) and verified_email(viewer.identity) == caller.user


def _session(row: StoredGrant) -> OAuthSession:
    return OAuthSession(
        id=_number(row.guid),
        guid=row.guid,
        user_guid=row.viewer.guid,
        integration_guid=row.integration_guid,
        has_refresh_token=row.has_refresh_token,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _number(guid: CredentialsGuid) -> str:
    """Return a number that follows from the guid: 52 bits of it, so that JSON's and R's numbers can hold it."""
    return str(UUID(guid).int >> 76)
