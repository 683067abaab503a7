"""Tell an authorization server that a token is not needed any more (RFC 7009)."""

from __future__ import annotations

from typing import Literal

from proxy.oauth.client_auth import Client, authenticated_form
from proxy.oauth.message import OutboundRequest
from proxy.oauth.metadata import AuthorizationServer


def revocation_request(
    server: AuthorizationServer, client: Client, token: str, hint: Literal["access_token", "refresh_token"]
) -> OutboundRequest:
    """Return the request of RFC 7009 §2.1; ``ValueError`` when the server has no such endpoint.

    Any 200 means done, also for a token that the server does not know (§2.2).
    """
    if server.revocation_endpoint is None:
        raise ValueError("this authorization server has no revocation endpoint")
    return authenticated_form(server.revocation_endpoint, client, [("token", token), ("token_type_hint", hint)])
