"""Okta, an authorization server of an organisation.

The organisation's own server gives tokens for Okta's API only; data wants a custom one, ``default`` or another.
"""

from __future__ import annotations

from proxy.oauth.client_auth import ClientAuthMethod
from proxy.oauth.refusals import Refusal
from proxy.providers.base import Endpoints, Field, Lifetimes, Provider, ServiceAccounts
from proxy.providers.client_fields import client_fields, override_fields

_METHODS = (
    ClientAuthMethod.CLIENT_SECRET_BASIC,
    ClientAuthMethod.CLIENT_SECRET_POST,
    ClientAuthMethod.PRIVATE_KEY_JWT,
    ClientAuthMethod.NONE,
)
_CUSTOM, _ORG = "{okta_domain}/oauth2/{authorization_server}", "{okta_domain}/oauth2"

OKTA = Provider(
    key="okta",
    display="Okta",
    page="okta",
    fields=(
        Field(
            name="okta_domain",
            label="Okta domain",
            required=True,
            kind="origin",
            help="Such as example.okta.com, without -admin.",
            pattern="(?!.*-admin[.]okta).*",
            otherwise="must be the domain that people sign in at, without -admin",
        ),
        Field(
            name="authorization_server",
            label="Authorization server",
            kind="segment",
            help="The ID of a custom one, `default` among them. Empty: the organisation's own, for Okta's API only.",
        ),
        *client_fields(
            _METHODS,
            scopes="Separated by spaces; offline_access is added. Empty: openid profile email.",
        ),
        *override_fields("authorization_uri", "token_uri", "userinfo_uri", "issuer"),
    ),
    endpoints=Endpoints(
        authorization=(f"{_CUSTOM}/v1/authorize", f"{_ORG}/v1/authorize"),
        token=(f"{_CUSTOM}/v1/token", f"{_ORG}/v1/token"),
        userinfo=(f"{_CUSTOM}/v1/userinfo", f"{_ORG}/v1/userinfo"),
        jwks=(f"{_CUSTOM}/v1/keys", f"{_ORG}/v1/keys"),
        issuer=(_CUSTOM, "{okta_domain}"),
        revocation=(f"{_CUSTOM}/v1/revoke", f"{_ORG}/v1/revoke"),
    ),
    lifetimes=Lifetimes(
        access="1 h, 5 min–24 h by the access policy",
        refresh="no end, 7 days idle, by the access policy",
        rotation="persistent, or rotating with 30 s of grace; a later second use ends all",
    ),
    auth_methods=_METHODS,
    revokes_one_grant_only=True,
    default_scopes=("openid", "profile", "email"),
    refresh_scopes=("offline_access",),
    refusals=(Refusal(means="transient", because="rate_limit", error="E0000047"),),
    refresh_needs="The application needs the grant type *Refresh Token*, and the access policy has to allow offline_access.",
    service_accounts=ServiceAccounts(),
    left_out=(
        "Sign-out at Okta: its endpoint wants the ID token back, and none is kept.",
        "Refreshing to keep an idle grant alive: after 7 days without use a viewer passes through Okta again.",
        "`offline_access` needs the Refresh Token grant at the application; without it Okta refuses the redirect.",
    ),
)
