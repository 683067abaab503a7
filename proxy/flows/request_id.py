"""Which request is being served: what log, page, answer and audit log call it by.

Bound where requests come in (``web.requests.identify``, the gateway's slow lane) in the context that log lines take it from
too; whatever a request starts inherits it.
"""

from __future__ import annotations

from structlog.contextvars import get_contextvars


def present_request_id() -> str:
    """Return the id of the request on whose behalf this runs; empty: nobody's."""
    return str(get_contextvars().get("request_id", ""))
