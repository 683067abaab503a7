"""Who acted, as the audit log says it."""

from __future__ import annotations

from proxy.model import Actor, ActorKind, ApiKey, Viewer
from proxy.policy.accounts import shown_name


def viewer_actor(viewer: Viewer) -> Actor:
    """Return a viewer as who they are now: a name may be another person's tomorrow, the guid stays."""
    name = "" if viewer.identity is None else shown_name(viewer.identity)
    return Actor(kind=ActorKind.VIEWER, id=viewer.guid, name=name)


def by(key: ApiKey) -> Actor:
    """Return whoever acts with this key."""
    return Actor(kind=ActorKind.API_KEY, id=key.guid, name=key.name)
