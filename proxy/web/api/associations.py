"""Which integrations a content uses: ``v1/content/{content_guid}/oauth/integrations/associations``."""

from __future__ import annotations

from aiohttp import web

from proxy.flows.administered import AssociationRecord
from proxy.web.api.answers import many, nothing
from proxy.web.api.bodies import guid, json_body
from proxy.web.api.integration_shapes import ASSOCIATIONS, AssociationAnswer, auth_type
from proxy.web.api.refusals import granted
from proxy.web.api.shapes import rfc3339
from proxy.web.guards import CALLER
from proxy.web.services import API


async def list_content_associations(request: web.Request) -> web.Response:
    """Answer ``GET``: an array, in the order of their headers."""
    content = guid(request, "content_guid")
    found = request.app[API].administration.associations_of_content(request[CALLER], content)
    return many(association(record) for record in granted(found))


async def set_content_associations(request: web.Request) -> web.Response:
    """Answer ``PUT``: the whole list is another one; 204."""
    content = guid(request, "content_guid")
    asked = [one.oauth_integration_guid.lower() for one in await json_body(request, ASSOCIATIONS)]
    granted(await request.app[API].administration.associate(request[CALLER], content, asked))
    return nothing()


def association(record: AssociationRecord) -> AssociationAnswer:
    """Return one association in Connect's words."""
    integration = record.integration
    return AssociationAnswer(
        app_guid=record.content_guid,
        content_guid=record.content_guid,
        oauth_integration_guid=integration.guid,
        oauth_integration_name=integration.name,
        oauth_integration_description=integration.description,
        oauth_integration_template=integration.template,
        oauth_integration_auth_type=auth_type(integration),
        created_time=rfc3339(record.created_at),
    )
