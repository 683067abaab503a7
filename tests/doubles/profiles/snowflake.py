"""Snowflake: form-encoded Basic, errors with a ``message``, no state with a refused scope, single use that kills."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from aiohttp import web

from tests.doubles.grants import Family
from tests.doubles.journal import Entry
from tests.doubles.profile import Caller, Issued, Paths, Profile, Refusal, Resource, plain_error

_SCOPE = re.compile(r"refresh_token|session:role(?:-encoded)?:\S+")

REFUSALS: Mapping[str, Refusal] = {
    reason: Refusal(error="invalid_client", description="This is an invalid client.")
    for reason in (
        "multiple_proofs",
        "unknown_client",
        "wrong_secret",
        "no_secret",
        "wrong_assertion",
        "secret_of_public_client",
    )
}


def is_scope(words: list[str]) -> bool:
    """One role at most, and nothing that OpenID Connect knows."""
    return all(_SCOPE.fullmatch(word) for word in words) and sum(":" in word for word in words) <= 1


def without_query(asked: str, registered: set[str]) -> bool:
    return urlsplit(asked)._replace(query="").geturl() in registered


def error_members(refusal: Refusal, _: float) -> dict[str, object]:
    return {"data": None, "message": refusal.description, "code": None, "success": False, "error": refusal.error}


def members(issued: Issued) -> dict[str, object]:
    """A refresh is answered without user, scope and, unless single-use, refresh token."""
    answer: dict[str, object] = {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in - (1 if issued.is_refresh else 0),
        "idpInitiated": False,
    }
    if issued.refresh_token is not None:
        answer |= {"refresh_token": issued.refresh_token, "refresh_token_expires_in": issued.refresh_expires_in}
    return answer if issued.is_refresh else answer | {"username": issued.user.id.upper(), "scope": issued.scope}


def minimal_members(issued: Issued) -> dict[str, object]:
    """No more than what is documented."""
    return {name: value for name, value in members(issued).items() if name not in {"scope", "idpInitiated"}}


def token_in_body(entry: Entry) -> str:
    return str(json.loads(entry.body)["data"]["TOKEN"])


def login(caller: Caller) -> web.Response:
    """``login-request``: refusals come with status 200."""
    if caller.user is not None:
        role = next((word.rpartition(":")[2] for word in caller.scope.split() if ":" in word), "PUBLIC")
        told = {"token": "session", "displayUserName": caller.user.id.upper(), "sessionInfo": {"roleName": role}}
        return web.json_response({"success": True, "data": told, "code": None})
    data = {"nextAction": "RETRY_LOGIN", "authnMethod": "OAUTH"}
    code = "390318" if caller.token == "expired" else "390303"
    message = "Invalid OAuth access token. [1]"
    return web.json_response({"success": False, "code": code, "message": message, "data": data})


def asked_for(family: Family, _: int) -> bool:
    return "refresh_token" in family.scope.split()


SNOWFLAKE = Profile(
    name="snowflake",
    template="snowflake",
    origin="https://myorg-account.snowflakecomputing.com",
    config={"account_url": "{url}", "scopes": "session:role:ANALYST"},
    paths=Paths(
        authorize="/oauth/authorize", token="/oauth/token-request", revoke="", userinfo="", jwks="", metadata=()
    ),
    sends_iss=False,
    callback_extras=lambda scope: {"scope": scope},
    redirect_matches=without_query,
    is_scope=is_scope,
    forgets_state_on_invalid_scope=True,
    max_state_chars=2048,
    denied_scopes=frozenset(
        f"session:role:{role}" for role in ("ACCOUNTADMIN", "SECURITYADMIN", "ORGADMIN", "GLOBALORGADMIN")
    ),
    basic_stands_alone=True,
    assertion_audiences=("{token_url}",),
    access_ttl_s=600,
    refresh_ttl_s=7_776_000,
    gives_refresh_token=asked_for,
    token_scope=lambda family, _, __: family.scope,
    members=members,
    error_members=error_members,
    refusals=REFUSALS,
    resources=(Resource(path="/session/v1/login-request", answer=login, token_of=token_in_body, method="POST"),),
)

SINGLE_USE = replace(
    SNOWFLAKE,
    name="snowflake-single-use",
    rotation="single_family",
    refresh_kills_access=True,
    refresh_slides=True,
)
"""``OAUTH_SINGLE_USE_REFRESH_TOKENS_REQUIRED``."""

MINIMAL = replace(SNOWFLAKE, name="snowflake-minimal", members=minimal_members, error_members=plain_error)
"""What is documented and no more, with errors as the RFC has them."""
