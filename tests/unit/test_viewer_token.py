"""The file that publishers copy: against a real server, with the exchange's answers as they are."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

FILE = Path(__file__).parents[2] / "content_examples" / "viewer_token.py"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"

sys.path.insert(0, str(FILE.parent))
from viewer_token import LoginRequired, viewer_token  # noqa: E402  # an example is no package

sys.path.pop(0)


class Sidecar:
    """An exchange that records what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b'{"access_token": "at-1", "expires_in": 30}'
        self.asked: list[tuple[str, dict[str, list[str]], str | None]] = []
        sidecar = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                sidecar.asked.append((self.path, parse_qs(form), self.headers["Authorization"]))
                self.send_response(sidecar.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(sidecar.body)))
                self.end_headers()
                self.wfile.write(sidecar.body)

            def log_message(self, *args: object) -> None:
                """Keep the test's output quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"

    def answers(self, status: int, said: object) -> None:
        self.status, self.body = status, json.dumps(said).encode()


@pytest.fixture
def sidecar(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sidecar]:
    sidecar = Sidecar()
    thread = threading.Thread(target=sidecar.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("CONNECT_SERVER", sidecar.url)
    monkeypatch.setenv("CONNECT_API_KEY", "content-key")
    yield sidecar
    sidecar.server.shutdown()
    thread.join()
    sidecar.server.server_close()


def test_the_exchange_gets_session_token_and_key_and_the_answer_is_the_token(sidecar: Sidecar) -> None:
    assert viewer_token("st-1") == "at-1"
    [(path, form, authorization)] = sidecar.asked
    assert path == "/__api__/v1/oauth/integrations/credentials"
    assert authorization == "Key content-key"
    assert form == {
        "grant_type": [TOKEN_EXCHANGE],
        "subject_token_type": ["urn:posit:connect:user-session-token"],
        "subject_token": ["st-1"],
    }


def test_an_integration_is_named_as_audience(sidecar: Sidecar) -> None:
    viewer_token("st-1", "the-guid")
    assert sidecar.asked[0][1]["audience"] == ["the-guid"]


def test_a_token_that_an_api_refused_is_sent_back(sidecar: Sidecar) -> None:
    viewer_token("st-1", rejected="at-0")
    assert sidecar.asked[0][1]["rejected_token"] == ["at-0"]
    assert "audience" not in sidecar.asked[0][1]


@pytest.mark.parametrize("name", ["Posit-Connect-User-Session-Token", "posit-connect-user-session-token"])
def test_all_headers_of_the_framework_do_as_well(sidecar: Sidecar, name: str) -> None:
    viewer_token({"Host": "apps.example.org", name: "st-2"})
    assert sidecar.asked[0][1]["subject_token"] == ["st-2"]


def test_nothing_is_cached(sidecar: Sidecar) -> None:
    assert viewer_token("st-1") == "at-1"
    sidecar.answers(200, {"access_token": "at-2", "expires_in": 30})
    assert viewer_token("st-1") == "at-2"


def test_a_login_url_in_the_refusal_becomes_login_required(sidecar: Sidecar) -> None:
    url = "http://localhost:8080/__oauth__/integrations/guid/login"
    sidecar.answers(400, {"code": 219, "error": "no credentials", "payload": {"login_url": url}})
    with pytest.raises(LoginRequired) as caught:
        viewer_token("st-1")
    assert caught.value.url == url
    assert "st-1" not in str(caught.value)


@pytest.mark.parametrize("payload", [None, {}, {"login_url": None}])
def test_any_other_refusal_is_an_error_that_says_why(sidecar: Sidecar, payload: object) -> None:
    sidecar.answers(503, {"code": 4, "error": "try again", "payload": payload})
    with pytest.raises(RuntimeError, match="try again"):
        viewer_token("st-1")


def test_a_refusal_without_a_body_is_an_error_with_its_status(sidecar: Sidecar) -> None:
    sidecar.status, sidecar.body = 502, b""
    with pytest.raises(RuntimeError, match="502"):
        viewer_token("st-1")


def test_a_proxy_in_the_environment_is_not_asked(sidecar: Sidecar) -> None:
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
