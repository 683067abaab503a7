"""Who is who: what Connect's clients ask of people before and beside OAuth."""

from __future__ import annotations

import re

from aiohttp import web

from proxy.flows.users import User, UserRole
from proxy.web.api.answers import one
from proxy.web.api.bodies import guid, query
from proxy.web.api.refusals import ApiRefusal
from proxy.web.api.shapes import rfc3339
from proxy.web.api.user_shapes import OwnerAnswer, UserAnswer, UsersAnswer
from proxy.web.guards import CALLER
from proxy.web.services import API

PAGE_SIZE, MOST_PER_PAGE = 20, 500
"""Connect's own."""
_FILTERS = frozenset({"prefix", "user_role", "account_status"})
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


async def read_user_self(request: web.Request) -> web.Response:
    """Answer ``GET v1/user``: who the caller is."""
    return one(shown(await request.app[API].users.caller(request[CALLER])))


async def read_user(request: web.Request) -> web.Response:
    """Answer ``GET v1/users/{guid}``."""
    user = await request.app[API].users.by_guid(guid(request))
    if user is None:
        raise ApiRefusal(404, 4, "There is no user with this guid.")
    return one(shown(user))


async def list_users(request: web.Request) -> web.Response:
    """Answer ``GET v1/users``: a page of everybody who fits."""
    asked = query(request)
    number = _count(asked, "page_number", 1, most=10**9)
    size = _count(asked, "page_size", PAGE_SIZE, most=MOST_PER_PAGE)
    fitting = await request.app[API].users.everybody()
    if not _FILTERS.isdisjoint(asked):
        fitting = [user for user in fitting if _fits(user, asked)]
    page = fitting[(number - 1) * size : number * size]
    return one(UsersAnswer(results=[shown(user) for user in page], current_page=number, total=len(fitting)))


def shown(user: User) -> UserAnswer:
    """Return somebody in Connect's words."""
    first, last = _names(user)
    return UserAnswer(
        guid=user.guid,
        username=user.username,
        email=user.email,
        first_name=first,
        last_name=last,
        user_role=user.role.value,
        created_time=rfc3339(user.created_at),
        updated_time=rfc3339(user.created_at),
        active_time=None if user.active_at is None else rfc3339(user.active_at),
        confirmed=True,
        locked=False,
    )


def shown_as_owner(user: User) -> OwnerAnswer:
    """Return the owner of a content."""
    first, last = _names(user)
    return OwnerAnswer(guid=user.guid, username=user.username, first_name=first, last_name=last)


def _names(user: User) -> tuple[str, str]:
    """Split what a provider gives as one: the last word is the last name, of two or more."""
    first, _, last = user.name.strip().rpartition(" ")
    return (first, last) if first else (last, "")


def _count(asked: dict[str, str], name: str, default: int, *, most: int) -> int:
    text = asked.get(name, str(default))
    if not _NUMBER.fullmatch(text) or int(text) > most:
        raise ApiRefusal(400, 25, f"{name}: must be a whole number from 1 to {most}.")
    return int(text)


def _fits(user: User, asked: dict[str, str]) -> bool:
    """Apply Connect's filters; several values of one are separated by ``|``."""
    prefix = asked.get("prefix", "").lower()
    if not any(word.lower().startswith(prefix) for word in (user.username, *_names(user))):
        return False
    if "user_role" in asked and user.role not in _roles(asked["user_role"]):
        return False
    return "account_status" not in asked or "licensed" in asked["account_status"].split("|")


def _roles(text: str) -> set[UserRole]:
    try:
        return {UserRole(word) for word in text.split("|")}
    except ValueError:
        raise ApiRefusal(400, 25, f"user_role: must be of {', '.join(UserRole)}, separated by |.") from None
