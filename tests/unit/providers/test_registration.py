from dataclasses import replace

import pytest

from proxy.model import Integration, IntegrationGuid, Secret
from proxy.oauth.client_auth import ClientAuthMethod
from proxy.providers import PROVIDERS
from proxy.providers.azure import AZURE
from proxy.providers.base import Endpoints
from proxy.providers.custom import CUSTOM
from proxy.providers.identity import ClaimNames, FromResource, FromUserinfo
from proxy.providers.oidc import OIDC
from proxy.providers.okta import OKTA
from proxy.providers.registration import (
    authorization_parameters,
    authorization_server,
    client,
    code_scope,
    granted_scope,
    missing_scopes,
    requested_scope,
    resource_url,
    secret_origins,
    sign_out,
    uses_pkce,
    written_urls,
)
from tests.unit.oauth.keys import RSA_KEY
from tests.unit.providers.test_custom import MINIMAL, SERVER, integration

TWO_PLACES = replace(
    CUSTOM,
    endpoints=Endpoints(
        authorization=("https://id.example/{issuer}/authorize", "https://id.example/authorize"),
        token=("https://id.example/token",),
    ),
)


def bare(**config: str) -> Integration:
    return Integration(
        guid=IntegrationGuid("g"), name="n", slug="n", template="custom", config={"client_id": "c", **config}
    )


def test_where_tokens_are_given_back_is_a_field_of_custom_and_known_of_others():
    assert authorization_server(CUSTOM, integration()).revocation_endpoint is None
    given = integration(revocation_uri="https://id.example/revoke")
    assert authorization_server(CUSTOM, given).revocation_endpoint == "https://id.example/revoke"
    okta = replace(integration(), template="okta", config={"client_id": "c", "okta_domain": "e.okta.com"})
    assert authorization_server(OKTA, okta).revocation_endpoint == "https://e.okta.com/oauth2/v1/revoke"


def test_people_sign_out_where_the_recipe_or_the_administrator_says():
    assert authorization_server(CUSTOM, integration()).end_session_endpoint is None
    given = integration(end_session_uri="https://id.example/logout")
    assert authorization_server(CUSTOM, given).end_session_endpoint == "https://id.example/logout"
    realm = replace(integration(), config={"base_url": "https://sso.example", "realm": "r", "client_id": "c"})
    found = authorization_server(PROVIDERS["keycloak"], realm)
    assert found.end_session_endpoint == "https://sso.example/realms/r/protocol/openid-connect/logout"


def test_a_button_is_offered_unless_the_administrator_says_otherwise_or_there_is_nothing_to_offer():
    assert sign_out(CUSTOM, integration()) == "offer"
    assert sign_out(CUSTOM, integration(sign_out="follow")) == "follow"
    assert sign_out(PROVIDERS["github"], integration()) == "never"


def test_the_first_template_whose_fields_are_filled_in_counts():
    found = authorization_server(TWO_PLACES, bare())
    assert found.authorization_endpoint == "https://id.example/authorize"
    found = authorization_server(TWO_PLACES, bare(issuer="https://i.example"))
    assert found.authorization_endpoint == "https://id.example/https://i.example/authorize"


def test_an_endpoint_of_the_integration_stands_in_the_place_of_the_types_own():
    found = authorization_server(
        TWO_PLACES, bare(token_uri="http://localhost:1/t", authorization_uri="http://localhost:1/a")
    )
    assert (found.authorization_endpoint, found.token_endpoint) == ("http://localhost:1/a", "http://localhost:1/t")


def test_the_providers_own_source_of_identity_is_where_the_fields_say():
    assert resource_url("{token_uri}/me", CUSTOM, integration()) == MINIMAL["token_uri"] + "/me"


def test_a_private_key_signs_for_the_token_endpoint():
    keyed = replace(integration(secret=None, key_id="k1"), private_key=Secret(RSA_KEY))
    found = client(replace(CUSTOM, rsa_algorithm="PS256"), keyed, SERVER)
    assert found.auth_method is ClientAuthMethod.PRIVATE_KEY_JWT
    assert found.client_secret is None
    assert found.assertion_key is not None
    assert (found.assertion_key.audience, found.assertion_key.key_id, found.assertion_key.rsa_algorithm) == (
        "https://id.example/token", "k1", "PS256",
    )  # fmt: skip


def test_basic_is_encoded_unless_the_integration_says_raw():
    method = {"token_endpoint_auth_method": "client_secret_basic"}
    assert client(CUSTOM, integration(**method), SERVER).encodes_basic
    assert not client(CUSTOM, integration(**method, basic_encoding="raw"), SERVER).encodes_basic


