"""Our cookies: their names, how they are read, and that content never gets one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.cookies import (
    MAX_BINDINGS,
    CookieNames,
    binding_values,
    cookie_names,
    deployment_id,
    is_loopback_host,
    session_ids,
    without_ours,
)

NAMES = cookie_names("https://apps.example.org")
OURS = NAMES.session.encode()
BINDING = NAMES.binding_prefix.encode()
PLAIN = cookie_names("http://localhost:8080")


def test_names_on_tls_have_the_prefix_that_only_our_own_answers_can_set() -> None:
    ident = deployment_id("https://apps.example.org")
    assert len(ident) == 8
    assert (
        CookieNames(
            session=f"__Host-Http-oauth-sidecar-{ident}",
            binding_prefix=f"__Host-Http-oauth-sidecar-{ident}-binding-",
            secure=True,
        )
        == NAMES
    )


def test_names_on_plain_loopback_have_no_prefix() -> None:
    ident = deployment_id("http://localhost:8080")
    assert PLAIN.session == f"oauth-sidecar-{ident}"
    assert PLAIN.binding_prefix == f"oauth-sidecar-{ident}-binding-"
    assert not PLAIN.secure


def test_deployments_that_differ_by_port_have_different_names() -> None:
    assert cookie_names("http://localhost:8080").session != cookie_names("http://localhost:8081").session


def test_a_last_slash_and_case_do_not_make_another_deployment() -> None:
    assert deployment_id("https://Apps.example.org/") == deployment_id("https://apps.example.org")


LOOPBACK = ["localhost", "LOCALHOST", "app.localhost", "127.0.0.1", "::1", "[::1]"]
NOT_LOOPBACK = [
    "",
    "localhost.example.org",
    ".localhost",
    "evillocalhost",
    "127.0.0.2",
    "0.0.0.0",
    "example.org",
    "localhost.",
]


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_is_a_literal_name(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize("host", NOT_LOOPBACK)
def test_anything_else_is_not_loopback(host: str) -> None:
    assert not is_loopback_host(host)


READ = {
    "alone": ([OURS + b"=v"], ["v"]),
    "first": ([OURS + b"=v; a=1"], ["v"]),
    "last": ([b"a=1; " + OURS + b"=v"], ["v"]),
    "between": ([b"a=1; " + OURS + b"=v; b=2"], ["v"]),
    "without a blank": ([b"a=1;" + OURS + b"=v;b=2"], ["v"]),
    "blanks behind": ([OURS + b"=v \t"], ["v"]),
    "in the second header": ([b"a=1", OURS + b"=v"], ["v"]),
    "twice the same": ([OURS + b"=v; " + OURS + b"=v"], ["v"]),
    "the same in two headers": ([OURS + b"=v", OURS + b"=v"], ["v"]),
    "two different": ([OURS + b"=v; " + OURS + b"=w"], []),
    "two different in two headers": ([OURS + b"=v", OURS + b"=w"], []),
    "empty value": ([OURS + b"="], [""]),
    "odd bytes": ([OURS + b"=\xff"], ["\xff"]),
    "none": ([], []),
    "another cookie": ([b"a=1"], []),
    "two headers without ours": ([b"a=1", b"b=2"], []),
    "another case": ([OURS.upper() + b"=v"], []),
    "longer name": ([b"x" + OURS + b"=v"], []),
    "nameless": ([b"=" + OURS + b"=v"], []),
    "quoted": ([b'"' + OURS + b'"=v'], []),
    "blank before the equals sign": ([OURS + b" =v"], []),
    "binding cookie": ([BINDING + b"x=v"], []),
}


@pytest.mark.parametrize(("headers", "expected"), READ.values(), ids=READ.keys())
def test_the_session_is_read_from_the_exact_name_only(headers: list[bytes], expected: list[str]) -> None:
    assert session_ids(headers, NAMES) == expected


def test_binding_values_are_read_from_every_header_and_bounded() -> None:
    assert binding_values([b"a=1; " + BINDING + b"x=one", BINDING + b"y=two"], NAMES) == ["one", "two"]
    many = b"; ".join(BINDING + b"%d=v" % number for number in range(MAX_BINDINGS + 1))
    assert len(binding_values([many], NAMES)) == MAX_BINDINGS
    assert binding_values([b"=" + BINDING + b"x=evil; " + BINDING.upper() + b"x=evil"], NAMES) == []


STRIPPED = {
    "nothing of ours": (b"a=1; b=2", b"a=1; b=2"),
    "alone": (OURS + b"=v", b""),
    "first": (OURS + b"=v; a=1; b=2", b"a=1; b=2"),
    "between": (b"a=1; " + OURS + b"=v; b=2", b"a=1; b=2"),
    "last": (b"a=1; b=2; " + OURS + b"=v", b"a=1; b=2"),
    "first, without a blank": (OURS + b"=v;a=1; b=2", b"a=1; b=2"),
    "between, without a blank": (b"a=1;" + OURS + b"=v;b=2", b"a=1;b=2"),
    "value ends without a blank": (b"a=1; " + OURS + b"=v;b=2; c=3", b"a=1;b=2; c=3"),
    "twice": (OURS + b"=v; " + OURS + b"=w; a=1", b"a=1"),
    "binding": (BINDING + b"x=v; a=1", b"a=1"),
    "session and two bindings": (BINDING + b"x=v; a=1; " + OURS + b"=v; " + BINDING + b"y=w", b"a=1"),
    "another case": (OURS.lower() + b"=v; a=1; " + OURS.upper() + b"=v", b"a=1"),
    "nameless": (b"=" + OURS + b"=v; a=1", b"a=1"),
    "quoted": (b'"' + OURS + b'"=v; a=1', b"a=1"),
    "blanks": (b"a=1;  \t" + OURS + b" = v", b"a=1"),
    "without a value": (OURS + b"; a=1", b"a=1"),
    "without the prefix": (b"oauth-sidecar-0=v; a=1", b"a=1"),
    "another deployment on this host": (b"__Host-Http-oauth-sidecar-00000000=v; a=1", b"a=1"),
    "another prefix": (b"__Secure-oauth-sidecar-1=v; a=1", b"a=1"),
    "empty pieces of the viewer around ours": (b";; " + OURS + b"=v; ; a=1;;", b";; ; a=1;;"),
    "empty pieces between several of ours": (b"; " + OURS + b"=v;; ;" + BINDING + b"x=v; a=1;;", b"a=1"),
    "only blanks left": (b" ;" + OURS + b"=v; ", b""),
    "ours inside a value is not ours": (
        b"a=oauth-sidecar-1; b=x-oauth-sidecar-=2",
        b"a=oauth-sidecar-1; b=x-oauth-sidecar-=2",
    ),
    "name ends like ours": (b"x" + OURS + b"=v; a=1", b"x" + OURS + b"=v; a=1"),
    "odd pieces without ours stay": (b";;=; a", b";;=; a"),
    "empty": (b"", b""),
}


@pytest.mark.parametrize(("header", "expected"), STRIPPED.values(), ids=STRIPPED.keys())
def test_content_gets_the_other_cookies_byte_for_byte(header: bytes, expected: bytes) -> None:
    assert without_ours(header, NAMES) == expected


APP_COOKIES = st.from_regex(rb"[A-Za-z_][A-Za-z0-9_-]{0,8}=[!-:<-~]{0,12}", fullmatch=True)
OUR_COOKIES = st.sampled_from([
    OURS + b"=secret", BINDING + b"a=secret", OURS.lower() + b"=secret", b"=" + OURS + b"=secret", b'"' + OURS + b'"=secret',
    PLAIN.session.encode() + b"=secret", OURS + b"=", OURS + b" =secret",
])  # fmt: skip


@given(st.lists(st.tuples(st.booleans(), APP_COOKIES, OUR_COOKIES), max_size=8))
def test_in_any_order_only_ours_are_gone(mixed: list[tuple[bool, bytes, bytes]]) -> None:
    header = b"; ".join(app if is_app else ours for is_app, app, ours in mixed)
    assert without_ours(header, NAMES) == b"; ".join(app for is_app, app, _ in mixed if is_app)


@given(
    st.lists(st.one_of(OUR_COOKIES, APP_COOKIES, st.binary(max_size=6)), max_size=8),
    st.sampled_from([b";", b"; ", b" ;\t"]),
)
def test_whatever_the_form_nothing_that_reads_as_ours_is_left(pieces: list[bytes], separator: bytes) -> None:
    """Seen to fail with only the usual form cut out."""
    left = without_ours(separator.join(pieces), NAMES)
    for piece in left.split(b";"):
        assert not piece.strip(b' \t"=').lower().startswith((OURS.lower(), b"oauth-sidecar-"))


@given(st.sampled_from([OURS + b"=v", OURS + b"=v; a=1", b"a=1; " + OURS + b"=v"]), st.binary(max_size=12))
def test_a_stranger_beside_the_session_never_adds_a_second_one_unnoticed(ours: bytes, stranger: bytes) -> None:
    found = session_ids([ours + b"; " + stranger], NAMES)
    assert found in ([], ["v"])
