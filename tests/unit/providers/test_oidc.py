from dataclasses import replace

import pytest

from proxy.model import Integration, IntegrationGuid, Secret
from proxy.oauth.client_auth import ClientAuthMethod
from proxy.oauth.metadata import AuthorizationServer, Undiscovered
from proxy.providers.fields import problems
from proxy.providers.oidc import OIDC
from proxy.providers.registration import (
    authorization_parameters,
    authorization_server,
    can_identify,
    client,
    fingerprint,
    requested_scope,
)

CONFIG = {"issuer": "https://id.example/", "client_id": "sidecar"}
INTEGRATION = Integration(
    guid=IntegrationGuid("g"), name="n", slug="n", template="oidc", config=CONFIG, client_secret=Secret("s")
)
FOUND = AuthorizationServer(
    authorization_endpoint="https://id.example/a", token_endpoint="https://id.example/t", issuer="https://id.example/"
)


def test_an_issuer_and_a_client_are_enough():
    assert problems(OIDC, CONFIG, secrets={"client_secret"}) == ()
    assert requested_scope(OIDC, INTEGRATION) == "openid profile email offline_access"
    assert can_identify(OIDC, CONFIG)


def test_consent_is_asked_for_because_offline_access_is_ignored_without():
    assert authorization_parameters(OIDC, INTEGRATION) == [("prompt", "consent")]
    quiet = replace(INTEGRATION, config=CONFIG | {"authorization_parameters": "prompt="})
    assert authorization_parameters(OIDC, quiet) == []


def test_an_endpoint_of_the_integration_goes_before_the_documents():
    found = authorization_server(OIDC, replace(INTEGRATION, config=CONFIG | {"token_uri": "http://localhost:1/t"}))
    assert isinstance(found, Undiscovered)
    assert found.given == {"token_endpoint": "http://localhost:1/t"}


def test_the_issuer_is_taken_byte_for_byte():
    assert authorization_server(OIDC, INTEGRATION) == Undiscovered(issuer="https://id.example/")


def test_other_origins_are_a_list():
    config = CONFIG | {"endpoint_origins": "https://a.example  https://b.example"}
    found = authorization_server(OIDC, replace(INTEGRATION, config=config))
    assert isinstance(found, Undiscovered)
    assert found.origins == {"https://a.example", "https://b.example"}


def test_a_recipe_that_fills_in_an_endpoint_has_it_before_the_document():
    recipe = replace(OIDC, endpoints=replace(OIDC.endpoints, jwks=("https://keys.example/",)))
    found = authorization_server(recipe, INTEGRATION)
    assert isinstance(found, Undiscovered)
    assert found.given == {"jwks_uri": "https://keys.example/"}


@pytest.mark.parametrize(
    ("announced", "said", "method"),
    [
        (set(), "", ClientAuthMethod.CLIENT_SECRET_BASIC),
        ({"client_secret_post", "client_secret_basic"}, "", ClientAuthMethod.CLIENT_SECRET_BASIC),
        ({"client_secret_post"}, "", ClientAuthMethod.CLIENT_SECRET_POST),
        ({"client_secret_basic"}, "client_secret_post", ClientAuthMethod.CLIENT_SECRET_POST),
        ({"tls_client_auth"}, "", ClientAuthMethod.CLIENT_SECRET_BASIC),
    ],
)
def test_the_secret_is_shown_in_a_way_that_the_server_announces(
    announced: set[str], said: str, method: ClientAuthMethod
):
    server = replace(FOUND, token_endpoint_auth_methods_supported=frozenset(announced))
    integration = replace(INTEGRATION, config=CONFIG | ({"token_endpoint_auth_method": said} if said else {}))
    assert client(OIDC, integration, server).auth_method is method


def test_a_public_client_has_nothing_to_show():
    assert client(OIDC, replace(INTEGRATION, client_secret=None), FOUND).auth_method is ClientAuthMethod.NONE


def test_credentials_hang_on_the_issuer_and_the_client():
    one = fingerprint(INTEGRATION, Undiscovered(issuer="https://id.example/"))
    assert one == fingerprint(INTEGRATION, Undiscovered(issuer="https://id.example/", origins=frozenset({"https://a"})))
    assert one != fingerprint(INTEGRATION, Undiscovered(issuer="https://other.example/"))
    other = replace(INTEGRATION, config=CONFIG | {"client_id": "other"})
    assert one != fingerprint(other, Undiscovered(issuer="https://id.example/"))
    assert one != fingerprint(INTEGRATION, FOUND)
