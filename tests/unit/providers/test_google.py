import pytest

from proxy.oauth.token import TokenError
from proxy.policy.refresh_verdict import Discard, Operator, Retry, verdict
from proxy.providers import PROVIDERS
from proxy.providers.fields import FieldProblem, problems
from proxy.providers.google import GOOGLE
from proxy.providers.registration import (
    authorization_parameters,
    can_identify,
    requested_scope,
)
from tests.unit.providers.rows import client, faults, integration, server


def test_its_endpoints_are_known():
    found = server("google")
    assert found.authorization_endpoint == "https://accounts.google.com/o/oauth2/v2/auth"
    assert found.token_endpoint == "https://oauth2.googleapis.com/token"
    assert (found.issuer, found.issuer_aliases) == ("https://accounts.google.com", ("accounts.google.com",))
    assert found.iss_in_response_supported
    assert can_identify(GOOGLE, {"client_id": "c"})


def test_a_refresh_token_is_asked_for_by_parameters_and_by_no_scope():
    assert authorization_parameters(GOOGLE, integration("google")) == [
        ("access_type", "offline"),
        ("prompt", "consent"),
    ]
    assert requested_scope(GOOGLE, integration("google")) == "openid email profile"
    quiet = integration("google", authorization_parameters="prompt=&hd=corp.example")
    assert authorization_parameters(GOOGLE, quiet) == [("access_type", "offline"), ("hd", "corp.example")]


def test_a_client_has_a_secret_there():
    assert problems(GOOGLE, {"client_id": "c"}, secrets=()) == (FieldProblem("client_secret", "required"),)
    assert client(GOOGLE, integration("google")).auth_method == "client_secret_post"


@pytest.mark.parametrize("subtype", ["invalid_rapt", "rapt_required"])
def test_workspaces_session_control_ends_the_grant(subtype: str):
    answer = TokenError(status=400, error="invalid_grant", subtype=subtype)
    assert verdict(answer, refusals=GOOGLE.refusals) == Discard("session_control")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("invalid_grant", Discard("invalid_grant")),
        ("internal_failure", Retry("server_busy", None)),
        ("admin_policy_enforced", Operator("admin_policy")),
        ("invalid_client", Operator("client_refused", is_about_us=True)),
    ],
)
def test_its_errors_mean_what_they_say(error: str, expected: object):
    assert verdict(TokenError(status=400, error=error), refusals=GOOGLE.refusals) == expected


def test_whoever_asks_for_a_service_account_hears_why_there_is_none():
    (found,) = faults("google", auth_type="Service Account")
    assert "sign with a key" in found.text


@pytest.mark.parametrize(
    ("key", "scope"),
    [
        ("bigquery", "bigquery"),
        ("vertex-ai", "cloud-platform"),
        ("drive", "drive.readonly"),
        ("sheets", "spreadsheets.readonly"),
    ],
)
def test_an_alias_is_google_with_a_scope(key: str, scope: str):
    expected = f"openid email profile https://www.googleapis.com/auth/{scope}"
    assert requested_scope(PROVIDERS[key], integration(key)) == expected
    assert server(key) == server("google")
