"""The way to the server's own sign-out says who we are and where to come back to, and nothing about the person."""

import pytest

from proxy.oauth.client_auth import Client, ClientAuthMethod
from proxy.oauth.end_session import end_session_url

CLIENT = Client(client_id="side car", auth_method=ClientAuthMethod.NONE)
OURS = "client_id=side+car&post_logout_redirect_uri=https%3A%2F%2Fapps.example%2Fout"


@pytest.mark.parametrize(
    ("endpoint", "state", "url"),
    [
        ("https://id.example/out", "s&1", f"https://id.example/out?{OURS}&state=s%261"),
        ("https://id.example/out?policy=a%20b&x=#f", "s", f"https://id.example/out?policy=a+b&x=&{OURS}&state=s"),
        (
            "https://id.example/out?client_id=c&post_logout_redirect_uri=https://evil.example&id_token_hint=t",
            "s",
            f"https://id.example/out?{OURS}&state=s",
        ),
    ],
    ids=["plain", "with a query of its own", "with a query in the place of ours"],
)
def test_the_way_to_the_servers_own_sign_out(endpoint: str, state: str, url: str):
    found = end_session_url(endpoint, CLIENT, post_logout_redirect_uri="https://apps.example/out", state=state)
    assert found == url
