"""GitHub: errors with status 200, forms for who does not ask for JSON, and Apps whose refresh ends what was before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from aiohttp import web

from tests.doubles.journal import Entry
from tests.doubles.profile import Caller, Issued, Paths, Profile, Refusal, Resource, always

_CLIENT = Refusal(error="incorrect_client_credentials", status=200)
_CODE = Refusal(error="bad_verification_code", description="The code passed is incorrect or expired.", status=200)
_DEAD = Refusal(error="bad_refresh_token", description="The refresh token is incorrect or expired.", status=200)
REFUSALS: Mapping[str, Refusal] = {
    **dict.fromkeys(("unknown_client", "wrong_secret", "no_secret", "wrong_assertion"), _CLIENT),
    **dict.fromkeys(("code_unknown", "code_used", "code_expired", "wrong_verifier"), _CODE),
    **dict.fromkeys(("dead", "expired", "replayed"), _DEAD),
    "unverified_email": Refusal(error="unverified_user_email", status=200),
}


def starts_alike(asked: str, registered: set[str]) -> bool:
    return any(asked == one or asked.startswith(one.rstrip("/") + "/") for one in registered)


def render(members: Mapping[str, object], entry: Entry) -> tuple[bytes, str]:
    if "application/json" in (entry.header("Accept") or ""):
        return json.dumps(members).encode(), "application/json; charset=utf-8"
    return urlencode(members).encode(), "application/x-www-form-urlencoded; charset=utf-8"


def app_members(issued: Issued) -> dict[str, object]:
    return {
        "access_token": issued.access_token,
        "expires_in": issued.expires_in,
        "refresh_token": issued.refresh_token,
        "refresh_token_expires_in": issued.refresh_expires_in,
        "scope": "",
        "token_type": "bearer",
    }


def oauth_app_members(issued: Issued) -> dict[str, object]:
    """No end, nothing to refresh with, and commas."""
    return {"access_token": issued.access_token, "scope": issued.scope.replace(" ", ","), "token_type": "bearer"}


def user(caller: Caller) -> web.Response:
    if not caller.entry.header("User-Agent"):
        return web.Response(status=403, text="Request forbidden by administrative rules.")
    if caller.user is None:
        return web.json_response({"message": "Bad credentials"}, status=401)
    number = 1000 + sum(caller.user.id.encode())
    return web.json_response({"id": number, "login": caller.user.id, "name": caller.user.name, "email": None})


GITHUB_APP = Profile(
    name="github-app",
    template="github",
    origin="https://github.com",
    other_hosts=("api.github.com",),
    paths=Paths(
        authorize="/login/oauth/authorize",
        token="/login/oauth/access_token",
        revoke="",
        userinfo="",
        jwks="",
        metadata=(),
    ),
    sends_iss=False,
    redirect_matches=starts_alike,
    is_scope=lambda words: set(words) <= {"repo", "gist", "read:user", "user:email"},
    code_ttl_s=600,
    access_ttl_s=28_800,
    access_prefix="ghu_",
    refresh_ttl_s=15_811_200,
    refresh_slides=True,
    rotation="single_reject",
    refresh_kills_access=True,
    gives_refresh_token=always,
    members=app_members,
    render=render,
    refusals=REFUSALS,
    resources=(Resource(path="/user", answer=user),),
)

OAUTH_APP = replace(
    GITHUB_APP,
    name="github-oauth-app",
    config={"scopes": "repo gist"},
    access_ttl_s=10 * 365 * 86_400,
    access_prefix="gho_",
    gives_refresh_token=lambda _, __: False,
    members=oauth_app_members,
)

ENTERPRISE = replace(
    GITHUB_APP,
    name="github-enterprise",
    origin="https://github.example.org",
    other_hosts=(),
    config={"host": "{url}"},
    resources=(Resource(path="/api/v3/user", answer=user),),
)
