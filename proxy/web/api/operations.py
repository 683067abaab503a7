"""What each address of the Server API takes and answers, as data: the OpenAPI document and the tests read it.

One row for each row of ``web.routes.API_LISTENER`` (a test holds them together).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from proxy.web.api import shapes

Codes = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the query."""

    name: str
    description: str
    schema: Literal["string", "boolean", "integer"] = "string"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method at one address."""

    method: str
    path: str
    summary: str
    answers: Any = None
    """A shape of ``shapes``, or a list of one; ``None``: nothing, with 204."""
    body: Any = None
    """A shape of ``shapes``, or a list of one."""
    form: tuple[Parameter, ...] = ()
    """Fields of a form, instead of ``body``."""
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    codes: Codes = ()
    """Connect's codes that it answers beside those that every address does (``codes.EVERYWHERE``)."""
    needs_key: bool = True
    also_text: bool = False
    """Answers the bare token to ``Accept: text/plain``."""
    empty_status: int = 204
    """What it answers when there is nothing to say."""


_EXCHANGE_CODES = (212, 215, 19, 219, 220, 241, 252, 256, 257)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="GET",
        path="/__ping__",
        summary="Say that there is somebody.",
        answers=shapes.PingAnswer,
        needs_key=False,
    ),
    Operation(
        method="GET",
        path="/__api__/openapi.json",
        summary="This document.",
        answers=dict[str, Any],
        needs_key=False,
    ),
    Operation(
        method="GET",
        path="/__api__/server_settings",
        summary="Say which Connect's words are spoken here.",
        answers=shapes.ServerSettingsAnswer,
    ),
    Operation(
        method="POST",
        path="/__api__/v1/oauth/integrations/credentials",
        summary="Exchange a session token for an access token (RFC 8693).",
        answers=shapes.IssuedAnswer,
        form=(
            Parameter("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            Parameter(
                "subject_token_type",
                "urn:posit:connect:user-session-token or urn:posit:connect:content-session-token",
            ),
            Parameter("subject_token", "The session token that the content was given."),
            Parameter("requested_token_type", "Absent, or urn:ietf:params:oauth:token-type:access_token."),
            Parameter("audience", "Guid of the integration; needed when the content has several."),
            Parameter("rejected_token", "Ours: a token that an API did not take; the answer is another one."),
        ),
        codes=(213, 214, 236, 242, 249, 250, *_EXCHANGE_CODES),
    ),
    Operation(
        method="GET",
        path="/token",
        summary="Exchange a session token, for curl and shell. Ours.",
        answers=shapes.IssuedAnswer,
        also_text=True,
        query=(Parameter("integration", "Slug, guid or name; needed when the content has several."),),
        headers=(
            Parameter("X-Viewer-Session", "The viewer's session token."),
            Parameter("Posit-Connect-User-Session-Token", "The same, by the name it came with."),
            Parameter("X-Rejected-Token", "A token that an API did not take; the answer is another one."),
        ),
        codes=_EXCHANGE_CODES,
    ),
)
