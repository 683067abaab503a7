"""Any OpenID Connect provider, by its issuer: everything else is in the document that it publishes (Discovery 1.0)."""

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

OIDC = Provider(
    key="oidc",
    display="OpenID Connect",
    page="oidc",
    fields=(
        Field(
            name="issuer",
            label="Issuer",
            required=True,
            kind="url",
            help="The issuer, byte for byte as the provider writes it, a slash at the end included.",
        ),
        Field(
            name="endpoint_origins",
            label="Other origins",
            help="Where else its endpoints may be, as https://host, separated by spaces. Empty: at the issuer only.",
        ),
        *client_fields(_METHODS, scopes="Separated by spaces; offline_access is added. Empty: openid profile email."),
        sign_out_field(),
        *override_fields("authorization_uri", "token_uri", "userinfo_uri"),
    ),
    endpoints=Endpoints(discovery="{issuer}", discovery_origins="{endpoint_origins}"),
    lifetimes=Lifetimes(
        access="as the server says, else 1 h", refresh="as the server says", rotation="followed when it happens"
    ),
    auth_methods=_METHODS,
    default_scopes=("openid", "profile", "email"),
    refresh_scopes=("offline_access",),
    authorization_parameters=(("prompt", "consent"),),  # OpenID Connect Core §11: else offline_access is ignored
    service_accounts=ServiceAccounts(),
    left_out=(
        "Signed userinfo answers: a client gets them only when it registered for them.",
        "Encrypted ID tokens: TLS and the code flow already keep them between the provider and us.",
    ),
)
