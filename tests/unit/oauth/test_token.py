import json
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.authorization import AuthorizationCode
from proxy.oauth.client_auth import Client, ClientAuthMethod, Once
from proxy.oauth.message import OutboundResponse
from proxy.oauth.metadata import AuthorizationServer
from proxy.oauth.token import (
    TokenError,
    TokenResponse,
    Unreadable,
    code_request,
    parse_token_response,
    refresh_request,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ONCE = Once(now=NOW, jti="j")
SERVER = AuthorizationServer(authorization_endpoint="https://id.example/a", token_endpoint="https://id.example/token")
CLIENT = Client(client_id="sidecar", client_secret="s3cret", auth_method=ClientAuthMethod.CLIENT_SECRET_POST)


def parse(body: object, status: int = 200, **headers: str) -> TokenResponse | TokenError | Unreadable:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return parse_token_response(OutboundResponse(status=status, headers=named, body=raw), now=NOW)


def tokens(**members: object) -> TokenResponse:
    found = parse({"access_token": "at", **members})
    assert isinstance(found, TokenResponse)
    return found


def error(body: object, status: int = 400, **headers: str) -> TokenError:
    found = parse(body, status, **headers)
    assert isinstance(found, TokenError)
    return found


def test_a_code_is_redeemed_with_verifier_and_redirect_uri():
    request = code_request(
        SERVER, CLIENT, code=AuthorizationCode("c"), redirect_uri="https://r/", code_verifier="v", once=ONCE
    )
    assert request.url == "https://id.example/token"
    assert parse_qsl(request.body.decode()) == [
        ("grant_type", "authorization_code"),
        ("code", "c"),
        ("redirect_uri", "https://r/"),
        ("code_verifier", "v"),
        ("client_id", "sidecar"),
        ("client_secret", "s3cret"),
    ]


def test_a_code_goes_without_a_verifier_where_pkce_is_off_and_with_a_scope_where_one_is_wanted():
    request = code_request(
        SERVER, CLIENT, code=AuthorizationCode("c"), redirect_uri="https://r/", code_verifier=None, scope="a", once=ONCE
    )
    form = dict(parse_qsl(request.body.decode()))
    assert "code_verifier" not in form
    assert form["scope"] == "a"


@pytest.mark.parametrize(("scope", "sent"), [("a b", {"scope": "a b"}), (None, {}), ("", {})])
def test_a_refresh_has_a_scope_only_when_there_is_one(scope: str | None, sent: dict[str, str]):
    form = dict(parse_qsl(refresh_request(SERVER, CLIENT, refresh_token="rt", scope=scope, once=ONCE).body.decode()))
    assert form == {
        "grant_type": "refresh_token", "refresh_token": "rt", "client_id": "sidecar", "client_secret": "s3cret", **sent,
    }  # fmt: skip


def test_a_full_answer_is_read():
    found = tokens(
        token_type="bearer", refresh_token="rt", expires_in="3600", scope="a  b", id_token="x.y.z",
        refresh_token_expires_in=7776000, username="ADA",
    )  # fmt: skip
    assert found == TokenResponse(
        access_token="at", refresh_token="rt", token_type="bearer", ttl_s=3600.0, refresh_ttl_s=7776000.0, scope="a b",
        id_token="x.y.z", extra={"username": "ADA"},
    )  # fmt: skip


@pytest.mark.parametrize("absent", [None, "", 7, ["rt"], "line\nbreak"])
def test_a_refresh_token_that_is_none_counts_as_absent(absent: object):
    assert tokens(refresh_token=absent).refresh_token is None


@pytest.mark.parametrize("nothing", [None, "", False])
def test_an_empty_error_beside_a_token_is_no_error(nothing: object):
    assert tokens(error=nothing).access_token == "at"


@pytest.mark.parametrize("named", ["bad_refresh_token", {"status": "denied"}])
def test_an_error_with_status_200_is_an_error_even_beside_a_token(named: object):
    assert isinstance(parse({"access_token": "at", "error": named}), TokenError)


@pytest.mark.parametrize("bad", [None, "", 5, {"a": 1}, "a\r\nX-Evil: 1", "\ud800", "tökén"])
def test_an_access_token_that_cannot_stand_in_a_header_is_none(bad: object):
    assert parse({"access_token": bad}) == TokenError(status=200, error="")


@pytest.mark.parametrize("bound", ["mac", "DPoP", "pop", "N_A"])
def test_a_token_that_needs_a_proof_is_none(bound: str):
    assert parse({"access_token": "at", "token_type": bound}) == TokenError(status=200, error="")


@pytest.mark.parametrize("word", ["bearer", "user", "bot", None])
def test_other_words_for_the_type_do_no_harm(word: str | None):
    assert tokens(token_type=word).access_token == "at"


@pytest.mark.parametrize("status", [302, 400, 401, 429, 500])
def test_a_token_under_another_status_than_2xx_is_not_taken(status: int):
    assert parse({"access_token": "at"}, status) == TokenError(status=status, error="")


def test_byte_order_mark_and_missing_content_type_do_no_harm():
    assert isinstance(parse(b'\xef\xbb\xbf{"access_token":"at"}'), TokenResponse)


def test_nan_as_lifetime_means_not_said():
    found = parse(b'{"access_token":"at","expires_in":NaN,"refresh_expires_in":Infinity}')
    assert isinstance(found, TokenResponse)
    assert (found.ttl_s, found.refresh_ttl_s) == (None, None)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param({"expires_in": 60}, 60.0, id="the span"),
        pytest.param({"expires_in": 0, "expires_on": str(int(NOW.timestamp()) + 90)}, 90.0, id="expires_on"),
        pytest.param({"expires_at": NOW.timestamp() + 30}, 30.0, id="expires_at"),
        pytest.param({"expires_in": 60, "expires_at": NOW.timestamp() + 30}, 60.0, id="the span before the instant"),
        pytest.param({}, None, id="not said"),
        pytest.param({"expires_in": -1}, None, id="negative"),
        pytest.param({"expires_in": 0}, None, id="zero"),
        pytest.param({"expires_in": None}, None, id="null"),
        pytest.param({"expires_in": ""}, None, id="empty"),
        pytest.param({"expires_in": True}, None, id="a boolean"),
        pytest.param({"expires_in": [3600]}, None, id="a list"),
        pytest.param({"expires_in": "3600"}, 3600.0, id="a string, as Databricks writes it"),
        pytest.param({"expires_in": 3599.9}, 3599.0, id="a fraction"),
        pytest.param({"expires_in": "3599.5"}, 3599.0, id="a fraction in a string"),
        pytest.param({"expires_in": "NaN"}, None, id="NaN in a string"),
        pytest.param({"expires_in": "1e400"}, None, id="an exponent in a string"),
        pytest.param({"expires_in": 10**9}, 365 * 86400.0, id="more than a year"),
    ],
)
def test_the_lifetime_is_found(members: dict[str, object], expected: float | None):
    assert tokens(**members).ttl_s == expected


