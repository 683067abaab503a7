"""Giving a token back: the request of RFC 7009 §2.1, and what each answer of §2.2 means."""

import base64
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest

from proxy.oauth.client_auth import Client, ClientAuthMethod, Once
from proxy.oauth.message import LostAnswer, NotSent, OutboundResponse
from proxy.oauth.revocation import NotNow, Revoked, Unrevocable, parse_revocation, revocation_request

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ENDPOINT = "https://id.example.net/revoke"
ONCE = Once(now=NOW, jti="jti")


def test_the_request_has_token_hint_and_one_proof():
    client = Client(client_id="sidecar", client_secret="s", auth_method=ClientAuthMethod.CLIENT_SECRET_POST)
    request = revocation_request(ENDPOINT, client, token="a+b", hint="refresh_token", once=ONCE)
    assert (request.method, request.url) == ("POST", ENDPOINT)
    assert dict(parse_qsl(request.body.decode())) == {
        "token": "a+b", "token_type_hint": "refresh_token", "client_id": "sidecar", "client_secret": "s",
    }  # fmt: skip
    assert "Authorization" not in request.headers
    assert "a+b" not in repr(request)


def test_with_basic_the_body_names_no_client():
    client = Client(client_id="sidecar", client_secret="s", auth_method=ClientAuthMethod.CLIENT_SECRET_BASIC)
    request = revocation_request(ENDPOINT, client, token="t", hint="access_token", once=ONCE)
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"sidecar:s").decode()
    assert dict(parse_qsl(request.body.decode())) == {"token": "t", "token_type_hint": "access_token"}


def said(status: int, body: bytes = b"", **headers: str) -> OutboundResponse:
    return OutboundResponse(status=status, headers=headers, body=body)


ANSWERS = {
    "done": (said(200), Revoked()),
    "done, in other words": (said(204), Revoked()),
    "done, with a page": (said(200, b"<html>"), Revoked()),
    "over already": (said(400, b'{"error": "invalid_token"}'), Revoked()),
    "a kind of token that cannot be revoked": (
        said(400, b'{"error": "unsupported_token_type"}'), Unrevocable("unsupported_token_type"),
    ),
    "no such endpoint": (said(404, b"<html>"), Unrevocable("status 404")),
    "not an object": (said(400, b"[]"), Unrevocable("status 400")),
    "an error that is no text": (said(403, b'{"error": 7}'), Unrevocable("status 403")),
    "a wrong secret": (said(401, b'{"error": "invalid_client"}'), NotNow("client_refused")),
    "a wrong secret, as a 400": (said(400, b'{"error": "invalid_client"}'), NotNow("client_refused")),
    "another client's": (said(400, b'{"error": "unauthorized_client"}'), NotNow("client_refused")),
    "a 401 without words": (said(401), NotNow("client_refused")),
    "moved": (said(302), NotNow("redirected")),
    "moved for good": (said(308), NotNow("redirected")),
    "busy": (said(503, b'{"error": "invalid_token"}', **{"retry-after": "90"}), NotNow("server_busy", 90.0)),
    "too many": (said(429), NotNow("server_busy")),
    "too slow": (said(408), NotNow("server_busy")),
    "not sent": (NotSent("connect_failed"), NotNow("connect_failed")),
    "lost": (LostAnswer("timeout"), NotNow("timeout")),
}  # fmt: skip


@pytest.mark.parametrize(("outcome", "meaning"), ANSWERS.values(), ids=ANSWERS.keys())
def test_what_came_of_it_is_read_by_this_table(outcome, meaning):
    assert parse_revocation(outcome, now=NOW) == meaning
