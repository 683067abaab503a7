"""Databricks' own authorization server, of a workspace or of an account, on any cloud.

A dead refresh token is answered 401 ``invalid_request`` there, and the halves of Basic are taken as they are. Whether
refresh tokens are single-use, and take earlier access tokens with them, is a setting of the application that we cannot see:
the worst is assumed.
"""

from __future__ import annotations

from proxy.oauth.client_auth import ClientAuthMethod
from proxy.oauth.refusals import Refusal
from proxy.providers.base import Demand, Endpoints, Field, Lifetimes, Provider, ServiceAccounts
from proxy.providers.client_fields import client_fields, override_fields
from proxy.providers.identity import ClaimNames, FromResource

_METHODS = (
    ClientAuthMethod.CLIENT_SECRET_POST,
    ClientAuthMethod.CLIENT_SECRET_BASIC,
    ClientAuthMethod.NONE,
)

DATABRICKS = Provider(
    key="databricks",
    display="Databricks",
    page="databricks",
    fields=(
        Field(
            name="workspace_host",
            label="Workspace host",
            required=True,
            kind="origin",
            help="Such as dbc-1234.cloud.databricks.com; with account_id, accounts.cloud.databricks.com.",
        ),
        Field(
            name="account_id",
            label="Account ID",
            kind="segment",
            help="For tokens of the account instead of a workspace. Empty: of the workspace.",
        ),
        *client_fields(_METHODS, scopes="Separated by spaces, such as sql; offline_access is added. Empty: all-apis."),
        *override_fields("authorization_uri", "token_uri", "issuer"),
    ),
    demands=(
        Demand(
            field="workspace_host",
            pattern=r"https://accounts(?:-dod)?\..+",
            needs="account_id",
            text="required with an accounts host: give the account's ID, or the host of a workspace",
        ),
    ),
    endpoints=Endpoints(
        authorization=(
            "{workspace_host}/oidc/accounts/{account_id}/v1/authorize",
            "{workspace_host}/oidc/v1/authorize",
        ),
        token=(
            "{workspace_host}/oidc/accounts/{account_id}/v1/token",
            "{workspace_host}/oidc/v1/token",
        ),
    ),
    lifetimes=Lifetimes(
        access="60 min, a setting of the application",
        refresh="7 days, a setting of the application; not prolonged by use unless single-use",
        rotation="off unless the application has single-use refresh tokens; then a second use ends all",
    ),
    auth_methods=_METHODS,
    encodes_basic=False,
    default_scopes=("all-apis",),
    refresh_scopes=("offline_access",),
    refresh_needs="The app connection has to allow offline_access.",
    refresh_invalidates_access=True,
    refusals=(
        Refusal(
            means="dead",
            because="databricks_says_dead",
            error="invalid_request",
            description="^Refresh token is (?:invalid|expired)",
        ),
    ),
    identity=(
        FromResource(
            "{workspace_host}/api/2.0/preview/scim/v2/Me",
            ClaimNames(
                subject=("id",),
                email="emails.0.value",
                email_verified="",
                preferred_username="userName",
                name="displayName",
                groups="",
            ),
        ),
    ),
    service_accounts=ServiceAccounts(scopes=("all-apis",), auth_method=ClientAuthMethod.CLIENT_SECRET_BASIC),
    left_out=(
        "`/.well-known/databricks-config` of unified hosts is not read: give the host and, for an account, its ID.",
        "Groups from SCIM are objects, not names: rules by group admit nobody.",
        "`assume_group` can be sent in `authorization_parameters`; nothing knows it beside that.",
        "Workload identity federation (token exchange without a secret).",
        (
            "Entra's own application for Azure Databricks is the azure type with scope "
            "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default."
        ),
        "No revocation endpoint is known.",
    ),
)
