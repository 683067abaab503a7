from dataclasses import replace

import pytest

from proxy.model import Integration, IntegrationGuid, Secret
from proxy.oauth.client_auth import ClientAuthMethod
from proxy.oauth.metadata import AuthorizationServer
from proxy.providers import PROVIDERS
from proxy.providers.custom import CUSTOM
from proxy.providers.fields import FieldProblem, problems
from proxy.providers.registration import authorization_server, client, fingerprint, refresh_scope, requested_scope

MINIMAL = {
    "authorization_uri": "https://id.example/authorize",
    "token_uri": "https://id.example/token",
    "client_id": "sidecar",
}

SERVER = AuthorizationServer(authorization_endpoint=MINIMAL["authorization_uri"], token_endpoint=MINIMAL["token_uri"])


def integration(*, secret: str | None = "s3cret", **config: str) -> Integration:
    return Integration(
        guid=IntegrationGuid("g"), name="n", slug="n", template="custom", config={**MINIMAL, **config},
        client_secret=None if secret is None else Secret(secret),
    )  # fmt: skip


def test_the_table_knows_custom():
    assert PROVIDERS["custom"] is CUSTOM


def test_endpoints_that_are_not_configured_do_not_exist():
    found = authorization_server(CUSTOM, integration(userinfo_uri=""))
    assert found == AuthorizationServer(
        authorization_endpoint="https://id.example/authorize", token_endpoint="https://id.example/token"
    )


def test_all_endpoints_are_taken_as_they_are_configured():
    found = authorization_server(CUSTOM, integration(userinfo_uri="https://u/{x}", issuer="https://i"))
    assert (found.userinfo_endpoint, found.issuer) == ("https://u/{x}", "https://i")


def test_a_client_with_a_secret_shows_it_in_the_body_by_default():
    found = client(CUSTOM, integration(), SERVER)
    assert (found.client_id, found.client_secret) == ("sidecar", "s3cret")
    assert found.auth_method is ClientAuthMethod.CLIENT_SECRET_POST


def test_a_client_shows_its_secret_as_it_is_configured():
    found = client(CUSTOM, integration(token_endpoint_auth_method="client_secret_basic"), SERVER)
    assert found.auth_method is ClientAuthMethod.CLIENT_SECRET_BASIC


def test_a_client_without_a_secret_is_public():
    found = client(CUSTOM, integration(secret=None), SERVER)
    assert (found.client_secret, found.auth_method) == (None, ClientAuthMethod.NONE)


def test_scopes_are_asked_for_once_and_as_named():
    assert requested_scope(CUSTOM, integration(scopes=" openid  all openid ")) == "openid all"
    assert requested_scope(CUSTOM, integration()) == ""


def test_a_refresh_names_a_scope_only_where_the_recipe_says_so():
    sending = _with(sends_scope_on_refresh=True, default_scopes=("all",), refresh_scopes=("offline",))
    assert refresh_scope(CUSTOM, integration(scopes="openid")) is None
    assert refresh_scope(sending, integration()) == "all offline"
    assert refresh_scope(_with(sends_scope_on_refresh=True), integration()) is None


def _with(**changes):
    return replace(CUSTOM, **changes)


def test_the_fingerprint_changes_with_client_and_endpoints_only():
    def of(**config: str) -> bytes:
        made = integration(**config)
        return fingerprint(made, authorization_server(CUSTOM, made))

    same = {of(), of(scopes="more"), of(issuer="https://i")}
    assert len(same) == 1
    others = {of(client_id="b"), of(token_uri="https://id.example/t"), of(authorization_uri="https://id.example/a")}
    assert len(same | others) == 4
    again = replace(integration(), generation=1)
    assert fingerprint(again, authorization_server(CUSTOM, again)) not in same | others
    assert len(of()) == 32


def test_a_complete_configuration_has_no_problems():
    config = {
        **MINIMAL, "userinfo_uri": "http://localhost:1/me", "token_uri": "http://127.0.0.1:9/t", "scopes": "a",
        "token_endpoint_auth_method": "client_secret_basic", "issuer": "",
    }  # fmt: skip
    assert problems(CUSTOM, config, secrets={"client_secret"}) == ()
    assert problems(CUSTOM, MINIMAL, secrets=()) == ()


