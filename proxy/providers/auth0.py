"""Auth0, a tenant of it.

Without ``audience`` it gives an opaque token that only its own userinfo takes. Its issuer ends in a slash.
"""

from __future__ import annotations

from proxy.oauth.client_auth import ClientAuthMethod
from proxy.oauth.refusals import Refusal
from proxy.providers.base import ClientSign, Demand, Endpoints, Field, Lifetimes, Provider, ServiceAccounts
from proxy.providers.client_fields import client_fields, override_fields, sign_out_field

_METHODS = (
    ClientAuthMethod.CLIENT_SECRET_POST,
    ClientAuthMethod.CLIENT_SECRET_BASIC,
    ClientAuthMethod.PRIVATE_KEY_JWT,
    ClientAuthMethod.NONE,
)

AUTH0 = Provider(
    key="auth0",
    display="Auth0",
    page="auth0",
    fields=(
        Field(
            name="domain",
            label="Domain",
            required=True,
            kind="origin",
            help="Of the tenant, such as example.eu.auth0.com, or a custom domain.",
        ),
        Field(
            name="audience",
            label="API identifier",
            help="The API that tokens are for. Empty: a token that only Auth0 itself takes.",
        ),
        *client_fields(_METHODS, scopes="Separated by spaces; offline_access is added. Empty: openid profile email."),
        sign_out_field(),
        *override_fields("authorization_uri", "token_uri", "userinfo_uri", "issuer"),
    ),
    demands=(
        Demand(
            field="auth_type",
            pattern="Service Account",
            needs="audience",
            text="required for a service account: its token is for one API",
        ),
    ),
    endpoints=Endpoints(
        authorization=("{domain}/authorize",),
        token=("{domain}/oauth/token",),
        userinfo=("{domain}/userinfo",),
        jwks=("{domain}/.well-known/jwks.json",),
        issuer=("{domain}/",),
        revocation=("{domain}/oauth/revoke",),
        end_session=("{domain}/oidc/logout",),
    ),
    lifetimes=Lifetimes(
        access="24 h, a setting of the API",
        refresh="idle and absolute ends, settings of the application; at most 200 per person and application",
        rotation="a setting; the one before stays good for the overlap, an older one ends all",
    ),
    auth_methods=_METHODS,
    default_scopes=("openid", "profile", "email"),
    refresh_scopes=("offline_access",),
    authorization_parameters=(("audience", "{audience}"),),
    refusals=(Refusal(means="interactive", because="mfa_required", error="mfa_required"),),
    client_signs=(ClientSign(error="access_denied", text="client_id or client_secret is wrong."),),
    refresh_needs="The API needs *Allow Offline Access*, the application the grant type *Refresh Token*.",
    service_accounts=ServiceAccounts(parameters=(("audience", "{audience}"),)),
    left_out=(
        "Organisations: `authorization_parameters: organization=org_…` sends the viewer to one.",
        "Groups and roles come under names of one's own (https://…/roles) only.",
    ),
)
