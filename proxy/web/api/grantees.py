"""Who may use an integration, by guid as Connect's API has it: people and groups, which here are names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from aiohttp import web

from proxy.flows.administered import IntegrationRecord
from proxy.model import Named, PermissionGrant
from proxy.policy.guids import group_guid, permission_guid
from proxy.web.api.integration_shapes import PermissionAnswer, PermissionInput
from proxy.web.api.refusals import ApiRefusal
from proxy.web.services import API


async def grants(request: web.Request, asked: Sequence[PermissionInput]) -> tuple[PermissionGrant, ...]:
    """Return who is meant; a guid of nobody is refused."""
    return tuple([await _grant(request, one) for one in asked])


async def guids_of_users(request: web.Request, records: Iterable[IntegrationRecord]) -> Mapping[str, str]:
    """Return the guids of all people whom these integrations name, each looked up once."""
    named = {grant.user for record in records for grant in record.permissions if grant.user}
    return {email: await request.app[API].users.guid(email) for email in named}


def granted_to(record: IntegrationRecord, guids: Mapping[str, str]) -> list[PermissionAnswer]:
    """Return who may use the integration; ``guids``: of ``guids_of_users``."""
    guid = record.integration.guid
    return [
        PermissionAnswer(
            id=str(position),
            guid=permission_guid(guid, grant),
            integration_guid=guid,
            user_guid=guids[grant.user] if grant.user else None,
            group_guid=group_guid(grant.group) if grant.group else None,
        )
        for position, grant in enumerate(record.permissions, start=1)
    ]


async def _grant(request: web.Request, asked: PermissionInput) -> PermissionGrant:
    if asked.user_guid is not None:
        email = await request.app[API].users.email(asked.user_guid.lower())
        if email is None:
            raise ApiRefusal(400, 261, "There is no user with that user_guid: `GET v1/users` lists them.")
        return PermissionGrant(user=email)
    group = _groups(request).get((asked.group_guid or "").lower())
    if group is None:
        raise ApiRefusal(
            400, 262, "There is no group with that group_guid: those of the configuration's access rules are known."
        )
    return PermissionGrant(group=group)


def _groups(request: web.Request) -> dict[str, str]:
    """Return the groups that the configuration names, by guid; nothing else here knows any."""
    rules = (content.access for content in request.app[API].directory.contents.values())
    return {group_guid(name): name for rule in rules if isinstance(rule, Named) for name in rule.groups}
