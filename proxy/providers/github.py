"""GitHub, github.com or a server of one's own: GitHub Apps and OAuth Apps.

Nothing in the registration tells the two apart; the first answer does. Apps with expiring tokens give a refresh token,
which is good once, and a refresh ends the access token before it. OAuth Apps give tokens without an end. Errors come with
status 200.
"""

from __future__ import annotations

from proxy.oauth.client_auth import ClientAuthMethod
from proxy.oauth.refusals import Refusal
from proxy.providers.base import Endpoints, Field, Lifetimes, Lookup, Provider
from proxy.providers.client_fields import client_fields, override_fields
from proxy.providers.identity import ClaimNames, FromResource

_NO_SERVICE_ACCOUNTS = "GitHub has installation tokens (a JWT of the App, exchanged) instead of client credentials: not supported by this version"

GITHUB = Provider(
    key="github",
    display="GitHub",
    page="github",
    fields=(
        Field(
            name="host",
            label="Host",
            kind="origin",
            default="https://github.com",
            help="Of GitHub Enterprise, such as github.example.org or NAME.ghe.com. Empty: github.com.",
        ),
        *client_fields(
            (ClientAuthMethod.CLIENT_SECRET_POST,),
            needs_secret=True,
            scopes="Of an OAuth App, separated by spaces; a GitHub App has permissions instead. Empty: public data only.",
            no_service_accounts=_NO_SERVICE_ACCOUNTS,
        ),
        *override_fields("authorization_uri", "token_uri"),
    ),
    lookups=(
        Lookup(
            name="api",
            of="host",
            table={
                r"https://github\.com": "https://api.github.com",
                r"https://([a-z0-9-]+\.ghe\.com)": r"https://api.\1",
                ".+": r"\g<0>/api/v3",
            },
        ),
    ),
    endpoints=Endpoints(authorization=("{host}/login/oauth/authorize",), token=("{host}/login/oauth/access_token",)),
    lifetimes=Lifetimes(
        access="8 h of a GitHub App; without end of an OAuth App, or when expiry is switched off",
        refresh="6 months of a GitHub App; an OAuth App has none",
        rotation="always: a refresh token is good once",
    ),
    scope_separator=",",
    default_ttl_s=None,
    refresh_invalidates_access=True,
    refusals=(
        Refusal(means="dead", because="github_says_dead", error="bad_refresh_token"),
        Refusal(means="dead", because="code", error="bad_verification_code"),
        Refusal(means="operator", because="client_refused", error="incorrect_client_credentials"),
        Refusal(means="operator", because="redirect_uri", error="redirect_uri_mismatch"),
        Refusal(means="interactive", because="unverified_email", error="unverified_user_email"),
    ),
    known_client_errors=("bad_verification_code",),
    refresh_needs="Only a GitHub App with *Expire user authorization tokens* gives one; an OAuth App's tokens do not end.",
    identity=(
        FromResource(
            "{api}/user",
            ClaimNames(subject=("id",), email_verified="", preferred_username="login", groups=""),
        ),
    ),
    no_service_accounts=_NO_SERVICE_ACCOUNTS,
    left_out=(
        "`/user/emails`, which knows verified addresses, wants a scope of its own: addresses count as unverified.",
        "Organisations and teams are not read: rules by group admit nobody.",
        "`DELETE /applications/{client_id}/token` is no RFC 7009: nothing asks there.",
        "An OAuth App adds up scopes: fewer here takes none back that a viewer gave before.",
    ),
)
