"""Single texts that are refused, whatever setting they stand in."""

from __future__ import annotations

import pytest

from proxy.config import texts

REFUSED = {
    texts.public_origin: [
        "apps.example.org", "ftp://apps.example.org", "https://", "https://apps.example.org/x", "https://a/?q", "https://a/#f",
        "https://user@a", "https://a:b@c", "https://a:99999", "https://a:x", "https://[::1", "https://bücher.example",
        "https://a b", "https://a\\b", "https://-a", "https://a..b", "http://127.1", "http://2130706433", "http://0x7f.1",
        "http://apps.example.org", "http://0.0.0.0", "http://127.0.0.2", "http://localhost.evil.example",
        "https://[fe80::1%25eth0]", "",
    ],
    texts.endpoint: ["https://a/#x", "https://a/#", "http://a/", "https:///a", "//a", "javascript:alert(1)"],
    texts.listen: [
        "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:8080", "example.org:80",
        "unix:relative", "unix:/folder/", "unix:/" + "x" * 107, "unix:", "127.0.0.1:٣", "1:2:3",
        "http://127.0.0.1:8080", "tcp://0.0.0.0:80",
    ],
    texts.host_name: ["", "a:1", "http://a", "a/b", "-a", "a b", "1.2.3", "*.a", "fe80::1%eth0", "é"],
    texts.upstream: ["https://127.0.0.1:1", "http://127.0.0.1:1/app", "http://127.0.0.1:0", "http://a:1?x", "unix:x", "a:1"],
    texts.network: ["", "10.0.0.0/33", "proxy", "10.0.0.1/8", "0.0.0.0/0", "::/0"],
    texts.sqlite_path: ["", "state.db", "sqlite://state.db", "sqlite:///", "sqlite:///a/", "sqlite:///a?b", "postgres://a"],
    texts.span: ["", "12", "h", "-1h", "1h 2m", "1w", "1m1h", "1.5h", "99999d"],
    texts.content_path: ["", "sales", "/sales", "sales/", "//", "/a//b/", "/../", "/a/./", "/a b/", "/a%20/", "/__x/", "/é/"],
    texts.guid: ["", "x", "{0f8fad5b-d9cb-469f-a165-70867728950e}", "0f8fad5bd9cb469fa16570867728950e"],
}  # fmt: skip

CASES = [(read, text) for read, refused in REFUSED.items() for text in refused]


@pytest.mark.parametrize(("read", "text"), CASES, ids=[f"{read.__name__}-{text[:30]}" for read, text in CASES])
def test_a_text_that_is_not_quite_right_is_refused(read, text):
    with pytest.raises(ValueError) as caught:
        read(text)

    assert str(caught.value)


@pytest.mark.parametrize("path", ["/", "/sales/", "/a/b.c/~d_e-f/", "/sales/__x/"])
def test_plain_paths_are_taken_as_they_are(path):
    assert texts.content_path(path) == path


def test_an_ipv6_origin_is_written_shortest():
    assert texts.origin("https://[0:0:0:0:0:0:0:1]:8443") == "https://[::1]:8443"


def test_an_endpoint_keeps_its_spelling_and_query():
    assert texts.endpoint("https://Login.example.org/a?tenant=B") == "https://Login.example.org/a?tenant=B"


@pytest.mark.parametrize(
    ("text", "name"),
    [("Sidecar", "sidecar"), ("a_b.internal", "a_b.internal"), ("10.0.0.5", "10.0.0.5"), ("FD00::5", "[fd00::5]")],
)
def test_a_host_name_is_what_a_host_header_says_of_it(text, name):
    assert texts.host_name(text) == name


def test_a_listener_that_is_written_as_an_address_for_browsers_is_told_so():
    with pytest.raises(ValueError, match="no scheme"):
        texts.listen("http://127.0.0.1:8080")
