"""What changed: the news that whoever prepared something from the records has to hear."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.model.names import ContentGuid, IntegrationGuid, SessionHash, ViewerGuid


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """Sign-out, expiry or revocation of one viewer session."""

    session_hash: SessionHash


@dataclass(frozen=True, slots=True)
class ConsentEnded:
    """The viewer's (or, where ``viewer_guid`` is ``None``, everybody's) consent for this content is gone."""

    viewer_guid: ViewerGuid | None
    content_guid: ContentGuid


@dataclass(frozen=True, slots=True)
class CredentialsChanged:
    """New tokens, or no usable ones any more: what was prepared from the old ones is stale."""

    viewer_guid: ViewerGuid
    integration_guid: IntegrationGuid


@dataclass(frozen=True, slots=True)
class DirectoryChanged:
    """Somebody made, changed or deleted an integration, or said which ones a content uses."""

    content_guids: frozenset[ContentGuid]
    """The contents whose viewers are to be judged anew; empty: no content uses what changed."""


@dataclass(frozen=True, slots=True)
class ApiKeysChanged:
    """A key of the Server API was made or revoked."""


@dataclass(frozen=True, slots=True)
class ChangesLost:
    """Changes happened that nobody can tell any more: whatever was prepared may be untrue."""


Change = SessionEnded | ConsentEnded | CredentialsChanged | DirectoryChanged | ChangesLost
"""What admissions and connections live on."""

StoredChange = SessionEnded | ConsentEnded | CredentialsChanged | DirectoryChanged | ApiKeysChanged
News = Change | ApiKeysChanged
"""Whatever the store's feed tells."""
