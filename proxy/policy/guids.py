"""Guids that follow from a name, so that a restart, or another machine, finds the same: UUIDv5 (RFC 9562 §5.5)."""

from __future__ import annotations

import uuid

from proxy.model import ApiKeyGuid, ContentGuid, IntegrationGuid, PermissionGrant, ViewerGuid

_NAMESPACE = uuid.UUID("7b0c9a52-6f0d-4f0e-9f57-2b1a6f0d8c11")
"""Random, once and for all: guids of the deployments out there hang on it."""


def integration_guid(name: str) -> IntegrationGuid:
    """Return the guid of an integration that gives none: of ``integration:<name>``."""
    return IntegrationGuid(_derived("integration", name))


def content_guid(name: str) -> ContentGuid:
    """Return the guid of a content that gives none: of ``content:<name>``."""
    return ContentGuid(_derived("content", name))


def configured_key_guid(name: str) -> ApiKeyGuid:
    """Return the guid of an API key that the configuration defines: of ``configured-key:<name>``."""
    return ApiKeyGuid(_derived("configured-key", name))


def user_guid(email: str) -> str:
    """Return the guid of a person who never signed in: of ``user:<e-mail in lower case>``."""
    return _derived("user", email.lower())


def key_user_guid(key: ApiKeyGuid) -> str:
    """Return the guid of the user that a key is which stands for no person: of ``api-key:<guid>``."""
    return _derived("api-key", key)


def group_guid(name: str) -> str:
    """Return the guid of a group: of ``group:<name>``."""
    return _derived("group", name)


def permission_guid(integration: IntegrationGuid, grant: PermissionGrant) -> str:
    """Return the guid of somebody's permission for an integration: of ``permission:<guid>:<whose>``."""
    whose = f"user:{grant.user}" if grant.user else f"group:{grant.group}"
    return _derived("permission", f"{integration}:{whose}")


def visitor_key_guid(content: ContentGuid, viewer: ViewerGuid) -> ApiKeyGuid:
    """Return the guid of a viewer's keys at one content: of ``visitor-key:<content>:<viewer>``."""
    return ApiKeyGuid(_derived("visitor-key", f"{content}:{viewer}"))


def _derived(kind: str, name: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{kind}:{name}"))
