"""The words of the product as frozen values: one meaning each, the same in code, configuration and documentation.

Instants are aware UTC ``datetime``, spans ``timedelta``. A secret in memory is a :class:`Secret` (its ``repr`` shows
nothing), a secret at rest is :class:`Sealed` (the only form that a store accepts).
"""

from __future__ import annotations

from proxy.model.administration import FirstSeen, PermissionGrant, StoredAssociation, StoredIntegration
from proxy.model.audit import OPERATOR, SIDECAR, Actor, ActorKind, AuditAction, AuditEvent
from proxy.model.callers import KEPT_ROLES, ApiKey, Role, Roles
from proxy.model.changes import (
    ApiKeysChanged,
    Change,
    ChangesLost,
    ConsentEnded,
    CredentialsChanged,
    DirectoryChanged,
    News,
    SessionEnded,
    StoredChange,
)
from proxy.model.directory import (
    INTERACTIVE_APP_MODES,
    RENDERED_APP_MODES,
    SERVICE_ACCOUNT,
    VOUCHED,
    Access,
    Anyone,
    Content,
    Directory,
    HeaderPreset,
    HeaderRules,
    Integration,
    Named,
    SignedIn,
    TcpUpstream,
    UnixUpstream,
    Upstream,
)
from proxy.model.grants import (
    Consent,
    Credentials,
    CredentialsState,
    EndedGrant,
    NotedIntegration,
    PendingAuthorization,
)
from proxy.model.hand_outs import Counted, HandedOut, HandOut
from proxy.model.names import (
    ApiKeyGuid,
    ContentGuid,
    CredentialsGuid,
    HandleHash,
    IntegrationGuid,
    SessionHash,
    SessionTokenHash,
    SidHash,
    ViewerGuid,
)
from proxy.model.secrets import (
    Sealed,
    Secret,
)
from proxy.model.viewers import (
    Identity,
    Viewer,
    ViewerSession,
)

__all__ = [
    "INTERACTIVE_APP_MODES",
    "KEPT_ROLES",
    "OPERATOR",
    "RENDERED_APP_MODES",
    "SERVICE_ACCOUNT",
    "SIDECAR",
    "VOUCHED",
    "Access",
    "Actor",
    "ActorKind",
    "Anyone",
    "ApiKey",
    "ApiKeyGuid",
    "ApiKeysChanged",
    "AuditAction",
    "AuditEvent",
    "Change",
    "ChangesLost",
    "Consent",
    "ConsentEnded",
    "Content",
    "ContentGuid",
    "Counted",
    "Credentials",
    "CredentialsChanged",
    "CredentialsGuid",
    "CredentialsState",
    "Directory",
    "DirectoryChanged",
    "EndedGrant",
    "FirstSeen",
    "HandOut",
    "HandedOut",
    "HandleHash",
    "HeaderPreset",
    "HeaderRules",
    "Identity",
    "Integration",
    "IntegrationGuid",
    "Named",
    "News",
    "NotedIntegration",
    "PendingAuthorization",
    "PermissionGrant",
    "Role",
    "Roles",
    "Sealed",
    "Secret",
    "SessionEnded",
    "SessionHash",
    "SessionTokenHash",
    "SidHash",
    "SignedIn",
    "StoredAssociation",
    "StoredChange",
    "StoredIntegration",
    "TcpUpstream",
    "UnixUpstream",
    "Upstream",
    "Viewer",
    "ViewerGuid",
    "ViewerSession",
]
