"""Any authorization server, by its endpoints: what Connect calls the ``custom`` template.

Nothing is assumed of it: PKCE S256 is always sent (RFC 6749 §3.1: a server ignores what it does not know), the secret goes
in the body unless told otherwise, and only what RFC 6749 calls a dead grant is one.
"""

from __future__ import annotations

from proxy.oauth.client_auth import ClientAuthMethod
from proxy.providers.base import Endpoints, Field, Provider

CUSTOM = Provider(
    key="custom",
    display="Custom",
    fields=(
        Field(
            name="authorization_uri", required=True, kind="url", help="Where viewers are sent to sign in and consent."
        ),
        Field(name="token_uri", required=True, kind="url", help="Where codes and refresh tokens are redeemed."),
        Field(name="userinfo_uri", kind="url", help="Who the viewer is; `sign_in` needs it. Empty: not asked."),
        Field(name="issuer", kind="url", help="Compared with `iss` of callbacks (RFC 9207). Empty: not compared."),
        Field(name="client_id", required=True, help="Our name at the authorization server."),
        Field(name="client_secret", secret=True, help="Our secret there. Empty: a public client."),
        Field(name="scopes", help="Separated by spaces. Empty: the server's default."),
        Field(
            name="token_endpoint_auth_method",
            kind="choice",
            choices=tuple(ClientAuthMethod),
            help="How the secret is shown. Empty: client_secret_post with a secret, none without.",
        ),
        Field(
            name="auth_type",
            kind="choice",
            choices=("Viewer",),
            otherwise="this version supports Viewer only",
            help="Whose tokens content gets: Viewer, each viewer's own. Empty: the same.",
        ),
        Field(
            name="auth_mode",
            kind="choice",
            choices=("Confidential", "Public"),
            help="Confidential with a secret, Public without; has to agree. Empty: whichever it is.",
        ),
        Field(
            name="use_pkce",
            kind="flag",
            choices=("true",),
            otherwise="PKCE (S256) is always used: write true, or leave it out",
            help="Whether codes are bound to our request (RFC 7636): always. Empty: the same.",
        ),
    ),
    endpoints=Endpoints(
        authorization="{authorization_uri}",
        token="{token_uri}",  # noqa: S106  # a template, not a token
        userinfo="{userinfo_uri}",
        issuer="{issuer}",
    ),
)
