"""Google: a refresh token for who asks with ``access_type=offline`` and consents anew, a hundred at most, never in a refresh."""

from __future__ import annotations

from collections.abc import Mapping

from tests.doubles.grants import Family
from tests.doubles.profile import Issued, Paths, Profile, Refusal, plain_members

_OVER = Refusal(error="invalid_grant", description="Token has been expired or revoked.")
REFUSALS: Mapping[str, Refusal] = {
    "dead": _OVER,
    "expired": _OVER,
    "session_control": Refusal(
        error="invalid_grant", description="reauth related error", more={"error_subtype": "invalid_rapt"}
    ),
    "admin_policy": Refusal(error="admin_policy_enforced"),
}


def is_scope(words: list[str]) -> bool:
    return all(
        word in {"openid", "email", "profile"} or word.startswith("https://www.googleapis.com/") for word in words
    )


def gives_refresh_token(family: Family, consents: int) -> bool:
    is_new = consents == 1 or "consent" in family.asked.get("prompt", "").split()
    return family.asked.get("access_type") == "offline" and is_new


def members(issued: Issued) -> dict[str, object]:
    return plain_members(issued) | {"expires_in": issued.expires_in - 1}


GOOGLE = Profile(
    name="google",
    template="google",
    origin="https://accounts.google.com",
    other_hosts=("oauth2.googleapis.com", "www.googleapis.com", "openidconnect.googleapis.com"),
    paths=Paths(
        authorize="/o/oauth2/v2/auth",
        token="/token",
        revoke="/revoke",
        userinfo="/v1/userinfo",
        jwks="/oauth2/v3/certs",
        metadata=("/.well-known/openid-configuration",),
    ),
    callback_extras=lambda scope: {"scope": scope, "authuser": "0", "prompt": "consent"},
    is_scope=is_scope,
    assertion_audiences=(),
    code_ttl_s=600,
    max_families=100,
    gives_refresh_token=gives_refresh_token,
    members=members,
    refusals=REFUSALS,
    deadly=frozenset({"session_control"}),
)
