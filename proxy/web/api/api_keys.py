"""Keys of the Server API, for administrators: list, make, revoke."""

from __future__ import annotations

import structlog
from aiohttp import web

from proxy.flows.api_keys import NewApiKey
from proxy.flows.audit_actors import by
from proxy.model import ApiKey, ContentGuid, Role
from proxy.web.api.answers import many, nothing, one
from proxy.web.api.api_key_shapes import NEW_API_KEY, ApiKeyAnswer, MadeApiKeyAnswer
from proxy.web.api.bodies import guid, json_body
from proxy.web.api.refusals import granted
from proxy.web.api.shapes import rfc3339
from proxy.web.guards import CALLER
from proxy.web.requests import request_id
from proxy.web.services import API

log = structlog.get_logger("api")


async def list_api_keys(request: web.Request) -> web.Response:
    """Answer ``GET v1/api_keys``."""
    return many(ApiKeyAnswer.model_validate(_facts(key)) for key in request.app[API].keys.all())


async def create_api_key(request: web.Request) -> web.Response:
    """Answer ``POST v1/api_keys``: with the key itself, this once."""
    asked = await json_body(request, NEW_API_KEY)
    new = NewApiKey(
        name=asked.name, role=Role(asked.role), user=asked.user or "",
        content_guid=ContentGuid(asked.content_guid.lower()) if asked.content_guid else None,
    )  # fmt: skip
    made = granted(await request.app[API].keys.create(new, by=by(request[CALLER])))
    _tell("API key created", made.key, request)
    return one(MadeApiKeyAnswer.model_validate(_facts(made.key) | {"key": made.secret.reveal()}))


async def revoke_api_key(request: web.Request) -> web.Response:
    """Answer ``DELETE v1/api_keys/{guid}``."""
    revoked = granted(await request.app[API].keys.revoke(guid(request), by=by(request[CALLER])))
    _tell("API key revoked", revoked, request)
    return nothing()


def _tell(what: str, key: ApiKey, request: web.Request) -> None:
    by, its_id = request[CALLER].name, request_id(request)
    log.info(what, api_key=key.guid, name=key.name, role=key.role.value, by=by, request_id=its_id)


def _facts(key: ApiKey) -> dict[str, object]:
    return {
        "guid": key.guid,
        "name": key.name,
        "role": key.role.value,
        "user": key.user or None,
        "content_guid": key.content_guid,
        "created_time": None if key.created_at is None else rfc3339(key.created_at),
        "last_used_time": None if key.last_used_at is None else rfc3339(key.last_used_at),
        "is_configured": key.created_at is None,
    }
