"""E: the code flow cannot be forged, replayed, mixed up or weakened, and a provider that errs harms nobody else."""

from __future__ import annotations

import asyncio
import gzip
import re
from urllib.parse import urlencode

import pytest

from tests.attacks.attacker import NAVIGATES, Attacker
from tests.attacks.oracle import assert_holds, assert_nothing_arrived
from tests.attacks.rows import cases, row
from tests.attacks.wire import SEGMENTS
from tests.doubles import faults
from tests.doubles.faults import Fault
from tests.doubles.rules import query_of
from tests.journeys.sidecar import CALLBACK, Setup
from tests.journeys.viewer import Viewer

pytestmark = pytest.mark.asyncio(loop_scope="module")


def change(setup: Setup) -> None:
    """The integration sends two parameters of one name along (RFC 8707)."""
    config = setup.integrations[0]["config"]
    assert isinstance(config, dict)
    config["authorization_parameters"] = "resource=https%3A%2F%2Fa.example&resource=b"


def cookie_of(viewer: Viewer) -> bytes:
    return b"Cookie: " + viewer.cookie_header().encode()


async def is_a_page(attacker: Attacker, viewer: Viewer, query: dict[str, str] | str, *statuses: int) -> bytes:
    """Open a callback, both ways: a page without a code sent, a cookie, or a way to content."""
    target = f"{CALLBACK}?{query if isinstance(query, str) else urlencode(query)}"
    for segments in SEGMENTS:
        response = await attacker.opens(viewer, target, segments=segments)
        assert response.status in statuses, response
        assert response.values(b"Location") == response.values(b"Set-Cookie") == []
        assert response.value(b"Cache-Control") == b"no-store"
        assert attacker.stage.server.token_requests == []
        assert_nothing_arrived(attacker.stage)
    assert_holds(attacker.stage)
    return response.body


@cases(
    "query",
    {
        "row 50: nothing": "",
        "row 50: no state": "code=abc",
        "row 50: empty state": "code=abc&state=",
        "row 50: random state": "code=abc&state=" + "A" * 300,
        "row 50: short state": "code=abc&state=x",
        "row 50: endless state": "code=abc&state=" + "A" * 10_000,
        "row 50: state with a NUL": "code=abc&state=%00",
        "row 50: no code": "state=" + "A" * 300,
        "row 50: only an error": "error=access_denied",
    },
)
async def test_a_callback_without_a_state_of_ours_is_a_page(attacker: Attacker, query: str) -> None:
    await is_a_page(attacker, await attacker.stage.viewer(), query, 400)


async def test_row_50_the_state_of_another_browser_is_refused(attacker: Attacker) -> None:
    mallory = await attacker.stage.viewer("eve")
    stolen = query_of(await attacker.callback_of(mallory))
    await is_a_page(attacker, await attacker.stage.viewer("ada"), stolen, 400)
    await is_a_page(attacker, attacker.ada, stolen, 400)


@pytest.mark.parametrize("name", ["code", "state", "iss"], ids="row 50: {} twice".format)
async def test_a_parameter_that_comes_twice_is_refused(attacker: Attacker, name: str) -> None:
    viewer = await attacker.stage.viewer()
    query = query_of(await attacker.callback_of(viewer))
    await is_a_page(attacker, viewer, f"{urlencode(query)}&{name}=evil", 400)
    await is_a_page(attacker, viewer, f"{name}=evil&{urlencode(query)}", 400)


async def test_row_52_a_callback_sent_twenty_times_at_once_sends_one_code(attacker: Attacker) -> None:
    viewer = await attacker.stage.viewer("ada")
    target = await attacker.callback_of(viewer)
    request = attacker.request(target.encode(), cookie_of(viewer), *NAVIGATES)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(attacker.send(request, segments=SEGMENTS[turn % 2])) for turn in range(20)]
    responses = [response for task in tasks if (response := task.result()) is not None]
    assert [(response.status, response.value(b"Location")) for response in responses] == [(303, b"/sales/")] * 20
    assert len([response for response in responses if response.values(b"Set-Cookie")]) == 1
    assert [entry.outcome for entry in attacker.stage.server.token_requests] == ["ok"]
    again = await attacker.opens(viewer, target)
    assert (again.status, again.values(b"Set-Cookie")) == (303, [])
    assert len(attacker.stage.server.token_requests) == 1