def test_all_problems_are_reported_at_once_without_values():
    config = {"token_uri": "http://id.example/hunter2", "tenant": "hunter2", "client_secret": "hunter2"}
    found = problems(CUSTOM, config, secrets=())
    assert {problem.field for problem in found} == {
        "authorization_uri", "token_uri", "client_id", "tenant", "client_secret",
    }  # fmt: skip
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example/t", "ftp://id.example/t", "id.example/t", "https://", "https://id.example/#x", "https://[::1",
        "https://a:b@id.example/", "https://id.example:x/", "https://id.example/ü", "https://id.example/a b", "https://id.example/a\nb",
        "http://localhost.example/",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_an_endpoint_is_a_problem(url: str):
    found = problems(CUSTOM, {**MINIMAL, "token_uri": url}, secrets=())
    assert [problem.field for problem in found] == ["token_uri"]


@pytest.mark.parametrize(
    "url", ["https://id.example/t?x=1", "http://localhost/", "http://x.localhost:8/", "http://[::1]/"]
)
def test_https_and_loopback_addresses_are_endpoints(url: str):
    assert problems(CUSTOM, {**MINIMAL, "token_uri": url}, secrets=()) == ()


@pytest.mark.parametrize(
    ("method", "has_secret", "text"),
    [
        ("client_secret_basic", False, "needs a client_secret"),
        ("none", True, "none cannot go with a client_secret"),
        ("private_key_jwt", True, "needs a private_key"),
        ("client_secret_jwt", True, "must be one of client_secret_post, client_secret_basic, private_key_jwt, none"),
    ],
)
def test_an_authentication_method_that_cannot_work_is_a_problem(method: str, has_secret: bool, text: str):
    found = problems(
        CUSTOM, {**MINIMAL, "token_endpoint_auth_method": method}, secrets={"client_secret"} if has_secret else ()
    )
    assert found == (FieldProblem("token_endpoint_auth_method", text),)


@pytest.mark.parametrize(
    ("field", "value", "has_secret", "text"),
    [
        ("auth_type", "service account", True, "must be one of Viewer, Service Account"),
        ("auth_mode", "Public", True, "Public cannot go with a client_secret"),
        ("auth_mode", "Confidential", False, "Confidential needs a client_secret"),
        ("auth_mode", "both", False, "must be one of Confidential, Public"),
        ("use_pkce", "false", False, "without a client_secret nothing but PKCE ties the code to us: it stays on"),
        ("use_pkce", "maybe", True, "must be one of true, false"),
    ],
)
def test_what_is_said_of_an_integration_has_to_be_so(field: str, value: str, has_secret: bool, text: str):
    found = problems(CUSTOM, {**MINIMAL, field: value}, secrets={"client_secret"} if has_secret else ())
    assert found == (FieldProblem(field, text),)


@pytest.mark.parametrize(("mode", "has_secret"), [("Confidential", True), ("Public", False)])
def test_what_connect_says_of_an_integration_is_taken_where_it_is_so(mode: str, has_secret: bool):
    said = {"auth_type": "Viewer", "auth_mode": mode, "use_pkce": "true"}
    assert problems(CUSTOM, MINIMAL | said, secrets={"client_secret"} if has_secret else ()) == ()


def test_a_recipe_may_want_a_secret():
    fields = tuple(replace(field, required=True) if field.name == "client_secret" else field for field in CUSTOM.fields)
    strict = _with(fields=fields)
    assert problems(strict, MINIMAL, secrets=()) == (FieldProblem("client_secret", "required"),)
    assert problems(strict, MINIMAL, secrets={"client_secret"}) == ()


def test_a_service_account_needs_no_address_for_viewers():
    config = {"token_uri": MINIMAL["token_uri"], "client_id": "sidecar"}
    assert problems(CUSTOM, config, secrets={"client_secret"}) == (FieldProblem("authorization_uri", "required"),)
    said = config | {"auth_type": "Service Account"}
    assert problems(CUSTOM, said, secrets={"client_secret"}) == ()
    assert problems(CUSTOM, {**said, "token_uri": ""}, secrets={"client_secret"}) == (
        FieldProblem("token_uri", "required"),
    )
