"""Changes of the directory through the API: one at a time in this process, each as a whole, and true for everybody at once.

What a change rests on is read when its turn has come, and asked again in its transaction: another process may have been
faster, and then it is judged anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog

from proxy.errors import Conflict
from proxy.flows.administered import IntegrationChanges, NewIntegration
from proxy.flows.audit import Lines
from proxy.flows.audit_actors import by
from proxy.flows.integration_wishes import Taken, Wishes
from proxy.flows.live_directory import LiveDirectory
from proxy.flows.refused import NOT_ALLOWED, NOT_THERE, Refused, refusal
from proxy.flows.stored_integrations import IntegrationSeal, integration_of
from proxy.model import (
    ApiKey,
    AuditAction,
    AuditEvent,
    Content,
    ContentGuid,
    Integration,
    IntegrationGuid,
    Role,
    StoredIntegration,
)
from proxy.policy.associations import association_problem
from proxy.providers import PROVIDERS
from proxy.providers.registration import authorization_server
from proxy.store.administration import DirectoryRecords, Ended, Tell

MOST_TRIES = 3
"""Of a change that another process overtakes each time."""

log = structlog.get_logger(__name__)


class DirectoryChanges:
    """Makes them."""

    def __init__(
        self,
        *,
        live: LiveDirectory,
        records: DirectoryRecords,
        seal: IntegrationSeal,
        wishes: Wishes,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
        catch_up: Callable[[], Awaitable[None]],
        note: Callable[[], Awaitable[None]],
        lines: Lines,
    ) -> None:
        """``catch_up``: let what the store's feed tells be true here at once; ``note``: write down which clients there are,
        so that what is granted to them can be given back some day.
        """
        self._live = live
        self._records = records
        self._seal = seal
        self._wishes = wishes
        self._now = now
        self._random_bytes = random_bytes
        self._catch_up = catch_up
        self._note = note
        self._lines = lines
        self._turn = asyncio.Lock()

    async def create(self, caller: ApiKey, asked: NewIntegration) -> IntegrationGuid | Refused:
        """Make an integration."""
        async with self._turn:
            guid = IntegrationGuid(str(UUID(bytes=self._random_bytes(16), version=4)))
            made = self._wishes.made(asked, self._taken(), guid=guid, now=self._now())
            if isinstance(made, Refused):
                return made
            tell = self._tell(caller, AuditAction.INTEGRATION_CREATED, made.guid, {"name": made.name})
            try:
                await self._records.add_integration(made, tell=tell)
            except Conflict:  # another process made one of this name just now
                return _OVERTAKEN
            await self._took_effect()
            log.info("integration created", integration=made.guid, name=made.name, by=caller.name)
            return made.guid

    async def change(self, caller: ApiKey, guid: IntegrationGuid, asked: IntegrationChanges) -> Ended | Refused:
        """Change an integration; as another client, or at another server, its grants end."""
        async with self._turn:
            for _ in range(MOST_TRIES):
                present = self._live.stored(guid)
                if present is None:
                    return self._not_stored(guid)
                changed = self._wishes.changed(present, asked, self._taken(), now=self._now())
                if isinstance(changed, Refused):
                    return changed
                after = integration_of(changed, self._seal.opened(changed), slug=changed.slug)
                if (problem := self._no_longer_fits(after)) is not None:
                    return problem
                is_other = _is_another_client(present, changed)
                changed = replace(changed, generation=present.generation + is_other)
                tell = self._tell(caller, AuditAction.INTEGRATION_CHANGED, guid, _told_of(present, changed))
                try:
                    ended = await self._records.change_integration(changed, ends_grants=is_other, tell=tell)
                except Conflict:
                    return _OVERTAKEN
                if ended is not None:
                    await self._took_effect()
                    log.info(
                        "integration changed", integration=guid, name=changed.name, by=caller.name,
                        credentials_ended=ended.credentials, consents_ended=ended.consents,
                    )  # fmt: skip
                    return ended
                await self._catch_up()  # another process was faster
            return _OVERTAKEN

    async def delete(self, caller: ApiKey, guid: IntegrationGuid) -> Refused | None:
        """Delete an integration, with what hangs on it."""
        async with self._turn:
            present = self._live.stored(guid)
            if present is None:
                return self._not_stored(guid)
            tell = self._tell(caller, AuditAction.INTEGRATION_DELETED, guid, {"name": present.name})
            ended = await self._records.delete_integration(guid, tell=tell)
            await self._took_effect()
            if ended is None:
                return NOT_THERE
            log.info(
                "integration deleted", integration=guid, name=present.name, by=caller.name,
                credentials_ended=ended.credentials, consents_ended=ended.consents,
            )  # fmt: skip
            return None

    async def associate(self, caller: ApiKey, content_guid: ContentGuid, wanted: Sequence[str]) -> Refused | None:
        """Replace the list of a content that is the caller's business."""
        async with self._turn:
            content = self._live.directory.contents.get(content_guid)
            if content is None:
                return NOT_THERE
            integrations = self._associable(caller, content, wanted)
            if isinstance(integrations, Refused):
                return integrations
            guids = [one.guid for one in integrations]
            detail = {"integrations": " ".join(guids)}
            tell = self._tell(caller, AuditAction.ASSOCIATIONS_CHANGED, None, detail, content_guid=content.guid)
            made = [guid for guid in guids if self._live.stored(guid) is not None]
            ended = await self._records.associate(content.guid, guids, made=made, now=self._now(), tell=tell)
            await self._took_effect()
            if ended is None:
                return _UNKNOWN_INTEGRATION
            log.info(
                "associations changed", content=content.guid, integrations=guids, by=caller.name,
                consents_ended=ended.consents,
            )  # fmt: skip
            return None

    async def _took_effect(self) -> None:
        """Let a change that is written be true here; other processes hear of it within a second."""
        await self._catch_up()
        await self._note()

    def _associable(self, caller: ApiKey, content: Content, wanted: Sequence[str]) -> list[Integration] | Refused:
        if content.are_integrations_configured:
            text = f"defined in config.yaml: change content[].integrations of `{content.name}` there"
            return Refused(status=409, code=2, text=text)
        if len(set(wanted)) < len(wanted):
            return refusal(258, "An integration is named twice.")
        found: list[Integration] = []
        for guid in wanted:
            integration = self._live.directory.integrations.get(IntegrationGuid(guid))
            if integration is None or not self._live.is_known(guid):
                return _UNKNOWN_INTEGRATION
            if not self.may_use(caller, integration.guid):
                return NOT_ALLOWED
            if problem := association_problem(content, integration):
                return refusal(209, f"{problem[0].upper()}{problem[1:]}.")
            found.append(integration)
        return found

    def may_use(self, caller: ApiKey, guid: IntegrationGuid) -> bool:
        """Say whether the caller may associate this integration, and so may know of it."""
        stored = self._live.stored(guid)
        match caller.role:
            case Role.ADMINISTRATOR:
                return True
            case Role.PUBLISHER:
                named = () if stored is None else stored.permissions
                return not named or any(grant.user == caller.user for grant in named if grant.user)
            case Role.CONTENT | Role.VIEWER:
                return False

    def _taken(self) -> Taken:
        here, stored = self._live.directory.integrations.values(), self._live.all_stored()
        return Taken(
            names={*(one.name for one in here), *(one.name for one in stored)},
            slugs={*(one.slug for one in here), *(one.slug for one in stored)},
        )

    def _not_stored(self, guid: IntegrationGuid) -> Refused:
        if not self._live.is_configured(guid):
            return NOT_THERE
        name = self._live.directory.integrations[guid].name
        text = f"defined in config.yaml: change the integration `{name}` there"
        return Refused(status=409, code=2, text=text)

    def _no_longer_fits(self, after: Integration) -> Refused | None:
        """Refuse what would leave a content with an integration that it cannot have."""
        for content in self._live.directory.contents.values():
            if after.guid in content.integrations and (problem := association_problem(content, after)):
                return refusal(228, f"The config key auth_type: the content `{content.name}` uses it: {problem}.")
        return None

    def _tell(
        self,
        caller: ApiKey,
        action: AuditAction,
        guid: IntegrationGuid | None,
        detail: Mapping[str, str],
        *,
        content_guid: ContentGuid | None = None,
    ) -> Tell:
        def tell(ended: Ended) -> Sequence[AuditEvent]:
            counts = {"credentials_ended": ended.credentials, "consents_ended": ended.consents}
            return self._lines(
                AuditEvent(
                    at=self._now(),
                    action=action,
                    actor=by(caller),
                    integration_guid=guid,
                    content_guid=content_guid,
                    detail={**detail, **{name: str(count) for name, count in counts.items() if count}},
                )
            )

        return tell


def _is_another_client(before: StoredIntegration, after: StoredIntegration) -> bool:
    """Say whether whoever consented before meant somebody else: another client, or any other endpoint of the server's.

    Also those that are no part of the fingerprint: tokens are sent to the userinfo and revocation endpoints.
    """
    provider = PROVIDERS[after.template]
    try:
        old, new = (authorization_server(provider, integration_of(one, {}, slug="")) for one in (before, after))
    except ValueError:  # nobody knows what it was
        return True
    return old != new or before.config.get("client_id") != after.config.get("client_id")


def _told_of(present: StoredIntegration, changed: StoredIntegration) -> Mapping[str, str]:
    """Name what is another now; never a value: a config may hold a secret in a wrong place."""
    fields = [
        name
        for name in ("name", "description", "client_secret", "private_key", "permissions")
        if getattr(present, name) != getattr(changed, name)
    ]
    keys = sorted({*present.config, *changed.config})
    fields += [key for key in keys if present.config.get(key) != changed.config.get(key)]
    return {"name": changed.name, "changed": " ".join(fields)}


_UNKNOWN_INTEGRATION = refusal(207, "There is no integration with that guid.")
_OVERTAKEN = Refused(status=409, code=2, text="Somebody else changed this at the same time: read it again.")
