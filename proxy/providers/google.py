"""Google accounts, for BigQuery, Vertex AI, Drive and every other Google API.

There is no scope for a refresh token: ``access_type=offline`` asks for one, and ``prompt=consent`` for one again after an
earlier consent. Google Workspace may demand a new sign-in after hours; the refresh token is over then.
"""

from __future__ import annotations

from dataclasses import replace

from proxy.oauth.client_auth import ClientAuthMethod
from proxy.oauth.refusals import Refusal
from proxy.providers.base import Endpoints, Lifetimes, Provider
from proxy.providers.client_fields import client_fields, override_fields
from proxy.providers.identity import FromIdToken, FromUserinfo

_METHODS = (ClientAuthMethod.CLIENT_SECRET_POST, ClientAuthMethod.CLIENT_SECRET_BASIC)
_NO_SERVICE_ACCOUNTS = "Google's service accounts sign with a key (RFC 7523 §2.1) instead of client credentials: not supported by this version"

GOOGLE = Provider(
    key="google",
    display="Google",
    page="google",
    fields=(
        *client_fields(
            _METHODS,
            needs_secret=True,
            scopes="Separated by spaces, such as https://www.googleapis.com/auth/bigquery, beside openid and email. Empty: "
            "openid email profile.",
            no_service_accounts=_NO_SERVICE_ACCOUNTS,
        ),
        *override_fields("authorization_uri", "token_uri", "userinfo_uri"),
    ),
    endpoints=Endpoints(
        authorization=("https://accounts.google.com/o/oauth2/v2/auth",),
        token=("https://oauth2.googleapis.com/token",),
        userinfo=("https://openidconnect.googleapis.com/v1/userinfo",),
        jwks=("https://www.googleapis.com/oauth2/v3/certs",),
        issuer=("https://accounts.google.com",),
        revocation=("https://oauth2.googleapis.com/revoke",),
    ),
    lifetimes=Lifetimes(
        access="1 h",
        refresh="no fixed end; 6 months without use; 7 days while the consent screen is in testing",
        rotation="none; at most 100 per person and client, the oldest ends without a word",
    ),
    auth_methods=_METHODS,
    default_scopes=("openid", "email", "profile"),
    authorization_parameters=(("access_type", "offline"), ("prompt", "consent")),
    refusals=(
        Refusal(means="dead", because="session_control", error="invalid_grant", subtype="invalid_rapt|rapt_required"),
        Refusal(means="transient", because="server_busy", error="internal_failure"),
        Refusal(means="operator", because="admin_policy", error="admin_policy_enforced"),
    ),
    refresh_parameters=(("access_type", "offline"),),
    iss_in_response_supported=True,
    issuer_aliases=("accounts.google.com",),
    identity=(FromIdToken(), FromUserinfo()),
    no_service_accounts=_NO_SERVICE_ACCOUNTS,
    left_out=(
        "Sending `prompt=consent` only when no refresh token is stored; `authorization_parameters: prompt=` switches it off.",
        "After Workspace's session control ended a grant, viewers are asked for consent again, not for a sign-in only.",
        "`include_granted_scopes` can be sent in `authorization_parameters`; the token then has more than was asked for.",
        "Revocation ends the whole grant, other devices included: it waits until nobody else here holds a grant of the account.",
    ),
)


def _alias(key: str, display: str, scope: str) -> Provider:
    scopes = (*GOOGLE.default_scopes, f"https://www.googleapis.com/auth/{scope}")
    return replace(GOOGLE, key=key, display=display, default_scopes=scopes)


BIGQUERY = _alias("bigquery", "Google BigQuery", "bigquery")
VERTEX_AI = _alias("vertex-ai", "Google Vertex AI", "cloud-platform")
DRIVE = _alias("drive", "Google Drive", "drive.readonly")
SHEETS = _alias("sheets", "Google Sheets", "spreadsheets.readonly")
