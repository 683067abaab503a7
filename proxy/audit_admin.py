"""``oauth-sidecar audit``: print the audit log, beside a process that serves or without one. One JSON object a line."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from proxy.config.texts import span
from proxy.config.values import Config
from proxy.errors import BadRequest, Conflict, NotFound, StoreUnavailable
from proxy.model import AuditAction, AuditEvent, ContentGuid, Viewer, ViewerGuid
from proxy.policy.accounts import shown_name
from proxy.store.audit import AuditFilter, AuditLog
from proxy.store.base import Store
from proxy.store.sqlite import open_store_as_guest

POLL_S = 1.0
_MOST = 500
_MOST_READ = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants to see."""

    since: str | None = None
    """A span (``1d``) or an instant."""
    after: int | None = None
    """Lines behind this ``id``."""
    action: str | None = None
    viewer: str | None = None
    """A guid or an e-mail address."""
    content: str | None = None
    """A name or a guid."""
    is_following: bool = False


def print_lines(config: Config, asked: Asked, write: Callable[[str], None]) -> None:
    """Write the lines, the oldest first; while following, for ever."""

    async def run() -> None:
        async with aclosing(_lines(config, asked)) as lines:
            async for line in lines:
                write(line)

    asyncio.run(run())


async def _lines(config: Config, asked: Asked) -> AsyncGenerator[str, None]:
    store = await open_store_as_guest(config.store_path)
    try:
        wanted = AuditFilter(
            action=None if asked.action is None else AuditAction(asked.action),
            viewer_guid=None if asked.viewer is None else await _viewer(store, asked.viewer),
            content_guid=None if asked.content is None else _content(config, asked.content),
            since=None if asked.since is None else _since(asked.since, datetime.now(UTC)),
        )
        position = asked.after
        if asked.is_following and position is None and wanted.since is None:
            position = await store.audit.end()  # from now on
        async with aclosing(
            follow(store.audit, wanted, position, is_following=asked.is_following, pause=_until_the_next)
        ) as lines:
            async for line in lines:
                yield line
    finally:
        await store.close()


async def follow(
    log: AuditLog,
    wanted: AuditFilter,
    position: int | None,
    *,
    is_following: bool,
    pause: Callable[[], Awaitable[None]],
) -> AsyncGenerator[str, None]:
    """Give the lines behind a position; while following, those that come, also when the store is ill for a while."""
    is_ill = False
    while True:
        try:
            async for line, at in _found(log, wanted, position):
                position, is_ill = at, False
                if line:
                    yield line
        except StoreUnavailable as error:
            if not is_following:
                raise
            if not is_ill:
                sys.stderr.write(f"oauth-sidecar: {error.detail}; asking again\n")
            is_ill = True
        if not is_following:
            return
        await pause()


async def _until_the_next() -> None:
    await asyncio.sleep(POLL_S)


async def _found(log: AuditLog, wanted: AuditFilter, position: int | None) -> AsyncIterator[tuple[str, int]]:
    """Give each line, or none, with the position behind which to go on."""
    while True:
        end = await log.end()
        page = await log.page(wanted, position=position, is_forward=True, most=_MOST, most_read=_MOST_READ)
        for event in page.events:
            assert event.id is not None, "it was written"
            yield as_json(event, page.viewers), event.id
        if page.reached is None:
            # Nothing else stands there up to ``end``: a filter that little passes does not begin anew each second.
            yield "", max(end, page.events[-1].id or 0) if page.events else max(end, position or 0)
            return
        position = page.reached
        yield "", position


def as_json(event: AuditEvent, viewers: Mapping[ViewerGuid, Viewer]) -> str:
    """Return a line; its names are never renamed, and new ones may come."""
    viewer = viewers.get(event.viewer_guid) if event.viewer_guid is not None else None
    return json.dumps(
        {
            "id": event.id,
            "time": _rfc3339(event.at),
            "action": event.action,
            "actor_kind": event.actor.kind,
            "actor_id": event.actor.id or None,
            "actor_name": event.actor.name or None,
            "viewer_guid": event.viewer_guid,
            "viewer_name": shown_name(viewer.identity) if viewer is not None and viewer.identity is not None else None,
            "content_guid": event.content_guid,
            "integration_guid": event.integration_guid,
            "scope": event.scope or None,
            "expires": None if event.expires_at is None else _rfc3339(event.expires_at),
            "request_id": event.request_id or None,
            "count": event.count,
            "detail": dict(event.detail),
        },
        separators=(",", ":"),
    )


def _rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _since(text: str, now: datetime) -> datetime:
    try:
        return now - span(text)
    except ValueError:
        pass
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise BadRequest("--since is a span, such as 1d or 12h, or an instant with its zone: 2026-05-04T12:00:00Z")
    return instant.astimezone(UTC)


async def _viewer(store: Store, text: str) -> ViewerGuid:
    """Return whose guid or e-mail address it is; a guid may also be that of somebody who is gone."""
    if "@" not in text:
        return ViewerGuid(text)
    named = [
        viewer.guid
        for viewer in await store.viewers()
        if viewer.identity is not None and viewer.identity.email.casefold() == text.casefold()
    ]
    if not named:
        raise NotFound("there is no viewer with this e-mail address; of those who are gone, the guid finds the lines")
    if len(named) > 1:
        raise Conflict(f"{len(named)} viewers have this e-mail address: give one of their guids ({', '.join(named)})")
    return named[0]


def _content(config: Config, text: str) -> ContentGuid:
    """Return the guid of the content with this name; a guid may be that of one that is gone."""
    for one in config.directory.contents.values():
        if one.name == text:
            return one.guid
    try:
        return ContentGuid(str(UUID(text)))
    except ValueError:
        raise NotFound("there is no content with this name; of those that are gone, the guid finds the lines") from None
