"""The file that authors of R apps copy: against a real server, with the exchange's answers as they are."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.doubles.exchange import Exchange
from tests.r_process import EXAMPLES, needs_r, run_r

FILE = EXAMPLES / "viewer_token.R"
HANDLE = "st-1+/=&"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
FORM = {
    "grant_type": [TOKEN_EXCHANGE],
    "subject_token_type": ["urn:posit:connect:user-session-token"],
    "subject_token": [HANDLE],
}
SESSION = f'session <- list(request = list(HTTP_POSIT_CONNECT_USER_SESSION_TOKEN = "{HANDLE}"))'

pytestmark = needs_r("curl", "jsonlite")


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    with Exchange.running() as exchange:
        yield exchange


def run(exchange: Exchange, *lines: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run lines of R that have the file and a session."""
    environment = {"CONNECT_SERVER": exchange.url, "CONNECT_API_KEY": "content-key", **variables}
    return run_r("-e", "\n".join(["source('viewer_token.R')", SESSION, *lines]), environment=environment)


def lines_of(ran: subprocess.CompletedProcess[str]) -> list[str]:
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_a_token_is_asked_for_once_until_an_api_refuses_it_and_once_for_each_integration_and_session(
    exchange: Exchange,
) -> None:
    exchange.answers(200, {"access_token": "at-1", "expires_in": 600})
    asked = [
        "viewer_token(session)",
        "viewer_token(session)",
        f"viewer_token('{HANDLE}')",
        "viewer_token(session, 'the-guid')",
        "viewer_token(session, rejected = 'at-0')",
        "viewer_token(session)",
        "viewer_token('st-2')",
    ]

    said = lines_of(run(exchange, *(f"cat({call}, fill = TRUE)" for call in asked)))

    assert said == ["at-1"] * len(asked)
    assert {(path, key) for path, _, key in exchange.asked} == {
        ("/__api__/v1/oauth/integrations/credentials", "Key content-key")
    }
    assert [form for _, form, _ in exchange.asked] == [
        FORM,
        FORM | {"audience": ["the-guid"]},
        FORM | {"rejected_token": ["at-0"]},
        FORM | {"subject_token": ["st-2"]},
    ]


@pytest.mark.parametrize("life", [{"expires_in": 30}, {}], ids=["half a minute", "unknown"])
def test_a_token_that_ends_soon_or_nobody_knows_when_is_not_kept(exchange: Exchange, life: dict[str, int]) -> None:
    exchange.answers(200, {"access_token": "at-1", **life})
    assert lines_of(run(exchange, "cat(viewer_token(session), viewer_token(session))")) == ["at-1 at-1"]
    assert len(exchange.asked) == 2


def test_a_refused_token_is_forgotten_even_when_there_is_no_other_one_yet(exchange: Exchange) -> None:
    exchange.before = [
        (200, b'{"access_token": "at-1", "expires_in": 600}'),
        (429, b'{"code": 277, "error": "too soon"}'),
    ]
    exchange.answers(200, {"access_token": "at-2", "expires_in": 600})
    refused = "try(viewer_token(session, rejected = 'at-1'), TRUE)"

    assert lines_of(run(exchange, "cat(viewer_token(session), '')", refused, "cat(viewer_token(session))")) == [
        "at-1 at-2"
    ]


def test_a_login_url_in_the_refusal_becomes_a_condition_that_has_it(exchange: Exchange) -> None:
    url = "http://localhost:8080/__oauth__/login?content=c&integration=i"
    exchange.answers(400, {"code": 219, "error": "Refresh token is invalid.", "payload": {"login_url": url}})
    shown = "tryCatch(viewer_token(session), login_required = function(needed) cat(needed$url, conditionMessage(needed), sep = '\n'))"

    assert lines_of(run(exchange, shown)) == [url, f"Refresh token is invalid. Show the viewer a link to {url}"]


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (503, b'{"code": 241, "error": "not just now", "payload": null}', "not just now"),
        (400, b'{"code": 215, "error": "Invalid subject_token", "payload": {}}', "Invalid subject_token"),
        (502, b"<h1>Bad gateway</h1>", "HTTP 502"),
        (500, b"", "HTTP 500"),
        (200, b"[]", "HTTP 200"),
    ],
    ids=["refused", "empty payload", "not JSON", "empty", "something else"],
)
def test_any_other_answer_is_an_error_that_says_why(exchange: Exchange, status: int, body: bytes, says: str) -> None:
    exchange.status, exchange.body = status, body

    ran = run(exchange, "viewer_token(session)")

    assert ran.returncode != 0
    assert f"no token for this viewer: {says}" in ran.stderr
    assert HANDLE not in ran.stderr + ran.stdout
    assert "content-key" not in ran.stderr + ran.stdout


def test_a_redirect_gets_neither_key_nor_session_token(exchange: Exchange) -> None:
    with Exchange.running() as elsewhere:
        exchange.status, exchange.headers = 307, {"Location": elsewhere.url}

        assert "HTTP 307" in run(exchange, "viewer_token(session)").stderr

        assert elsewhere.asked == []


def test_what_is_missing_is_named(exchange: Exchange) -> None:
    """The app was opened past the sidecar; then it was started without the sidecar's variables."""
    past = "try(viewer_token(list(request = list())))"

    said = run(exchange, past, "Sys.unsetenv('CONNECT_SERVER')", "viewer_token(session)").stderr

    assert "open the app through the sidecar" in said
    assert "CONNECT_SERVER is not set" in said
    assert HANDLE not in said
    assert exchange.asked == []


def test_a_proxy_in_the_environment_is_not_asked(exchange: Exchange) -> None:
    assert lines_of(run(exchange, "cat(viewer_token(session))", http_proxy="http://127.0.0.1:1")) == ["at-1"]


def test_it_is_short_and_needs_two_packages() -> None:
    text = FILE.read_text()
    assert len(text.splitlines()) <= 40
    assert {word.partition("::")[0].split("(")[-1] for word in text.split() if "::" in word} == {"curl", "jsonlite"}
