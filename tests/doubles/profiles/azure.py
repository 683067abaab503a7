"""Microsoft Entra ID: errors by number, one resource per token, refresh tokens that outlive their successor."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from aiohttp import web

from tests.doubles.grants import Family, User
from tests.doubles.profile import Caller, Issued, Paths, Profile, Refusal, Resource, plain_members

TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
DOMAIN = "contoso.example"
GRAPH = "https://graph.microsoft.com"
SQL = "https://database.windows.net"
RESERVED = frozenset({"openid", "profile", "email", "offline_access"})
CLAIMS = '{"access_token":{"capolids":{"essential":true,"values":["1c2e6c4a-5d0e-4a6e-8c6b-3f6f9f3d6b1a"]}}}'
"""The challenge of a policy, as it stands in an answer: JSON in a string."""


def _refusal(error: str, code: int, *, status: int = 400, **more: object) -> Refusal:
    return Refusal(error=error, code=code, status=status, description=f"Scripted {error}.", more=more)


REFUSALS: Mapping[str, Refusal] = {
    "no_client_id": _refusal("invalid_request", 900144),
    "no_form": _refusal("invalid_request", 9002313),
    "repeated": _refusal("invalid_request", 9002313),
    "unknown_tenant": _refusal("invalid_request", 90002),
    "unknown_client": _refusal("unauthorized_client", 700016),
    "wrong_secret": _refusal("invalid_client", 7000215, status=401),
    "expired_secret": _refusal("invalid_client", 7000222, status=401),
    "no_secret": _refusal("invalid_client", 7000218, status=401),
    "secret_of_public_client": _refusal("invalid_client", 700025, status=401),
    "wrong_assertion": _refusal("invalid_client", 700027, status=401),
    "scope": _refusal("invalid_scope", 70011),
    "code_expired": _refusal("invalid_grant", 70008),
    "code_used": _refusal("invalid_grant", 54005),
    "wrong_verifier": _refusal("invalid_grant", 501481),
    "dead": _refusal("invalid_grant", 70000),
    "expired": _refusal("invalid_grant", 700082),
    "client_loop": _refusal("invalid_grant", 50196),
    # what a person's standing brings
    "not_consented": _refusal("invalid_grant", 65001, suberror="consent_required"),
    "mfa_required": _refusal("invalid_grant", 50076, suberror="basic_action", claims=CLAIMS),
    "mfa_unchallenged": _refusal("invalid_grant", 50076, suberror="basic_action"),
    "ca_blocked": _refusal("invalid_grant", 53003, suberror="message_only"),
    "signin_frequency": _refusal("invalid_grant", 70043, suberror="bad_token"),
    "revoked": _refusal("invalid_grant", 50173, suberror="bad_token"),
    "disabled": _refusal("invalid_grant", 50057),
    "obo_style": _refusal("interaction_required", 50079, claims=CLAIMS),
    "spa_expired": _refusal("invalid_grant", 700084, suberror="bad_token"),
    "transient": _refusal("temporarily_unavailable", 90033),
    "unheard_of": _refusal("invalid_grant", 99999999),
}


def error_members(refusal: Refusal, now: float) -> dict[str, object]:
    """The description has CR LF in it, as the real one."""
    instant = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    trace = str(UUID(int=int(now)))
    text = f"AADSTS{refusal.code}: {refusal.description}"
    return {
        "error": refusal.error,
        "error_description": f"{text}\r\nTrace ID: {trace}\r\nCorrelation ID: {trace}\r\nTimestamp: {instant}",
        "error_codes": [refusal.code],
        "timestamp": instant,
        "trace_id": trace,
        "correlation_id": trace,
        "error_uri": f"https://login.microsoftonline.com/error?code={refusal.code}",
        **refusal.more,
    }


def resource_of(scope: str) -> str:
    """Which API a scope is of; a bare one is Graph's."""
    return scope.rpartition("/")[0] or GRAPH


def is_scope(words: list[str]) -> bool:
    return all(word in RESERVED or resource_of(word) in {GRAPH, SQL} for word in words)


