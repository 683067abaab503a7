"""Targets: what is refused, who answers, and that the matched bytes are the forwarded bytes."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from proxy.model import Content
from proxy.policy.routing import (
    Malformed,
    NotFound,
    OwnPath,
    RedirectToSlash,
    Routes,
    forward_target,
    path_problem,
    split_target,
)

from .samples import content

USABLE = {
    "root": b"/",
    "plain": b"/sales/app",
    "query": b"/sales/?x=1&y=%20",
    "empty query": b"/sales/?",
    "question mark in the query": b"/sales/?a?b",
    "dots in the query": b"/sales/?next=/../x",
    "backslash and broken escape in the query": b"/sales/?x=\\&y=100%",
    "hidden file": b"/sales/.well-known/x",
    "three dots": b"/sales/.../x",
    "dots at the end of a name": b"/sales/a..",
    "escaped letter": b"/sales/%41",
    "escaped slash": b"/sales/a%2fb",
    "escaped hash is a letter like any other": b"/foo/secret%23/bar",
    "escaped question mark": b"/sales/a%3fb",
    "escaped semicolon": b"/sales/a%3bb",
    "escaped percent sign": b"/sales/100%25",
    "escaped UTF-8": b"/sales/%C3%A4",
    "later empty segment": b"/sales/a//b",
    "brackets": b"/sales/a[1]|b",
}

PROBLEMS = {
    "empty": (b"", "not-origin-form"),
    "asterisk": (b"*", "not-origin-form"),
    "absolute form": (b"http://evil.example/sales/", "not-origin-form"),
    "authority form": (b"evil.example:443", "not-origin-form"),
    "raw hash": (b"/foo/secret#/bar", "fragment"),
    "raw hash in the query": (b"/foo?x#/bar", "fragment"),
    "blank": (b"/a b", "unprintable"),
    "line feed": (b"/a\nb", "unprintable"),
    "line feed at the end": (b"/a\n", "unprintable"),
    "line feed at the end of the query": (b"/a?b\n", "unprintable"),
    "raw byte": (b"/\xc3\xa4", "unprintable"),
    "raw byte in the query": (b"/?\xc3\xa4", "unprintable"),
    "DEL": (b"/\x7f", "unprintable"),
    "two slashes first": (b"//evil.example/", "empty-first-segment"),
    "broken escape": (b"/%zz", "broken-escape"),
    "cut escape": (b"/a%2", "broken-escape"),
    "lone percent sign": (b"/100%", "broken-escape"),
    "backslash": (b"/a\\b", "backslash"),
    "escaped backslash": (b"/a%5cb", "backslash"),
    "escaped backslash, capital": (b"/a%5Cb", "backslash"),
    "backslash escaped twice": (b"/a%255cb", "backslash"),
    "NUL": (b"/a%00b", "nul"),
    "NUL escaped twice": (b"/a%2500b", "nul"),
    "dot": (b"/a/./b", "dot-segment"),
    "two dots": (b"/content/abc/../abcd", "dot-segment"),
    "two dots at the end": (b"/a/..", "dot-segment"),
    "dot at the end before a query": (b"/a/.?x", "dot-segment"),
    "escaped dots": (b"/a/%2e%2E/b", "dot-segment"),
    "half escaped dots": (b"/a/.%2e/b", "dot-segment"),
    "dots escaped twice": (b"/a/%252e%252e/b", "dot-segment"),
    "dots behind an escaped slash": (b"/a%2f..%2fb", "dot-segment"),
    "dots behind a slash escaped twice": (b"/a%252f..%252fb", "dot-segment"),
    "dots with a path parameter": (b"/a/..;x=1/b", "dot-segment"),
    "overlong dot": (b"/a/%c0%ae%c0%ae/b", "overlong-utf8"),
    "overlong slash in three bytes": (b"/a%e0%80%afb", "overlong-utf8"),
    "overlong slash in four bytes": (b"/a%f0%80%80%afb", "overlong-utf8"),
}


@pytest.mark.parametrize("target", USABLE.values(), ids=USABLE.keys())
def test_a_usable_target_is_split_at_its_first_question_mark(target: bytes) -> None:
    assert path_problem(target) is None
    path, _, query = target.partition(b"?")
    assert split_target(target) == (path, query)


@pytest.mark.parametrize(("target", "because"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_a_target_with_two_readings_is_refused(target: bytes, because: str) -> None:
    assert path_problem(target) == because
    assert split_target(target) == Malformed(because)


SALES = content("/sales/")
ABC = content("/content/abc/")
ABCD = content("/content/abcd/")
OUTER = content("/a/")
INNER = content("/a/b/c/")
ROUTES = Routes([SALES, ABC, ABCD, OUTER, INNER])

FOUND = {
    "content root": (b"/sales/", SALES),
    "below": (b"/sales/x/y", SALES),
    "no common beginning": (b"/content/abc/x", ABC),
    "longer name": (b"/content/abcd/x", ABCD),
    "escaped letter in the prefix": (b"/content/abc%64/", NotFound()),
    "escaped slash behind the prefix": (b"/sales%2fx", NotFound()),
    "path parameter behind the prefix": (b"/sales;x/", NotFound()),
    "another case": (b"/Sales/", NotFound()),
    "common beginning only": (b"/salesx/", NotFound()),
    "first segment alone": (b"/content/", NotFound()),
    "root without content": (b"/", NotFound()),
    "outer": (b"/a/x", OUTER),
    "between outer and inner": (b"/a/b/", OUTER),
    "inner wins over outer": (b"/a/b/c/d", INNER),
    "callback": (b"/__oauth__/integrations/callback", OwnPath()),
    "dashboard": (b"/__dashboard__/", OwnPath()),
    "health": (b"/__health__/live", OwnPath()),
    "API": (b"/__api__/v1", OwnPath()),
    "whatever else is reserved": (b"/__sockjs__/x", OwnPath()),
    "ours only at the root": (b"/sales/__oauth__/logout", SALES),
    "one underscore is not ours": (b"/_x/", NotFound()),
}


@pytest.mark.parametrize(("path", "expected"), FOUND.values(), ids=FOUND.keys())
def test_a_path_goes_to_the_longest_prefix_that_ends_at_a_segment(path: bytes, expected: object) -> None:
    assert ROUTES.find(path) == expected


SLASH = {
    "content": (b"/sales", b"", b"/sales/"),
    "query is kept": (b"/sales", b"x=1&y", b"/sales/?x=1&y"),
    "deeper content inside another": (b"/a/b/c", b"", b"/a/b/c/"),
}


@pytest.mark.parametrize(("path", "query", "location"), SLASH.values(), ids=SLASH.keys())
def test_a_content_without_its_last_slash_is_redirected(path: bytes, query: bytes, location: bytes) -> None:
    assert ROUTES.find(path, query) == RedirectToSlash(location)


def test_content_at_the_root_gets_what_nobody_else_has_but_never_ours() -> None:
    root = content("/")
    routes = Routes([SALES, root])
    assert routes.find(b"/") is root
    assert routes.find(b"/x") is root
    assert routes.find(b"/sales/x") is SALES
    assert routes.find(b"/sales") == RedirectToSlash(b"/sales/")
    assert routes.find(b"/__oauth__/logout") == OwnPath()


FORWARDED = {
    "stripped": (content("/sales/"), b"/sales/x?y=%20", b"/x?y=%20"),
    "stripped to the root": (content("/sales/"), b"/sales/", b"/"),
    "query at the root": (content("/sales/"), b"/sales/?x", b"/?x"),
    "empty query stays": (content("/sales/"), b"/sales/?", b"/?"),
    "only once": (content("/sales/"), b"/sales/sales/", b"/sales/"),
    "kept": (content("/sales/", strip_prefix=False), b"/sales/x", b"/sales/x"),
    "kept with two slashes": (content("/sales/", strip_prefix=False), b"/sales//x", b"/sales//x"),
    "at the root": (content("/"), b"/x", b"/x"),
    "two slashes after stripping": (content("/sales/"), b"/sales//evil.example", Malformed("empty-first-segment")),
}


@pytest.mark.parametrize(("where", "target", "expected"), FORWARDED.values(), ids=FORWARDED.keys())
def test_the_content_sees_the_target_minus_a_stripped_prefix(
    where: Content, target: bytes, expected: bytes | Malformed
) -> None:
    assert forward_target(where, target) == expected


SEGMENTS = st.one_of(
    st.sampled_from(
        [b"a", b"b", b"c", b"sales", b"content", b"abc", b"abcd", b"..", b".", b"", b"%2e%2e", b"%252e", b"%2f"]
    ),
    st.binary(max_size=6),
    st.from_regex(rb"(?:[a-z.%]|%[0-9a-fA-F]{2}){0,6}", fullmatch=True),
)
TARGETS = st.lists(SEGMENTS, min_size=1, max_size=6).map(lambda parts: b"/" + b"/".join(parts))


@given(TARGETS, st.booleans())
@example(b"/content/abc/../abcd", True)
def test_the_path_that_matched_is_the_path_that_is_forwarded(target: bytes, strip: bool) -> None:
    contents = [
        content(path, strip_prefix=strip) for path in ("/sales/", "/content/abc/", "/content/abcd/", "/a/", "/a/b/c/")
    ]
    split = split_target(target)
    assume(not isinstance(split, Malformed))
    assert isinstance(split, tuple)
    found = Routes(contents).find(*split)
    if isinstance(found, Content):
        prefix = found.path.encode()
        forwarded = forward_target(found, target)
        if isinstance(forwarded, Malformed):
            assert strip
            assert target.startswith(prefix + b"/")
        else:
            assert (prefix[:-1] + forwarded if strip else forwarded) == target
            assert forwarded.startswith(b"/")
            # Nobody who decodes once or twice can climb out of the prefix, or read an authority.
            once = unquote_to_bytes(split[0])
            for form in (split[0], once, unquote_to_bytes(once)):
                assert not {b".", b".."} & set(re.split(rb"[/\\]", form))
                assert b"\0" not in form


@given(st.binary(max_size=40))
def test_the_fast_way_and_the_careful_way_agree(tail: bytes) -> None:
    # A broken escape in front sends everything through the careful way, which must find nothing worse.
    target = b"/" + tail
    if path_problem(target) is None:
        assert path_problem(b"/%41" + tail) is None or tail.startswith(b"/")
