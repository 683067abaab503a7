from base64 import b64decode
from datetime import UTC, datetime
from urllib.parse import parse_qsl, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.client_assertion import AssertionKey
from proxy.oauth.client_auth import ASSERTION_TYPE, Client, ClientAuthMethod, Once, authenticate, authenticated_form
from tests.unit.oauth.keys import EC_KEY, claims_of

ONCE = Once(now=datetime(2026, 3, 1, 12, 0, tzinfo=UTC), jti="j-1")

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def client(method: ClientAuthMethod, secret: str | None = "s3cret") -> Client:
    return Client(client_id="sidecar", client_secret=secret, auth_method=method)


@given(client_id=text, secret=text)
def test_basic_carries_both_halves_form_encoded_and_the_body_names_no_client(client_id: str, secret: str):
    who = Client(client_id=client_id, client_secret=secret, auth_method=ClientAuthMethod.CLIENT_SECRET_BASIC)
    headers, pairs = authenticate(who, [("grant_type", "refresh_token")], ONCE)
    halves = b64decode(headers["Authorization"].removeprefix("Basic ")).decode("ascii").split(":")
    assert [unquote_plus(half) for half in halves] == [client_id, secret]
    assert pairs == [("grant_type", "refresh_token")]


def test_post_carries_id_and_secret_in_the_body_only():
    headers, pairs = authenticate(client(ClientAuthMethod.CLIENT_SECRET_POST), [("a", "b")], ONCE)
    assert headers == {}
    assert pairs == [("a", "b"), ("client_id", "sidecar"), ("client_secret", "s3cret")]


def test_a_public_client_says_only_its_name():
    headers, pairs = authenticate(client(ClientAuthMethod.NONE, None), [], ONCE)
    assert (headers, pairs) == ({}, [("client_id", "sidecar")])


@pytest.mark.parametrize("method", [ClientAuthMethod.CLIENT_SECRET_BASIC, ClientAuthMethod.CLIENT_SECRET_POST])
def test_a_method_with_a_secret_is_impossible_without_one(method: ClientAuthMethod):
    with pytest.raises(ValueError, match="needs a client secret"):
        client(method, None)


@given(client_id=text.filter(lambda value: ":" not in value), secret=text)
def test_basic_is_raw_where_the_server_does_not_decode_it(client_id: str, secret: str):
    method = ClientAuthMethod.CLIENT_SECRET_BASIC
    who = Client(client_id=client_id, client_secret=secret, auth_method=method, encodes_basic=False)
    headers, _ = authenticate(who, [], ONCE)
    assert b64decode(headers["Authorization"].removeprefix("Basic ")).decode() == f"{client_id}:{secret}"


def test_a_key_signs_once_and_nothing_else_is_sent():
    key = AssertionKey(private_key=EC_KEY, audience="https://id.example/token")
    who = Client(client_id="sidecar", assertion_key=key, auth_method=ClientAuthMethod.PRIVATE_KEY_JWT)
    headers, pairs = authenticate(who, [("a", "b")], ONCE)
    assert headers == {}
    assert [name for name, _ in pairs] == ["a", "client_id", "client_assertion_type", "client_assertion"]
    assert dict(pairs)["client_assertion_type"] == ASSERTION_TYPE
    assert claims_of(dict(pairs)["client_assertion"], EC_KEY)["jti"] == "j-1"
    assert "BEGIN" not in repr(who)


@pytest.mark.parametrize(
    ("method", "secret", "key", "text"),
    [
        (ClientAuthMethod.NONE, "s", False, "none has no client secret"),
        (ClientAuthMethod.NONE, None, True, "none has no private key"),
        (ClientAuthMethod.PRIVATE_KEY_JWT, None, False, "needs a private key"),
        (ClientAuthMethod.PRIVATE_KEY_JWT, "s", True, "has no client secret"),
        (ClientAuthMethod.CLIENT_SECRET_POST, "s", True, "has no private key"),
    ],
)
def test_two_proofs_or_the_wrong_one_are_impossible(method: ClientAuthMethod, secret: str | None, key: bool, text: str):
    assertion_key = AssertionKey(private_key="", audience="") if key else None
    with pytest.raises(ValueError, match=text):
        Client(client_id="sidecar", client_secret=secret, assertion_key=assertion_key, auth_method=method)


@given(value=text)
def test_form_values_arrive_as_they_were(value: str):
    request = authenticated_form("https://id.example/token", client(ClientAuthMethod.NONE, None), [("v", value)], ONCE)
    pairs = parse_qsl(request.body.decode("ascii"), keep_blank_values=True)
    assert pairs == [("v", value), ("client_id", "sidecar")]
    assert request.method == "POST"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_secrets_are_in_no_repr():
    request = authenticated_form("https://id.example/token", client(ClientAuthMethod.CLIENT_SECRET_BASIC), [], ONCE)
    assert "s3cret" not in repr(client(ClientAuthMethod.CLIENT_SECRET_POST))
    assert "Basic" not in repr(request)
