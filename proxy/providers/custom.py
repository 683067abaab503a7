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
        Field(name="revocation_uri", kind="url", help="Where tokens are given back (RFC 7009). Empty: they are not."),
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
    ),
    endpoints=Endpoints(
        authorization="{authorization_uri}",
        token="{token_uri}",  # noqa: S106  # a template, not a token
        revocation="{revocation_uri}",
        userinfo="{userinfo_uri}",
        issuer="{issuer}",
    ),
)
