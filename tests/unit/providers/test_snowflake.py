import pytest

from proxy.oauth.client_auth import ClientAuthMethod
from proxy.oauth.token import TokenError
from proxy.policy.refresh_verdict import Discard, Interactive, Operator, RetryWithoutScope, Verdict, verdict
from proxy.providers.identity import identity_from
from proxy.providers.registration import requested_scope
from proxy.providers.snowflake import SNOWFLAKE
from tests.unit.providers.rows import client, faults, integration, server

URL = "https://myorg-acct.snowflakecomputing.com"


@pytest.mark.parametrize("written", [URL, URL + "/", "MyOrg-Acct.snowflakecomputing.com"])
def test_an_account_is_found_however_its_address_is_written(written: str):
    found = server("snowflake", account_url=written)
    assert found.authorization_endpoint == f"{URL}/oauth/authorize"
    assert found.token_endpoint == f"{URL}/oauth/token-request"


@pytest.mark.parametrize(
    "written", [URL + "/console", "http://x.snowflakecomputing.com", "my_acct.snowflakecomputing.com"]
)
def test_an_address_that_cannot_be_the_accounts_is_a_problem(written: str):
    assert [found.field for found in faults("snowflake", account_url=written)] == ["account_url"]


@pytest.mark.parametrize(
    ("scopes", "expected"), [("", "refresh_token"), ("session:role:ANALYST", "session:role:ANALYST refresh_token")]
)
def test_the_scope_for_refreshing_is_snowflakes_own(scopes: str, expected: str):
    assert requested_scope(SNOWFLAKE, integration("snowflake", account_url=URL, scopes=scopes)) == expected


def test_offline_access_is_refused_before_snowflake_does():
    (found,) = faults("snowflake", account_url=URL, scopes="session:role:A offline_access")
    assert found.field == "scopes"
    assert "refresh_token is added" in found.text


@pytest.mark.parametrize(
    ("said", "method"),
    [
        ("", "client_secret_post"),
        ("client_secret_post", "client_secret_post"),
        ("client_secret_basic", "client_secret_basic"),
    ],
)
def test_the_secret_is_sent_once_and_form_encoded(said: str, method: str):
    found = client(SNOWFLAKE, integration("snowflake", account_url=URL, token_endpoint_auth_method=said))
    assert found.auth_method == method
    assert found.encodes_basic


def test_a_public_client_goes_with_pkce_alone():
    assert (
        client(SNOWFLAKE, integration("snowflake", account_url=URL, secret=None)).auth_method is ClientAuthMethod.NONE
    )


def judged(error: str, description: str = "", status: int = 400) -> Verdict:
    return verdict(TokenError(status=status, error=error, description=description), refusals=SNOWFLAKE.refusals)


def test_its_errors_mean_what_the_rfc_says():
    assert judged("invalid_grant", "Unknown or invalid refresh token.") == Discard("invalid_grant")
    assert judged("invalid_client", "This is an invalid client.") == Operator("client_refused", is_about_us=True)
    assert judged("invalid_scope") == RetryWithoutScope()
    assert judged("access_denied") == Interactive("access_denied", None)


def test_the_account_is_the_user_that_the_answer_names():
    (source,) = SNOWFLAKE.identity
    found = identity_from({"username": "ADA", "email": "x", "email_verified": True}, source.names)
    assert found is not None
    assert (found.subject, found.preferred_username, found.email, found.email_verified) == ("ADA", "ADA", "", False)
    assert identity_from({}, source.names) is None


def test_short_lives_and_destructive_refreshes_are_expected():
    assert (SNOWFLAKE.default_ttl_s, SNOWFLAKE.refresh_invalidates_access) == (600.0, True)


def test_whoever_asks_for_a_service_account_hears_what_to_do():
    (found,) = faults("snowflake", account_url=URL, auth_type="Service Account")
    assert found.field == "auth_type"
    assert "External OAuth" in found.text
