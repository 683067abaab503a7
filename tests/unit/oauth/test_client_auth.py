from base64 import b64decode
from urllib.parse import parse_qsl, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.client_auth import Client, ClientAuthMethod, authenticate, authenticated_form

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def client(method: ClientAuthMethod, secret: str | None = "s3cret") -> Client:
    return Client(client_id="sidecar", client_secret=secret, auth_method=method)


@given(client_id=text, secret=text)
def test_basic_carries_both_halves_form_encoded_and_the_body_names_no_client(client_id: str, secret: str):
    who = Client(client_id=client_id, client_secret=secret, auth_method=ClientAuthMethod.CLIENT_SECRET_BASIC)
    headers, pairs = authenticate(who, [("grant_type", "refresh_token")])
    halves = b64decode(headers["Authorization"].removeprefix("Basic ")).decode("ascii").split(":")
    assert [unquote_plus(half) for half in halves] == [client_id, secret]
    assert pairs == [("grant_type", "refresh_token")]


def test_post_carries_id_and_secret_in_the_body_only():
    headers, pairs = authenticate(client(ClientAuthMethod.CLIENT_SECRET_POST), [("a", "b")])
    assert headers == {}
    assert pairs == [("a", "b"), ("client_id", "sidecar"), ("client_secret", "s3cret")]


def test_a_public_client_says_only_its_name():
    headers, pairs = authenticate(client(ClientAuthMethod.NONE, None), [])
    assert (headers, pairs) == ({}, [("client_id", "sidecar")])


@pytest.mark.parametrize("method", [ClientAuthMethod.CLIENT_SECRET_BASIC, ClientAuthMethod.CLIENT_SECRET_POST])
def test_a_method_with_a_secret_is_impossible_without_one(method: ClientAuthMethod):
    with pytest.raises(ValueError, match="needs a client secret"):
        client(method, None)


@given(value=text)
def test_form_values_arrive_as_they_were(value: str):
    request = authenticated_form("https://id.example/token", client(ClientAuthMethod.NONE, None), [("v", value)])
    pairs = parse_qsl(request.body.decode("ascii"), keep_blank_values=True)
    assert pairs == [("v", value), ("client_id", "sidecar")]
    assert request.method == "POST"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_secrets_are_in_no_repr():
    request = authenticated_form("https://id.example/token", client(ClientAuthMethod.CLIENT_SECRET_BASIC), [])
    assert "s3cret" not in repr(client(ClientAuthMethod.CLIENT_SECRET_POST))
    assert "Basic" not in repr(request)
