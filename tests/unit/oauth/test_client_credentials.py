from datetime import UTC, datetime
from urllib.parse import parse_qsl

from proxy.oauth.client_auth import Client, ClientAuthMethod, Once
from proxy.oauth.metadata import AuthorizationServer
from proxy.oauth.token import client_credentials_request

SERVER = AuthorizationServer(authorization_endpoint="https://id.example/a", token_endpoint="https://id.example/token")
CLIENT = Client(client_id="sidecar", client_secret="s", auth_method=ClientAuthMethod.CLIENT_SECRET_BASIC)
ONCE = Once(now=datetime(2026, 3, 1, 12, 0, tzinfo=UTC), jti="j")


def test_a_client_asks_for_a_token_of_its_own():
    request = client_credentials_request(SERVER, CLIENT, scope="a b", extra=[("audience", "https://api")], once=ONCE)
    assert request.url == "https://id.example/token"
    assert request.headers["Authorization"].startswith("Basic ")
    assert parse_qsl(request.body.decode()) == [
        ("grant_type", "client_credentials"), ("audience", "https://api"), ("scope", "a b"),
    ]  # fmt: skip


def test_without_a_scope_the_server_decides():
    request = client_credentials_request(SERVER, CLIENT, scope=None, once=ONCE)
    assert parse_qsl(request.body.decode()) == [("grant_type", "client_credentials")]
