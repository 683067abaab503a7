"""Rows to values and back, of what was made through the Server API."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby

from proxy.model import (
    ContentGuid,
    CredentialsGuid,
    FirstSeen,
    IntegrationGuid,
    PermissionGrant,
    StoredAssociation,
    StoredIntegration,
)
from proxy.store.administration import StoredGrant
from proxy.store.engine import Row, Value, Values
from proxy.store.rows import (
    damaged,
    from_sealed,
    instant,
    integer,
    micros,
    optional_sealed,
    text,
    to_integration_guid,
    to_viewer,
)

Permissions = Mapping[IntegrationGuid, tuple[PermissionGrant, ...]]


def from_integration(one: StoredIntegration) -> Values:
    """Return the columns of an integration."""
    return {
        "guid": one.guid,
        "name": one.name,
        "slug": one.slug,
        "description": one.description,
        "template": one.template,
        "config": json.dumps(dict(one.config)),  # escaped: no character that a database would not take
        "client_secret": from_sealed(one.client_secret),
        "private_key": from_sealed(one.private_key),
        "pin_identity": int(one.pin_identity),
        "generation": one.generation,
        "revision": one.revision,
        "created_at": micros(one.created_at),
        "updated_at": micros(one.updated_at),
    }


def from_permissions(one: StoredIntegration) -> Sequence[Values]:
    """Return the rows that say who may use an integration."""
    return [
        {"integration_guid": one.guid, "position": position, "user_email": grant.user, "group_name": grant.group}
        for position, grant in enumerate(one.permissions)
    ]


def to_permissions(rows: Sequence[Row]) -> Permissions:
    """Read who may use which integration; the rows of one come together, in their order."""
    return {
        guid: tuple(PermissionGrant(user=text(row["user_email"]), group=text(row["group_name"])) for row in of_one)
        for guid, of_one in groupby(rows, key=to_integration_guid)
    }


def to_integration(row: Row, permissions: Permissions) -> StoredIntegration:
    """Read an integration."""
    guid = IntegrationGuid(text(row["guid"]))
    return StoredIntegration(
        guid=guid,
        name=text(row["name"]),
        slug=text(row["slug"]),
        description=text(row["description"]),
        template=text(row["template"]),
        config=_to_config(row["config"]),
        client_secret=optional_sealed(row["client_secret"]),
        private_key=optional_sealed(row["private_key"]),
        pin_identity=bool(integer(row["pin_identity"])),
        permissions=permissions.get(guid, ()),
        generation=integer(row["generation"]),
        revision=integer(row["revision"]),
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
    )


def to_name(row: Row) -> tuple[IntegrationGuid, str]:
    """Read what an integration is called."""
    return IntegrationGuid(text(row["guid"])), text(row["name"])


def to_association(row: Row) -> StoredAssociation:
    """Read which content uses which integration."""
    return StoredAssociation(
        content_guid=ContentGuid(text(row["content_guid"])),
        integration_guid=to_integration_guid(row),
        created_at=instant(row["created_at"]),
    )


def to_seen(row: Row) -> tuple[str, FirstSeen]:
    """Read since when a guid is known."""
    return text(row["guid"]), FirstSeen(id=integer(row["id"]), at=instant(row["at"]))


def to_grant(row: Row) -> StoredGrant:
    """Read credentials as they are listed, joined with their viewer."""
    return StoredGrant(
        guid=CredentialsGuid(text(row["credentials_guid"])),
        viewer=to_viewer(row),
        integration_guid=to_integration_guid(row),
        has_refresh_token=bool(integer(row["has_refresh_token"])),
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
    )


def _to_config(value: Value) -> Mapping[str, str]:
    try:
        config = json.loads(text(value))
    except ValueError as exc:
        raise damaged("an integration's config") from exc
    if not isinstance(config, dict) or not all(isinstance(one, str) for one in config.values()):
        raise damaged("an integration's config")
    return config
