"""What the exchange answers, and what the audit log is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import ceil

from proxy.flows.audit_actors import by
from proxy.flows.fresh_tokens import RenewedLately, Unavailable
from proxy.flows.refused import Refused
from proxy.flows.request_id import present_request_id
from proxy.model import ApiKey, AuditAction, AuditEvent, IntegrationGuid, Secret, ViewerGuid
from proxy.policy.exchange_refusals import ACCESS_TOKEN, VISITOR_API_KEY, NoToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token for the content."""

    access_token: Secret
    expires_in: int
    """Whole seconds, at least 1: what clients cache by (R's never ask again without it)."""
    issued_token_type: str = ACCESS_TOKEN
    token_type: str = "Bearer"  # noqa: S105  # RFC 6750's word


def refused(why: NoToken, *, login_url: str | None = None, retry_after_s: float | None = None) -> Refused:
    """Say it as the table does."""
    says = why.value
    return Refused(status=says.status, code=says.code, text=says.text, login_url=login_url, retry_after_s=retry_after_s)


def told_later(answer: Unavailable | RenewedLately) -> Refused:
    """Say why there is no token just now, and when to ask again."""
    if isinstance(answer, Unavailable):
        return refused(NoToken.UNAVAILABLE, retry_after_s=answer.retry_after_s)
    return refused(NoToken.RENEWED_LATELY, retry_after_s=ceil(answer.retry_after_s))


@dataclass(slots=True, kw_only=True)
class Known:
    """What is known by now of one exchange, for its line in the audit log."""

    caller: ApiKey
    viewer_guid: ViewerGuid | None = None
    integration_guid: IntegrationGuid | None = None
    scope: str = ""
    expires_at: datetime | None = None


def line_of(known: Known, answer: Issued | Refused, *, at: datetime) -> AuditEvent:
    """Return the line of one exchange: never with what was asked with, or for."""
    caller, is_issued = known.caller, isinstance(answer, Issued)
    return AuditEvent(
        at=at,
        action=AuditAction.HAND_OUT_EXCHANGE if is_issued else AuditAction.EXCHANGE_REFUSED,
        actor=by(caller),
        viewer_guid=known.viewer_guid,
        content_guid=caller.content_guid,
        integration_guid=known.integration_guid,
        scope=known.scope,
        expires_at=known.expires_at,
        request_id=present_request_id(),
        detail=_said_of(answer),
    )


def _said_of(answer: Issued | Refused) -> dict[str, str]:
    if isinstance(answer, Refused):
        return {"code": str(answer.code), "error": answer.text}
    return {"kind": "a visitor's API key"} if answer.issued_token_type == VISITOR_API_KEY else {}