def test_keycloaks_zero_means_that_the_refresh_token_does_not_end():
    assert tokens(refresh_expires_in=0).refresh_ttl_s is None
    assert tokens(refresh_expires_in=1800).refresh_ttl_s == 1800.0


@pytest.mark.parametrize(("scope", "expected"), [(["a", 1, "b"], "a b"), ("", None), (None, None), (7, None)])
def test_scope_is_read_from_text_and_list(scope: object, expected: str | None):
    assert tokens(scope=scope).scope == expected


def test_an_answer_that_says_two_things_is_not_read():
    assert parse(b'{"access_token":"a","access_token":"b"}') == Unreadable(status=200)
    assert isinstance(parse(b'{"access_token":"a","access_token":"a"}'), TokenResponse)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>busy</html>", b"[1]", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"a":' + b"1" * 5000 + b"}"],
    ids=["empty", "page", "list", "string", "bytes", "deep", "long number"],
)
def test_what_is_no_object_is_unreadable(body: bytes):
    assert parse(body, 503, retry_after="7") == Unreadable(status=503, retry_after_s=7.0)


FORM = "application/x-www-form-urlencoded; charset=utf-8"


def test_a_form_is_read_like_an_object():
    found = parse(b"access_token=at&expires_in=28800&refresh_token=rt&token_type=bearer", content_type=FORM)
    assert isinstance(found, TokenResponse)
    assert (found.access_token, found.refresh_token, found.ttl_s) == ("at", "rt", 28800.0)
    assert (
        error(b"error=bad_refresh_token&error_description=gone", 200, content_type="text/plain").description == "gone"
    )


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        pytest.param(b"access_token=at", "text/html", id="a page"),
        pytest.param(b"hello=world", FORM, id="another form"),
        pytest.param(b"access_token=a&access_token=b", FORM, id="two tokens"),
        pytest.param(b"error=a" + b"&x=1" * 64, FORM, id="many fields"),
        pytest.param(b"access_token=\xff", FORM, id="not text"),
    ],
)
def test_what_is_no_token_form_is_unreadable(body: bytes, media_type: str):
    assert parse(body, content_type=media_type) == Unreadable(status=200)


