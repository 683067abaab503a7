"""Lines of the audit log to rows and back."""

from __future__ import annotations

import json
from datetime import datetime

from proxy.model import Actor, ActorKind, AuditAction, AuditEvent, ContentGuid, IntegrationGuid, ViewerGuid
from proxy.store.engine import Row, Values
from proxy.store.rows import instant, integer, micros, optional_instant, optional_micros, optional_text, text


def from_event(event: AuditEvent, *, written_at: datetime) -> Values:
    """Return the columns of a line."""
    return {
        "written_at": micros(written_at),
        "at": micros(event.at),
        "action": event.action,
        "actor_kind": event.actor.kind,
        "actor_id": _storable(event.actor.id),
        "actor_name": _storable(event.actor.name),
        "viewer_guid": event.viewer_guid,
        "content_guid": event.content_guid,
        "integration_guid": event.integration_guid,
        "scope": _storable(event.scope),
        "expires_at": optional_micros(event.expires_at),
        "request_id": event.request_id,
        "count": event.count,
        "detail": json.dumps(dict(event.detail)) if event.detail else "{}",
    }


def to_event(row: Row) -> AuditEvent:
    """Read a line."""
    viewer, content, integration = (
        optional_text(row[name]) for name in ("viewer_guid", "content_guid", "integration_guid")
    )
    return AuditEvent(
        id=integer(row["id"]),
        at=instant(row["at"]),
        action=AuditAction(text(row["action"])),
        actor=Actor(kind=ActorKind(text(row["actor_kind"])), id=text(row["actor_id"]), name=text(row["actor_name"])),
        viewer_guid=None if viewer is None else ViewerGuid(viewer),
        content_guid=None if content is None else ContentGuid(content),
        integration_guid=None if integration is None else IntegrationGuid(integration),
        scope=text(row["scope"]),
        expires_at=optional_instant(row["expires_at"]),
        request_id=text(row["request_id"]),
        count=integer(row["count"]),
        detail=json.loads(text(row["detail"])),
    )


def _storable(said: str) -> str:
    """Return text that every engine takes: JSON of a provider may hold half a surrogate pair, or NUL."""
    if said.isascii() and "\0" not in said:
        return said
    return said.encode("utf-8", "replace").decode().replace("\0", "?")
