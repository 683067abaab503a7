"""What the demo's authorization server remembers, in memory: clients, grants, codes and tokens, as authlib asks for them.

Not done: forgetting. A replay can only be told from nonsense while the used token is remembered, and a demo is short.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from proxy.demo.people import Person

SCOPES: Mapping[str, str] = {
    "openid": "Know that it is you",
    "profile": "See your name",
    "email": "See your e-mail address",
    "orders": "See your orders",
    "offline_access": "Stay connected while you are away",
}
"""Every scope this server knows, in the words of its consent page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A registered client, as authlib asks about it."""

    client_id: str
    client_secret: str | None = field(repr=False)
    """``None``: a public client, which PKCE alone protects."""
    redirect_uris: tuple[str, ...]
    name: str

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        return None

    def get_allowed_scope(self, scope: str | None) -> str:
        return " ".join(word for word in (scope or "openid").split() if word in SCOPES)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return self.client_secret is not None and hmac.compare_digest(
            self.client_secret.encode(), client_secret.encode()
        )

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return (method == "none") == (self.client_secret is None)

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in {"authorization_code", "refresh_token"}


@dataclass(slots=True, kw_only=True)
class Grant:
    """One person's yes to one client, and the head of the family of tokens that came from it."""

    id: str
    person: Person
    client: Registration
    scope: str
    granted_at: datetime
    is_revoked: bool = False
    refreshes: int = 0


@dataclass(slots=True, kw_only=True)
class IssuedCode:
    """An authorization code: good once, for a minute."""

    grant: Grant
    redirect_uri: str
    code_challenge: str
    code_challenge_method: str
    expires_at: datetime
    is_used: bool = False

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.grant.scope


@dataclass(slots=True, kw_only=True)
class IssuedToken:
    """An access token and the refresh token that came with it."""

    grant: Grant
    scope: str
    expires_at: datetime
    now: Callable[[], datetime] = field(repr=False)
    is_refreshed: bool = False
    """Its refresh token was used: using it again is a replay."""
    is_ended: bool = False

    def check_client(self, client: Registration) -> bool:
        return self.grant.client.client_id == client.client_id

    def get_scope(self) -> str:
        return self.scope

    def is_expired(self) -> bool:
        return self.now() >= self.expires_at

    def is_revoked(self) -> bool:
        return self.is_ended or self.grant.is_revoked


@dataclass(slots=True, kw_only=True)
class Records:
    """All that the server knows, in memory."""

    issuer: str
    clients: Mapping[str, Registration]
    access_ttl_s: int
    now: Callable[[], datetime]
    grants: dict[str, Grant] = field(default_factory=dict)
    codes: dict[str, IssuedCode] = field(default_factory=dict)
    by_access_token: dict[str, IssuedToken] = field(default_factory=dict)
    by_refresh_token: dict[str, IssuedToken] = field(default_factory=dict)
