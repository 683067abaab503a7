"""Pages that may and may not send unsafe requests and open WebSockets as the viewer."""

from __future__ import annotations

import pytest

from proxy.policy.origin import is_foreign

OWN = "https://apps.example.org"
FRIEND = "https://friend.example"
ORIGIN = b"Origin"
SITE = b"Sec-Fetch-Site"

ROWS: dict[str, tuple[list[tuple[bytes, bytes]], bool]] = {
    "no browser": ([(b"Accept", b"*/*")], False),
    "own page": ([(ORIGIN, b"https://apps.example.org"), (SITE, b"same-origin")], False),
    "own page of an old browser": ([(b"origin", b"https://apps.example.org")], False),
    "own page that sends no origin": ([(SITE, b"same-origin")], False),
    "typed by the viewer": ([(b"sec-fetch-site", b"none")], False),
    "other site": ([(ORIGIN, b"https://evil.example")], True),
    "other site that claims to be ours": ([(ORIGIN, b"https://evil.example"), (SITE, b"same-origin")], True),
    "sibling": ([(ORIGIN, b"https://x.example.org"), (SITE, b"same-site")], True),
    "sibling without an origin": ([(SITE, b"same-site")], True),
    "cross-site without an origin": ([(SITE, b"cross-site")], True),
    "own origin, cross-site": ([(ORIGIN, b"https://apps.example.org"), (SITE, b"cross-site")], True),
    "null": ([(ORIGIN, b"null")], True),
    "null, cross-site": ([(ORIGIN, b"null"), (SITE, b"cross-site")], True),
    "null, typed by the viewer": ([(ORIGIN, b"null"), (SITE, b"none")], True),
    "null from an own page that sends no referrer": ([(ORIGIN, b"null"), (SITE, b"same-origin")], False),
    "ours as the beginning": ([(ORIGIN, b"https://apps.example.org.evil")], True),
    "another port": ([(ORIGIN, b"https://apps.example.org:444")], True),
    "another scheme": ([(ORIGIN, b"http://apps.example.org")], True),
    "two origins": ([(ORIGIN, b"https://apps.example.org"), (ORIGIN, b"https://evil.example")], True),
    "the same origin twice": ([(ORIGIN, b"https://apps.example.org")] * 2, True),
    "two origins in one": ([(ORIGIN, b"https://apps.example.org https://evil.example")], True),
    "two sites": ([(SITE, b"same-origin"), (SITE, b"cross-site")], True),
    "empty origin": ([(ORIGIN, b"")], True),
    "odd bytes": ([(ORIGIN, b"\xff")], True),
    "unknown site": ([(SITE, b"whatever")], True),
    "names of the same length": ([(b"Accept", b"x"), (b"Content-Length", b"0")], False),
    "allowed": ([(ORIGIN, b"https://friend.example"), (SITE, b"cross-site")], False),
    "allowed, old browser": ([(ORIGIN, b"https://friend.example")], False),
}


@pytest.mark.parametrize(("headers", "expected"), ROWS.values(), ids=ROWS.keys())
def test_a_page_of_another_origin_is_foreign_unless_allowed(headers: list[tuple[bytes, bytes]], expected: bool) -> None:
    assert is_foreign(headers, own_origin=OWN, allowed=frozenset({FRIEND})) is expected


def test_null_cannot_be_allowed() -> None:
    assert is_foreign([(ORIGIN, b"null")], own_origin=OWN, allowed=frozenset({"null"}))
