"""The audit log over the wire."""

from __future__ import annotations

from pydantic import Field

from proxy.web.api.shapes import Answer, Instant


class AuditLogAnswer(Answer):
    """One line of the audit log. ``user_*``: who acted, a viewer or a key."""

    id: str = Field(description="Its position; grows from line to line.")
    time: Instant
    user_id: str | None
    user_guid: str | None
    user_description: str
    action: str = Field(description="docs/audit.md has them all.")
    event_description: str
    actor_kind: str = Field(description="Ours: viewer, api_key, operator, sidecar or provider.")
    actor_id: str | None = Field(description="Ours: the viewer's, key's or integration's guid.")
    viewer_guid: str | None = Field(description="Ours: whom it concerns.")
    viewer_name: str | None = Field(description="Ours: what they are called now.")
    content_guid: str | None = Field(description="Ours.")
    integration_guid: str | None = Field(description="Ours.")
    scope: str = Field(description="Ours: of the token that was handed out or granted.")
    expires: Instant | None = Field(description="Ours: end of that token.")
    request_id: str | None = Field(description="Ours: as in the log, pages and `X-Correlation-ID`.")
    count: int = Field(description="Ours: how often, within the minute of `time`.")
    detail: dict[str, str] = Field(description="Ours: what else there is to say.")


class AuditCursors(Answer):
    """Where the pages beside this one begin."""

    previous: str | None
    next: str | None


class AuditPaging(Answer):
    """The pages beside this one, as addresses with everything that was asked for."""

    first: str
    previous: str | None
    next: str | None
    last: str
    cursors: AuditCursors


class AuditLogsAnswer(Answer):
    """A page of the audit log; it may be short, and is the last one when ``next`` is null."""

    results: list[AuditLogAnswer]
    paging: AuditPaging
