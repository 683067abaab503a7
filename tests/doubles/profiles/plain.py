"""Servers that any administrator may have: one that follows the RFCs, by hand or discovered, and one that is a mess."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from tests.doubles.journal import Entry
from tests.doubles.profile import PLAIN, Issued, plain_members

CUSTOM = replace(
    PLAIN,
    name="custom",
    origin="https://id.example.net",
    config={
        "authorization_uri": "{url}/authorize",
        "token_uri": "{url}/token",
        "userinfo_uri": "{url}/userinfo",
        "jwks_uri": "{url}/jwks",
        "revocation_uri": "{url}/revoke",
        "issuer": "{url}",
        "scopes": "openid profile email offline_access",
    },
    refresh_ttl_s=30 * 86_400,
)

OIDC = replace(CUSTOM, name="oidc", template="oidc", origin="https://op.example.net", config={"issuer": "{url}"})


def messy_members(issued: Issued) -> dict[str, object]:
    """Everything that is there is right, one way or another."""
    members = plain_members(issued) | {
        "error": None,
        "expires_in": f"{issued.expires_in - 1}.0",
        "scope": issued.scope.split(),
        "nested": {"access_token": "not this one", "more": [{"refresh_token": "nor this"}]},
    }
    members.pop("token_type")
    return members | ({"refresh_token": ""} if issued.is_refresh else {})


def messy_bytes(members: Mapping[str, object], _: Entry) -> tuple[bytes, str]:
    return b"\xef\xbb\xbf" + json.dumps(members).encode(), "text/html; charset=iso-8859-1"


MESSY = replace(
    CUSTOM,
    name="messy",
    origin="https://messy.example.net",
    access_size=64 * 1024,
    members=messy_members,
    render=messy_bytes,
)
