"""Who the viewer is, asked with their access token (OpenID Connect Core §5.3; other servers have the like)."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.oauth.message import OutboundRequest, OutboundResponse
from proxy.oauth.text import json_object


def resource_request(url: str, access_token: str) -> OutboundRequest:
    """Return the request for the claims: the userinfo endpoint, or the provider's own."""
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
    return OutboundRequest(method="GET", url=url, headers=headers)


def parse_userinfo(response: OutboundResponse) -> Mapping[str, object] | None:
    """Return the claims, unchecked; ``None`` for any answer but 200 with a JSON object.

    Not done: signed answers (``application/jwt``), which a client gets only when it registered for them.
    """
    return json_object(response.body) if response.status == 200 else None