def token_scope(family: Family, asked: str | None, _: str) -> str | None:
    """One resource at most; without ``scope`` the first of the grant."""
    granted = [word for word in family.scope.split() if word not in RESERVED]
    words = [word for word in (asked or "").split() if word not in RESERVED]
    wanted = list(dict.fromkeys(resource_of(word) for word in words or granted[:1]))
    if len(wanted) > 1 or not set(words) <= set(granted):
        return None
    mine = [word for word in granted if resource_of(word) in wanted]
    return " ".join([*mine, *(word for word in family.scope.split() if word in RESERVED - {"offline_access"})])


def members(issued: Issued) -> dict[str, object]:
    more: dict[str, object] = {"ext_expires_in": issued.expires_in}
    if issued.family.asked.get("client_info") == "1":
        told = json.dumps({"uid": issued.user.id, "utid": TENANT}).encode()
        more["client_info"] = base64.urlsafe_b64encode(told).decode().rstrip("=")
    return plain_members(issued) | more


def v1_members(issued: Issued) -> dict[str, object]:
    """As ADFS and the first version write numbers."""
    written = members(issued)
    return written | {"expires_in": str(issued.expires_in), "ext_expires_in": str(issued.expires_in)}


def id_claims(user: User) -> dict[str, object]:
    return {
        "sub": f"pairwise-{user.id}",
        "oid": f"oid-{user.id}",
        "tid": TENANT,
        "preferred_username": user.email,
        "name": user.name,
        "ver": "2.0",
        "uti": "uti",
    }


def me(caller: Caller) -> web.Response:
    """Graph takes Graph's tokens only."""
    is_mine = any(resource_of(word) == GRAPH for word in caller.scope.split() if word not in RESERVED)
    if caller.user is None or not is_mine:
        refused = {"error": {"code": "InvalidAuthenticationToken", "message": "No."}}
        return web.json_response(refused, status=401)
    user = caller.user
    return web.json_response({"id": f"oid-{user.id}", "userPrincipalName": user.email, "displayName": user.name})


AZURE = Profile(
    name="azure",
    template="azure",
    origin="https://login.microsoftonline.com",
    other_hosts=("graph.microsoft.com",),
    config={"tenant_id": TENANT, "scopes": f"openid profile email {SQL}/.default"},
    paths=Paths(
        authorize="/{tenant}/oauth2/v2.0/authorize",
        token="/{tenant}/oauth2/v2.0/token",
        revoke="",
        userinfo="",
        jwks="/{tenant}/discovery/v2.0/keys",
        metadata=("/{tenant}/v2.0/.well-known/openid-configuration",),
    ),
    tenants=frozenset({TENANT, DOMAIN, "organizations", "common"}),
    issuer="{url}/" + TENANT + "/v2.0",
    sends_iss=False,
    is_scope=is_scope,
    needs_client_id=True,
    needs_thumbprint=True,
    assertion_ttl_s=86_400,
    code_ttl_s=600,
    access_spread_s=1800,
    access_size=2000,
    refresh_size=1500,
    refresh_ttl_s=90 * 86_400,
    refresh_slides=True,
    rotation="multi",
    token_scope=token_scope,
    service_scope=lambda scope: scope.endswith("/.default") and is_scope([scope]),
    members=members,
    error_members=error_members,
    refusals=REFUSALS,
    deadly=frozenset({"signin_frequency", "revoked", "spa_expired"}),
    loop_limit=15,
    id_claims=id_claims,
    resources=(Resource(path="/graph/v1.0/me", answer=me), Resource(path="/v1.0/me", answer=me)),
)

ORGANIZATIONS = replace(
    AZURE,
    name="azure-organizations",
    config={"tenant_id": "organizations", "tenants": TENANT, "scopes": f"{SQL}/.default openid"},
)
"""One registration for several directories: ID tokens name the one that the viewer is of."""

US_GOVERNMENT = replace(
    AZURE,
    name="azure-us-government",
    origin="https://login.microsoftonline.us",
    other_hosts=(),
    config=dict(AZURE.config) | {"cloud": "usgov"},
)
