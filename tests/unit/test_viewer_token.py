"""The file that publishers copy: against a real server, with the exchange's answers as they are."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.exchange import Exchange

FILE = Path(__file__).parents[2] / "content_examples" / "viewer_token.py"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"

sys.path.insert(0, str(FILE.parent))
from viewer_token import LoginRequired, viewer_token  # noqa: E402  # an example is no package

sys.path.pop(0)


@pytest.fixture
def sidecar(monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    with Exchange.running() as exchange:
        monkeypatch.setenv("CONNECT_SERVER", exchange.url)
        monkeypatch.setenv("CONNECT_API_KEY", "content-key")
        yield exchange


def test_the_exchange_gets_session_token_and_key_and_the_answer_is_the_token(sidecar: Exchange) -> None:
    assert viewer_token("st-1") == "at-1"
    [(path, form, authorization)] = sidecar.asked
    assert path == "/__api__/v1/oauth/integrations/credentials"
    assert authorization == "Key content-key"
    assert form == {
        "grant_type": [TOKEN_EXCHANGE],
        "subject_token_type": ["urn:posit:connect:user-session-token"],
        "subject_token": ["st-1"],
    }


def test_an_integration_is_named_as_audience(sidecar: Exchange) -> None:
    viewer_token("st-1", "the-guid")
    assert sidecar.asked[0][1]["audience"] == ["the-guid"]


def test_a_token_that_an_api_refused_is_sent_back(sidecar: Exchange) -> None:
    viewer_token("st-1", rejected="at-0")
    assert sidecar.asked[0][1]["rejected_token"] == ["at-0"]
    assert "audience" not in sidecar.asked[0][1]


@pytest.mark.parametrize("name", ["Posit-Connect-User-Session-Token", "posit-connect-user-session-token"])
def test_all_headers_of_the_framework_do_as_well(sidecar: Exchange, name: str) -> None:
    viewer_token({"Host": "apps.example.org", name: "st-2"})
    assert sidecar.asked[0][1]["subject_token"] == ["st-2"]


def test_nothing_is_cached(sidecar: Exchange) -> None:
    assert viewer_token("st-1") == "at-1"
    sidecar.answers(200, {"access_token": "at-2", "expires_in": 30})
    assert viewer_token("st-1") == "at-2"


def test_a_login_url_in_the_refusal_becomes_login_required(sidecar: Exchange) -> None:
    url = "http://localhost:8080/__oauth__/integrations/guid/login"
    sidecar.answers(400, {"code": 219, "error": "no credentials", "payload": {"login_url": url}})
    with pytest.raises(LoginRequired) as caught:
        viewer_token("st-1")
    assert caught.value.url == url
    assert "st-1" not in str(caught.value)


@pytest.mark.parametrize("payload", [None, {}, {"login_url": None}])
def test_any_other_refusal_is_an_error_that_says_why(sidecar: Exchange, payload: object) -> None:
    sidecar.answers(503, {"code": 4, "error": "try again", "payload": payload})
    with pytest.raises(RuntimeError, match="try again"):
        viewer_token("st-1")


def test_a_refusal_without_a_body_is_an_error_with_its_status(sidecar: Exchange) -> None:
    sidecar.status, sidecar.body = 502, b""
    with pytest.raises(RuntimeError, match="502"):
        viewer_token("st-1")


def test_a_proxy_in_the_environment_is_not_asked(sidecar: Exchange) -> None:
    program = "from viewer_token import viewer_token; print(viewer_token('st-1'))"
    environment = {"CONNECT_SERVER": sidecar.url, "CONNECT_API_KEY": "k", "http_proxy": "http://127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=FILE.parent, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "at-1\n"


def test_it_is_short_and_needs_nothing() -> None:
    text = FILE.read_text()
    assert len(text.splitlines()) <= 40
    imports = {line.split()[1] for line in text.splitlines() if line.startswith(("import", "from"))}
    assert imports <= sys.stdlib_module_names
