"""Keycloak: refresh tokens that end with the sign-in there, and "Revoke Refresh Token", which ends all at a second use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tests.doubles.profile import Issued, Paths, Profile, Refusal, always, plain_members

_OVER = Refusal(error="invalid_grant", description="Session not active")
REFUSALS: Mapping[str, Refusal] = {
    "dead": _OVER,
    "expired": _OVER,
    "replayed": Refusal(error="invalid_grant", description="Maximum allowed refresh token reuse exceeded"),
    "wrong_secret": Refusal(error="unauthorized_client", description="Invalid client credentials", status=401),
}
_PROTOCOL = "/realms/main/protocol/openid-connect"


def members(issued: Issued) -> dict[str, object]:
    is_offline = "offline_access" in issued.scope.split()
    ends = 0 if is_offline else issued.refresh_expires_in
    return plain_members(issued) | {"refresh_expires_in": ends, "not-before-policy": 0, "session_state": "s-1"}


KEYCLOAK = Profile(
    name="keycloak",
    template="keycloak",
    origin="https://sso.example.org",
    config={"base_url": "{url}", "realm": "main"},
    paths=Paths(
        authorize=f"{_PROTOCOL}/auth",
        token=f"{_PROTOCOL}/token",
        revoke=f"{_PROTOCOL}/revoke",
        userinfo=f"{_PROTOCOL}/userinfo",
        jwks=f"{_PROTOCOL}/certs",
        metadata=("/realms/main/.well-known/openid-configuration",),
    ),
    issuer="{url}/realms/main",
    callback_extras=lambda _: {"session_state": "s-1"},
    access_ttl_s=300,
    refresh_ttl_s=1800,
    refresh_slides=True,
    family_ttl_s=36_000,
    rotation="multi",
    gives_refresh_token=always,
    service_scope=lambda _: True,
    members=members,
    refusals=REFUSALS,
)

REVOKING = replace(KEYCLOAK, name="keycloak-revoking", rotation="single_family")