def test_pkce_is_on_unless_the_integration_says_false():
    assert uses_pkce(CUSTOM, integration())
    assert uses_pkce(CUSTOM, integration(use_pkce="true"))
    assert not uses_pkce(CUSTOM, integration(use_pkce="false"))


def test_a_code_names_a_scope_only_where_the_recipe_says_so():
    assert code_scope(CUSTOM, integration(scopes="a b")) is None
    sending = replace(CUSTOM, sends_scope_with_code=True)
    assert code_scope(sending, integration(scopes="a b")) == "a b"
    assert code_scope(sending, integration()) is None


def test_named_scopes_stand_in_the_place_of_the_default_and_the_one_for_refreshing_is_added():
    row = replace(CUSTOM, default_scopes=("openid", "all"), refresh_scopes=("offline_access",))
    assert requested_scope(row, integration()) == "openid all offline_access"
    assert requested_scope(row, integration(scopes="sql")) == "sql offline_access"
    assert requested_scope(row, integration(scopes="offline_access sql")) == "offline_access sql"


@pytest.mark.parametrize(
    ("separator", "said", "expected"),
    [(" ", "a,b c", "a,b c"), (",", "repo,user", "repo user"), (",", "", None), (" ", None, None), (" ", " ", None)],
)
def test_the_granted_scope_is_read_as_the_server_writes_it(separator, said: str | None, expected: str | None):
    assert granted_scope(replace(CUSTOM, scope_separator=separator), said) == expected


def test_what_was_not_granted_is_known_by_name():
    assert missing_scopes(CUSTOM, "a c", "c b a d") == ("b", "d")
    assert missing_scopes(CUSTOM, "a", "a") == ()
    assert missing_scopes(AZURE, "a", "a b offline_access") == ("b",)


PROMPTING = replace(
    CUSTOM, authorization_parameters=(("access_type", "offline"), ("prompt", "consent"), ("audience", "{issuer}"))
)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, [("access_type", "offline"), ("prompt", "consent")]),
        ({"issuer": "https://i.example"}, [("access_type", "offline"), ("prompt", "consent"), ("audience", "https://i.example")]),
        ({"authorization_parameters": "prompt=select_account&hd=a.example"}, [("access_type", "offline"), ("prompt", "select_account"), ("hd", "a.example")]),
        ({"authorization_parameters": "prompt="}, [("access_type", "offline")]),
        ({"authorization_parameters": "resource=a%26b&resource=c"}, [("access_type", "offline"), ("prompt", "consent"), ("resource", "a&b"), ("resource", "c")]),
    ],
)  # fmt: skip
def test_further_parameters_are_the_recipes_and_the_administrators_who_has_the_last_word(config, expected):
    assert authorization_parameters(PROMPTING, bare(**config)) == expected


def test_what_is_written_down_is_every_endpoint_and_the_providers_own_source():
    names = ClaimNames(subject=("id",))
    recipe = replace(CUSTOM, identity=(FromUserinfo(), FromResource("{token_uri}/me", names)))
    found = written_urls(recipe, integration(userinfo_uri="https://u.example", revocation_uri="https://r.example"))
    assert found == {
        MINIMAL["authorization_uri"], MINIMAL["token_uri"], MINIMAL["token_uri"] + "/me", "https://u.example",
        "https://r.example",
    }  # fmt: skip


def test_of_a_server_that_is_discovered_the_issuer_and_the_named_origins_are_written_down():
    config = {"issuer": "https://i.example", "endpoint_origins": "https://o.example", "client_id": "c"}
    made = replace(integration(), config=config)
    assert written_urls(OIDC, made) == {"https://i.example", "https://o.example"}
    recipe = replace(OIDC, endpoints=replace(OIDC.endpoints, jwks=("https://k.example",)))
    assert written_urls(recipe, made) == {"https://i.example", "https://o.example", "https://k.example"}


def test_a_secret_is_shown_at_the_token_and_the_revocation_endpoint():
    made = integration(userinfo_uri="https://u.example", revocation_uri="https://r.example/revoke")
    assert secret_origins(CUSTOM, made) == {"https://id.example:443", "https://r.example:443"}


def test_of_a_server_that_is_discovered_a_secret_may_be_shown_wherever_its_document_can_send_it():
    config = {
        "issuer": "https://i.example/realm", "endpoint_origins": "https://o.example", "client_id": "c",
        "token_uri": "https://t.example/token", "userinfo_uri": "https://u.example",
    }  # fmt: skip
    made = replace(integration(), config=config)
    assert secret_origins(OIDC, made) == {"https://i.example:443", "https://o.example:443", "https://t.example:443"}
