from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.providers import PROVIDERS
from proxy.providers.base import Demand, Field, Lookup
from proxy.providers.custom import CUSTOM
from proxy.providers.fields import FieldProblem, filled, normalised, problems, values
from tests.unit.oauth.keys import RSA_KEY, certificate
from tests.unit.providers.test_custom import MINIMAL

CERTIFICATE = certificate(RSA_KEY)


def field(kind: str, **more) -> Field:
    return Field(name="f", label="F", help="", kind=kind, **more)


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        ("text", " a b ", "a b"),
        ("url", "https://id.example/Path?x=1", "https://id.example/Path?x=1"),
        ("base", "HTTPS://SSO.Example/auth/Main/", "https://sso.example/auth/Main"),
        ("base", "http://localhost:8080", "http://localhost:8080"),
        ("origin", "Org-Acct.snowflakecomputing.com", "https://org-acct.snowflakecomputing.com"),
        ("origin", "https://x.example:8443/", "https://x.example:8443"),
        ("origin", "http://127.0.0.1:9", "http://127.0.0.1:9"),
        ("origin", "https://Dbc-1.Cloud.Databricks.com/", "https://dbc-1.cloud.databricks.com"),
        ("origin", "http://[::1]:9", "http://[::1]:9"),
        ("segment", "contoso.onmicrosoft.com", "contoso.onmicrosoft.com"),
        ("parameters", "prompt=consent&resource=https%3A%2F%2Fa&resource=b", "prompt=consent&resource=https%3A%2F%2Fa&resource=b"),
        ("pem", CERTIFICATE, CERTIFICATE),
        ("flag", "true", "true"),
    ],
)  # fmt: skip
def test_a_value_takes_its_normal_form(kind: str, written: str, expected: str):
    assert normalised(field(kind), written) == expected


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("text", "-----BEGIN evil\n"),
        ("text", "evil\0"),
        ("parameters", "a=evil\n"),
        ("url", "http://id.example/"),
        ("base", "http://sso.example"),
        ("base", "https://sso.example/?x"),
        ("base", "sso.example"),
        ("origin", "http://x.example"),
        ("origin", "x.example/path"),
        ("origin", "https://x.example?a"),
        ("origin", "user@x.example"),
        ("origin", "dbc.example/sql"),
        ("base", "https://sso.example\\evil.example/"),
        ("origin", "dbc.example@evil.example"),
        ("origin", "evil.example#dbc.example"),
        ("origin", "dbc.example\\evil.example"),
        ("origin", "-a.example"),
        ("origin", "a..example"),
        ("origin", ".".join(["a" * 60] * 5)),
        ("segment", "a/b"),
        ("segment", ".."),
        ("segment", "."),
        ("segment", "a%2fb"),
        ("segment", "a?b"),
        ("segment", "{client_id}"),
        ("parameters", "prompt"),
        ("parameters", "&".join(["a=b"] * 33)),
        ("parameters", "state=mine"),
        ("parameters", "code_challenge=x&prompt=none"),
        ("parameters", "request_uri=https://evil.example"),
        ("parameters", "response_mode=fragment"),
        ("pem", "hunter2"),
    ],
)
def test_a_value_of_another_form_is_refused_without_being_shown(kind: str, written: str):
    with pytest.raises(ValueError) as refused:
        normalised(field(kind), written)
    assert "evil" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


@given(host=st.text(min_size=1, max_size=40))
def test_an_origin_never_says_more_than_an_origin(host: str):
    try:
        found = normalised(field("origin"), host)
    except ValueError:
        return
    scheme, _, rest = found.partition("://")
    assert scheme in {"https", "http"}
    assert set(rest) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_:[]")


def test_empty_stays_empty_and_a_pattern_is_said_in_words():
    assert normalised(field("origin"), "") == ""
    strict = field("text", pattern="[a-z]+", otherwise="lower case only")
    assert normalised(strict, "abc") == "abc"
    with pytest.raises(ValueError, match="lower case only"):
        normalised(strict, "ABC")


def test_templates_see_defaults_normal_forms_and_lookups():
    row = replace(
        CUSTOM,
        fields=(field("choice", choices=("a", "b"), default="b"), replace(field("origin"), name="h")),
        lookups=(
            Lookup(name="place", of="f", table={"a": "here", "b": "there", ".+": "elsewhere"}),
            Lookup(name="api", of="h", table={r"https://(x[.].+)": r"https://api.\1"}),
            Lookup(name="none", of="f", table={}),
        ),
    )
    known = values(row, {"h": "https://X.example"})
    assert dict(known) == {"f": "b", "h": "https://x.example", "place": "there", "api": "https://api.x.example"}
    assert filled("{h}/{place}", known) == "https://x.example/there"
    assert filled("https://{none}/", known) == ""


