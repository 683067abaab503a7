"""The exchange of the real process: from memory, and never a moment longer than it may."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.stage import SESSION_TOKEN, SESSION_TOKEN_TYPE, TOKEN_EXCHANGE, Stage, stage
from tests.journeys.test_audit import audit
from tests.journeys.test_endings import operator
from tests.journeys.viewer import Page

WITHIN_S = 5.0
"""From the command's end to its effect: a second for the feed, and a busy machine."""


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, contents=("sales", "stock")) as the_stage:
        yield the_stage


async def handle_of(scene: Stage, person: str) -> str:
    await scene.signed_in(person)
    return (scene.contents["sales"].requests[-1].value(SESSION_TOKEN) or b"").decode()


def said(answer: Page) -> tuple[int, int | None]:
    body = json.loads(answer.text)
    assert ("access_token" in body) == (answer.status == 200)
    return answer.status, body.get("code")


async def refused_within(scene: Stage, handle: str, seconds: float) -> Page:
    """Ask until it is refused; fail when that takes too long."""
    until = time.monotonic() + seconds
    while (answer := await scene.exchange("sales", handle)).status == 200:
        assert time.monotonic() < until, "still handed out"
        await asyncio.sleep(0.05)
    return answer


async def test_signing_out_in_the_browser_counts_with_the_next_question(scene: Stage) -> None:
    handle = await handle_of(scene, "ada")
    bobs = await handle_of(scene, "bob")
    assert [said(await scene.exchange("sales", handle)) for _ in range(3)] == [(200, None)] * 3
    await scene.viewers[0].sign_out()
    assert said(await scene.exchange("sales", handle)) == (400, 215)
    assert said(await scene.exchange("sales", bobs)) == (200, None)


async def test_a_session_revoked_by_another_process_counts_within_a_second_or_two(scene: Stage) -> None:
    handle = await handle_of(scene, "ada")
    assert said(await scene.exchange("sales", handle)) == (200, None)
    await operator(scene, "revoke", "--all")
    assert said(await refused_within(scene, handle, WITHIN_S)) == (400, 215)


async def test_who_was_disconnected_by_another_process_finds_a_way_to_connect_again(scene: Stage) -> None:
    handle = await handle_of(scene, "ada")
    assert said(await scene.exchange("sales", handle)) == (200, None)
    await operator(scene, "disconnect", "--integration", "warehouse", "--all")
    refused = await refused_within(scene, handle, WITHIN_S)
    assert said(refused) == (400, 220)
    page = await scene.viewers[0].visit(json.loads(refused.text)["payload"]["login_url"])
    assert page.status == 200
    assert said(await scene.exchange("sales", handle)) == (200, None)


async def test_a_hundred_questions_and_twenty_visits_are_one_refresh(scene: Stage) -> None:
    scene.server.access_ttl_s = 2
    handle = await handle_of(scene, "ada")
    token = json.loads((await scene.exchange("sales", handle)).text)["access_token"]
    await scene.until_dead(token.encode())
    scene.server.access_ttl_s = 3600
    before = len(scene.server.token_requests)
    answers = await asyncio.gather(
        *(scene.exchange("sales", handle) for _ in range(100)), *(scene.viewers[0].xhr("/sales/") for _ in range(20))
    )
    assert Counter(answer.status for answer in answers) == {200: 120}
    assert len({json.loads(answer.text)["access_token"] for answer in answers[:100]}) == 1
    assert [entry.value("grant_type") for entry in scene.server.token_requests[before:]] == ["refresh_token"]


async def as_a_browser(scene: Stage, handle: str, **headers: str) -> tuple[int, int | None]:
    """Ask with the right key and token, but not as a program on this machine would."""
    url = f"{scene.setup.api_url}/__api__/v1/oauth/integrations/credentials"
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token_type": SESSION_TOKEN_TYPE, "subject_token": handle}
    key = {"Authorization": f"Key {scene.setup.content_keys['sales']}"}
    async with scene.http.post(url, data=form, headers=key | headers) as answer:
        return answer.status, (await answer.json())["code"]


async def test_who_may_not_gets_connects_code_and_a_line_in_the_audit_log(scene: Stage) -> None:
    handle = await handle_of(scene, "ada")
    bobs = await handle_of(scene, "bob")
    await scene.viewers[1].sign_out()
    other = "A" if handle[-1] != "A" else "B"
    asked = {
        "forged": said(await scene.exchange("sales", handle[:-1] + other)),
        "signed out": said(await scene.exchange("sales", bobs)),
        "of another content": said(await scene.exchange("stock", handle)),
        "the session's cookie": said(await scene.exchange("sales", scene.viewers[0].session_id or "")),
        "a content's key": said(await scene.exchange("sales", scene.setup.content_keys["sales"])),
        "a foreign audience": said(await scene.exchange("sales", handle, audience=scene.viewers[0].session_id or "")),
        "a browser": await as_a_browser(scene, handle, Origin="https://evil.example"),
        "a foreign host": await as_a_browser(scene, handle, Host="evil.example"),
    }
    assert asked == {
        "forged": (400, 215),
        "signed out": (400, 215),
        "of another content": (403, 22),
        "the session's cookie": (400, 215),
        "a content's key": (400, 215),
        "a foreign audience": (400, 256),
        "a browser": (403, 22),
        "a foreign host": (421, 2),
    }
    assert said(await scene.exchange("sales", handle)) == (200, None)

    await scene.sidecar.stop()  # which writes what waits
    lines = await audit(scene)
    refused = [str(line["detail"]["code"]) for line in lines if line["action"] == "exchange_refused"]  # type: ignore[index]  # a mapping
    strangers = [line["detail"]["because"] for line in lines if line["action"] == "access_refused"]  # type: ignore[index]  # a mapping
    assert (refused, strangers) == (["215", "215", "22", "215", "215", "256"], ["browser_or_proxy", "foreign_host"])
    await scene.sidecar.start()
