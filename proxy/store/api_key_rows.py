"""Keys of the Server API to rows and back."""

from __future__ import annotations

from datetime import datetime

from proxy.model import ApiKey, ApiKeyGuid, ContentGuid, Role
from proxy.store.engine import Row, Values
from proxy.store.rows import blob, damaged, instant, micros, optional_instant, optional_text, text


def from_api_key(key: ApiKey) -> Values:
    """Return the columns of a key; when it was last used is no part of them."""
    assert key.created_at is not None, "the configuration keeps its own keys"
    return {
        "guid": key.guid,
        "name": key.name,
        "role": key.role.value,
        "hash": key.hash,
        "user_email": key.user,
        "content_guid": key.content_guid,
        "created_at": micros(key.created_at),
    }


def to_api_key(row: Row) -> ApiKey:
    """Read a key, joined with when it was last used."""
    content = optional_text(row["content_guid"])
    return ApiKey(
        guid=ApiKeyGuid(text(row["guid"])),
        name=text(row["name"]),
        role=_role(text(row["role"])),
        hash=blob(row["hash"]),
        user=text(row["user_email"]),
        content_guid=None if content is None else ContentGuid(content),
        created_at=instant(row["created_at"]),
        last_used_at=optional_instant(row["last_used_at"]),
    )


def to_use(row: Row) -> tuple[ApiKeyGuid, datetime]:
    """Read when a key was last used."""
    return ApiKeyGuid(text(row["guid"])), instant(row["last_used_at"])


def _role(written: str) -> Role:
    try:
        return Role(written)
    except ValueError as exc:
        raise damaged("a role") from exc
