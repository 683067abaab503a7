"""People over the wire, in Connect's words."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from proxy.web.api.shapes import Answer, Guid, Instant


class UserAnswer(Answer):
    """Somebody; a key that stands for nobody is a user of its own."""

    guid: Guid
    username: str
    email: str = Field(description="Empty: not known, or not verified.")
    first_name: str
    last_name: str
    user_role: Literal["administrator", "publisher", "viewer"] = Field(
        description="For oneself what the key may do (a content's: `viewer`); for others the highest that configuration "
        "or a key gives them."
    )
    created_time: Instant
    updated_time: Instant
    active_time: Instant | None = Field(description="When a key of theirs was last used; `null`: not known.")
    confirmed: bool = Field(description="Always true.")
    locked: bool = Field(description="Always false.")


class UsersAnswer(Answer):
    """A page of people."""

    results: list[UserAnswer]
    current_page: int
    total: int = Field(description="Of all pages.")


class OwnerAnswer(Answer):
    """Whose content it is."""

    guid: Guid
    username: str
    first_name: str
    last_name: str
