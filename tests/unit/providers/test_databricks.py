import pytest

from proxy.oauth.client_auth import ClientAuthMethod
from proxy.oauth.token import TokenError
from proxy.policy.refresh_verdict import Discard, Operator, verdict
from proxy.providers.databricks import DATABRICKS
from proxy.providers.fields import FieldProblem, filled, values
from proxy.providers.identity import FromResource, identity_from
from proxy.providers.registration import refresh_scope, requested_scope
from tests.unit.providers.rows import client, faults, integration, server

HOST = "dbc-1.cloud.databricks.com"


@pytest.mark.parametrize("written", [HOST, f"https://{HOST}", f"https://{HOST.upper()}/"])
def test_a_workspace_is_found_however_its_host_is_written(written: str):
    found = server("databricks", workspace_host=written)
    assert found.authorization_endpoint == f"https://{HOST}/oidc/v1/authorize"
    assert found.token_endpoint == f"https://{HOST}/oidc/v1/token"
    assert found.issuer is None


def test_an_account_has_endpoints_of_its_own():
    found = server("databricks", workspace_host="accounts.cloud.databricks.com", account_id="a-1")
    assert found.authorization_endpoint == "https://accounts.cloud.databricks.com/oidc/accounts/a-1/v1/authorize"
    assert found.token_endpoint == "https://accounts.cloud.databricks.com/oidc/accounts/a-1/v1/token"


@pytest.mark.parametrize("host", ["accounts.cloud.databricks.com", "https://accounts-dod.cloud.databricks.us"])
def test_an_accounts_host_needs_the_account(host: str):
    (found,) = faults("databricks", workspace_host=host)
    assert found.field == "account_id"
    assert faults("databricks", workspace_host=host, account_id="a-1") == ()


def test_a_workspace_url_with_a_path_is_a_problem():
    assert [found.field for found in faults("databricks", workspace_host=f"https://{HOST}/?o=1")] == ["workspace_host"]
    assert faults("databricks", workspace_host="http://dbc.example")[0].field == "workspace_host"


@pytest.mark.parametrize(
    ("scopes", "expected"), [("", "all-apis offline_access"), ("sql offline_access", "sql offline_access")]
)
def test_a_refresh_token_is_always_asked_for(scopes: str, expected: str):
    made = integration("databricks", workspace_host=HOST, scopes=scopes)
    assert requested_scope(DATABRICKS, made) == expected
    assert refresh_scope(DATABRICKS, made) is None


def test_basic_is_written_raw_because_nobody_decodes_it_there():
    made = integration("databricks", workspace_host=HOST, token_endpoint_auth_method="client_secret_basic")
    assert not client(DATABRICKS, made).encodes_basic


def test_the_secret_goes_in_the_body_and_without_one_the_client_is_public():
    assert client(DATABRICKS, integration("databricks", workspace_host=HOST)).auth_method == "client_secret_post"
    public = client(DATABRICKS, integration("databricks", workspace_host=HOST, secret=None))
    assert public.auth_method is ClientAuthMethod.NONE


@pytest.mark.parametrize("description", ["Refresh token is invalid", "Refresh token is expired or revoked"])
def test_a_dead_refresh_token_is_an_invalid_request_there(description: str):
    answer = TokenError(status=401, error="invalid_request", description=description)
    assert verdict(answer, refusals=DATABRICKS.refusals) == Discard("databricks_says_dead")


def test_two_proofs_at_once_are_our_fault_and_cost_no_grant():
    answer = TokenError(status=401, error="invalid_request", description="Cannot supply multiple client credentials")
    assert verdict(answer, refusals=DATABRICKS.refusals) == Operator("refused")


def test_the_account_is_who_scim_says_is_me():
    (source,) = DATABRICKS.identity
    assert isinstance(source, FromResource)
    config = {"client_id": "c", "workspace_host": HOST}
    assert filled(source.url, values(DATABRICKS, config)) == f"https://{HOST}/api/2.0/preview/scim/v2/Me"
    me = {
        "id": "7", "userName": "ada@corp.example", "displayName": "Ada", "emails": [{"value": "ada@corp.example"}],
        "groups": [{"display": "admins"}],
    }  # fmt: skip
    found = identity_from(me, source.names)
    assert found is not None
    assert (found.subject, found.preferred_username, found.email) == ("7", "ada@corp.example", "ada@corp.example")
    assert (found.email_verified, found.groups) == (False, ())


def test_a_refresh_is_believed_to_end_earlier_access_tokens():
    assert DATABRICKS.refresh_invalidates_access


def test_private_key_jwt_is_no_way_in_there():
    found = faults("databricks", workspace_host=HOST, token_endpoint_auth_method="private_key_jwt")
    assert found == (
        FieldProblem("token_endpoint_auth_method", "must be one of client_secret_post, client_secret_basic, none"),
    )
