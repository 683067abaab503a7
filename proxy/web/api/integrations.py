"""Integrations over the API: ``v1/oauth/integrations`` and what is below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from proxy.flows.administered import IntegrationChanges, IntegrationRecord, NewIntegration
from proxy.model import Role
from proxy.providers import PROVIDERS
from proxy.providers.base import Provider
from proxy.web.api.answers import many, nothing, one
from proxy.web.api.associations import association
from proxy.web.api.bodies import guid, json_body
from proxy.web.api.grantees import granted_to, grants, guids_of_users
from proxy.web.api.integration_shapes import (
    INTEGRATION_PATCH,
    NEW_INTEGRATION,
    ChangedIntegrationAnswer,
    IntegrationAnswer,
    auth_type,
)
from proxy.web.api.refusals import ApiRefusal, granted
from proxy.web.api.shapes import rfc3339
from proxy.web.guards import CALLER
from proxy.web.services import API


async def list_integrations(request: web.Request) -> web.Response:
    """Answer ``GET v1/oauth/integrations``."""
    return many(await _answers(request, request.app[API].administration.integrations(request[CALLER])))


async def read_integration(request: web.Request) -> web.Response:
    """Answer ``GET v1/oauth/integrations/{guid}``."""
    record = granted(request.app[API].administration.integration(request[CALLER], guid(request)))
    return one(await _answer(request, record))


async def create_integration(request: web.Request) -> web.Response:
    """Answer ``POST v1/oauth/integrations``: 200, as Connect does."""
    asked = await json_body(request, NEW_INTEGRATION)
    config = _written(PROVIDERS.get(asked.template), asked.config)
    record = granted(
        await request.app[API].administration.create(
            request[CALLER],
            NewIntegration(
                name=asked.name or "",
                description=asked.description or "",
                template=asked.template,
                config={name: value for name, value in config.items() if value is not None},
                permissions=await grants(request, asked.permissions or []),
            ),
        )
    )
    return one(await _answer(request, record))


async def change_integration(request: web.Request) -> web.Response:
    """Answer ``PATCH v1/oauth/integrations/{guid}`` with the whole of it, and with what ended when it points elsewhere."""
    administration, caller = request.app[API].administration, request[CALLER]
    present = granted(administration.integration(caller, guid(request))).integration
    asked = await json_body(request, INTEGRATION_PATCH)
    changes = IntegrationChanges(
        name=asked.name,
        description=asked.description,
        template=asked.template,
        config=None if asked.config is None else _written(PROVIDERS.get(present.template), asked.config),
        permissions=None if asked.permissions is None else await grants(request, asked.permissions),
    )
    changed = granted(await administration.change(caller, present.guid, changes))
    said = await _answer(request, changed.record)
    if not changed.ended_credentials and not changed.ended_consents:
        return one(said)
    credentials, consents = changed.ended_credentials, changed.ended_consents
    return one(ChangedIntegrationAnswer(**said.model_dump(), ended_credentials=credentials, ended_consents=consents))


async def delete_integration(request: web.Request) -> web.Response:
    """Answer ``DELETE v1/oauth/integrations/{guid}``."""
    granted(await request.app[API].administration.delete(request[CALLER], guid(request)))
    return nothing()


async def verify_integration(request: web.Request) -> web.Response:
    """Answer ``POST v1/oauth/integrations/{guid}/verify``: 200 and nothing, as Connect does."""
    granted(await request.app[API].administration.verify(request[CALLER], guid(request)))
    return web.Response()


async def list_associations(request: web.Request) -> web.Response:
    """Answer ``GET v1/oauth/integrations/{guid}/associations``."""
    found = request.app[API].administration.associations_of_integration(request[CALLER], guid(request))
    return many(association(record) for record in granted(found))


async def _answer(request: web.Request, record: IntegrationRecord) -> IntegrationAnswer:
    return (await _answers(request, [record]))[0]


async def _answers(request: web.Request, records: Sequence[IntegrationRecord]) -> list[IntegrationAnswer]:
    guids = await guids_of_users(request, records)
    is_administrator = request[CALLER].role is Role.ADMINISTRATOR
    return [_said(record, guids, is_administrator=is_administrator) for record in records]


def _said(record: IntegrationRecord, guids: Mapping[str, str], *, is_administrator: bool) -> IntegrationAnswer:
    integration = record.integration
    return IntegrationAnswer(
        id=record.id,
        guid=integration.guid,
        created_time=rfc3339(record.created_at),
        updated_time=rfc3339(record.updated_at),
        name=integration.name,
        description=integration.description,
        template=integration.template,
        auth_type=auth_type(integration),
        config=_shown(PROVIDERS.get(integration.template), integration.config),
        permissions=granted_to(record, guids),
        environment_variables=[],
        content_count=record.content_count if is_administrator else None,
        everyone=record.everyone,
        is_configured=record.is_configured,
        slug=integration.slug,
    )


def _shown(provider: Provider | None, config: Mapping[str, str]) -> dict[str, str | bool]:
    """Return ``config`` as Connect writes it: flags are JSON's, what is empty or secret is not in it."""
    flags, secrets = _names(provider, kind="flag"), _names(provider, is_secret=True)
    said = {name: value for name, value in config.items() if value.strip() and name not in secrets}
    return {name: value.strip() == "true" if name in flags else value for name, value in said.items()}


def _written(provider: Provider | None, config: Mapping[str, str | bool | None]) -> dict[str, str | None]:
    """Return ``config`` as the recipes read it: all text."""
    flags = _names(provider, kind="flag")
    for name, value in config.items():
        if isinstance(value, bool) and provider is not None and name not in flags:
            raise ApiRefusal(400, 228, f"The config key {_known(provider, name)} must be text.")
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in config.items()}


def _names(provider: Provider | None, *, kind: str = "", is_secret: bool = False) -> frozenset[str]:
    fields = () if provider is None else provider.fields
    return frozenset(field.name for field in fields if field.kind == kind or (is_secret and field.secret))


def _known(provider: Provider, name: str) -> str:
    return name if name in {field.name for field in provider.fields} else "that is none of the template's"
