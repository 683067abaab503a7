"""Keycloak, a realm of it.

A refresh token belongs to the sign-in at Keycloak and ends with it, unless ``offline_access`` is asked for. Where "Revoke
Refresh Token" is on, a second use of one ends the session: all that can be seen of it is a new one in each answer.
"""

from __future__ import annotations

from proxy.oauth.client_auth import ClientAuthMethod
from proxy.providers.base import Endpoints, Field, Lifetimes, Provider, ServiceAccounts
from proxy.providers.client_fields import client_fields, override_fields, sign_out_field

_METHODS = (
    ClientAuthMethod.CLIENT_SECRET_BASIC,
    ClientAuthMethod.CLIENT_SECRET_POST,
    ClientAuthMethod.PRIVATE_KEY_JWT,
    ClientAuthMethod.NONE,
)
_REALM = "{base_url}/realms/{realm}"
_PROTOCOL = f"{_REALM}/protocol/openid-connect"

KEYCLOAK = Provider(
    key="keycloak",
    display="Keycloak",
    page="keycloak",
    fields=(
        Field(
            name="base_url",
            label="Base URL",
            required=True,
            kind="base",
            help="Such as https://sso.example.org; before version 17 with /auth at its end.",
        ),
        Field(name="realm", label="Realm", required=True, kind="segment", help="Its name, as in addresses."),
        *client_fields(
            _METHODS,
            scopes="Separated by spaces; offline_access for tokens that outlive the sign-in at Keycloak. Empty: openid "
            "profile email.",
        ),
        sign_out_field(),
        *override_fields("authorization_uri", "token_uri", "userinfo_uri", "issuer"),
    ),
    endpoints=Endpoints(
        authorization=(f"{_PROTOCOL}/auth",),
        token=(f"{_PROTOCOL}/token",),
        userinfo=(f"{_PROTOCOL}/userinfo",),
        jwks=(f"{_PROTOCOL}/certs",),
        issuer=(_REALM,),
        revocation=(f"{_PROTOCOL}/revoke",),
        end_session=(f"{_PROTOCOL}/logout",),
    ),
    lifetimes=Lifetimes(
        access="5 min",
        refresh="the sign-in at Keycloak: 30 min idle, 10 h at most; with offline_access 30 days idle",
        rotation="a new one each time; with Revoke Refresh Token on, a second use ends the session",
    ),
    auth_methods=_METHODS,
    default_scopes=("openid", "profile", "email"),
    default_ttl_s=300.0,
    refresh_needs="The client needs *Use refresh tokens* (on by default); with offline_access grants outlive the sign-in there.",
    service_accounts=ServiceAccounts(),
    left_out=(
        "`offline_access` is not added: it needs a role, and a refresh token comes without it.",
        "Callbacks without `iss` are taken, because a client can be told to leave it out.",
        "Client secrets in a JWT and mTLS.",
        "`not-before-policy` and `session_state` of answers.",
    ),
)
