"""Who is redirected into a sign-in, and where nobody can be sent afterwards."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.redirects import MAX_RETURN_TARGET, Answer, how_to_ask, return_target

from .samples import content

SALES = content("/sales/")

KEPT = ["/sales/", "/sales/x?y=1&z=%20", "/sales/a%2fb", "/sales/?next=https://evil.example"]

FALLS_BACK = {
    "empty": "",
    "other content": "/other/",
    "common beginning": "/salesx/",
    "without the slash": "/sales",
    "scheme-relative": "//evil.example",
    "backslash": "/\\evil.example",
    "backslash behind the prefix": "/sales/\\evil.example",
    "escaped backslash": "/sales/%5cevil",
    "scheme without slashes": "https:evil.example",
    "absolute": "https://evil.example/sales/",
    "userinfo": "https://apps.example.org@evil.example/sales/",
    "javascript": "javascript:alert(1)",
    "data": "data:text/html,x",
    "CRLF": "/sales/\r\nX-Evil: 1",
    "escaped climb": "/sales/%2e%2e/other/",
    "climb": "/sales/../other/",
    "tab": "/sales/\tx",
    "blank in front": " /sales/",
    "fragment": "/sales/#x",
    "non-ASCII": "/sales/\u00e4",
    "slash that is not one": "/\u2215evil.example",
    "two slashes after the prefix": "/sales//evil.example",
    "too long": "/sales/" + "x" * MAX_RETURN_TARGET,
}


@pytest.mark.parametrize("candidate", KEPT)
def test_a_target_inside_the_content_is_kept(candidate: str) -> None:
    assert return_target(candidate, SALES) == candidate


@pytest.mark.parametrize("candidate", FALLS_BACK.values(), ids=FALLS_BACK.keys())
def test_any_other_target_becomes_the_content_root(candidate: str) -> None:
    assert return_target(candidate, SALES) == "/sales/"


def test_the_longest_target_that_fits_is_kept() -> None:
    longest = "/sales/" + "x" * (MAX_RETURN_TARGET - len("/sales/"))
    assert return_target(longest, SALES) == longest


def test_content_at_the_root_never_returns_to_our_own_paths() -> None:
    assert return_target("/__oauth__/logout", content("/")) == "/"
    assert return_target("//evil.example", content("/")) == "/"
    assert return_target("/x", content("/")) == "/x"


def test_content_that_keeps_its_prefix_may_have_two_slashes() -> None:
    assert return_target("/sales//x", content("/sales/", strip_prefix=False)) == "/sales//x"


@given(st.one_of(st.text(max_size=40), st.text(alphabet="/\\.:@%2e5cfsales?#\t", max_size=30).map("/sales/".__add__)))
def test_no_text_leads_to_another_origin_or_another_content(candidate: str) -> None:
    target = return_target(candidate, SALES)
    joined = urlsplit(urljoin("https://apps.example.org/sales/page", target))
    assert (joined.scheme, joined.netloc) == ("https", "apps.example.org")
    assert joined.path.startswith("/sales/")


NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"}
HTML = {"Accept": "text/html,application/xhtml+xml"}

ASKED: dict[str, tuple[str, dict[str, str], Answer]] = {
    "navigation": ("GET", NAVIGATION, Answer.REDIRECT),
    "HEAD of a navigation": ("HEAD", NAVIGATION, Answer.PAGE_WITH_LINK),
    "form": ("POST", NAVIGATION, Answer.PAGE_WITH_LINK),
    "prefetch": ("GET", {**NAVIGATION, "Sec-Purpose": "prefetch"}, Answer.UNAUTHORIZED_JSON),
    "prerender": ("GET", {**NAVIGATION, "Sec-Purpose": "prefetch;prerender"}, Answer.UNAUTHORIZED_JSON),
    "old prefetch": ("GET", {**HTML, "Purpose": "Prefetch"}, Answer.UNAUTHORIZED_JSON),
    "older prefetch": ("GET", {**HTML, "X-Moz": "prefetch"}, Answer.UNAUTHORIZED_JSON),
    "iframe": ("GET", {**NAVIGATION, "Sec-Fetch-Dest": "iframe"}, Answer.PAGE_WITH_LINK),
    "frame": ("GET", {**NAVIGATION, "Sec-Fetch-Dest": "frame"}, Answer.PAGE_WITH_LINK),
    "embed": ("GET", {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "embed"}, Answer.PAGE_WITH_LINK),
    "object": ("GET", {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "object"}, Answer.PAGE_WITH_LINK),
    "navigation to who knows what": ("GET", {"Sec-Fetch-Mode": "navigate"}, Answer.PAGE_WITH_LINK),
    "fetch": ("GET", {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", **HTML}, Answer.UNAUTHORIZED_JSON),
    "image": ("GET", {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, Answer.UNAUTHORIZED_JSON),
    "WebSocket": ("GET", {"Sec-Fetch-Mode": "websocket", "Upgrade": "websocket"}, Answer.UNAUTHORIZED_JSON),
    "WebSocket of an old browser": ("GET", {**HTML, "Sec-WebSocket-Key": "x"}, Answer.UNAUTHORIZED_JSON),
    "old browser": ("GET", HTML, Answer.REDIRECT),
    "old browser, form": ("POST", HTML, Answer.PAGE_WITH_LINK),
    "old XHR": ("GET", {**HTML, "X-Requested-With": "XMLHttpRequest"}, Answer.UNAUTHORIZED_JSON),
    "event stream": ("GET", {"Accept": "text/event-stream"}, Answer.UNAUTHORIZED_JSON),
    "curl": ("GET", {"Accept": "*/*"}, Answer.UNAUTHORIZED_JSON),
    "API call": ("DELETE", {"Accept": "application/json"}, Answer.UNAUTHORIZED_JSON),
    "nothing said": ("GET", {}, Answer.UNAUTHORIZED_JSON),
}


@pytest.mark.parametrize(("method", "headers", "expected"), ASKED.values(), ids=ASKED.keys())
def test_only_a_person_in_front_of_a_page_is_redirected(method: str, headers: dict[str, str], expected: Answer) -> None:
    assert how_to_ask(method, headers) is expected
