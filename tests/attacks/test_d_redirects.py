"""D: no parameter, header or state leads anywhere but to the provider and back to where the viewer was."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest

from tests.attacks.attacker import Attacker
from tests.attacks.oracle import assert_holds, assert_nothing_arrived
from tests.attacks.rows import cases, row
from tests.attacks.wire import SEGMENTS, Response
from tests.doubles.rules import query_of
from tests.journeys.sidecar import CALLBACK

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVIL_TARGETS = row(
    43,
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https://evil.example/sales/",
    "/sales/\r\nX-Evil: 1",
    "/sales/%0d%0aX-Evil:%201",
    "javascript:alert(1)",
    "https://localhost@evil.example/",
    "/%2f/evil.example",
    "/sales/../../evil.example",
    "/sales/%2e%2e/%2e%2e/evil.example",
    "/sales//evil.example",
    "/\tevil.example",
    "data:text/html,evil",
)
PLACES = (
    "/sales/?{}",
    "/__oauth__/logout?{}",
    "/__oauth__/signed-out?{}",
    "/__oauth__/login?content=sales&{}",
    "/__oauth__/login?content=public&{}",
    CALLBACK + "?state=x&code=y&{}",
    "/nothing/?{}",
)


def leads_nowhere_else(attacker: Attacker, response: Response) -> None:
    """A redirect goes to the provider, whose way back is ours, or to a path of ours; a page has no foreign link."""
    assert b"X-Evil" not in {name for name, _ in response.headers}
    assert b'href="//' not in response.body
    assert b"javascript:" not in response.body
    location = response.value(b"Location")
    if location is not None and not location.startswith((b"/sales/", b"/public/", b"/__oauth__/")):
        assert location.startswith(attacker.stage.server.url.encode())
        assert query_of(location.decode())["redirect_uri"] == attacker.stage.setup.redirect_uri
    assert location is None or not location.startswith(b"//")


@cases("target", EVIL_TARGETS)
@pytest.mark.parametrize("parameter", ["return_to", "next", "content"])
async def test_no_parameter_leads_to_another_origin(attacker: Attacker, target: str, parameter: str) -> None:
    fresh = await attacker.stage.viewer()
    pair = f"{parameter}={quote(target, safe='')}"
    for number, place in enumerate(PLACES):
        response = await attacker.opens(fresh, place.format(pair), segments=SEGMENTS[number % 2])
        leads_nowhere_else(attacker, response)
    assert_nothing_arrived(attacker.stage)


@cases("target", EVIL_TARGETS)
async def test_a_sign_in_that_was_asked_for_elsewhere_ends_inside_the_content(attacker: Attacker, target: str) -> None:
    fresh = await attacker.stage.viewer()
    pair = f"return_to={quote(target, safe='')}"
    response = await attacker.opens(fresh, await attacker.callback_of(fresh, f"/__oauth__/login?content=sales&{pair}"))
    # An escaped line end is a path of the content like any other, and stays escaped.
    ends = target if target.startswith("/sales/%0d") else "/sales/"
    assert (response.status, response.value(b"Location")) == (303, ends.encode())
    assert_holds(attacker.stage)


@cases("referer", row(43, b"https://evil.example/sales/", b"//evil.example", b"javascript:1", b"http://[", b"/sales/"))
async def test_sign_out_leads_nowhere_that_a_header_names(attacker: Attacker, referer: bytes) -> None:
    viewer = await attacker.stage.viewer()
    own = (b"Origin: " + viewer.url.encode(), b"Referer: " + referer)
    for segments in SEGMENTS:
        request = attacker.request(b"/__oauth__/logout", *own, method=b"POST")
        response = await attacker.send(request, segments=segments, method="POST")
        assert response is not None
        assert response.value(b"Location") == b"/__oauth__/signed-out"


async def test_row_46_a_return_target_cannot_be_added_to_a_state(attacker: Attacker) -> None:
    fresh = await attacker.stage.viewer()
    callback = await attacker.callback_of(fresh, "/sales/deep?a=1")
    response = await attacker.opens(fresh, callback + "&return_to=%2F%2Fevil.example&content=public")
    assert (response.status, response.value(b"Location")) == (303, b"/sales/deep?a=1")


async def test_row_46_the_state_of_another_visit_is_refused(attacker: Attacker) -> None:
    mallory, victim = await attacker.stage.viewer("eve"), await attacker.stage.viewer("ada")
    foreign = query_of(await attacker.callback_of(mallory, "/sales/evil"))
    own = query_of(await attacker.callback_of(victim, "/sales/"))
    for query in (foreign, own | {"state": foreign["state"]}, own | {"state": own["state"] + "A"}):
        response = await attacker.opens(victim, f"{CALLBACK}?{urlencode(query)}")
        assert response.status == 400
        assert response.values(b"Location") == response.values(b"Set-Cookie") == []
    assert attacker.stage.server.token_requests == []
    assert_nothing_arrived(attacker.stage)


@cases(
    "extra",
    row(
        47,
        "scope=admin",
        "scopes=admin",
        "iss=https%3A%2F%2Fevil.example",
        "target_link_uri=https%3A%2F%2Fevil.example",
        "redirect_uri=https%3A%2F%2Fevil.example",
        "client_id=evil",
        "state=evil",
        "response_type=token",
        "code_challenge_method=plain",
        "authorization_uri=https%3A%2F%2Fevil.example",
    ),
)
async def test_a_login_link_cannot_say_what_is_asked_for(attacker: Attacker, extra: str) -> None:
    fresh = await attacker.stage.viewer()
    response = await attacker.opens(fresh, f"/__oauth__/login?content=sales&{extra}")
    location = (response.value(b"Location") or b"").decode()
    asked = query_of(location)
    assert location.startswith(attacker.stage.server.url)
    assert asked["scope"] == "openid profile email offline_access"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"] == attacker.stage.setup.redirect_uri
    assert "evil" not in location
    assert "admin" not in location


@cases("target", row(49, CALLBACK, CALLBACK + "?error=x&state=y", CALLBACK + "?code=x&state=y", "/nothing/", "/sales/"))
async def test_our_answers_tell_nobody_where_they_stood(attacker: Attacker, target: str) -> None:
    response = await attacker.opens(await attacker.stage.viewer(), target)
    assert response.value(b"Referrer-Policy") == b"no-referrer"
    assert (response.value(b"Content-Security-Policy") or b"").startswith(b"default-src 'none'")
    assert b'src="http' not in response.body
    assert b'href="http' not in response.body


async def test_row_49_the_code_is_gone_before_the_content_is_asked(attacker: Attacker) -> None:
    fresh = await attacker.stage.viewer("ada")
    response = await attacker.opens(fresh, await attacker.callback_of(fresh))
    assert response.value(b"Location") == b"/sales/"
    assert response.value(b"Referrer-Policy") == b"no-referrer"
    assert_holds(attacker.stage)
