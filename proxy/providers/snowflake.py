"""Snowflake's own authorization server (a security integration of type OAUTH, CUSTOM).

Its errors have their text in ``message``, it decodes both halves of Basic, it refuses a request that names a client
twice, and with single-use refresh tokens one refresh ends every earlier access token. Who the viewer is stands in the
answer to the code only.
"""

from __future__ import annotations

from types import MappingProxyType

from proxy.oauth.client_auth import ClientAuthMethod
from proxy.providers.base import Endpoints, Field, Lifetimes, Provider
from proxy.providers.client_fields import client_fields, override_fields
from proxy.providers.identity import ClaimNames, FromAnswer

_METHODS = (
    ClientAuthMethod.CLIENT_SECRET_POST,
    ClientAuthMethod.CLIENT_SECRET_BASIC,
    ClientAuthMethod.PRIVATE_KEY_JWT,
    ClientAuthMethod.NONE,
)
_NO_SERVICE_ACCOUNTS = (
    "Snowflake's own server has none: use an integration of the server behind External OAuth (azure, okta, custom)"
)

SNOWFLAKE = Provider(
    key="snowflake",
    display="Snowflake",
    page="snowflake",
    fields=(
        Field(
            name="account_url",
            label="Account URL",
            required=True,
            kind="origin",
            pattern="[^_]+",
            otherwise="must have - for each _ of the account name: certificates know no underscore",
            help="Such as https://myorg-account.snowflakecomputing.com.",
        ),
        *client_fields(
            _METHODS,
            scopes="One session:role:NAME at most, upper case unless quoted; refresh_token is added. Empty: the viewer's "
            "default role.",
            no_service_accounts=_NO_SERVICE_ACCOUNTS,
        ),
        *override_fields("authorization_uri", "token_uri"),
    ),
    endpoints=Endpoints(authorization=("{account_url}/oauth/authorize",), token=("{account_url}/oauth/token-request",)),
    lifetimes=Lifetimes(
        access="10 min, 1–60 min in the security integration",
        refresh="90 days from the consent, 1–90 in the security integration",
        rotation="off unless refresh tokens are single-use; then a second use ends all",
    ),
    auth_methods=_METHODS,
    refresh_scopes=("refresh_token",),
    refused_scopes=MappingProxyType(
        {"offline_access": "Snowflake refuses offline_access: leave it out, refresh_token is added by itself"}
    ),
    refresh_needs="The security integration needs OAUTH_ISSUE_REFRESH_TOKENS = TRUE.",
    default_ttl_s=600.0,
    refresh_invalidates_access=True,
    identity=(
        FromAnswer(
            ClaimNames(
                subject=("username",), email="", email_verified="", preferred_username="username", name="", groups=""
            )
        ),
    ),
    no_service_accounts=_NO_SERVICE_ACCOUNTS,
    left_out=(
        "`enable_single_use_refresh_tokens=true` is not sent: single use is for the security integration to demand.",
        "External OAuth needs nothing of Snowflake's: use the type of the server that gives the tokens.",
        "`SELECT CURRENT_USER()` is not asked: the answer to the code names the user.",
        "Snowflake has no RFC 7009; ALTER USER … REMOVE DELEGATED AUTHORIZATIONS ends a consent there.",
    ),
)
