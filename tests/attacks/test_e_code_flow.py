"""The sign-in and its endpoints under attack (catalogue B 22, C 37, D, E, F)."""

from __future__ import annotations

import asyncio
from urllib.parse import quote, urlencode

import pytest

from tests.attacks.attacker import NAVIGATES, Attacker
from tests.attacks.oracle import assert_holds, assert_nothing_arrived
from tests.attacks.wire import Response, Wire
from tests.doubles.rules import query_of
from tests.journeys.sidecar import CALLBACK
from tests.journeys.viewer import NAVIGATION, Viewer

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOGOUT = "/__oauth__/logout"

EVIL_TARGETS = [
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https://evil.example/sales/",
    "/sales/\r\nX-Evil: 1",
    "javascript:alert(1)",
    "https://localhost@evil.example/",
    "/%2f/evil.example",
    "/sales/../../evil.example",
    "data:text/html,evil",
]


async def callback_of(attacker: Attacker, viewer: Viewer) -> str:
    at_provider = await viewer.until_redirected_to(attacker.stage.server.url, "/sales/")
    return (await viewer.get(at_provider.location)).location


def cookie_of(viewer: Viewer) -> bytes:
    return b"Cookie: " + viewer.cookie_header().encode()


@pytest.mark.parametrize("target", EVIL_TARGETS)
@pytest.mark.parametrize("parameter", ["return_to", "next", "redirect", "rd"])
async def test_no_parameter_leads_to_another_origin(attacker: Attacker, target: str, parameter: str) -> None:
    pair = f"{parameter}={quote(target, safe='')}"
    fresh = await attacker.stage.viewer()
    for path in (f"/sales/?{pair}", f"/__oauth__/logout?{pair}", f"{CALLBACK}?state=x&code=y&{pair}"):
        page = await fresh.get(path)
        if page.is_redirect:
            assert page.location.startswith((attacker.stage.server.url, attacker.ada.url))
            assert "evil" not in query_of(page.location).get("redirect_uri", "")
        assert "X-Evil" not in page.headers
    assert_nothing_arrived(attacker.stage)


async def test_a_state_with_any_byte_changed_gets_the_same_answer(attacker: Attacker) -> None:
    viewer = await attacker.stage.viewer()
    query = query_of(await callback_of(attacker, viewer))
    state = query["state"]
    answers: set[tuple[int, int]] = set()
    for position in range(0, len(state), max(1, len(state) // 60)):
        changed = state[:position] + ("A" if state[position] != "A" else "B") + state[position + 1 :]
        target = f"{CALLBACK}?{urlencode(query | {'state': changed})}".encode()
        response = await attacker.send(attacker.request(target, cookie_of(viewer), *NAVIGATES))
        assert response is not None
        answers.add((response.status, len(response.body)))
    assert len(answers) == 1
    assert attacker.stage.server.token_requests == []


async def test_a_callback_sent_twenty_times_at_once_sends_one_code(attacker: Attacker) -> None:
    viewer = await attacker.stage.viewer("ada")
    url = await callback_of(attacker, viewer)
    target = url.removeprefix(attacker.ada.url).encode()
    request = attacker.request(target, cookie_of(viewer), *NAVIGATES)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(attacker.send(request)) for _ in range(20)]
    responses: list[Response | None] = [task.result() for task in tasks]
    assert {response.status for response in responses if response is not None} <= {302, 303}
    assert len(responses) == 20
    granted = [entry for entry in attacker.stage.server.token_requests if entry.outcome == "ok"]
    assert len(granted) == len(attacker.stage.server.token_requests) == 1


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE"])
async def test_the_callback_takes_get_only(attacker: Attacker, method: bytes) -> None:
    viewer = await attacker.stage.viewer()
    target = (await callback_of(attacker, viewer)).removeprefix(attacker.ada.url).encode()
    request = attacker.request(target, cookie_of(viewer), b"Origin: null", *NAVIGATES, method=method)
    response = await attacker.send(request, method=method.decode())
    assert response is not None
    assert response.status in {403, 405}
    assert attacker.stage.server.token_requests == []


@pytest.mark.parametrize(
    "headers",
    [
        (b"Origin: https://evil.example", b"Sec-Fetch-Site: cross-site"),
        (b"Origin: null",),
        (b"Origin: http://localhost.evil.example",),
        (b"Sec-Fetch-Site: same-site",),
        (b"Sec-Fetch-Site: cross-site",),
    ],
)
async def test_another_site_changes_nothing(attacker: Attacker, headers: tuple[bytes, ...]) -> None:
    for target in (b"/__oauth__/logout", b"/sales/save"):
        request = attacker.request(target, attacker.cookie, *headers, method=b"POST")
        await attacker.is_refused(request, 403, method="POST")
    assert (await attacker.ada.get("/sales/")).status == 200


async def test_a_get_signs_nobody_out(attacker: Attacker) -> None:
    await attacker.send(attacker.request(b"/__oauth__/logout", attacker.cookie, *NAVIGATES))
    assert (await attacker.ada.get("/sales/")).status == 200


async def test_a_cookie_is_worthless_after_sign_out(attacker: Attacker) -> None:
    viewer = await attacker.stage.signed_in("bob")
    request = attacker.request(b"/sales/", cookie_of(viewer))
    assert (await viewer.follow(await viewer.sign_out())).status == 200
    for content in attacker.stage.contents.values():
        content.forget()
    attacker.stage.server.journal.clear()
    await attacker.is_refused(request, 401)


async def test_the_same_browser_as_somebody_else_carries_nothing_over(attacker: Attacker) -> None:
    viewer = await attacker.stage.signed_in("bob")
    before = viewer.session_id
    await viewer.sign_out()
    viewer.person = "eve"
    attacker.stage.content.forget()
    assert (await viewer.visit("/sales/")).status == 200
    assert viewer.session_id not in {None, before}
    assert_holds(attacker.stage, person="eve")


async def test_a_session_id_that_somebody_planted_is_not_kept(attacker: Attacker) -> None:
    viewer = await attacker.stage.viewer("bob")
    [name] = [name for name, value in attacker.ada.our_cookies.items() if value == attacker.ada.session_id]
    viewer.cookies[name] = "planted" * 6
    assert (await viewer.visit("/sales/")).status == 200
    assert viewer.session_id not in {None, "planted" * 6}


async def test_pages_and_redirects_of_ours_are_never_kept_by_a_cache(attacker: Attacker) -> None:
    fresh = await attacker.stage.viewer()
    # The page with the sign-out button tells our own origin: without that its form would be sent with `Origin: null`.
    policies = {"/sales/": "no-referrer", CALLBACK: "no-referrer", "/nothing/": "no-referrer", LOGOUT: "same-origin"}
    for path, policy in policies.items():
        page = await fresh.get(path, headers=NAVIGATION)
        assert page.headers["Cache-Control"] == "no-store", path
        assert page.headers["Referrer-Policy"] == policy, path


async def test_many_cookies_cost_nothing_and_confuse_nobody(attacker: Attacker) -> None:
    crowd = b"; ".join(b"a%d=%d" % (number, number) for number in range(500))
    line = attacker.cookie + b"; ;;=;=x; " + crowd
    async with Wire.to(attacker.stage.sidecar.url) as connection:
        await connection.send(attacker.request(b"/sales/", line))
        assert (await connection.response()).status == 200
    [seen] = attacker.stage.content.requests
    assert crowd in (seen.value(b"Cookie") or b"")
    assert_holds(attacker.stage, person="ada")
