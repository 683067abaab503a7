"""Who the viewer is, asked with their access token (OpenID Connect Core §5.3)."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.oauth.message import OutboundRequest, OutboundResponse
from proxy.oauth.metadata import AuthorizationServer
from proxy.oauth.text import json_object


def userinfo_request(server: AuthorizationServer, access_token: str) -> OutboundRequest:
    """Return the request for the claims; ``ValueError`` when the server has no such endpoint."""
    if server.userinfo_endpoint is None:
        raise ValueError("this authorization server has no userinfo endpoint")
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
    return OutboundRequest(method="GET", url=server.userinfo_endpoint, headers=headers)


def parse_userinfo(response: OutboundResponse) -> Mapping[str, object] | None:
    """Return the claims, unchecked; ``None`` for any answer but 200 with a JSON object.

    Not done: signed answers (``application/jwt``), which a client gets only when it registered for them.
    """
    return json_object(response.body) if response.status == 200 else None