async def test_row_53_ten_tabs_at_once_each_land_where_they_were(attacker: Attacker) -> None:
    viewer = await attacker.stage.viewer("ada")
    async with asyncio.TaskGroup() as group:
        tabs = [group.create_task(attacker.callback_of(viewer, f"/sales/tab{number}")) for number in range(10)]
    for number in reversed(range(10)):
        page = await viewer.get(tabs[number].result())
        assert (page.status, page.headers["Location"]) == (303, f"/sales/tab{number}")
    assert len(attacker.stage.server.token_requests) == 10
    assert {entry.outcome for entry in attacker.stage.server.token_requests} == {"ok"}


async def test_row_55_a_state_of_one_integration_is_not_believed_for_another(attacker: Attacker) -> None:
    """One callback for all: which integration it is says the sealed state, and ``iss`` must be that one's."""
    viewer = await attacker.stage.viewer()
    query = query_of(await attacker.callback_of(viewer))
    await is_a_page(attacker, viewer, query | {"iss": "https://other.example"}, 400)
    await is_a_page(attacker, viewer, query | {"iss": "https://other.example", "integration": "warehouse"}, 400)


@cases(
    "iss",
    {
        "row 56: another": "https://other.example",
        "row 56: prefix": "{}.evil.example",
        "row 56: slash": "{}/",
        "row 56: upper case": "HTTP://127.0.0.1",
        "row 56: userinfo": "http://evil@{}",
    },
)
async def test_a_foreign_issuer_is_refused(attacker: Attacker, iss: str) -> None:
    viewer = await attacker.stage.viewer()
    query = query_of(await attacker.callback_of(viewer))
    await is_a_page(attacker, viewer, query | {"iss": iss.format(attacker.stage.server.url)}, 400)


@cases(
    "error",
    row(
        58, "access_denied", "server_error", "temporarily_unavailable", "<script>alert(1)</script>", "evil' onclick='x"
    ),
)
async def test_an_error_from_the_provider_is_an_escaped_page_and_no_loop(attacker: Attacker, error: str) -> None:
    viewer = await attacker.stage.viewer()
    state = query_of(await attacker.callback_of(viewer))["state"]
    markup = "<script>evil()</script><img src=https://evil.example>"
    query = {"error": error, "error_description": markup, "error_uri": "javascript:evil()", "state": state}
    body = await is_a_page(attacker, viewer, query | {"iss": attacker.stage.server.url}, 403, 502, 503)
    assert b"evil" not in body
    assert b"<script>alert" not in body
    assert (await viewer.visit("/sales/")).status == 200


async def test_row_59_every_request_has_its_own_challenge(attacker: Attacker) -> None:
    states, challenges = set(), set()
    for _ in range(20):
        viewer = await attacker.stage.viewer()
        asked = query_of((await viewer.until_redirected_to(attacker.stage.server.url, "/sales/")).location)
        assert asked["code_challenge_method"] == "S256"
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", asked["code_challenge"])
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,2048}", asked["state"])
        states.add(asked["state"])
        challenges.add(asked["code_challenge"])
    assert len(states) == len(challenges) == 20
    await attacker.stage.signed_in("ada")
    [entry] = attacker.stage.server.token_requests
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", entry.value("code_verifier") or "")


async def test_row_61_a_state_with_any_byte_changed_gets_the_same_answer(attacker: Attacker) -> None:
    viewer = await attacker.stage.viewer()
    query = query_of(await attacker.callback_of(viewer))
    state = query["state"]
    changed = [state[:at] + ("A" if state[at] != "A" else "B") + state[at + 1 :] for at in range(len(state))]
    changed += [state[:-1], state[:-4], state + "A", state[4:], state[::-1]]
    answers = set()
    for other in changed:
        target = f"{CALLBACK}?{urlencode(query | {'state': other})}"
        response = await attacker.opens(viewer, target)
        body = re.sub(rb"[A-Za-z0-9_-]{8,}", b"", response.body)  # the request id differs
        answers.add((response.status, body))
    assert len(answers) == 1
    assert attacker.stage.server.token_requests == []


