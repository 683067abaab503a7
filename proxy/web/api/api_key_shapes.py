"""Keys of the Server API over the wire: ours, Connect has them per user."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, TypeAdapter

from proxy.web.api.shapes import Answer, Asked, Guid, Instant, Text

RoleName = Literal["administrator", "publisher", "content"]


class ApiKeyInput(Asked):
    """A key to be."""

    name: Text
    role: RoleName
    user: Text | None = Field(None, description="E-mail address of the person; a publisher's needs one.")
    content_guid: Text | None = Field(None, description="Of the content that it is the key of.")


class ApiKeyAnswer(Answer):
    """A key, but not its text."""

    guid: Guid
    name: str
    role: RoleName
    user: str | None
    content_guid: Guid | None
    created_time: Instant | None = Field(description="`null`: config.yaml defines it.")
    last_used_time: Instant | None = Field(description="`null`: never, as far as is known.")
    is_configured: bool = Field(description="Whether config.yaml defines it; then it is revoked there.")


class MadeApiKeyAnswer(ApiKeyAnswer):
    """A new key, with its text: the only answer that ever has it."""

    key: str = Field(repr=False)


NEW_API_KEY: TypeAdapter[ApiKeyInput] = TypeAdapter(ApiKeyInput)
