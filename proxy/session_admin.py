"""``oauth-sidecar sessions``: what the commands do and print, beside a process that serves or without one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from proxy.config.values import Config
from proxy.errors import NotFound
from proxy.flows.revocation import Revocation, short_id
from proxy.flows.sessions import SessionLifetimes
from proxy.flows.stored_integrations import gone_integration
from proxy.model import Directory, IntegrationGuid, Viewer
from proxy.store.base import ListedSession
from proxy.store.sqlite import open_store_as_guest
from proxy.whoami import operator

_COLUMNS = ("ID", "VIEWER", "SINCE", "LAST SEEN", "ENDS", "CONTENT")
_MOST_CHARACTERS = 60
"""Of a viewer's name: it comes from a provider, and may be anything."""

Result = TypeVar("Result")


def listing(config: Config, *, as_json: bool, now: datetime) -> str:
    """Return the sessions that are alive ``now``, as a table or as JSON."""

    async def work(revocation: Revocation, directory: Directory) -> str:
        sessions = await revocation.alive(now)
        facts = [_facts(listed, revocation.ends_at(listed), directory) for listed in sessions]
        if as_json:
            return json.dumps(facts, indent=2)
        return _table([_row(listed, revocation.ends_at(listed), directory) for listed in sessions])

    return _run(config, work)


def revoke(config: Config, *, session: str | None, viewer: str | None) -> str:
    """End one session, those of a viewer, or (both ``None``) all; return what was done."""

    async def work(revocation: Revocation, _directory: Directory) -> str:
        if session is not None:
            listed = await revocation.session_named(session)
            count, whose = await revocation.end([listed]), f"{short_id(listed.session.hash)} of {_who(listed.viewer)}"
            return f"session {whose} ended" if count else f"session {whose} was over already"
        if viewer is not None:
            return f"{_sessions(await revocation.end_of(await revocation.viewers_named(viewer)))} of {viewer} ended"
        return f"{_sessions(await revocation.end_all())} ended"

    return _run(config, work)


def disconnect(config: Config, *, integration: str, viewer: str | None) -> str:
    """End a viewer's (``None``: everybody's) credentials and consents for an integration; return what was done."""

    async def work(revocation: Revocation, directory: Directory) -> str:
        guid = _integration(directory, integration)
        viewers = None if viewer is None else await revocation.viewers_named(viewer)
        ended = await revocation.disconnect(guid, viewers)
        whose = "everybody" if viewer is None else viewer
        return f"{integration}, {whose}: credentials ended: {ended.credentials}, consents ended: {ended.consents}"

    return _run(config, work)


def _run(config: Config, work: Callable[[Revocation, Directory], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        async with _revocation(config) as (revocation, directory):
            return await work(revocation, directory)

    return asyncio.run(run())


@asynccontextmanager
async def _revocation(config: Config) -> AsyncIterator[tuple[Revocation, Directory]]:
    store = await open_store_as_guest(config.store_path)
    try:
        lifetimes = SessionLifetimes(idle=config.session_idle, lifetime=config.session_lifetime)
        revocation = Revocation(store=store, lifetimes=lifetimes, now=lambda: datetime.now(UTC), by=operator())
        yield revocation, _with_stored(config.directory, await store.administration.names())
    finally:
        await store.close()


def _with_stored(configured: Directory, names: Mapping[IntegrationGuid, str]) -> Directory:
    """Return what there is to name: the configuration's integrations before those that were made through the API."""
    made = {guid: replace(gone_integration(guid), name=name) for guid, name in names.items()}
    return replace(configured, integrations={**configured.integrations, **made, **configured.integrations})


def _integration(directory: Directory, text: str) -> IntegrationGuid:
    """Return the guid of a known name; a guid may also be that of an integration that is there no more."""
    integrations = directory.integrations.values()
    for item in integrations:
        if text in {item.name, item.guid}:
            return item.guid
    try:
        return IntegrationGuid(str(UUID(text)))
    except ValueError:
        names = ", ".join(item.name for item in integrations) or "none"
        raise NotFound(f"there is no integration {_shown(text)}; there is: {names}") from None


def _facts(listed: ListedSession, ends_at: datetime, directory: Directory) -> dict[str, object]:
    viewer, session = listed.viewer, listed.session
    return {
        "id": short_id(session.hash),
        "viewer": {
            "guid": viewer.guid,
            "email": viewer.identity.email if viewer.identity else None,
            "preferred_username": viewer.identity.preferred_username if viewer.identity else None,
            "name": viewer.identity.name if viewer.identity else None,
        },
        "since": session.created_at.isoformat(),
        "last_seen": session.last_seen_at.isoformat(),
        "ends": ends_at.isoformat(),
        "consents": [{"content": content, "integration": integration} for content, integration in _named(listed, directory)],
    }  # fmt: skip


def _row(listed: ListedSession, ends_at: datetime, directory: Directory) -> tuple[str, ...]:
    session = listed.session
    instants = (session.created_at, session.last_seen_at, ends_at)
    consents = ", ".join(f"{content} ({integration})" for content, integration in _named(listed, directory))
    return (
        short_id(session.hash), _who(listed.viewer), *(f"{instant:%Y-%m-%d %H:%M}Z" for instant in instants),
        consents or "-",
    )  # fmt: skip


def _named(listed: ListedSession, directory: Directory) -> list[tuple[str, str]]:
    """Return the names of contents and integrations consented; guids of what is configured no more."""
    contents, integrations = directory.contents, directory.integrations
    return sorted(
        (
            contents[content].name if content in contents else content,
            integrations[integration].name if integration in integrations else integration,
        )
        for content, integration in listed.consents
    )


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return "nobody is signed in"
    lines = [_COLUMNS, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]) for line in lines
    )


def _who(viewer: Viewer) -> str:
    identity = viewer.identity
    return _shown((identity.email or identity.preferred_username or identity.name) if identity else "") or viewer.guid


def _shown(text: str) -> str:
    """Return text that a terminal shows and does not obey."""
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)
    return escaped if len(escaped) <= _MOST_CHARACTERS else escaped[: _MOST_CHARACTERS - 1] + "…"


def _sessions(count: int) -> str:
    return f"{count} session{'' if count == 1 else 's'}"
