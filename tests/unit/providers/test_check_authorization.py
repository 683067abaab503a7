"""What a server says to an authorization request that nobody stands behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.oauth.message import OutboundResponse
from proxy.oauth.metadata import AuthorizationServer
from proxy.providers.check_authorization import judge_authorization

URI = "https://apps.example.org/__oauth__/integrations/callback"
SERVER = AuthorizationServer(authorization_endpoint="https://id.example/a", token_endpoint="https://id.example/t")
NAMED = replace(SERVER, issuer="https://id.example")
STRICT = replace(NAMED, iss_in_response_supported=True)


def judged(status, location="", server=SERVER, needs=""):
    response = OutboundResponse(status=status, headers={"location": location}, body=b"")
    return judge_authorization(response, server, redirect_uri=URI, scope="a b", refresh_needs=needs)


@pytest.mark.parametrize(
    "query",
    [
        "error=login_required&state=x",
        "error=interaction_required",
        "error=consent_required",
        "error=account_selection_required",
        "code=x",
    ],
)
def test_a_browser_that_is_sent_back_because_nobody_is_signed_in_shows_that_all_is_right(query):
    assert judged(302, f"{URI}?{query}").level == "ok"


@pytest.mark.parametrize(
    ("status", "location", "level", "words"),
    [
        (
            303,
            f"{URI}?error=invalid_scope",
            "problem",
            "It refuses the scopes `a b`: allow the client each of them. Tick it.",
        ),
        (302, f"{URI}?error=unauthorized_client", "problem", "may not ask for codes"),
        (302, f"{URI}?error=unsupported_response_type", "problem", "may not ask for codes"),
        (302, f"{URI}?error=invalid_request", "note", "says `invalid_request`"),
        (302, f"{URI}?error=x&code=y", "note", "contradict each other"),
        (302, "https://id.example/login?x", "note", "shows a page of its own"),
        (302, f"{URI}.evil.example?error=login_required", "note", "shows a page of its own"),
        (200, "", "note", "shows a page of its own"),
        (400, "", "problem", f"letter by letter: {URI}"),
        (404, "", "problem", "client_id is unknown"),
        (403, "", "note", "a firewall"),
        (429, "", "note", "It answers 429"),
        (500, "", "note", "It answers 500"),
    ],
)
def test_other_answers_say_what_to_look_at(status, location, level, words):
    found = judged(status, location, needs="Tick it.")

    assert found.level == level
    assert words in found.text


@pytest.mark.parametrize(
    ("server", "iss", "level"),
    [
        (SERVER, "&iss=https://anybody.example", "ok"),
        (NAMED, "", "ok"),
        (NAMED, "&iss=https://id.example", "ok"),
        (NAMED, "&iss=https://id.example/", "problem"),
        (STRICT, "", "problem"),
    ],
)
def test_callbacks_that_would_be_refused_for_their_issuer_are_a_problem(server, iss, level):
    assert judged(302, f"{URI}?error=login_required{iss}", server).level == level