def test_entras_error_is_read_with_its_numbers_and_claims():
    found = error({
        "error": "interaction_required", "error_description": "AADSTS50076: MFA.\r\nTrace ID: 1", "claims": '{"a":1}',
        "error_codes": [50076, "x", True],
    })  # fmt: skip
    assert found.description == "AADSTS50076: MFA. Trace ID: 1"
    assert found.error_codes == frozenset({50076})
    assert found.claims == '{"a":1}'
    assert '{"a":1}' not in repr(found)


@pytest.mark.parametrize("claims", [None, "", {"a": 1}, "{\ud800}", "{\n}"])
def test_claims_that_are_no_text_are_none(claims: object):
    assert error({"error": "x", "claims": claims, "error_codes": 5}).claims is None


@pytest.mark.parametrize("name", ["error_subtype", "suberror"])
def test_what_kind_of_error_it_is_is_read(name: str):
    assert error({"error": "invalid_grant", name: "invalid_rapt"}).subtype == "invalid_rapt"


def test_slacks_envelope_of_an_error_is_an_error():
    found = error({"ok": False, "error": "invalid_refresh_token"}, 200)
    assert found.error == "invalid_refresh_token"


def test_tokens_inside_an_envelope_are_none():
    assert isinstance(parse({"ok": True, "authed_user": {"access_token": "xoxp"}}), TokenError)


def test_errors_without_standard_names_are_read_too():
    assert error({"error": "invalid_client", "message": "This is an invalid client."}).description.startswith("This is")
    found = error({"errorCode": "E0000047", "errorSummary": "Slow down"}, 429, x_rate_limit_reset="9")
    assert (found.error, found.description, found.retry_after_s) == ("E0000047", "Slow down", 9.0)


def test_tokens_are_in_no_repr():
    shown = repr(tokens(refresh_token="the-rt", id_token="the-id", other="the-rest"))
    assert not any(secret in shown for secret in ("'at'", "the-rt", "the-id", "the-rest"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(
    [
        "access_token",
        "refresh_token",
        "expires_in",
        "expires_on",
        "scope",
        "error",
        "error_codes",
        "claims",
        "token_type",
    ]
)


@given(body=st.binary(), status=st.integers(200, 599), media_type=st.sampled_from(["", FORM, "text/plain"]))
def test_no_bytes_make_it_raise(body: bytes, status: int, media_type: str):
    assert parse(body, status, content_type=media_type) is not None


@given(body=st.dictionaries(names, json_values), status=st.sampled_from([200, 400]))
def test_no_object_makes_it_raise_and_tokens_fit_into_headers(body: dict[str, object], status: int):
    found = parse(body, status)
    if isinstance(found, TokenResponse):
        assert found.access_token.isascii()
        assert found.access_token.isprintable()
