"""Access tokens on their way to a content: everything that is to be said about them but themselves."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.model.names import ContentGuid, IntegrationGuid, ViewerGuid

HandedOut = tuple[IntegrationGuid, str, float | None]
"""A token that a content gets: whose authorization server's, its scope, and until when (epoch seconds; ``None``: no end).

A plain tuple, because the gateway's table holds one for each of its header blocks (``proxy.admission`` says why).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOut:
    """Tokens in the headers of one request."""

    viewer_guid: ViewerGuid
    content_guid: ContentGuid
    tokens: tuple[HandedOut, ...]
    is_handshake: bool
    """Of a WebSocket."""
    request_id: str = ""
    """Empty: whatever request is being served."""


@dataclass(frozen=True, slots=True)
class Counted:
    """By what requests are counted: who gets which tokens where."""

    viewer_guid: ViewerGuid
    content_guid: ContentGuid
    integration_guids: tuple[IntegrationGuid, ...]

    def as_text(self) -> str:
        """Return it as one text: what a table can count by at once."""
        return " ".join((self.viewer_guid, self.content_guid, *self.integration_guids))

    @classmethod
    def of(cls, text: str) -> Counted:
        """Read :meth:`as_text`."""
        viewer, content, *integrations = text.split(" ")
        return cls(ViewerGuid(viewer), ContentGuid(content), tuple(map(IntegrationGuid, integrations)))