def test_what_one_value_asks_of_another_is_said_there():
    fields = (replace(field("origin"), name="a"), replace(field("text"), name="b"))
    row = replace(
        CUSTOM, fields=fields, demands=(Demand(field="a", pattern="https://x[.].*", needs="b", text="needed with x"),)
    )
    assert problems(row, {"a": "x.example"}, secrets=()) == (FieldProblem("b", "needed with x"),)
    assert problems(row, {"a": "x.example", "b": "1"}, secrets=()) == ()
    assert problems(row, {"a": "y.example"}, secrets=()) == ()
    keyed = replace(row, demands=(Demand(field="private_key", pattern=".+", needs="b", text="needed with a key"),))
    assert problems(keyed, {}, secrets={"private_key"}) == (FieldProblem("b", "needed with a key"),)
    assert problems(keyed, {}, secrets=()) == ()


SECRET, KEY = "client_secret", "private_key"


@pytest.mark.parametrize(
    ("config", "secrets", "field_", "text"),
    [
        ({}, {SECRET, KEY}, "private_key", "give either a client_secret or a private_key"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, {SECRET}, "token_endpoint_auth_method", "needs a private_key"),
        ({"token_endpoint_auth_method": "client_secret_basic"}, {KEY}, "token_endpoint_auth_method", "needs a client_secret"),
        ({"token_endpoint_auth_method": "none"}, {KEY}, "token_endpoint_auth_method", "none cannot go with a private_key"),
        ({"auth_mode": "Public"}, {KEY}, "auth_mode", "Public cannot go with a private_key"),
        ({"use_pkce": "false"}, (), "use_pkce", "without a client_secret nothing but PKCE ties the code to us: it stays on"),
        ({"client_id": "a:b", "basic_encoding": "raw"}, {SECRET}, "basic_encoding", "raw cannot carry a client_id with a colon in it (RFC 7617)"),
    ],
)  # fmt: skip
def test_there_is_exactly_one_way_to_say_who_we_are(config, secrets, field_: str, text: str):
    assert problems(CUSTOM, MINIMAL | config, secrets=secrets) == (FieldProblem(field_, text),)


@pytest.mark.parametrize(
    ("config", "secrets"),
    [
        ({"token_endpoint_auth_method": "private_key_jwt", "auth_mode": "Confidential", "key_id": "k"}, {KEY}),
        ({"use_pkce": "false"}, {SECRET}),
        ({"use_pkce": "false"}, {KEY}),
        ({"use_pkce": "true"}, ()),
        ({"basic_encoding": "raw"}, {SECRET}),
        ({"token_endpoint_auth_method": "none", "auth_mode": "Public"}, ()),
    ],
)
def test_what_fits_together_is_no_problem(config, secrets):
    assert problems(CUSTOM, MINIMAL | config, secrets=secrets) == ()


def test_a_certificate_needs_its_key():
    row = replace(CUSTOM, fields=(*CUSTOM.fields, replace(field("pem"), name="certificate")))
    config = MINIMAL | {"certificate": CERTIFICATE}
    assert problems(row, config, secrets=()) == (
        FieldProblem("certificate", "needs the private_key that it belongs to"),
    )
    assert problems(row, config, secrets={KEY}) == ()


def test_a_scope_that_the_server_refuses_is_said_before_it_does():
    row = replace(CUSTOM, refused_scopes={"offline_access": "say refresh"})
    assert problems(row, MINIMAL | {"scopes": "a offline_access"}, secrets=()) == (
        FieldProblem("scopes", "say refresh"),
    )
    assert problems(row, MINIMAL | {"scopes": "a"}, secrets=()) == ()


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=list(PROVIDERS))
def test_every_row_says_what_forms_and_documentation_need(provider):
    names = [each.name for each in provider.fields]
    assert len(names) == len(set(names))
    for each in provider.fields:
        assert each.label
        assert each.help.endswith(".")
        assert each.required or each.default or "mpty: " in each.help or each.secret, (
            f"{each.name}: say what empty means"
        )
        assert not each.pattern or each.otherwise, f"{each.name}: a pattern is said in words"
        assert not each.default or normalised(each, each.default)
    assert {demand.field for demand in provider.demands} | {demand.needs for demand in provider.demands} <= set(names)
    assert {lookup.of for lookup in provider.lookups} <= set(names)
    assert set(provider.auth_methods) <= set(
        next(e for e in provider.fields if e.name == "token_endpoint_auth_method").choices
    )
    assert (provider.service_accounts is None) is bool(provider.no_service_accounts)
    assert provider.left_out
