from datetime import UTC, datetime

import pytest

from proxy.oauth.message import OutboundResponse
from proxy.oauth.token import TokenError, TokenResponse, parse_token_response
from proxy.policy.refresh_verdict import Discard, Interactive, Operator, Verdict, verdict
from proxy.providers.fields import filled, problems, values
from proxy.providers.github import GITHUB
from proxy.providers.identity import FromResource, identity_from
from proxy.providers.registration import granted_scope, requested_scope
from tests.unit.providers.rows import faults, integration, server

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("host", "place", "api"),
    [
        ("", "https://github.com", "https://api.github.com"),
        ("github.com", "https://github.com", "https://api.github.com"),
        ("https://GitHub.example.org/", "https://github.example.org", "https://github.example.org/api/v3"),
        ("corp.ghe.com", "https://corp.ghe.com", "https://api.corp.ghe.com"),
        ("evilghe.com", "https://evilghe.com", "https://evilghe.com/api/v3"),
    ],
)
def test_a_server_of_ones_own_has_its_api_elsewhere(host: str, place: str, api: str):
    found = server("github", host=host)
    assert found.authorization_endpoint == f"{place}/login/oauth/authorize"
    assert found.token_endpoint == f"{place}/login/oauth/access_token"
    (source,) = GITHUB.identity
    assert isinstance(source, FromResource)
    assert filled(source.url, values(GITHUB, {"client_id": "c", "host": host})) == f"{api}/user"


def answer(body: bytes, media_type: str = "application/json") -> object:
    response = OutboundResponse(status=200, headers={"content-type": media_type}, body=body)
    return parse_token_response(response, now=NOW)


def test_an_app_with_expiring_tokens_gives_both_ends():
    found = answer(
        b'{"access_token":"ghu_a","expires_in":28800,"refresh_token":"ghr_b","refresh_token_expires_in":15811200,'
        b'"scope":"","token_type":"bearer"}'
    )
    assert isinstance(found, TokenResponse)
    assert (found.ttl_s, found.refresh_ttl_s, found.refresh_token) == (28800.0, 15811200.0, "ghr_b")
    assert granted_scope(GITHUB, found.scope) is None


def test_an_oauth_app_gives_a_token_without_an_end_and_scopes_with_commas():
    found = answer(b'{"access_token":"gho_a","scope":"repo,read:org","token_type":"bearer"}')
    assert isinstance(found, TokenResponse)
    assert (found.ttl_s, found.refresh_token, GITHUB.default_ttl_s) == (None, None, None)
    assert granted_scope(GITHUB, found.scope) == "repo read:org"


def judged(error: str) -> Verdict:
    found = answer(b'{"error":"%s","error_description":"d"}' % error.encode())
    assert isinstance(found, TokenError)
    return verdict(found, refusals=GITHUB.refusals)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("bad_refresh_token", Discard("github_says_dead")),
        ("bad_verification_code", Discard("code")),
        ("incorrect_client_credentials", Operator("client_refused", is_about_us=True)),
        ("redirect_uri_mismatch", Operator("redirect_uri")),
        ("unverified_user_email", Interactive("unverified_email", None)),
    ],
)
def test_an_error_under_status_200_is_one(error: str, expected: object):
    assert judged(error) == expected


def test_an_error_as_a_form_is_one_too():
    found = answer(b"error=bad_refresh_token&error_description=gone", "application/x-www-form-urlencoded")
    assert isinstance(found, TokenError)
    assert verdict(found, refusals=GITHUB.refusals) == Discard("github_says_dead")


def test_the_account_is_the_number_that_never_changes():
    (source,) = GITHUB.identity
    found = identity_from({"id": 583231, "login": "octocat", "email": "o@example.org", "sub": "x"}, source.names)
    assert found is not None
    assert (found.subject, found.preferred_username, found.email_verified) == ("583231", "octocat", False)


def test_no_scope_is_added_and_a_secret_is_needed():
    assert requested_scope(GITHUB, integration("github")) == ""
    assert [found.field for found in problems(GITHUB, {"client_id": "c"}, secrets=())] == ["client_secret"]
    (found,) = faults("github", auth_type="Service Account")
    assert "installation tokens" in found.text
