"""Headers: what travels each way, and what we add."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model import Content, HeaderPreset, HeaderRules, Identity, Secret, TcpUpstream, UnixUpstream
from proxy.policy import headers as policy
from proxy.policy.cookies import cookie_names
from proxy.policy.header_names import SESSION_TOKEN, injected_names
from proxy.policy.headers import fold, to_content, to_control_plane, to_viewer
from proxy.policy.injection import InjectedToken, forwarded_headers, header_block, long_headers

from .samples import content, integration

NAMES = cookie_names("https://apps.example.org")
OURS = NAMES.session.encode()
INJECTED = injected_names([integration("warehouse"), integration("my-lake")], [])
NO_RULES = HeaderRules()
CONNECT = HeaderRules(preset=HeaderPreset.POSIT_CONNECT)
SALES = content("/sales/")

Headers = list[tuple[bytes, bytes]]


def to_the_content(headers: Headers) -> Headers:
    return to_content(headers, names=NAMES, injected=INJECTED, keep_upgrade=False)


def to_the_viewer(headers: Headers, where: Content = SALES) -> Headers:
    return to_viewer(headers, content=where, injected=INJECTED)


# ── towards the content ──────────────────────────────────────────────────────────────────────────────────────────────


def test_names_are_folded_as_wsgi_would() -> None:
    assert fold(b"X_Forwarded-Access.Token\xe4") == b"x-forwarded-access-token-"


PASSES = [
    b"Host", b"User-Agent", b"Accept", b"Accept-Encoding", b"Authorization", b"Origin", b"Referer", b"Sec-Fetch-Site",
    b"Sec-Fetch-Mode", b"Sec-Fetch-Dest", b"Sec-WebSocket-Key", b"Sec-WebSocket-Protocol", b"Content-Type", b"Range",
    b"If-None-Match", b"Upgrade-Insecure-Requests", b"Cache-Control", b"x-custom_name", b"X-Forward", b"Connections",
]  # fmt: skip


@pytest.mark.parametrize("name", PASSES)
def test_what_belongs_to_viewer_and_content_passes_as_written(name: bytes) -> None:
    assert to_the_content([(name, b"v")]) == [(name, b"v")]


DROPPED = [
    b"Connection", b"Keep-Alive", b"TE", b"Trailer", b"Transfer-Encoding", b"Upgrade", b"HTTP2-Settings",
    b"Proxy-Authorization", b"Proxy-Connection", b"Proxy", b"Content-Length", b"Expect",
    b"Forwarded", b"X-Forwarded-For", b"X-Forwarded-Host", b"X-Forwarded-Proto", b"X-Forwarded-Port",
    b"X-Forwarded-Prefix", b"X-Forwarded-Uri", b"X-Forwarded-Method", b"X-Forwarded-Server", b"X-Real-Ip",
    b"X-Original-URL", b"X-Rewrite-URL", b"X-Forwarded-Access-Token", b"X-Forwarded-Access-Token-Warehouse",
    b"X-Forwarded-Access-Token-Expires", b"X-Forwarded-User", b"X-Forwarded-Email", b"X-Forwarded-Groups",
    b"Posit-Connect-User-Session-Token", b"Rstudio-Connect-Credentials", b"Shiny-Server-Credentials",
    b"Oauth-Sidecar-Reason", b"Oauth-Sidecar-Client", b"Oauth-Sidecar-Anything",
]  # fmt: skip

SPELLINGS = {
    "as written": bytes,
    "lower": bytes.lower,
    "upper": bytes.upper,
    "underscores": lambda name: name.replace(b"-", b"_"),
    "one underscore": lambda name: name.replace(b"-", b"_", 1),
    "dots": lambda name: name.replace(b"-", b"."),
}


@pytest.mark.parametrize("name", DROPPED)
@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_what_only_a_proxy_may_say_is_dropped_in_every_spelling(name: bytes, spelling) -> None:
    assert to_the_content([(b"Accept", b"*/*"), (spelling(name), b"evil")]) == [(b"Accept", b"*/*")]


def test_a_renamed_injected_header_is_dropped_too() -> None:
    injected = frozenset({fold(b"X-Viewer-Token")})
    assert to_content([(b"x_viewer_token", b"evil")], names=NAMES, injected=injected, keep_upgrade=False) == []
    assert to_the_content([(b"x_viewer_token", b"kept")]) == [(b"x_viewer_token", b"kept")]


def test_order_and_repetition_are_kept() -> None:
    headers = [(b"B", b"1"), (b"a", b"2"), (b"B", b"3")]
    assert to_the_content(headers) == headers


def test_the_other_cookies_pass_in_every_cookie_header() -> None:
    headers = [(b"Cookie", b"a=1; " + OURS + b"=v"), (b"cookie", OURS + b"=v"), (b"COOKIE", b"b=2")]
    assert to_the_content(headers) == [(b"Cookie", b"a=1"), (b"COOKIE", b"b=2")]


NOMINATED = {
    "named header goes": (b"close, X-Custom", [b"X-Custom"], []),
    "case does not matter": (b"x-cUSTOM", [b"X-Custom"], []),
    "tabs and blanks": (b"\tx-custom ,", [b"X-Custom"], []),
    "other headers stay": (b"x-other", [b"X-Custom"], [b"X-Custom"]),
    "host stays": (b"Host", [b"Host"], [b"Host"]),
    "upgrade and keep-alive name nothing": (b"Keep-Alive, Upgrade", [b"Accept"], [b"Accept"]),
    "notupgrade is a name": (b"notupgrade", [b"NotUpgrade"], []),
}


@pytest.mark.parametrize(("connection", "names", "left"), NOMINATED.values(), ids=NOMINATED.keys())
def test_what_connection_names_stays_on_this_connection(
    connection: bytes, names: list[bytes], left: list[bytes]
) -> None:
    headers = [(b"Connection", connection), *((name, b"v") for name in names)]
    assert to_the_content(headers) == [(name, b"v") for name in left]


def test_connection_cannot_take_away_cookies() -> None:
    headers = [(b"Connection", b"Cookie, X-Forwarded-Access-Token, X-Forwarded-For"), (b"Cookie", b"a=1")]
    assert to_the_content(headers) == [(b"Cookie", b"a=1")]


def test_two_connection_headers_both_count() -> None:
    headers = [(b"Connection", b"X-A"), (b"Connection", b"X-B"), (b"X-A", b""), (b"X-B", b""), (b"X-C", b"")]
    assert to_the_content(headers) == [(b"X-C", b"")]


UPGRADES = {
    "as browsers write it": [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")],
    "as Firefox writes it": [(b"Connection", b"keep-alive, Upgrade"), (b"Upgrade", b"websocket")],
    "in lower case, other order": [(b"upgrade", b"websocket"), (b"connection", b"upgrade")],
}


@pytest.mark.parametrize("handshake", UPGRADES.values(), ids=UPGRADES.keys())
def test_a_checked_handshake_is_asked_for_again(handshake: Headers) -> None:
    offer = (b"Sec-WebSocket-Protocol", b"streamlit, TOKEN, SESSION")
    passed = to_content([*handshake, offer], names=NAMES, injected=INJECTED, keep_upgrade=True)
    upgrade = next(header for header in handshake if header[0].lower() == b"upgrade")
    assert sorted(passed) == sorted([upgrade, offer, (b"Connection", b"Upgrade")])


def test_a_handshake_that_was_accepted_is_answered_as_one() -> None:
    answer = [(b"Upgrade", b"websocket"), (b"connection", b"upgrade"), (b"Sec-WebSocket-Protocol", b"streamlit")]
    passed = to_viewer(answer, content=SALES, injected=INJECTED, keep_upgrade=True)
    assert passed == [answer[0], answer[2], (b"Connection", b"Upgrade")]


def test_invented_names_are_decided_without_being_remembered_for_ever() -> None:
    injected = frozenset({b"x-only-in-this-test"})
    for number in range(2000):
        name = b"X-Invented-%d" % number
        assert to_content([(name, b"")], names=NAMES, injected=injected, keep_upgrade=False) == [(name, b"")]
    long = b"X-Forwarded-" + b"a" * 100
    assert (
        to_content([(long, b""), (b"X_Only_In_This_Test", b"")], names=NAMES, injected=injected, keep_upgrade=False)
        == []
    )
    assert len(policy._request_verdicts(injected)) <= 1024


HEADER_NAMES = st.one_of(
    st.sampled_from([*DROPPED, *PASSES, b"Cookie"]), st.from_regex(rb"[A-Za-z0-9_.!-]{1,20}", fullmatch=True)
)


@given(st.lists(st.tuples(HEADER_NAMES, st.from_regex(rb"[ -~]{0,20}", fullmatch=True)), max_size=12))
def test_nothing_that_reads_as_ours_reaches_the_content(headers: Headers) -> None:
    passed = to_the_content(headers)
    for name, _ in passed:
        folded = fold(name)
        assert folded not in INJECTED
        assert not folded.startswith(policy.REQUEST_FAMILIES)
        assert folded not in policy.REQUEST_DROPPED
    assert [header for header in headers if header in passed and fold(header[0]) != b"cookie"] == [
        header for header in passed if fold(header[0]) != b"cookie"
    ]


def test_the_control_plane_gets_our_cookies_but_nothing_internal_from_outside() -> None:
    cookie = (b"Cookie", OURS + b"=v")
    headers = [
        (b"Host", b"h"), cookie, (b"oauth_sidecar_reason", b"x"), (b"X-Forwarded-For", b"x"), (b"Connection", b"close"),
        (b"Content-Length", b"3"), (b"Origin", b"o"),
    ]  # fmt: skip
    assert to_control_plane(headers) == [(b"Host", b"h"), cookie, (b"Origin", b"o")]


FORWARDED = {
    "direct": (
        ("192.0.2.1", b"/sales/", None),
        b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Prefix: /sales\r\n",
    ),
    "prefix without its slash": (
        ("192.0.2.1", b"/a/b", None),
        b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Prefix: /a/b\r\n",
    ),
    "behind a trusted proxy": (("192.0.2.1", None, b"203.0.113.9"), b"X-Forwarded-For: 203.0.113.9, 192.0.2.1\r\n"),
    "content at the root": (("192.0.2.1", b"/", None), b"X-Forwarded-For: 192.0.2.1\r\n"),
    "content at the root, without its slash": (("192.0.2.1", b"", None), b"X-Forwarded-For: 192.0.2.1\r\n"),
    "Unix socket": (("", None, None), b""),
    "Unix socket behind a trusted proxy": (("", None, b"203.0.113.9"), b"X-Forwarded-For: 203.0.113.9\r\n"),
}


@pytest.mark.parametrize(("given_", "expected"), FORWARDED.values(), ids=FORWARDED.keys())
def test_the_content_learns_where_it_stands(given_: tuple[str, bytes | None, bytes | None], expected: bytes) -> None:
    client, prefix, trusted_for = given_
    lines = forwarded_headers(
        client=client, host=b"apps.example.org", proto=b"https", prefix=prefix, trusted_for=trusted_for
    )
    assert lines == b"X-Forwarded-Host: apps.example.org\r\nX-Forwarded-Proto: https\r\n" + expected


# ── towards the viewer ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name",
    [
        b"Content-Length",
        b"Content-Encoding",
        b"ETag",
        b"Vary",
        b"Content-Range",
        b"Sec-WebSocket-Accept",
        b"X-Forwarded",
    ],
)
def test_what_the_content_says_to_the_viewer_passes(name: bytes) -> None:
    assert to_the_viewer([(name, b"v")]) == [(name, b"v")]


@pytest.mark.parametrize(
    "name",
    [
        b"Connection", b"Keep-Alive", b"Transfer-Encoding", b"Trailer", b"Upgrade", b"Proxy-Authenticate",
        b"Oauth-Sidecar-Reason", b"X-Forwarded-Access-Token", b"x_forwarded_access_token", b"X-Forwarded-Access-Token-My-Lake",
        b"Posit-Connect-User-Session-Token", b"Service-Worker-Allowed", b"clear-site-data", b"NEL", b"Report-To", b"Alt-Svc",
        b"Strict-Transport-Security",
    ],
)  # fmt: skip
def test_what_is_not_the_contents_to_say_is_dropped(name: bytes) -> None:
    assert to_the_viewer([(name, b"v"), (b"Date", b"d")]) == [(b"Date", b"d")]


ALONE = replace(content("/"), origin="https://sales.example.org")


@pytest.mark.parametrize("name", [b"Service-Worker-Allowed", b"NEL", b"Report-To", b"Strict-Transport-Security"])
def test_content_alone_on_its_origin_may_speak_for_it(name: bytes) -> None:
    assert to_the_viewer([(name, b"v")], ALONE) == [(name, b"v")]


@pytest.mark.parametrize("header", [(b"Clear-Site-Data", b'"cookies"'), (b"Alt-Svc", b'h3=":443"')])
def test_no_content_speaks_for_the_whole_site_or_our_listener(header: tuple[bytes, bytes]) -> None:
    """Fails when an own origin is enough: the cookies of a site are those of every host under its domain."""
    assert to_the_viewer([header], ALONE) == []


def test_content_on_its_own_host_may_bind_a_cookie_to_it_and_to_no_wider_domain() -> None:
    cookies = [(b"Set-Cookie", b"__Host-a=1; Secure; Path=/"), (b"Set-Cookie", b"b=2; Domain=example.org; Path=/x")]
    assert to_the_viewer(cookies, ALONE) == [cookies[0], (b"Set-Cookie", b"b=2; Path=/x")]


def test_content_on_its_own_host_cannot_set_a_cookie_of_ours() -> None:
    assert to_the_viewer([(b"Set-Cookie", OURS + b"=evil; Secure; HttpOnly; Path=/")], ALONE) == []


def test_what_the_contents_connection_names_is_dropped() -> None:
    headers = [(b"Connection", b"close, X-A"), (b"X-A", b"1"), (b"X-B", b"2")]
    assert to_the_viewer(headers) == [(b"X-B", b"2")]
    assert to_the_viewer([(b"Connection", b"X-A"), *headers]) == [(b"X-B", b"2")]
    assert to_the_viewer([(b"Connection", b"keep-alive"), (b"X-B", b"2")]) == [(b"X-B", b"2")]


COOKIES = {
    "wide path": (b"a=1; Path=/; HttpOnly", b"a=1; HttpOnly; Path=/sales/"),
    "own path": (b"a=1; Path=/sales/", b"a=1; Path=/sales/"),
    "narrower path": (b"a=1; path=/sales/x; Secure", b"a=1; Secure; Path=/sales/x"),
    "path of a neighbour": (b"a=1; Path=/other/", b"a=1; Path=/sales/"),
    "common beginning": (b"a=1; Path=/salesx", b"a=1; Path=/sales/"),
    "without the slash": (b"a=1; Path=/sales", b"a=1; Path=/sales/"),
    "empty path": (b"a=1; Path=", b"a=1; Path=/sales/"),
    "path without a value": (b"a=1; Path", b"a=1; Path=/sales/"),
    "no path": (b"a=1; Secure", b"a=1; Secure"),
    "two paths, the last one counts": (b"a=1; Path=/sales/x; Path=/", b"a=1; Path=/sales/"),
    "our own cookie paths": (b"a=1; Path=/__oauth__/", b"a=1; Path=/sales/"),
    "domain": (b"a=1; Domain=example.org; Path=/sales/", b"a=1; Path=/sales/"),
    "domain in odd form": (b"a=1;DOMAIN = .example.org", b"a=1"),
    "other attributes are left alone": (
        b"a=1; Expires=Wed, 09 Jun 2027 10:18:14 GMT;SameSite=Lax ; Partitioned",
        b"a=1; Expires=Wed, 09 Jun 2027 10:18:14 GMT;SameSite=Lax ; Partitioned",
    ),
    "path inside the value is no attribute": (b"a=Path=/x", b"a=Path=/x"),
    "our session": (OURS + b"=evil; Path=/", None),
    "our session in another case": (OURS.lower() + b"=evil", None),
    "our session with a blank": (b" " + OURS + b" =evil", None),
    "our session as the value of a nameless cookie": (b"=" + OURS + b"=evil", None),
    "our binding": (NAMES.binding_prefix.encode() + b"x=evil", None),
    "another deployment": (b"oauth-sidecar-00000000=evil", None),
    "__Host- needs the whole origin": (b"__Host-a=1; Path=/; Secure", None),
    "__host- in another case": (b" __HOST-a=1; Path=/; Secure", None),
    "__Secure- does not": (b"__Secure-a=1; Path=/; Secure", b"__Secure-a=1; Secure; Path=/sales/"),
    "empty": (b"", b""),
}


@pytest.mark.parametrize(("cookie", "expected"), COOKIES.values(), ids=COOKIES.keys())
def test_a_contents_cookie_stays_on_its_own_path(cookie: bytes, expected: bytes | None) -> None:
    passed = to_the_viewer([(b"set-cookie", cookie)])
    assert passed == ([] if expected is None else [(b"set-cookie", expected)])


ROOT_COOKIES = {
    "any path": (b"a=1; Path=/x; Domain=example.org", b"a=1; Path=/x"),
    "__Host-": (b"__Host-a=1; Path=/; Secure", b"__Host-a=1; Path=/; Secure"),
    "ours": (OURS + b"=evil; Path=/", None),
}


@pytest.mark.parametrize(("cookie", "expected"), ROOT_COOKIES.values(), ids=ROOT_COOKIES.keys())
def test_content_at_the_root_sets_cookies_for_the_host_alone(cookie: bytes, expected: bytes | None) -> None:
    passed = to_the_viewer([(b"Set-Cookie", cookie)], content("/"))
    assert passed == ([] if expected is None else [(b"Set-Cookie", expected)])


KEPT_PREFIX = content("/sales/", strip_prefix=False)
UNIX = content("/sales/", upstream=UnixUpstream("/run/sales.sock"))
V6 = content("/sales/", upstream=TcpUpstream("::1", 8501))

LOCATIONS = {
    "relative": (SALES, b"x", b"x"),
    "path": (SALES, b"/x", b"/x"),
    "public": (SALES, b"https://apps.example.org/sales/x", b"https://apps.example.org/sales/x"),
    "foreign": (SALES, b"https://evil.example/", b"https://evil.example/"),
    "upstream": (SALES, b"http://127.0.0.1:8501/x?y#z", b"/sales/x?y#z"),
    "upstream in another case": (SALES, b"HTTP://127.0.0.1:8501/x", b"/sales/x"),
    "upstream, root": (SALES, b"http://127.0.0.1:8501", b"/sales/"),
    "upstream, only a query": (SALES, b"http://127.0.0.1:8501?x", b"/sales/?x"),
    "upstream, prefix already there": (SALES, b"http://127.0.0.1:8501/sales/x", b"/sales/x"),
    "upstream, two slashes": (SALES, b"http://127.0.0.1:8501//evil.example", b"/sales/evil.example"),
    "upstream, a slash and a backslash": (SALES, b"http://127.0.0.1:8501/\\evil.example", b"/sales/evil.example"),
    "upstream, a tab between slashes": (SALES, b"http://127.0.0.1:8501/\t/evil.example", b"/sales/evil.example"),
    "upstream, prefix kept, a slash and a backslash": (
        KEPT_PREFIX, b"http://127.0.0.1:8501/\\evil.example", b"/evil.example"
    ),
    "upstream, prefix kept, a tab between slashes": (
        KEPT_PREFIX, b"http://127.0.0.1:8501/\t/evil.example", b"/evil.example"
    ),
    "upstream, prefix kept": (KEPT_PREFIX, b"http://127.0.0.1:8501/sales/x", b"/sales/x"),
    "upstream, prefix kept, two slashes": (KEPT_PREFIX, b"http://127.0.0.1:8501//evil.example", b"/evil.example"),
    "upstream with a longer port": (SALES, b"http://127.0.0.1:85011/x", b"http://127.0.0.1:85011/x"),
    "upstream as user": (SALES, b"http://127.0.0.1:8501@evil.example/", b"http://127.0.0.1:8501@evil.example/"),
    "upstream on IPv6": (V6, b"http://[::1]:8501/x", b"/sales/x"),
    "Unix socket": (UNIX, b"http://localhost/x", b"http://localhost/x"),
}  # fmt: skip


@pytest.mark.parametrize(("where", "location", "expected"), LOCATIONS.values(), ids=LOCATIONS.keys())
def test_only_a_redirect_to_the_contents_own_upstream_is_rewritten(
    where: Content, location: bytes, expected: bytes
) -> None:
    assert to_the_viewer([(b"Location", location)], where) == [(b"Location", expected)]


NO_STORE = (b"Cache-Control", b"private, no-store")
CACHING = {
    "HTML": ([(b"Content-Type", b"text/html; charset=utf-8")], True),
    "HTML in another case": ([(b"content-type", b" Text/HTML")], True),
    "XHTML": ([(b"Content-Type", b"application/xhtml+xml")], True),
    "HTML that says how": ([(b"Content-Type", b"text/html"), (b"cache-control", b"no-cache")], False),
    "HTML that says how first": ([(b"Cache-Control", b"max-age=1"), (b"Content-Type", b"text/html")], False),
    "script": ([(b"Content-Type", b"text/javascript")], False),
    "nothing said": ([(b"Date", b"d")], False),
}


@pytest.mark.parametrize(("headers", "is_added"), CACHING.values(), ids=CACHING.keys())
def test_a_page_that_says_nothing_about_caching_is_not_cached(headers: Headers, is_added: bool) -> None:
    assert to_the_viewer(headers) == headers + ([NO_STORE] if is_added else [])


# ── what we add ──────────────────────────────────────────────────────────────────────────────────────────────────────


def token(slug: str, value: str | None, expires_at: int | None = None) -> InjectedToken:
    return InjectedToken(slug=slug, access_token=None if value is None else Secret(value), expires_at=expires_at)


def lines(
    *tokens: InjectedToken, identity: Identity | None = None, session_token: str = "st", rules: HeaderRules = NO_RULES
) -> list[str]:
    block = header_block(session_token=session_token, tokens=tokens, identity=identity, rules=rules).decode("ascii")
    assert block == "" or block.endswith("\r\n")
    return block.split("\r\n")[:-1]


def test_the_first_integration_also_gets_the_header_without_a_slug() -> None:
    assert lines(token("warehouse", "T1", 1_800_000_000), token("my-lake", "T2", 1_900_000_000)) == [
        "Posit-Connect-User-Session-Token: st",
        "X-Forwarded-Access-Token-Warehouse: T1",
        "X-Forwarded-Access-Token: T1",
        "X-Forwarded-Access-Token-Expires: 1800000000",
        "X-Forwarded-Access-Token-My-Lake: T2",
    ]


def test_a_declined_first_integration_is_not_replaced_by_another() -> None:
    assert lines(token("warehouse", None), token("my-lake", "T2")) == [
        "Posit-Connect-User-Session-Token: st",
        "X-Forwarded-Access-Token-My-Lake: T2",
    ]


def test_a_token_that_does_not_expire_says_nothing_about_it() -> None:
    assert not any("Expires" in line for line in lines(token("warehouse", "T1")))


TOO_BAD = {
    "line break": "a\r\nX-Admin: 1",
    "line feed": "a\nb",
    "return": "a\rb",
    "NUL": "a\0b",
    "blank": "a b",
    "non-ASCII": "\u00e4",
    "too long": "a" * (16 * 1024 + 1),
    "empty": "",
}


@pytest.mark.parametrize("value", TOO_BAD.values(), ids=TOO_BAD.keys())
def test_a_token_that_cannot_stand_in_a_header_is_left_to_the_exchange(value: str) -> None:
    """Seen to fail with tokens written as they come."""
    assert lines(token("warehouse", value, 1)) == ["Posit-Connect-User-Session-Token: st"]
    assert lines(session_token=value) == []


def test_the_longest_token_is_injected() -> None:
    assert f"X-Forwarded-Access-Token: {'a' * 16384}" in lines(token("warehouse", "a" * 16384))


def test_a_line_that_some_servers_of_content_refuse_is_named() -> None:
    spare = len("X-Forwarded-Access-Token: ")
    for length, expected in ((7 * 1024 - spare - 1, []), (7 * 1024 - spare, ["X-Forwarded-Access-Token"])):
        block = b"X-Forwarded-User: ada\r\nX-Forwarded-Access-Token: %b\r\n" % (b"a" * length)
        assert long_headers(block) == expected


ADA = Identity(subject="42", email="ada@example.org", email_verified=True)
SENT = ("Posit-Connect-User-Session-Token: st", "X-Forwarded-User: 42", "X-Forwarded-Email: ada@example.org")
RULES = {
    "tokens left to the exchange": (HeaderRules(preset=HeaderPreset.NO_ACCESS_TOKENS), [*SENT]),
    "nothing but the session token": (HeaderRules(preset=HeaderPreset.SESSION_TOKEN_ONLY), [SENT[0]]),
    "another name for the session token": (
        HeaderRules(preset=HeaderPreset.SESSION_TOKEN_ONLY, rename={SESSION_TOKEN.lower(): "X-Handle"}),
        ["X-Handle: st"],
    ),
    "names of oauth2-proxy": (
        HeaderRules(
            rename={
                "x-forwarded-access-token": "X-Auth-Request-Access-Token",
                "x-forwarded-user": "X-Auth-Request-User",
                "x-forwarded-access-token-warehouse": "X-Warehouse",
            },
            drop=frozenset({"x-forwarded-email", "x-forwarded-access-token-expires", SESSION_TOKEN.lower()}),
        ),
        ["X-Warehouse: T1", "X-Auth-Request-Access-Token: T1", "X-Auth-Request-User: 42"],
    ),
}


@pytest.mark.parametrize(("rules", "expected"), RULES.values(), ids=RULES.keys())
def test_a_content_gets_what_its_rules_say(rules: HeaderRules, expected: list[str]) -> None:
    assert lines(token("warehouse", "T1", 1), identity=ADA, rules=rules) == expected


CONNECT_USERS = {
    "groups": (replace(ADA, groups=("a", "b,c")), '{"user":"ada@example.org","groups":["a","b,c"]}'),
    "no groups": (ADA, '{"user":"ada@example.org","groups":[]}'),
    "another script": (replace(ADA, groups=("Zo\u00eb",)), '{"user":"ada@example.org","groups":["Zo\\u00eb"]}'),
    "control characters": (
        replace(ADA, groups=("a\r\nX-Admin: 1\0\x7f",)),
        '{"user":"ada@example.org","groups":["a\\r\\nX-Admin: 1\\u0000\\u007f"]}',
    ),
    "e-mail not verified": (replace(ADA, email_verified=False, preferred_username="bob@example.org"), None),
    "no e-mail": (replace(ADA, email="", preferred_username="ada"), None),
}


@pytest.mark.parametrize(("identity", "expected"), CONNECT_USERS.values(), ids=CONNECT_USERS.keys())
def test_connect_apps_learn_who_the_viewer_is_by_a_name_that_nobody_can_choose(
    identity: Identity, expected: str | None
) -> None:
    sent = dict(line.split(": ", 1) for line in lines(identity=identity, rules=CONNECT))
    assert sent.get("RStudio-Connect-Credentials") == sent.get("Shiny-Server-Credentials") == expected
    assert not any("Credentials" in line for line in lines(identity=identity))


IDENTITIES = {
    "all": (
        Identity(
            subject="42", email="ada@example.org", email_verified=True, preferred_username="ada", groups=("a", "b")
        ),
        [
            "X-Forwarded-User: 42",
            "X-Forwarded-Email: ada@example.org",
            "X-Forwarded-Preferred-Username: ada",
            "X-Forwarded-Groups: a,b",
        ],
    ),
    "subject only": (Identity(subject="42"), ["X-Forwarded-User: 42"]),
    "e-mail not verified": (Identity(subject="42", email="ada@example.org"), ["X-Forwarded-User: 42"]),
    "non-ASCII": (
        Identity(subject="42", preferred_username="Zo\u00eb \U0001f600"),
        ["X-Forwarded-User: 42", "X-Forwarded-Preferred-Username: Zo%C3%AB %F0%9F%98%80"],
    ),
    "percent sign": (Identity(subject="100%"), ["X-Forwarded-User: 100%25"]),
    "comma in a group": (
        Identity(subject="42", groups=("a,b", "c")),
        ["X-Forwarded-User: 42", "X-Forwarded-Groups: a%2Cb,c"],
    ),
    "comma in a subject": (Identity(subject="a,b"), ["X-Forwarded-User: a,b"]),
    "line break": (Identity(subject="42", preferred_username="a\r\nX-Admin: 1"), ["X-Forwarded-User: 42"]),
    "return": (Identity(subject="a\rb"), []),
    "NUL": (Identity(subject="a\0b"), []),
    "DEL": (Identity(subject="a\x7fb"), []),
    "line break in one group": (
        Identity(subject="42", groups=("a\nb", "c")),
        ["X-Forwarded-User: 42", "X-Forwarded-Groups: c"],
    ),
    "blanks around": (Identity(subject=" 42 "), ["X-Forwarded-User: 42"]),
    "lone surrogate": (Identity(subject="\ud800"), ["X-Forwarded-User: ?"]),
}


@pytest.mark.parametrize(("identity", "expected"), IDENTITIES.values(), ids=IDENTITIES.keys())
def test_identity_values_stay_on_their_line_and_can_be_read_back(identity: Identity, expected: list[str]) -> None:
    """Seen to fail with values written as they come."""
    assert lines(identity=identity)[1:] == expected


@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_no_value_ever_makes_another_line(subject: str, secret: str, groups: list[str]) -> None:
    ident = Identity(
        subject=subject, preferred_username=subject, email=subject, email_verified=True, groups=tuple(groups)
    )
    block = header_block(session_token=secret, tokens=[token("warehouse", secret, 1)], identity=ident, rules=NO_RULES)
    assert len(block.splitlines()) == block.count(b"\r\n")
    for line in block.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b": ")
        assert fold(name) in INJECTED
        assert value.isascii()
        assert value.decode().isprintable()
        if (
            name == b"X-Forwarded-User"
            and "\ud7ff" not in subject
            and not any("\ud800" <= c <= "\udfff" for c in subject)
        ):
            assert unquote(value.decode()) == subject.strip(" ")


def test_every_name_that_can_be_written_is_one_that_is_stripped() -> None:
    ident = Identity(subject="s", email="e", email_verified=True, preferred_username="p", groups=("g",))
    all_of_them = lines(
        token("warehouse", "T", 1),
        token("my-lake", "T"),
        identity=ident,
        rules=CONNECT,
    )
    written = {line.partition(":")[0] for line in all_of_them}
    assert {fold(name.encode()) for name in written} == INJECTED


def test_nothing_secret_shows_in_a_tokens_repr() -> None:
    assert "T1" not in repr(token("warehouse", "T1"))
