import pytest

from proxy.oauth.message import OutboundResponse
from proxy.oauth.userinfo import parse_userinfo, resource_request


def answer(status: int, body: bytes) -> OutboundResponse:
    return OutboundResponse(status=status, headers={}, body=body)


def test_userinfo_is_asked_with_the_access_token():
    request = resource_request("https://id.example/me", "at")
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
