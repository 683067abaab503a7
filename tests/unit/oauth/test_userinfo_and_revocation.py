from urllib.parse import parse_qsl

import pytest

from proxy.oauth.client_auth import Client, ClientAuthMethod
from proxy.oauth.message import OutboundResponse
from proxy.oauth.metadata import AuthorizationServer
from proxy.oauth.revocation import revocation_request
from proxy.oauth.userinfo import parse_userinfo, userinfo_request

BARE = AuthorizationServer(authorization_endpoint="https://id.example/a", token_endpoint="https://id.example/t")
FULL = AuthorizationServer(
    authorization_endpoint="https://id.example/a",
    token_endpoint="https://id.example/t",
    userinfo_endpoint="https://id.example/me",
    revocation_endpoint="https://id.example/revoke",
)
CLIENT = Client(client_id="sidecar", client_secret=None, auth_method=ClientAuthMethod.NONE)


def answer(status: int, body: bytes) -> OutboundResponse:
    return OutboundResponse(status=status, headers={}, body=body)


def test_userinfo_is_asked_with_the_access_token():
    request = userinfo_request(FULL, "at")
    assert (request.method, request.url, request.headers["Authorization"]) == (
        "GET",
        "https://id.example/me",
        "Bearer at",
    )


def test_claims_are_an_object_under_200():
    assert parse_userinfo(answer(200, b'{"sub":"1"}')) == {"sub": "1"}


@pytest.mark.parametrize(("status", "body"), [(401, b'{"sub":"1"}'), (200, b"eyJ.eyJ.x"), (200, b"[]"), (204, b"")])
def test_anything_else_has_no_claims(status: int, body: bytes):
    assert parse_userinfo(answer(status, body)) is None


def test_a_token_is_given_back_with_its_kind():
    request = revocation_request(FULL, CLIENT, "rt", "refresh_token")
    assert request.url == "https://id.example/revoke"
    assert parse_qsl(request.body.decode()) == [
        ("token", "rt"),
        ("token_type_hint", "refresh_token"),
        ("client_id", "sidecar"),
    ]


def test_an_endpoint_that_is_not_there_cannot_be_asked():
    with pytest.raises(ValueError, match="userinfo"):
        userinfo_request(BARE, "at")
    with pytest.raises(ValueError, match="revocation"):
        revocation_request(BARE, CLIENT, "rt", "refresh_token")
