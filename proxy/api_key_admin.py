"""``oauth-sidecar api-key``: what the commands do and print, beside a process that serves or without one."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from proxy.config.values import Config
from proxy.errors import BadRequest, Conflict, NotFound, SidecarError
from proxy.flows.api_keys import ApiKeys, NewApiKey
from proxy.flows.refused import Refused
from proxy.model import ApiKey, ContentGuid, Role
from proxy.store.sqlite import open_store, open_store_as_guest
from proxy.whoami import operator

_COLUMNS = ("GUID", "NAME", "ROLE", "OF", "SINCE", "LAST USED")
_ERRORS: dict[int, type[SidecarError]] = {400: BadRequest, 404: NotFound, 409: Conflict}

Result = TypeVar("Result")


def create(config: Config, *, name: str, role: str, user: str | None, content: str | None) -> str:
    """Make a key and return it; there is no other way to see it again."""
    asked = NewApiKey(name=name, role=Role(role), user=user or "", content_guid=_content(config, content))

    async def work(keys: ApiKeys) -> str:
        return _granted(await keys.create(asked, by=operator())).secret.reveal()

    return _run(config, work, may_create_store=True)


def listing(config: Config, *, as_json: bool) -> str:
    """Return the keys, as a table or as JSON; none of them can be told from it."""

    async def work(keys: ApiKeys) -> str:
        found = keys.all()
        if as_json:
            return json.dumps([_facts(key, config) for key in found], indent=2)
        return _table([_row(key, config) for key in found])

    return _run(config, work)


def revoke(config: Config, key: str) -> str:
    """Revoke the key with this name or guid; return which it was."""

    async def work(keys: ApiKeys) -> str:
        # A guid is nobody else's, but whoever makes keys may call one by the guid of another.
        is_guid = any(one.guid == key.lower() for one in keys.all())
        named = None if is_guid else next((one.guid for one in keys.all() if one.name == key), None)
        revoked = _granted(await keys.revoke(named or key.lower(), by=operator()))
        return f"API key {revoked.name} revoked"

    return _run(config, work)


def _run(config: Config, work: Callable[[ApiKeys], Awaitable[Result]], *, may_create_store: bool = False) -> Result:
    async def run() -> Result:
        # Before the first start there is nothing beside which to be a guest, and the first key has to come from somewhere.
        is_first = may_create_store and not config.store_path.exists()
        store = await (open_store if is_first else open_store_as_guest)(config.store_path)
        try:
            keys = ApiKeys(
                configured=config.api_keys, contents=config.directory.contents, store=store, now=_now,
                random_bytes=secrets.token_bytes,
            )  # fmt: skip
            await keys.reload()
            return await work(keys)
        finally:
            await store.close()

    return asyncio.run(run())


def _granted(answer: Result | Refused) -> Result:
    if isinstance(answer, Refused):
        raise _ERRORS[answer.status](answer.text)
    return answer


def _content(config: Config, text: str | None) -> ContentGuid | None:
    """Return the guid of a content that is named; what is no name goes on as a guid, and is judged there."""
    if text is None:
        return None
    contents = config.directory.contents.values()
    return next((one.guid for one in contents if one.name == text), ContentGuid(text.lower()))


def _of(key: ApiKey, config: Config) -> str:
    """Return for whom a key stands."""
    if key.content_guid is None:
        return key.user
    content = config.directory.contents.get(key.content_guid)
    return key.content_guid if content is None else content.name


def _facts(key: ApiKey, config: Config) -> dict[str, object]:
    return {
        "guid": key.guid,
        "name": key.name,
        "role": key.role.value,
        "user": key.user or None,
        "content": None if key.content_guid is None else _of(key, config),
        "created": None if key.created_at is None else key.created_at.isoformat(),
        "last_used": None if key.last_used_at is None else key.last_used_at.isoformat(),
        "is_configured": key.created_at is None,
    }


def _row(key: ApiKey, config: Config) -> tuple[str, ...]:
    since = "configuration" if key.created_at is None else f"{key.created_at:%Y-%m-%d %H:%M}Z"
    used = "-" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%d %H:%M}Z"
    return (key.guid, key.name, key.role.value, _of(key, config) or "-", since, used)


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return "there are no API keys"
    lines = [_COLUMNS, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _now() -> datetime:
    return datetime.now(UTC)
