"""What can go wrong between the redirect and the callback: each time a page, never a loop, never a token."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from tests.doubles import faults
from tests.doubles.rules import query_of
from tests.journeys.sidecar import CALLBACK
from tests.journeys.stage import Stage, stage
from tests.journeys.viewer import Page, Viewer


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as the_stage:
        yield the_stage


def says_so(page: Page, scene: Stage) -> None:
    """A page for people, without the content, without a new flow, without anything that came in the URL."""
    assert 400 <= page.status < 600, page.status
    assert page.headers["Content-Type"].startswith("text/html")
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert scene.content.hits == 0
    assert "<b>The viewer said no</b>" not in page.text


async def callback_of(viewer: Viewer, scene: Stage) -> str:
    """Walk to the provider and back; return the callback URL without opening it."""
    at_provider = await viewer.until_redirected_to(scene.server.url, "/sales/")
    return (await viewer.get(at_provider.location)).location


@pytest.mark.parametrize(
    "decision", ["deny", "error:server_error", "error:temporarily_unavailable", "deny_no_state", "wrong_iss"]
)
async def test_a_refusal_at_the_provider_is_a_page_and_no_loop(scene: Stage, decision: str) -> None:
    viewer = await scene.viewer()
    scene.server.decisions.append(decision)
    says_so(await viewer.visit("/sales/"), scene)
    assert scene.server.token_requests == []
    assert (await viewer.visit("/sales/")).status == 200


def without_state(query: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in query.items() if name != "state"}


def with_changed_state(query: dict[str, str]) -> dict[str, str]:
    middle = len(query["state"]) // 2
    other = "A" if query["state"][middle] != "A" else "B"
    return query | {"state": query["state"][:middle] + other + query["state"][middle + 1 :]}


def with_random_state(query: dict[str, str]) -> dict[str, str]:
    return query | {"state": "c29tZXRoaW5nIGVsc2U"}


def without_code(query: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in query.items() if name != "code"}


@pytest.mark.parametrize("change", [without_state, with_changed_state, with_random_state, without_code])
async def test_a_callback_that_is_not_ours_sends_no_code_anywhere(
    scene: Stage, change: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    viewer = await scene.viewer()
    url = await callback_of(viewer, scene)
    says_so(await viewer.get(f"{CALLBACK}?{urlencode(change(query_of(url)))}"), scene)
    assert scene.server.token_requests == []
    assert viewer.session_id is None


async def test_the_state_of_another_browser_is_refused(scene: Stage) -> None:
    attacker, victim = await scene.viewer("eve"), await scene.viewer("ada")
    says_so(await victim.get(await callback_of(attacker, scene)), scene)
    assert scene.server.token_requests == []
    assert victim.session_id is None


async def test_a_repeated_parameter_is_refused(scene: Stage) -> None:
    viewer = await scene.viewer()
    url = await callback_of(viewer, scene)
    says_so(await viewer.get(f"{url}&code=other"), scene)
    assert scene.server.token_requests == []


async def test_a_used_callback_leads_back_to_the_content_and_sends_no_second_code(scene: Stage) -> None:
    viewer = await scene.viewer()
    url = await callback_of(viewer, scene)
    assert (await viewer.visit(url)).status == 200
    page = await viewer.visit(url)
    assert (page.status, urlsplit(page.url).path) == (200, "/sales/")
    assert len(scene.server.token_requests) == 1


async def test_a_code_that_the_provider_refuses_is_a_page(scene: Stage) -> None:
    viewer = await scene.viewer()
    scene.server.faults.put("token", faults.status(400, error="invalid_grant"))
    says_so(await viewer.visit("/sales/"), scene)
    assert viewer.session_id is None
    assert (await viewer.visit("/sales/")).status == 200


@pytest.mark.parametrize(
    "fault",
    [faults.status(503, retry_after="7"), faults.RESET_BEFORE_HEADERS, faults.html(502), faults.TRUNCATED_JSON],
    ids=lambda fault: fault.name,
)
async def test_a_provider_that_is_down_at_the_callback_is_a_page_that_says_so(
    scene: Stage, fault: faults.Fault
) -> None:
    viewer = await scene.viewer()
    scene.server.faults.always("token", fault)
    says_so(await viewer.visit("/sales/"), scene)
    scene.server.faults.always("token", None)
    assert (await viewer.visit("/sales/")).status == 200


async def test_a_redirect_of_the_token_endpoint_is_not_followed(scene: Stage) -> None:
    viewer = await scene.viewer()
    scene.server.faults.put("token", faults.redirect(307, f"{scene.server.url}/revoke"))
    says_so(await viewer.visit("/sales/"), scene)
    assert scene.server.journal.at("/revoke") == []
