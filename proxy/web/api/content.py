"""Contents: what Connect's clients ask about an app, most of all about the one that they run in."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from proxy.flows.users import User
from proxy.model import Access, Anyone, ApiKey, Content, ContentGuid, Named, Role, SignedIn
from proxy.policy.permissions import Grant, Verb, may_open, owns, permitted
from proxy.web.api.answers import many, one
from proxy.web.api.bodies import guid, query
from proxy.web.api.content_shapes import NOTHING_KNOWN, ContentAnswer
from proxy.web.api.refusals import ApiRefusal
from proxy.web.api.shapes import rfc3339
from proxy.web.api.users import shown_as_owner
from proxy.web.guards import CALLER
from proxy.web.services import API


async def read_content(request: web.Request) -> web.Response:
    """Answer ``GET v1/content/{content_guid}``."""
    content = request.app[API].directory.contents.get(ContentGuid(guid(request, "content_guid")))
    if content is None:
        raise ApiRefusal(404, 4, "There is no content with this guid.")
    [answer] = await _shown(request, [content])
    return one(answer)


async def list_content(request: web.Request) -> web.Response:
    """Answer ``GET v1/content``: what the caller may see, the oldest first."""
    services, caller, asked = request.app[API], request[CALLER], query(request)
    seen = [
        content
        for content in services.directory.contents.values()
        if permitted(Verb.READ_CONTENT, caller, guid=content.guid, content=content) is Grant.YES
        and asked.get("name", content.name) == content.name
    ]
    seen.sort(key=lambda content: services.first_seen(content.guid).id)
    answers = await _shown(request, seen)
    owner = asked.get("owner_guid")
    return many(answer for answer in answers if owner is None or answer.owner_guid == owner.lower())


async def _shown(request: web.Request, contents: Sequence[Content]) -> list[ContentAnswer]:
    users, included = request.app[API].users, set(query(request).get("include", "").split(","))
    owners = {email: await users.by_email(email) for email in dict.fromkeys(one.owner for one in contents) if email}
    return [_answer(request, content, owners.get(content.owner), included) for content in contents]


def _answer(request: web.Request, content: Content, owner: User | None, included: set[str]) -> ContentAnswer:
    """What is asked for under ``include`` and not known is left out: clients ask for more than there is."""
    services = request.app[API]
    seen = services.first_seen(content.guid)
    url = (content.origin or services.public_url) + content.path
    more: dict[str, object] = {"owner": shown_as_owner(owner) if owner else None, "tags": [], "vanity_url": None}
    return ContentAnswer.model_validate(
        NOTHING_KNOWN
        | {name: value for name, value in more.items() if name in included}
        | {
            "id": str(seen.id),
            "guid": content.guid,
            "name": content.name,
            "title": content.title,
            "description": "",
            "app_mode": content.app_mode,
            "content_category": "",
            "access_type": _access_type(content.access),
            "app_role": _app_role(request[CALLER], content),
            "owner_guid": owner.guid if owner else None,
            "content_url": url,
            "dashboard_url": url,
            "created_time": rfc3339(seen.at),
            "last_deployed_time": rfc3339(seen.at),
            "parameterized": False,
            "run_as_current_user": False,
            "locked": False,
            "locked_message": "",
        }
    )


def _access_type(access: Access) -> str:
    match access:
        case Anyone():
            return "all"
        case SignedIn():
            return "logged_in"
        case Named():
            return "acl"


def _app_role(caller: ApiKey, content: Content) -> str:
    if owns(caller, content):
        return "owner"
    return "viewer" if caller.role is Role.CONTENT or may_open(caller, content) else "none"
