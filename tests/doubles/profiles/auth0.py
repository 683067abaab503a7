"""Auth0: an issuer with a slash at its end, dead grants with status 403, a second factor that the token endpoint asks for."""

from __future__ import annotations

from collections.abc import Mapping

from tests.doubles.profile import Paths, Profile, Refusal

_DEAD = Refusal(error="invalid_grant", description="Unknown or invalid refresh token.", status=403)
REFUSALS: Mapping[str, Refusal] = {
    **dict.fromkeys(("dead", "expired", "replayed"), _DEAD),
    "mfa_required": Refusal(
        error="mfa_required", description="Multifactor authentication required", status=403, more={"mfa_token": "mfa-1"}
    ),
}

AUTH0 = Profile(
    name="auth0",
    template="auth0",
    origin="https://example.eu.auth0.com",
    config={"domain": "{url}", "audience": "https://api.example.org"},
    paths=Paths(
        authorize="/authorize",
        token="/oauth/token",
        revoke="/oauth/revoke",
        userinfo="/userinfo",
        jwks="/.well-known/jwks.json",
        metadata=("/.well-known/openid-configuration",),
    ),
    issuer="{url}/",
    sends_iss=False,
    access_ttl_s=86_400,
    max_families=200,
    rotation="single_grace:0",
    service_scope=lambda _: True,
    refusals=REFUSALS,
)
