"""Three servers that follow OpenID Connect: what is left of them are addresses, scopes and a word or two."""

import pytest

from proxy.oauth.token import TokenError
from proxy.policy.refresh_verdict import Discard, Interactive, Operator, Retry, verdict
from proxy.providers import PROVIDERS
from proxy.providers.auth0 import AUTH0
from proxy.providers.keycloak import KEYCLOAK
from proxy.providers.okta import OKTA
from proxy.providers.registration import (
    authorization_parameters,
    can_identify,
    refresh_scope,
    requested_scope,
)
from tests.unit.oauth.keys import EC_KEY
from tests.unit.providers.rows import client, faults, integration, server


@pytest.mark.parametrize(
    ("base_url", "place"),
    [
        ("https://sso.example.org/", "https://sso.example.org"),
        ("https://SSO.example.org/auth", "https://sso.example.org/auth"),
    ],
)
def test_a_realm_of_keycloak_has_its_endpoints_below_it(base_url: str, place: str):
    found = server("keycloak", base_url=base_url, realm="Main-1")
    assert found.issuer == f"{place}/realms/Main-1"
    assert found.authorization_endpoint == f"{place}/realms/Main-1/protocol/openid-connect/auth"
    assert found.token_endpoint == f"{place}/realms/Main-1/protocol/openid-connect/token"
    assert found.userinfo_endpoint == f"{place}/realms/Main-1/protocol/openid-connect/userinfo"
    assert found.jwks_uri == f"{place}/realms/Main-1/protocol/openid-connect/certs"
    assert not found.iss_in_response_supported


def test_keycloak_gives_a_refresh_token_without_a_scope_for_it():
    made = integration("keycloak", base_url="https://sso.example.org", realm="main")
    assert requested_scope(KEYCLOAK, made) == "openid profile email"
    assert KEYCLOAK.default_ttl_s == 300.0


@pytest.mark.parametrize("text", ["Token is not active", "Session not active", "Stale token", "Maximum allowed refresh token reuse exceeded"])  # fmt: skip
def test_what_keycloak_calls_invalid_is_over(text: str):
    answer = TokenError(status=400, error="invalid_grant", description=text)
    assert verdict(answer, refusals=KEYCLOAK.refusals) == Discard("invalid_grant")


def test_a_wrong_client_of_keycloak_costs_no_grant():
    answer = TokenError(
        status=401, error="unauthorized_client", description="Invalid client or Invalid client credentials"
    )
    assert verdict(answer, refusals=KEYCLOAK.refusals) == Operator("client_refused", is_about_us=True)


@pytest.mark.parametrize(
    ("authorization_server", "place", "issuer"),
    [
        ("default", "https://example.okta.com/oauth2/default", "https://example.okta.com/oauth2/default"),
        ("aus1", "https://example.okta.com/oauth2/aus1", "https://example.okta.com/oauth2/aus1"),
        ("", "https://example.okta.com/oauth2", "https://example.okta.com"),
    ],
)
def test_okta_has_custom_servers_and_the_organisations_own(authorization_server: str, place: str, issuer: str):
    found = server("okta", okta_domain="Example.okta.com", authorization_server=authorization_server)
    assert found.authorization_endpoint == f"{place}/v1/authorize"
    assert found.token_endpoint == f"{place}/v1/token"
    assert found.userinfo_endpoint == f"{place}/v1/userinfo"
    assert found.jwks_uri == f"{place}/v1/keys"
    assert found.issuer == issuer


@pytest.mark.parametrize(
    "okta_domain", ["example-admin.okta.com", "example.okta.com/oauth2/default", "http://example.okta.com"]
)
def test_another_address_than_the_one_people_sign_in_at_is_a_problem(okta_domain: str):
    assert [found.field for found in faults("okta", okta_domain=okta_domain)] == ["okta_domain"]


def test_oktas_rate_limit_is_waited_for():
    answer = TokenError(status=400, error="E0000047", retry_after_s=7.0)
    assert verdict(answer, refusals=OKTA.refusals) == Retry("rate_limit", 7.0)
    denied = TokenError(status=403, error="access_denied")
    assert verdict(denied, refusals=OKTA.refusals) == Interactive("access_denied", None)


def test_auth0_has_a_slash_at_the_end_of_its_issuer_and_nowhere_else():
    found = server("auth0", domain="Example.eu.auth0.com/")
    assert found.issuer == "https://example.eu.auth0.com/"
    assert found.authorization_endpoint == "https://example.eu.auth0.com/authorize"
    assert found.token_endpoint == "https://example.eu.auth0.com/oauth/token"
    assert found.jwks_uri == "https://example.eu.auth0.com/.well-known/jwks.json"


def test_auth0_is_told_the_api_that_tokens_are_for():
    made = integration("auth0", domain="example.eu.auth0.com", audience="https://api.example.org/v1")
    assert authorization_parameters(AUTH0, made) == [("audience", "https://api.example.org/v1")]
    assert authorization_parameters(AUTH0, integration("auth0", domain="example.eu.auth0.com")) == []


def test_auth0_wants_to_see_the_viewer_for_a_second_factor_and_says_dead_with_403():
    assert verdict(TokenError(status=403, error="mfa_required"), refusals=AUTH0.refusals) == Interactive(
        "mfa_required", None
    )
    dead = TokenError(status=403, error="invalid_grant", description="Unknown or invalid refresh token.")
    assert verdict(dead, refusals=AUTH0.refusals) == Discard("invalid_grant")


REQUIRED = {
    "keycloak": {"base_url": "https://sso.example.org", "realm": "main"},
    "okta": {"okta_domain": "example.okta.com", "authorization_server": "default"},
    "auth0": {"domain": "example.eu.auth0.com"},
}


@pytest.mark.parametrize("template", REQUIRED)
def test_all_three_say_who_the_viewer_is_and_take_a_key(template: str):
    provider, config = PROVIDERS[template], REQUIRED[template]
    assert can_identify(provider, {"client_id": "c", **config})
    assert faults(template, **config) == ()
    assert faults(template, "private_key", **config) == ()
    assert client(provider, integration(template, key=EC_KEY, **config)).auth_method == "private_key_jwt"
    assert client(provider, integration(template, secret=None, **config)).auth_method == "none"
    assert refresh_scope(provider, integration(template, **config)) is None


@pytest.mark.parametrize(("template", "method"), [("keycloak", "client_secret_basic"), ("okta", "client_secret_basic"), ("auth0", "client_secret_post")])  # fmt: skip
def test_the_default_proof_is_the_servers_own(template: str, method: str):
    assert client(PROVIDERS[template], integration(template, **REQUIRED[template])).auth_method == method


@pytest.mark.parametrize("template", ["okta", "auth0"])
def test_a_refresh_token_is_asked_for(template: str):
    made = integration(template, scopes="openid data", **REQUIRED[template])
    assert requested_scope(PROVIDERS[template], made) == "openid data offline_access"
