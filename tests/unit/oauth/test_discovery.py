import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.discovery import MetadataRefused, discovery_requests, parse_metadata
from proxy.oauth.message import OutboundResponse
from proxy.oauth.metadata import AuthorizationServer, Undiscovered

ISSUER = "https://id.example/realms/a"
WANTED = Undiscovered(issuer=ISSUER)
DOCUMENT: dict[str, object] = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://id.example/a",
    "token_endpoint": "https://id.example/t",
    "userinfo_endpoint": "https://id.example/u",
    "jwks_uri": "https://id.example/k",
    "authorization_response_iss_parameter_supported": True,
    "id_token_signing_alg_values_supported": ["RS256", 7, "none"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic"],
}
SERVER = AuthorizationServer(
    authorization_endpoint="https://id.example/a",
    token_endpoint="https://id.example/t",
    userinfo_endpoint="https://id.example/u",
    jwks_uri="https://id.example/k",
    issuer=ISSUER,
    iss_in_response_supported=True,
    id_token_signing_alg_values_supported=frozenset({"RS256", "none"}),
    token_endpoint_auth_methods_supported=frozenset({"client_secret_basic"}),
)


def parsed(document: object, wanted: Undiscovered = WANTED) -> AuthorizationServer | MetadataRefused:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return parse_metadata(OutboundResponse(status=200, headers={}, body=body), wanted)


@pytest.mark.parametrize(
    ("issuer", "urls"),
    [
        (
            "https://id.example",
            ("https://id.example/.well-known/openid-configuration", "https://id.example/.well-known/oauth-authorization-server"),
        ),
        (
            "https://id.example/",
            ("https://id.example/.well-known/openid-configuration", "https://id.example/.well-known/oauth-authorization-server"),
        ),
        (
            "https://id.example:8443/realms/a",
            (
                "https://id.example:8443/realms/a/.well-known/openid-configuration",
                "https://id.example:8443/.well-known/oauth-authorization-server/realms/a",
            ),
        ),
    ],
)  # fmt: skip
def test_the_document_is_asked_for_where_both_standards_put_it(issuer: str, urls: tuple[str, str]):
    requests = discovery_requests(issuer)
    assert tuple(request.url for request in requests) == urls
    assert {request.method for request in requests} == {"GET"}
    assert {request.headers["Accept"] for request in requests} == {"application/json"}


def test_a_document_is_read():
    assert parsed(DOCUMENT) == SERVER


def test_what_a_document_may_leave_out_is_not_there():
    few = {name: DOCUMENT[name] for name in ("issuer", "authorization_endpoint", "token_endpoint")}
    found = parsed(few)
    assert found == AuthorizationServer(
        authorization_endpoint="https://id.example/a", token_endpoint="https://id.example/t", issuer=ISSUER
    )
    assert parsed(few | {"userinfo_endpoint": None, "jwks_uri": None}) == found


@pytest.mark.parametrize("said", ["true", 1, None, []])
def test_only_a_clear_yes_announces_iss(said: object):
    found = parsed(DOCUMENT | {"authorization_response_iss_parameter_supported": said})
    assert isinstance(found, AuthorizationServer)
    assert found.iss_in_response_supported is False


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"{", b"[" * 100_000, b'{"issuer":"a","issuer":"b"}'])
def test_what_is_no_document_is_refused(body: bytes):
    assert parsed(body) == MetadataRefused("unreadable")


@pytest.mark.parametrize(
    "issuer",
    [None, "", ISSUER + "/", ISSUER.upper(), "https://id.example", "https://evil.example/realms/a", [ISSUER], 7],
    ids=repr,
)
def test_a_document_of_another_issuer_is_refused(issuer: object):
    assert parsed(DOCUMENT | {"issuer": issuer}) == MetadataRefused("issuer")


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"])
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/t", "https://id.example.evil.example/t", "https://id.example:8443/t", "http://id.example/t",
        "https://id.example@evil.example/t", "https://sub.id.example/t", "/t", "", "https://id.example/#", 7, ["https://id.example/t"],
    ],
    ids=repr,
)  # fmt: skip
def test_an_endpoint_elsewhere_or_unusable_is_refused(name: str, url: object):
    assert parsed(DOCUMENT | {name: url}) == MetadataRefused(name)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint"])
def test_an_endpoint_that_nobody_can_do_without_is_missed(name: str):
    assert parsed({key: value for key, value in DOCUMENT.items() if key != name}) == MetadataRefused(name)


def test_an_endpoint_may_be_on_an_origin_that_the_recipe_names():
    wanted = Undiscovered(issuer=ISSUER, origins=frozenset({"https://tokens.example", "not an origin"}))
    found = parsed(DOCUMENT | {"token_endpoint": "https://tokens.example:443/t"}, wanted)
    assert isinstance(found, AuthorizationServer)
    assert found.token_endpoint == "https://tokens.example:443/t"
    assert parsed(DOCUMENT | {"token_endpoint": "not an origin"}, wanted) == MetadataRefused("token_endpoint")


def test_an_endpoint_that_the_administrator_wrote_goes_first():
    wanted = Undiscovered(issuer=ISSUER, given={"token_endpoint": "https://proxy.example/t"})
    found = parsed(DOCUMENT | {"token_endpoint": "https://evil.example"}, wanted)
    assert isinstance(found, AuthorizationServer)
    assert found.token_endpoint == "https://proxy.example/t"


@pytest.mark.parametrize(
    ("said", "given", "found"),
    [
        pytest.param("https://id.example/r", {}, "https://id.example/r", id="at the issuer"),
        pytest.param(None, {}, None, id="not said"),
        pytest.param("https://evil.example/r", {}, None, id="elsewhere"),
        pytest.param(7, {}, None, id="no text"),
        pytest.param("not an origin", {}, None, id="no URL"),
        pytest.param(
            "https://id.example/r", {"revocation_endpoint": "https://own.example/r"}, "https://own.example/r", id="written"
        ),
    ],
)  # fmt: skip
def test_where_tokens_are_given_back_is_left_out_rather_than_refused(said: object, given, found):
    server = parsed(DOCUMENT | {"revocation_endpoint": said}, Undiscovered(issuer=ISSUER, given=given))
    assert isinstance(server, AuthorizationServer)
    assert server.revocation_endpoint == found


@pytest.mark.parametrize(
    ("said", "found"), [("https://id.example/out", "https://id.example/out"), ("https://evil.example/out", None)]
)
def test_where_people_sign_out_is_believed_at_the_issuer_only(said: str, found: str | None):
    server = parsed(DOCUMENT | {"end_session_endpoint": said}, Undiscovered(issuer=ISSUER))
    assert isinstance(server, AuthorizationServer)
    assert server.end_session_endpoint == found


@given(st.dictionaries(st.sampled_from(list(DOCUMENT)), st.none() | st.text() | st.lists(st.integers()) | st.floats()))
def test_no_document_makes_it_raise(document: dict[str, object]):
    parsed(DOCUMENT | document)