@cases("method", row(68, b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS"))
async def test_the_callback_takes_get_only(attacker: Attacker, method: bytes) -> None:
    viewer = await attacker.stage.viewer()
    target = await attacker.callback_of(viewer)
    path, _, form = target.encode().partition(b"?")
    body = form if method == b"POST" else b""
    for where in (target.encode(), path):
        sent = (cookie_of(viewer), b"Origin: null", b"Content-Type: application/x-www-form-urlencoded", *NAVIGATES)
        for segments in SEGMENTS:
            request = attacker.request(where, *sent, method=method, body=body)
            response = await attacker.send(request, segments=segments, method=method.decode())
            assert response is not None
            assert response.status in {403, 405}
            assert response.values(b"Set-Cookie") == []
    assert attacker.stage.server.token_requests == []


REFUSED = {
    "row 70: no access token": faults.with_members({}, without=("access_token",)),
    "row 70: empty access token": faults.with_members({"access_token": ""}),
    "row 70: access token is a list": faults.with_members({"access_token": ["x"]}),
    "row 70: token_type MAC": faults.with_members({"token_type": "mac"}),
    "row 70: token_type DPoP": faults.with_members({"token_type": "DPoP"}),
    "row 70: 200 with an error": faults.raw_body(b'{"error": "invalid_grant", "error_description": "<b>evil</b>"}'),
    "row 70: HTML": faults.html(200),
    "row 70: 502 HTML with the words": faults.html(502),
    "row 70: not JSON": faults.TRUNCATED_JSON,
    "row 70: an array": faults.raw_body(b"[1]"),
    "row 70: deep": faults.raw_body(b"[" * 100_000),
    "row 70: 10 MB": faults.huge(10),
    "row 70: gzip bomb": faults.rewrite(
        "bomb", lambda _: gzip.compress(b" " * 50_000_000, 1), **{"Content-Encoding": "gzip"}
    ),
    "row 71: 302 to an attacker": faults.redirect(302, "http://evil.example/token"),
    "row 71: 307 to itself": faults.redirect(307, "/token"),
    "row 71: 308 to itself": faults.redirect(308, "/token"),
}
SERVED = {
    "row 70: expires_in missing": faults.MISSING_EXPIRES,
    "row 70: expires_in 0": faults.ZERO_EXPIRES,
    "row 70: expires_in negative": faults.NEGATIVE_EXPIRES,
    "row 70: expires_in NaN": faults.NAN_EXPIRES,
    "row 70: expires_in as text": faults.with_members({"expires_in": "3600"}),
    "row 70: expires_in huge": faults.with_members({"expires_in": 1e12}),
    "row 70: expires_in true": faults.with_members({"expires_in": True}),
    "row 70: narrower scope": faults.with_members({"scope": "openid"}),
    "row 70: byte order mark": faults.BYTE_ORDER_MARK,
}


@cases("fault", REFUSED)
async def test_a_token_answer_that_is_none_signs_nobody_in(attacker: Attacker, fault: Fault) -> None:
    stage = attacker.stage
    viewer = await stage.viewer("ada")
    target = await attacker.callback_of(viewer)
    stage.server.faults.put("token", fault)
    response = await attacker.opens(viewer, target)
    assert response.status in {502, 503}
    assert response.values(b"Location") == response.values(b"Set-Cookie") == []
    assert b"evil" not in response.body
    assert len(stage.server.token_requests) == 1
    assert viewer.session_id is None
    assert_nothing_arrived(stage)
    assert_holds(stage)


@cases("fault", SERVED)
async def test_a_token_answer_with_an_odd_detail_is_served_with_a_safe_default(
    attacker: Attacker, fault: Fault
) -> None:
    attacker.stage.server.faults.put("token", fault)
    await attacker.stage.signed_in("ada")
    assert_holds(attacker.stage, person="ada")


async def test_row_74_what_the_browser_adds_does_not_reach_the_provider(attacker: Attacker) -> None:
    viewer = await attacker.stage.viewer()
    extra = "client_id=evil&redirect_uri=evil&state=evil&scope=evil&prompt=none&resource=evil"
    response = await attacker.opens(viewer, f"/__oauth__/login?content=sales&{extra}&{extra}")
    location = (response.value(b"Location") or b"").decode()
    assert "evil" not in location
    assert "prompt" not in location
    names = [pair.partition("=")[0] for pair in location.partition("?")[2].split("&")]
    assert sorted(name for name in names if names.count(name) > 1) == ["resource", "resource"]


async def test_row_74_what_the_configuration_adds_goes_along_beside_ours(attacker: Attacker) -> None:
    viewer = await attacker.stage.viewer()
    location = ((await attacker.opens(viewer, "/__oauth__/login?content=sales")).value(b"Location") or b"").decode()
    assert "&resource=https%3A%2F%2Fa.example&resource=b" in location
