from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest

from proxy.oauth.client_assertion import AssertionKey
from proxy.oauth.client_auth import Client, ClientAuthMethod, Once
from proxy.oauth.metadata import AuthorizationServer
from proxy.providers import PROVIDERS
from proxy.providers.fields import FieldProblem
from proxy.providers.service_accounts import (
    service_account_problems,
    service_account_request,
    service_account_scope,
)
from tests.unit.oauth.keys import EC_KEY
from tests.unit.providers.rows import faults, integration

ONCE = Once(now=datetime(2026, 3, 1, 12, 0, tzinfo=UTC), jti="j")
SERVER = AuthorizationServer(authorization_endpoint="https://id.example/a", token_endpoint="https://id.example/token")
HAVE = {key: provider for key, provider in PROVIDERS.items() if provider.service_accounts is not None}
HAVE_NONE = {key: provider for key, provider in PROVIDERS.items() if provider.service_accounts is None}


def posting() -> Client:
    return Client(client_id="sidecar", client_secret="s", auth_method=ClientAuthMethod.CLIENT_SECRET_POST)


def request(template: str, client: Client | None = None, **config: str):
    made = integration(template, **config)
    return service_account_request(PROVIDERS[template], made, SERVER, client or posting(), once=ONCE)


def form(template: str, client: Client | None = None, **config: str) -> dict[str, str]:
    return dict(parse_qsl(request(template, client, **config).body.decode()))


def test_azure_names_the_resource_and_nothing_that_belongs_to_a_viewer():
    sent = form("azure", tenant_id="t", scopes="openid https://database.windows.net/.default offline_access")
    assert sent == {
        "grant_type": "client_credentials", "scope": "https://database.windows.net/.default", "client_id": "sidecar",
        "client_secret": "s",
    }  # fmt: skip


def test_databricks_gets_basic_unless_the_integration_says_otherwise():
    sent = request("databricks", workspace_host="dbc-1.cloud.databricks.com")
    assert sent.headers["Authorization"].startswith("Basic ")
    assert dict(parse_qsl(sent.body.decode())) == {"grant_type": "client_credentials", "scope": "all-apis"}
    said = form(
        "databricks", workspace_host="dbc-1.cloud.databricks.com", token_endpoint_auth_method="client_secret_post"
    )
    assert said["client_secret"] == "s"


def test_auth0_is_told_the_api():
    assert (
        form("auth0", domain="x.auth0.com", audience="https://api.example.org/")["audience"]
        == "https://api.example.org/"
    )
    assert "audience" not in form("auth0", domain="x.auth0.com")


def test_a_key_signs_here_too():

    key = AssertionKey(private_key=EC_KEY, audience=SERVER.token_endpoint)
    keyed = Client(client_id="sidecar", assertion_key=key, auth_method=ClientAuthMethod.PRIVATE_KEY_JWT)
    sent = form("okta", keyed, okta_domain="x.okta.com", scopes="data")
    assert sent["client_assertion"]
    assert sent["scope"] == "data"
    assert "client_secret" not in sent


def test_without_a_scope_the_server_decides():
    assert service_account_scope(PROVIDERS["okta"], integration("okta", scopes="openid offline_access")) is None


@pytest.mark.parametrize("template", HAVE_NONE)
def test_where_there_is_none_the_reason_is_said(template: str):
    provider = HAVE_NONE[template]
    found = service_account_problems(provider, {"client_id": "c"}, secrets={"client_secret"})
    assert found == (FieldProblem("auth_type", provider.no_service_accounts),)
    with pytest.raises(ValueError, match=r"instead of|own server"):
        service_account_request(provider, integration(template), SERVER, posting(), once=ONCE)
    assert service_account_scope(provider, integration(template)) is None


@pytest.mark.parametrize(
    ("template", "config", "secrets", "fields"),
    [
        ("azure", {"tenant_id": "t", "scopes": "https://x/.default"}, {"client_secret"}, []),
        ("azure", {"tenant_id": "t", "scopes": "openid offline_access"}, {"client_secret"}, ["scopes"]),
        ("azure", {"tenant_id": "common", "scopes": "https://x/.default"}, {"private_key"}, ["tenant_id"]),
        ("azure", {"tenant_id": "organizations"}, (), ["client_secret", "scopes", "tenant_id"]),
        ("databricks", {"workspace_host": "x.example"}, {"client_secret"}, []),
        ("custom", {}, {"client_secret"}, []),
        ("custom", {"token_endpoint_auth_method": "none"}, (), ["client_secret", "token_endpoint_auth_method"]),
    ],
)
def test_what_a_service_account_lacks_is_said(template: str, config: dict[str, str], secrets, fields: list[str]):
    found = service_account_problems(HAVE[template], {"client_id": "c", **config}, secrets=secrets)
    assert [problem.field for problem in found] == fields


@pytest.mark.parametrize(
    ("template", "scope"),
    [
        ("msgraph", "https://graph.microsoft.com/.default"),
        ("azure-openai", "https://cognitiveservices.azure.com/.default"),
    ],
)
def test_an_alias_of_azure_knows_its_resource(template: str, scope: str):
    assert form(template, tenant_id="t")["scope"] == scope
    assert service_account_problems(HAVE[template], {"client_id": "c", "tenant_id": "t"}, secrets={"private_key"}) == ()


def test_auth0_has_to_be_told_the_api():
    config = {"domain": "x.auth0.com", "auth_type": "Service Account"}
    assert [problem.field for problem in faults("auth0", **config)] == ["audience"]
    assert faults("auth0", audience="https://api.example.org/", **config) == ()


@pytest.mark.parametrize("template", HAVE)
def test_every_type_that_has_them_takes_the_word(template: str):
    assert "auth_type" not in [problem.field for problem in faults(template, auth_type="Service Account")]
