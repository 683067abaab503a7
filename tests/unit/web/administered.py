"""Administration as the web tests need it: answers what a test puts into it, and remembers what it was told to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from proxy.flows.administered import AssociationRecord, IntegrationChanged, IntegrationRecord, OAuthSession
from proxy.flows.refused import Refused
from proxy.flows.users import User, UserRole
from proxy.model import ApiKey, ContentGuid, CredentialsGuid, Integration, IntegrationGuid, PermissionGrant, ViewerGuid
from proxy.policy.guids import user_guid

BORN = datetime(2026, 3, 1, 12, 0, 5, 999_999, tzinfo=UTC)
TOUCHED = datetime(2026, 4, 1, tzinfo=UTC)


def record_of(integration: Integration, **more: Any) -> IntegrationRecord:
    sound = {"id": "7", "created_at": BORN, "updated_at": TOUCHED, "permissions": (), "everyone": True,
             "is_configured": False, "content_count": 3}  # fmt: skip
    return IntegrationRecord(integration=integration, **(sound | more))


def session_of(viewer: ViewerGuid, integration: IntegrationGuid) -> OAuthSession:
    return OAuthSession(id="4", guid=CredentialsGuid("55555555-5555-4555-8555-555555555555"), user_guid=viewer,
                        integration_guid=integration, has_refresh_token=True, created_at=BORN,
                        updated_at=TOUCHED)  # fmt: skip


@dataclass
class Administered:
    """Whatever is asked for is answered; ``refusal`` goes before all."""

    record: IntegrationRecord
    content: ContentGuid
    session: OAuthSession
    refusal: Refused | None = None
    ended: tuple[int, int] = (0, 0)
    done: list[tuple[str, Any]] = field(default_factory=list)
    """What would have changed something."""
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def integrations(self, caller: ApiKey) -> Sequence[IntegrationRecord]:
        return [self.record]

    def integration(self, caller: ApiKey, guid: str) -> IntegrationRecord | Refused:
        self.asked.append(("integration", guid))
        return self.refusal or self.record

    async def create(self, caller: ApiKey, asked: object) -> IntegrationRecord | Refused:
        return self._do("create", asked) or self.record

    async def change(self, caller: ApiKey, guid: str, asked: object) -> IntegrationChanged | Refused:
        credentials, consents = self.ended
        changed = IntegrationChanged(record=self.record, ended_credentials=credentials, ended_consents=consents)
        return self._do("change", asked) or changed

    async def delete(self, caller: ApiKey, guid: str) -> Refused | None:
        return self._do("delete", guid)

    async def verify(self, caller: ApiKey, guid: str) -> Refused | None:
        return self._do("verify", guid)

    def associations_of_integration(self, caller: ApiKey, guid: str) -> Sequence[AssociationRecord] | Refused:
        return self.refusal or [self._association()]

    def associations_of_content(self, caller: ApiKey, content_guid: str) -> Sequence[AssociationRecord] | Refused:
        return self.refusal or [self._association()]

    async def associate(self, caller: ApiKey, content_guid: str, integration_guids: Sequence[str]) -> Refused | None:
        return self._do("associate", (content_guid, tuple(integration_guids)))

    async def oauth_sessions(self, caller: ApiKey, *, everybodys: bool) -> Sequence[OAuthSession] | Refused:
        self.asked.append(("sessions", everybodys))
        return self.refusal or [self.session]

    async def oauth_session(self, caller: ApiKey, guid: str) -> OAuthSession | Refused:
        return self.refusal or self.session

    async def end_oauth_session(self, caller: ApiKey, guid: str) -> Refused | None:
        return self._do("end session", guid)

    def _association(self) -> AssociationRecord:
        return AssociationRecord(content_guid=self.content, integration=self.record.integration, created_at=BORN)

    def _do(self, what: str, asked: object) -> Refused | None:
        if self.refusal is None:
            self.done.append((what, asked))
        return self.refusal


class People:
    """Two of them."""

    KNOWN = ("ada@example.org", "bob@example.org")

    async def guid(self, email: str) -> str:
        return user_guid(email)

    async def by_email(self, email: str) -> User:
        return User(
            guid=user_guid(email), username=email, email=email, role=UserRole.VIEWER,
            created_at=datetime(2026, 2, 1, tzinfo=UTC),
        )  # fmt: skip

    async def by_guid(self, guid: str) -> User | None:
        email = await self.email(guid)
        return None if email is None else await self.by_email(email)

    async def caller(self, key: ApiKey) -> User:
        return await self.by_email(key.user or "nobody@example.org")

    async def everybody(self) -> list[User]:
        return [await self.by_email(email) for email in self.KNOWN]

    async def email(self, guid: str) -> str | None:
        return next((email for email in self.KNOWN if user_guid(email) == guid), None)


def grant(user: str = "", group: str = "") -> PermissionGrant:
    return PermissionGrant(user=user, group=group)
