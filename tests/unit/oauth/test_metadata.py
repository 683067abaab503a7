from dataclasses import replace

import pytest

from proxy.oauth.metadata import AuthorizationServer

SERVER = AuthorizationServer(authorization_endpoint="https://i/a", token_endpoint="https://i/t")
ONE = replace(SERVER, issuer="https://i", issuer_aliases=("i",))
MANY = replace(SERVER, issuer="https://i/{tid}/v2", tenants=frozenset({"a", "b"}))


@pytest.mark.parametrize(
    ("server", "iss", "expected"),
    [
        (SERVER, "https://i", False),
        (ONE, "https://i", True),
        (ONE, "https://i/", False),
        (ONE, "i", False),
        (MANY, "https://i/a/v2", True),
        (MANY, "https://i/c/v2", False),
        (MANY, "https://i/{tid}/v2", False),
    ],
)
def test_a_callback_names_the_issuer_itself(server: AuthorizationServer, iss: str, expected: bool):
    assert server.is_response_issuer(iss) is expected


def test_a_token_may_name_an_alias():
    assert ONE.is_issuer("i", tenant=None)
    assert not ONE.is_issuer("j", tenant=None)
    assert not SERVER.is_issuer("https://i", tenant=None)


def test_a_tenant_that_may_sign_in_is_named_by_both():
    assert MANY.is_issuer("https://i/a/v2", tenant="a")
    assert not MANY.is_issuer("https://i/a/v2", tenant="b")
    assert not MANY.is_issuer("https://i//v2", tenant=None)
    assert not MANY.is_issuer("https://i/c/v2", tenant="c")
