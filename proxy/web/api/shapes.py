"""What goes over the wire at the Server API, as types: bodies that are asked for, and answers.

Names and meanings are Connect's. Where we say more than Connect does, the field's description starts with "Ours:".
The OpenAPI document is made of these.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""NUL, and halves of surrogate pairs, which JSON can write and UTF-8 cannot."""


def rfc3339(instant: datetime) -> str:
    """Return the instant as every client of Connect reads it: whole seconds, UTC."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def text(value: str) -> str:
    """Return the text; ``ValueError`` for what could not be stored and sent on."""
    if _NO_TEXT.search(value):
        raise ValueError("must be text, without NUL and halves of characters")
    return value


Text = Annotated[str, AfterValidator(text)]
"""Text that can be stored and sent on."""

Guid = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
Instant = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]


class Asked(BaseModel):
    """A body: exactly these fields, of exactly these types."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Answer(BaseModel):
    """An answer: always all of these fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class IssuedAnswer(Answer):
    """A token (RFC 8693 §2.2.1)."""

    access_token: str
    issued_token_type: str
    token_type: str
    expires_in: int = Field(ge=1, description="Seconds.")


class PingAnswer(Answer):
    """Nothing: it is there."""


class License(Answer):
    """What Connect's clients look up."""

    oauth_integrations: bool = Field(alias="oauth-integrations")


class ServerSettingsAnswer(Answer):
    """What Connect's clients ask before anything else."""

    version: str = Field(description="The Connect whose API is spoken here; opens the version gates of clients.")
    oauth_integrations_enabled: bool
    license: License
    authentication: PingAnswer
    dashboard_path: str


class Refusal(Answer):
    """Any answer that is not 2xx."""

    code: int = Field(description="Connect's APIErrorCode: what a program should look at.")
    error: str = Field(description="For people.")
    payload: dict[str, str] | None = Field(description="Ours: `login_url`, where a viewer can mend it.")
