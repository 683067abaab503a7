"""Administrators read the audit log: ``GET /__api__/v1/audit_logs``, in Connect's shape with more in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

from aiohttp import web

from proxy.flows.audit_reading import AuditFound, AuditQuestion, read_audit_log
from proxy.model import Actor, ActorKind, AuditAction, AuditEvent, ContentGuid, Viewer, ViewerGuid
from proxy.policy.accounts import shown_name
from proxy.policy.audit_words import WORDS
from proxy.policy.guids import key_user_guid
from proxy.store.audit import AuditFilter
from proxy.web.api.answers import one
from proxy.web.api.audit_shapes import AuditCursors, AuditLogAnswer, AuditLogsAnswer, AuditPaging
from proxy.web.api.bodies import query
from proxy.web.api.refusals import ApiRefusal
from proxy.web.api.shapes import rfc3339
from proxy.web.services import API, ApiServices

PAGE = 20
MOST = 500
_LAST_POSITION = 2**63 - 2

_FILTERS = ("action", "viewer", "content", "since", "until")
_KNOWN = frozenset({"limit", "next", "previous", "ascOrder", *_FILTERS})


async def audit_logs(request: web.Request) -> web.Response:
    """Answer a page of the audit log."""
    said = {name: value for name, value in query(request).items() if value}
    unknown = sorted(set(said) - _KNOWN)
    if unknown:
        raise _wrong("This address takes these parameters only: " + ", ".join(sorted(_KNOWN)))
    if "@" in said.get("viewer", ""):
        said["viewer"] = await request.app[API].users.guid(said["viewer"])
    asked = _question(said)
    found = await read_audit_log(request.app[API].audit, asked)
    users = await _users_of_keys(request.app[API], {event.actor.id for event in found.events})
    return one(
        AuditLogsAnswer(
            results=[_answer(event, found.viewers, users) for event in found.events],
            paging=_paging(request, said, asked, found),
        )
    )


def _question(said: Mapping[str, str]) -> AuditQuestion:
    if "next" in said and "previous" in said:
        raise _wrong("`next` and `previous` exclude each other.")
    return AuditQuestion(
        wanted=AuditFilter(
            action=_action(said["action"]) if "action" in said else None,
            viewer_guid=ViewerGuid(said["viewer"].lower()) if "viewer" in said else None,
            content_guid=ContentGuid(said["content"].lower()) if "content" in said else None,
            since=_instant("since", said["since"]) if "since" in said else None,
            until=_instant("until", said["until"]) if "until" in said else None,
        ),
        most=_whole("limit", said.get("limit", str(PAGE)), least=1, most=MOST),
        is_ascending=_is_true("ascOrder", said.get("ascOrder", "true")),
        after=_position("next", said["next"]) if "next" in said else None,
        before=_position("previous", said["previous"]) if "previous" in said else None,
    )


def _action(text: str) -> AuditAction:
    try:
        return AuditAction(text)
    except ValueError:
        raise _wrong("`action` is one of " + ", ".join(AuditAction)) from None


def _instant(name: str, text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text.upper())
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or not 1970 < instant.year < 9000:
        raise _wrong(f"`{name}` is an instant with its zone, such as 2026-05-04T12:00:00Z")
    return instant.astimezone(UTC)


def _is_true(name: str, text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise _wrong(f"`{name}` is true or false")
    return text.lower() == "true"


def _position(name: str, text: str) -> int:
    return _whole(name, text, least=0, most=_LAST_POSITION + 1)


def _whole(name: str, text: str, *, least: int, most: int) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
    if not least <= number <= most:
        raise _wrong(
            f"`{name}` is a number from {least} to {most}" if most <= MOST else f"`{name}` is what `paging` says"
        )
    return number


def _wrong(text: str) -> ApiRefusal:
    return ApiRefusal(400, 25, text.removesuffix(".") + ".")


async def _users_of_keys(services: ApiServices, actors: Collection[str]) -> dict[str, str]:
    """Return as whom ``v1/users`` knows the keys among these."""
    keys = [key for key in services.keys.all() if key.guid in actors]
    return {key.guid: await services.users.guid(key.user) if key.user else key_user_guid(key.guid) for key in keys}


def _answer(event: AuditEvent, viewers: Mapping[ViewerGuid, Viewer], users: Mapping[str, str]) -> AuditLogAnswer:
    viewer = viewers.get(event.viewer_guid) if event.viewer_guid is not None else None
    name = shown_name(viewer.identity) if viewer is not None and viewer.identity is not None else ""
    actor = event.actor
    is_viewer = actor.kind is ActorKind.VIEWER
    return AuditLogAnswer(
        id=str(event.id),
        time=rfc3339(event.at),
        user_id=_user_guid(actor, users),
        user_guid=_user_guid(actor, users),
        user_description=actor.name or (name if is_viewer else "") or actor.kind.value,
        action=event.action,
        event_description=_description(event, name),
        actor_kind=actor.kind,
        actor_id=actor.id or None,
        viewer_guid=event.viewer_guid,
        viewer_name=name or None,
        content_guid=event.content_guid,
        integration_guid=event.integration_guid,
        scope=event.scope,
        expires=None if event.expires_at is None else rfc3339(event.expires_at),
        request_id=event.request_id or None,
        count=event.count,
        detail=dict(event.detail),
    )


def _user_guid(actor: Actor, users: Mapping[str, str]) -> str | None:
    """Return as whom ``v1/users`` knows who acted; it knows no key that was revoked, nor a visitor's."""
    match actor.kind:
        case ActorKind.VIEWER:
            return actor.id
        case ActorKind.API_KEY:
            return users.get(actor.id)
        case _:
            return None


def _description(event: AuditEvent, viewer_name: str) -> str:
    """Say it in one line: what, whose, and how often."""
    whose = viewer_name or event.viewer_guid
    parts = [
        WORDS[event.action].says,
        f"viewer {whose}" if whose else "",
        f"{event.count} times" if event.count > 1 else "",
    ]
    more = [f"{name}: {value}" for name, value in event.detail.items()]
    return ", ".join(part for part in [*parts, *more] if part)


def _paging(request: web.Request, said: Mapping[str, str], asked: AuditQuestion, found: AuditFound) -> AuditPaging:
    services = request.app[API]
    # Clients follow these with their key: at ``public_url`` only the configuration knows whether that is https.
    origin = services.public_url if services.is_public else str(request.url.origin())
    base = {name: value for name, value in said.items() if name not in {"next", "previous"}}

    def url(**cursor: int) -> str:
        given = urlencode({**base, **{name: str(position) for name, position in cursor.items()}})
        return origin + request.path + (f"?{given}" if given else "")

    return AuditPaging(
        first=url(),
        previous=None if found.previous is None else url(previous=found.previous),
        next=None if found.next is None else url(next=found.next),
        last=url(previous=_LAST_POSITION + 1 if asked.is_ascending else 0),
        cursors=AuditCursors(
            previous=None if found.previous is None else str(found.previous),
            next=None if found.next is None else str(found.next),
        ),
    )
