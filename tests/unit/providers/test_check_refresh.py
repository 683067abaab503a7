"""What is missing for a refresh token, type by type."""

from __future__ import annotations

import pytest

from proxy.oauth.announced import Announced
from proxy.providers import PROVIDERS
from proxy.providers.check_refresh import refresh_remarks
from proxy.providers.registration import authorization_parameters, requested_scope
from tests.unit.providers.rows import integration

SILENT = Announced()


def remarks(template, announced=SILENT, **config):
    provider, made = PROVIDERS[template], integration(template, **config)
    return refresh_remarks(
        provider,
        scope=requested_scope(provider, made),
        parameters=authorization_parameters(provider, made),
        announced=announced,
    )


@pytest.mark.parametrize("template", sorted(set(PROVIDERS) - {"custom"}))
def test_as_a_type_comes_nothing_is_missing(template):
    [found] = remarks(template)
    assert found.level == "ok"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (
            "snowflake",
            "Asked for by the scope refresh_token. The security integration needs OAUTH_ISSUE_REFRESH_TOKENS = TRUE.",
        ),
        ("google", "Asked for by access_type=offline."),
        ("github", "The server gives one without being asked. Only a GitHub App"),
        ("okta", "grant type *Refresh Token*"),
        ("auth0", "*Allow Offline Access*"),
    ],
)
def test_what_has_to_be_switched_on_at_the_provider_is_said(template, words):
    assert words in remarks(template)[0].text


@pytest.mark.parametrize(
    ("template", "config", "announced", "level", "words"),
    [
        ("google", {"authorization_parameters": "access_type="}, SILENT, "problem", "access_type=offline is missing"),
        ("google", {"authorization_parameters": "prompt="}, SILENT, "note", "Without prompt=consent"),
        ("oidc", {"authorization_parameters": "prompt=login"}, SILENT, "note", "Without prompt=consent"),
        ("custom", {"scopes": "openid"}, SILENT, "note", "`scopes` does not ask for one"),
        ("custom", {}, SILENT, "note", "`scopes` does not ask for one"),
        (
            "oidc",
            {},
            Announced(grant_types=frozenset({"authorization_code"})),
            "problem",
            "no grant type refresh_token",
        ),
        ("oidc", {}, Announced(scopes=frozenset({"openid"})), "note", "does not list the scope offline_access"),
    ],
)
def test_what_is_missing_is_named(template, config, announced, level, words):
    [found] = remarks(template, announced, **config)

    assert found.level == level
    assert words in found.text


def test_two_words_of_a_prompt_are_two_words():
    assert remarks("google", authorization_parameters="prompt=select_account consent")[0].level == "ok"


def test_a_document_that_lists_what_is_asked_for_is_in_order():
    announced = Announced(grant_types=frozenset({"refresh_token"}), scopes=frozenset({"offline_access"}))
    [found] = remarks("custom", announced, scopes="offline_access")
    assert found.level == "ok"
