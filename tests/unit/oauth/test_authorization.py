from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.authorization import (
    AuthorizationCode,
    CallbackParameters,
    MalformedCallback,
    authorization_url,
    parse_callback,
)
from proxy.oauth.client_auth import Client, ClientAuthMethod
from proxy.oauth.metadata import AuthorizationServer

CLIENT = Client(client_id="side car", client_secret=None, auth_method=ClientAuthMethod.NONE)
REDIRECT = "https://apps.example/__oauth__/integrations/callback"


def url(endpoint: str = "https://id.example/authorize", **changes) -> str:
    server = AuthorizationServer(authorization_endpoint=endpoint, token_endpoint="https://id.example/token")
    said = {"scope": "openid all", "state": "st", "code_challenge": "cc", "nonce": "no", **changes}
    return authorization_url(server, CLIENT, redirect_uri=REDIRECT, **said)


def test_the_redirect_says_all_that_the_rfcs_want():
    assert parse_qsl(urlsplit(url()).query) == [
        ("response_type", "code"),
        ("client_id", "side car"),
        ("redirect_uri", REDIRECT),
        ("scope", "openid all"),
        ("state", "st"),
        ("code_challenge", "cc"),
        ("code_challenge_method", "S256"),
        ("nonce", "no"),
    ]


def test_a_space_is_written_as_percent_20():
    assert "scope=openid%20all" in url()
    assert "+" not in url()


def test_an_empty_scope_and_no_nonce_are_left_out():
    names = dict(parse_qsl(urlsplit(url(scope="", nonce=None)).query, keep_blank_values=True))
    assert "scope" not in names
    assert "nonce" not in names


def test_without_a_challenge_nothing_is_said_of_pkce():
    assert "code_challenge" not in url(code_challenge=None)


def test_extra_parameters_follow_but_never_replace_ours():
    query = parse_qsl(urlsplit(url(extra=[("prompt", "consent"), ("state", "evil"), ("code_challenge", "e")])).query)
    assert ("prompt", "consent") in query
    assert [value for name, value in query if name in {"state", "code_challenge"}] == ["st", "cc"]


def test_the_endpoints_own_query_stays_as_it_is_written():
    made = url("https://id.example/authorize?tenant=a%2fb&x=$'&&client_id=evil&%73tate=evil#top")
    assert made.startswith("https://id.example/authorize?tenant=a%2fb&x=$'&response_type=code&client_id=side%20car&")
    assert "evil" not in made
    assert "#" not in made


text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(scope=text, state=text, nonce=text, extra=text)
def test_what_goes_into_the_redirect_comes_out_of_it(scope: str, state: str, nonce: str, extra: str):
    made = url(scope=scope, state=state, nonce=nonce, extra=[("x", extra)])
    found = dict(parse_qsl(urlsplit(made).query, strict_parsing=True))
    assert (found["scope"], found["state"], found["nonce"], found["x"]) == (scope, state, nonce, extra)
    assert made.isascii()


def test_a_callback_with_a_code_is_read():
    assert parse_callback("code=a%20b&state=s&iss=https%3A%2F%2Fid.example&session_state=x") == CallbackParameters(
        code=AuthorizationCode("a b"), error=None, state="s", iss="https://id.example"
    )


def test_a_callback_with_an_error_and_no_state_is_read():
    found = parse_callback("error=access_denied&error_description=No%0D%0Away&error_uri=https://x.example/")
    assert isinstance(found, CallbackParameters)
    assert (found.code, found.state, found.iss) == (None, None, None)
    assert found.error is not None
    assert (found.error.error, found.error.description) == ("access_denied", "No way")
    assert found.error.uri == "https://x.example/"


def test_a_foreign_description_is_cut():
    found = parse_callback("error=x&error_description=" + "d" * 5000)
    assert isinstance(found, CallbackParameters)
    assert found.error is not None
    assert len(found.error.description) == 500


@pytest.mark.parametrize(
    ("query", "because"),
    [
        pytest.param("", "empty", id="nothing"),
        pytest.param("state=s", "empty", id="neither code nor error"),
        pytest.param("code=&state=s", "empty", id="a code without value"),
        pytest.param("code=a&error=b", "ambiguous", id="code and error"),
        pytest.param("code=a&code=b", "repeated", id="two codes"),
        pytest.param("code=a&state=s&state=s", "repeated", id="two states"),
        pytest.param("code=a&%69ss=a&iss=b", "repeated", id="two issuers"),
        pytest.param("code=" + "a" * 8193, "too_long", id="a long code"),
        pytest.param("code=a&state=" + "a" * 4097, "too_long", id="a long state"),
        pytest.param("code=a&iss=" + "a" * 2049, "too_long", id="a long issuer"),
        pytest.param("error=" + "a" * 129, "too_long", id="a long error"),
        pytest.param("code=a&x=" + "a" * 16384, "too_long", id="a long query"),
        pytest.param("code=a" + "&x=1" * 64, "too_long", id="many parameters"),
        pytest.param("code=a%0d%0ab", "characters", id="a line break in the code"),
        pytest.param("code=a&state=%C3%A9", "characters", id="a state that is not ASCII"),
        pytest.param("code=a&state=%ff", "characters", id="broken UTF-8"),
        pytest.param("error=a%00", "characters", id="NUL in the error"),
    ],
)
def test_a_query_that_is_no_callback_says_why(query: str, because: str):
    assert parse_callback(query) == MalformedCallback(because)


@given(query=st.text())
def test_any_text_is_read_or_refused_but_nothing_is_raised(query: str):
    assert isinstance(parse_callback(query), CallbackParameters | MalformedCallback)


@given(code=st.text(st.characters(codec="ascii"), min_size=1), state=text)
def test_an_accepted_callback_gives_back_exactly_what_was_sent(code: str, state: str):
    found = parse_callback(urlencode([("code", code), ("state", state)], quote_via=quote))
    if isinstance(found, CallbackParameters):
        assert (found.code, found.state) == (AuthorizationCode(code), state)


def test_code_and_state_are_in_no_repr():
    shown = repr(parse_callback("code=the-code&state=the-state"))
    assert "the-code" not in shown
    assert "the-state" not in shown
