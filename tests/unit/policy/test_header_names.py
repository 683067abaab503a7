"""New names for our headers: one set for all contents, and none that means something in HTTP."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.model import HeaderPreset, HeaderRules
from proxy.policy.cookies import cookie_names
from proxy.policy.header_names import default_preset, injected_names, name_problem
from proxy.policy.headers import HOP_BY_HOP, ORIGIN_WIDE, REQUEST_DROPPED, REQUEST_FAMILIES, to_content, to_viewer
from tests.unit.policy.samples import content, integration

SALES = replace(content(), headers=HeaderRules(rename={"x-forwarded-email": "X-Auth-Request-Email"}))
BOARD = content("/board/")
INJECTED = injected_names([integration("my-lake")], [SALES, BOARD])


def test_new_names_of_one_content_are_kept_from_all_and_the_old_ones_stay_ours() -> None:
    assert {
        b"x-forwarded-access-token",
        b"x-forwarded-access-token-expires",
        b"x-forwarded-access-token-my-lake",
        b"x-forwarded-user",
        b"x-forwarded-email",
        b"x-forwarded-preferred-username",
        b"x-forwarded-groups",
        b"posit-connect-user-session-token",
        b"rstudio-connect-credentials",
        b"shiny-server-credentials",
        b"x-auth-request-email",
    } == INJECTED


@pytest.mark.parametrize("name", [b"X-Auth-Request-Email", b"x_auth_request_email", b"X.Auth-REQUEST~Email"])
def test_a_new_name_passes_in_neither_direction_in_no_spelling(name: bytes) -> None:
    forged = [(name, b"evil"), (b"Accept", b"*/*")]
    names = cookie_names("https://apps.example.org")
    assert to_content(forged, names=names, injected=INJECTED, keep_upgrade=False) == forged[1:]
    for place in (SALES, BOARD):
        assert to_viewer([(name, b"token"), (b"ETag", b"1")], content=place, injected=INJECTED) == [(b"ETag", b"1")]


@pytest.mark.parametrize("app_mode", ["python-bokeh", "python-panel"])
def test_content_that_publishes_its_headers_gets_no_access_token_unless_told(app_mode: str) -> None:
    assert default_preset(app_mode) is HeaderPreset.SESSION_TOKEN_ONLY


@pytest.mark.parametrize("app_mode", ["python-streamlit", "python-shiny", "proxied"])
def test_other_content_gets_all(app_mode: str) -> None:
    assert default_preset(app_mode) is HeaderPreset.ALL


@pytest.mark.parametrize(
    "name",
    [
        "X-Auth-Request-Access-Token",
        "X-Forwarded-Login",
        "X-MS-TOKEN-AAD-ACCESS-TOKEN",
        "Sf-Context-Current-User-Token",
        "Cf-Access-Jwt-Assertion",
        "Remote-User",
        "X-Forwarded-User",
        "RStudio-Connect-Handle",
    ],
)
def test_a_name_that_http_leaves_free_can_be_taken(name: str) -> None:
    assert name_problem(name) is None


WITH_MEANING = [
    *("Host", "Cookie", "Set-Cookie", "Connection", "TE", "Upgrade", "Transfer-Encoding", "Content-Length", "Expect"),
    *("Content-Type", "Content-Security-Policy", "Accept", "Accept-Encoding", "Authorization", "Origin", "Location"),
    *("Sec-Fetch-Site", "Sec-WebSocket-Key", "If-None-Match", "Range", "Cache-Control", "ETag", "User-Agent", "Date"),
    *("Access-Control-Allow-Origin", "Cross-Origin-Opener-Policy", "Strict-Transport-Security", "X-Frame-Options"),
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded", "X-Real-IP"),
    *("Proxy", "Proxy-Authorization", "Oauth-Sidecar-Reason", "X-Original-URL", "X_CSRF_Token", "hOST"),
]


@pytest.mark.parametrize("name", WITH_MEANING)
def test_a_name_with_a_meaning_cannot_be_taken(name: str) -> None:
    assert "means something" in (name_problem(name) or "")


def test_no_name_that_is_handled_apart_can_be_taken() -> None:
    families = {family + b"x" for family in REQUEST_FAMILIES if family.startswith((b"proxy", b"oauth", b"x-r", b"x-o"))}
    for name in HOP_BY_HOP | REQUEST_DROPPED | ORIGIN_WIDE | families:
        assert name_problem(name.decode()) is not None, name


def test_the_names_of_integrations_to_come_stay_free() -> None:
    assert "integrations" in (name_problem("X-Forwarded-Access-Token-Lake") or "")
    assert name_problem("X-Forwarded-Access-Token") is None
