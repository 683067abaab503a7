"""Okta, a custom authorization server: a grace of 30 s after a rotation, and gateway errors without ``error``."""

from __future__ import annotations

from dataclasses import replace

from tests.doubles.faults import Fault, raw_body
from tests.doubles.profile import Paths, Profile

RATE_LIMITED: Fault = raw_body(
    b'{"errorCode":"E0000047","errorSummary":"API call exceeded rate limit due to too many requests.",'
    b'"errorLink":"E0000047","errorId":"oae1","errorCauses":[]}',
    code=429,
)

_SERVER = "/oauth2/default"

OKTA = Profile(
    name="okta",
    template="okta",
    origin="https://example.okta.com",
    config={"okta_domain": "{url}", "authorization_server": "default"},
    paths=Paths(
        authorize=f"{_SERVER}/v1/authorize",
        token=f"{_SERVER}/v1/token",
        revoke=f"{_SERVER}/v1/revoke",
        userinfo=f"{_SERVER}/v1/userinfo",
        jwks=f"{_SERVER}/v1/keys",
        metadata=(f"{_SERVER}/.well-known/openid-configuration",),
    ),
    issuer="{url}/oauth2/default",
    sends_iss=False,
    refresh_ttl_s=7 * 86_400,
    refresh_slides=True,
    rotation="single_grace:30",
    service_scope=lambda scope: scope != "openid",
)

PERSISTENT = replace(OKTA, name="okta-persistent", rotation="none")

ORGANIZATION = replace(
    OKTA,
    name="okta-organization",
    origin="https://example.oktapreview.com",
    config={"okta_domain": "{url}"},
    paths=Paths(
        authorize="/oauth2/v1/authorize",
        token="/oauth2/v1/token",
        revoke="/oauth2/v1/revoke",
        userinfo="/oauth2/v1/userinfo",
        jwks="/oauth2/v1/keys",
    ),
    issuer="{url}",
)
"""The organisation's own server, without the name of a custom one in its paths."""
