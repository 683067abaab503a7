"""Any authorization server, by its endpoints: what Connect calls the ``custom`` template.

Nothing is assumed of it: PKCE S256 is sent unless switched off (RFC 6749 §3.1: a server ignores what it does not know), the
secret goes in the body unless told otherwise, and only what RFC 6749 calls a dead grant is one.
"""

from __future__ import annotations

from proxy.oauth.client_auth import ClientAuthMethod
from proxy.providers.base import Endpoints, Field, Lifetimes, Provider, ServiceAccounts
from proxy.providers.client_fields import client_fields, sign_out_field

_METHODS = (
    ClientAuthMethod.CLIENT_SECRET_POST,
    ClientAuthMethod.CLIENT_SECRET_BASIC,
    ClientAuthMethod.PRIVATE_KEY_JWT,
    ClientAuthMethod.NONE,
)

CUSTOM = Provider(
    key="custom",
    display="Custom",
    page="custom",
    fields=(
        Field(
            name="authorization_uri",
            label="Authorization endpoint",
            required=True,
            for_viewers=True,
            kind="url",
            help="Where viewers are sent to sign in and consent; a service account needs none.",
        ),
        Field(
            name="token_uri",
            label="Token endpoint",
            required=True,
            kind="url",
            help="Where codes and refresh tokens are redeemed.",
        ),
        Field(
            name="userinfo_uri",
            label="Userinfo endpoint",
            kind="url",
            help="Who the viewer is; `sign_in` needs it. Empty: not asked.",
        ),
        Field(
            name="issuer",
            label="Issuer",
            kind="url",
            help="Compared with `iss` of callbacks (RFC 9207) and ID tokens. Empty: not compared, ID tokens are not read.",
        ),
        Field(
            name="jwks_uri",
            label="Key set",
            kind="url",
            help="Keys that ID tokens are signed with; with `issuer` and the scope `openid` they say who the viewer is. "
            "Empty: ID tokens are not read.",
        ),
        Field(
            name="revocation_uri",
            label="Revocation endpoint",
            kind="url",
            help="Where tokens are given back when a grant ends here (RFC 7009). Empty: nowhere, they are only forgotten.",
        ),
        Field(
            name="end_session_uri",
            label="End session endpoint",
            kind="url",
            help="Where viewers sign out of the server itself (OpenID Connect RP-Initiated Logout). Empty: nowhere.",
        ),
        sign_out_field(),
        *client_fields(_METHODS, scopes="Separated by spaces. Empty: the server's default."),
        Field(
            name="basic_encoding",
            label="Encoding of Basic",
            kind="choice",
            choices=("form", "raw"),
            help="How client_secret_basic writes ID and secret: form as RFC 6749 wants it, raw for servers that do not "
            "decode it. Empty: form.",
        ),
        Field(
            name="use_pkce",
            label="PKCE",
            kind="flag",
            choices=("true", "false"),
            help="Whether codes are bound to our request (RFC 7636, S256). false needs a secret, and is for servers that "
            "refuse the parameters. Empty: true.",
        ),
    ),
    endpoints=Endpoints(),
    lifetimes=Lifetimes(
        access="as the server says, else 1 h", refresh="as the server says", rotation="followed when it happens"
    ),
    auth_methods=_METHODS,
    pkce_can_be_off=True,
    service_accounts=ServiceAccounts(),
    left_out=(
        "No scope is added to those that are named: there is none that every server takes.",
        "A server whose grants die under another name than invalid_grant needs a recipe of its own.",
    ),
)
