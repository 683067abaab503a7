"""What a server says of our client by the way it refuses a code that nobody issued."""

from __future__ import annotations

import pytest

from proxy.oauth.client_auth import ClientAuthMethod
from proxy.oauth.token import TokenError, TokenResponse, Unreadable
from proxy.providers import PROVIDERS
from proxy.providers.check_client import Taken, Untold, Wrong, judge_client, judge_service_account, may_not_refresh

POST, KEY, PUBLIC = (
    ClientAuthMethod.CLIENT_SECRET_POST,
    ClientAuthMethod.PRIVATE_KEY_JWT,
    ClientAuthMethod.NONE,
)


def judged(answer, template="custom", method=POST):
    return judge_client(answer, PROVIDERS[template], method)


def error(code, status=400, **more):
    return TokenError(status=status, error=code, **more)


@pytest.mark.parametrize(
    ("template", "answer"),
    [
        ("custom", error("invalid_grant")),
        ("auth0", error("invalid_grant", 403)),
        ("github", error("bad_verification_code", 200)),
        ("azure", error("invalid_grant", error_codes=frozenset({9002313}))),
    ],
)
def test_a_server_that_looked_at_the_code_has_taken_the_client(template, answer):
    assert judged(answer, template) == Taken()


@pytest.mark.parametrize(
    ("template", "answer", "method", "words"),
    [
        ("custom", error("invalid_client", 401), POST, "another token_endpoint_auth_method than client_secret_post"),
        ("custom", error("invalid_client", 401), KEY, "the public half of private_key"),
        ("custom", error("invalid_client", 401), PUBLIC, "give a client_secret, or register a public client"),
        ("github", error("incorrect_client_credentials", 200), POST, "does not take client_id and client_secret"),
        ("keycloak", error("unauthorized_client", 401), POST, "does not take client_id and client_secret"),
        ("custom", error("unauthorized_client"), POST, "allow it the grant type authorization code"),
        ("custom", error("unsupported_grant_type"), POST, "allow it the grant type authorization code"),
        ("github", error("redirect_uri_mismatch", 200), POST, "redirect URI is not registered"),
        ("auth0", error("access_denied", 401), POST, "client_id or client_secret is wrong"),
        ("azure", error("invalid_client", 401, error_codes=frozenset({7000215})), POST, "its *value*, not its ID"),
        ("azure", error("invalid_client", 401, error_codes=frozenset({7000222})), POST, "The secret has ended"),
        ("azure", error("unauthorized_client", error_codes=frozenset({700016})), POST, "not in this directory"),
        ("azure", error("invalid_request", error_codes=frozenset({90002})), POST, "not a directory of this cloud"),
        ("azure", error("invalid_client", 401, error_codes=frozenset({7000218})), PUBLIC, "has to prove itself"),
        ("azure", error("invalid_client", 401, error_codes=frozenset({700025})), POST, "registered as a public client"),
        ("azure", error("invalid_client", 401, error_codes=frozenset({700027})), KEY, "not the one in Entra"),
        ("azure", error("invalid_request", error_codes=frozenset({9002326})), POST, "move it to Web"),
        ("custom", error("", 302), POST, "set the token endpoint to its final address"),
        ("custom", Unreadable(status=404), POST, "It answers 404 and no JSON"),
        ("custom", TokenResponse(access_token="x"), POST, "a code that nobody issued"),
    ],
)
def test_what_has_to_be_changed_is_said(template, answer, method, words):
    found = judged(answer, template, method)

    assert isinstance(found, Wrong)
    assert words in found.text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (error("invalid_request"), "tells nothing of the client"),
        (error("temporarily_unavailable", 503), "It answers 503"),
        (error("slow_down", 429), "Try again later"),
        (Unreadable(status=502), "It answers 502"),
    ],
)
def test_an_answer_that_is_not_about_the_client_tells_nothing(answer, words):
    found = judged(answer)

    assert isinstance(found, Untold)
    assert words in found.text


@pytest.mark.parametrize(
    ("answer", "may_not"),
    [
        (error("unauthorized_client"), True),
        (error("unsupported_grant_type"), True),
        (error("invalid_grant"), False),
        (Unreadable(status=400), False),
    ],
)
def test_a_client_that_may_not_refresh_is_told_from_a_token_that_is_not_known(answer, may_not):
    assert may_not_refresh(answer) is may_not


@pytest.mark.parametrize(
    ("template", "answer", "level", "words"),
    [
        ("custom", TokenResponse(access_token="x"), "ok", "thrown away"),
        ("custom", error("unauthorized_client"), "problem", "grant type client credentials"),
        ("custom", error("unsupported_grant_type"), "problem", "grant type client credentials"),
        ("custom", error("invalid_scope"), "problem", "refuses `scopes`"),
        ("custom", error("invalid_client", 401), "problem", "does not take client_id and client_secret"),
        ("keycloak", error("unauthorized_client", 401), "problem", "does not take client_id and client_secret"),
        (
            "azure",
            error("unauthorized_client", 400, error_codes=frozenset({700016})),
            "problem",
            "not in this directory",
        ),
        ("azure", error("invalid_client", 401, error_codes=frozenset({7000222})), "problem", "The secret has ended"),
        ("custom", error("invalid_grant"), "problem", "no token of its own"),
        ("custom", error("invalid_request"), "problem", "no token of its own"),
        ("custom", Unreadable(status=404), "problem", "It answers 404 and no JSON"),
        ("custom", Unreadable(status=503), "note", "It answers 503"),
        ("custom", error("slow_down", 429), "note", "It answers 429"),
    ],
)
def test_a_service_account_has_a_token_or_the_reason_why_not(template, answer, level, words):
    found = judge_service_account(answer, PROVIDERS[template], POST)

    assert found.level == level
    assert words in found.text
