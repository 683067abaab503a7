"""Databricks: a dead refresh token is an ``invalid_request``, and a token that ends within 30 s is refused already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web

from tests.doubles.profile import Caller, Issued, Paths, Profile, Refusal, Resource, plain_members

SCOPES = frozenset({"all-apis", "sql", "offline_access", "openid", "email", "profile"})
ALMOST_OVER_S = 30.0
"""The rule of Azure Databricks that its SDK quotes."""

_DEAD = Refusal(error="invalid_request", description="Refresh token is invalid", status=401)

REFUSALS: Mapping[str, Refusal] = {
    "dead": _DEAD,
    "expired": _DEAD,
    "replayed": _DEAD,
    "multiple_proofs": Refusal(
        error="invalid_request", description="Cannot supply multiple client credentials. Use one.", status=401
    ),
}


def me(caller: Caller) -> web.Response:
    """SCIM's ``Me``."""
    if caller.token == "missing":
        refused = {"error_code": "401", "message": "Credential was not sent or was of an unsupported type."}
        return web.json_response(refused, status=401)
    if caller.user is None or caller.left_s <= ALMOST_OVER_S:
        return web.json_response({"error_code": "403", "message": "Invalid access token. [ReqId: 1]"}, status=403)
    user = caller.user
    return web.json_response({
        "id": f"scim-{user.id}",
        "userName": user.email,
        "displayName": user.name,
        "emails": [{"value": user.email, "primary": True}],
        "active": True,
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
    })  # fmt: skip


def string_numbers(issued: Issued) -> dict[str, object]:
    """As the vendor's own fake answers."""
    return plain_members(issued) | {"expires_in": str(issued.expires_in)}


DATABRICKS = Profile(
    name="databricks",
    template="databricks",
    origin="https://dbc-1234.cloud.databricks.com",
    config={"workspace_host": "{url}"},
    paths=Paths(
        authorize="/oidc/v1/authorize",
        token="/oidc/v1/token",
        revoke="",
        userinfo="",
        jwks="/oidc/jwks.json",
        metadata=("/oidc/.well-known/oauth-authorization-server",),
    ),
    issuer="{url}/oidc",
    sends_iss=False,
    requires_pkce=True,
    is_scope=lambda words: set(words) <= SCOPES,
    basic_encoding="raw",
    code_ttl_s=300,
    refresh_ttl_s=10_080 * 60,
    rotation="echo",
    service_scope=lambda scope: scope == "all-apis",
    refusals=REFUSALS,
    resources=(Resource(path="/api/2.0/preview/scim/v2/Me", answer=me),),
)

SINGLE_USE = replace(
    DATABRICKS,
    name="databricks-single-use",
    rotation="single_family",
    refresh_kills_access=True,
    refresh_slides=True,
    family_ttl_s=30 * 86_400,
)
"""``enable_single_use_refresh_tokens``, read strictly: each refresh ends the access token before it."""

NEWER_ERRORS = replace(
    DATABRICKS,
    name="databricks-newer-errors",
    refusals=REFUSALS
    | {
        reason: Refusal(error="invalid_grant", description="Refresh token is invalid")
        for reason in ("dead", "expired", "replayed")
    },
)

_ACCOUNT = "/oidc/accounts/a-1"

ACCOUNT = replace(
    DATABRICKS,
    name="databricks-account",
    origin="https://accounts.cloud.databricks.com",
    config={"workspace_host": "{url}", "account_id": "a-1"},
    paths=replace(
        DATABRICKS.paths,
        authorize=f"{_ACCOUNT}/v1/authorize",
        token=f"{_ACCOUNT}/v1/token",
        metadata=(f"{_ACCOUNT}/.well-known/oauth-authorization-server",),
    ),
    resources=(),
)
"""Of an account instead of a workspace; ``Me`` is a workspace's."""
