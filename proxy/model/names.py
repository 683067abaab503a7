"""What records are known by: guids, and the hashes that stand for handles which must not be kept."""

from __future__ import annotations

from typing import NewType

IntegrationGuid = NewType("IntegrationGuid", str)
ContentGuid = NewType("ContentGuid", str)
ViewerGuid = NewType("ViewerGuid", str)
CredentialsGuid = NewType("CredentialsGuid", str)

SessionHash = NewType("SessionHash", bytes)
"""SHA-256 (32 bytes) of a viewer session's cookie value: the only form in which the id is kept."""

HandleHash = NewType("HandleHash", bytes)
"""SHA-256 (32 bytes) of the cookie by which a content's own host knows a viewer session; good for that content only."""

SidHash = NewType("SidHash", bytes)
"""SHA-256 (32 bytes) of the name (``sid``) that an OpenID provider gives its own session."""

SessionTokenHash = NewType("SessionTokenHash", bytes)
"""SHA-256 (32 bytes) of a content's session token."""

ApiKeyGuid = NewType("ApiKeyGuid", str)
