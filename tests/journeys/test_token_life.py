"""What happens when a token ends: one refresh for all, a provider that is down, a grant that is dead, a restart."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from tests.doubles import faults
from tests.journeys.sidecar import Setup
from tests.journeys.stage import ACCESS_TOKEN, SESSION_TOKEN, Stage, stage
from tests.journeys.viewer import Viewer

SHORT_S = 2.0
"""A life after which a test can wait for the end."""


async def signed_in_until_expiry(scene: Stage, *, rotation: str = "single_family") -> tuple[Viewer, str]:
    """Sign Ada in with a short token and wait until it has ended; return her browser and the session token."""
    scene.server.grants.rotation = rotation
    scene.server.access_ttl_s = SHORT_S
    viewer = await scene.signed_in("ada")
    seen = scene.content.requests[-1]
    await scene.until_dead(seen.value(ACCESS_TOKEN) or b"")
    scene.server.access_ttl_s = 3600
    scene.content.forget()
    scene.server.journal.clear()
    return viewer, (seen.value(SESSION_TOKEN) or b"").decode()


async def test_a_hundred_requests_and_exchanges_at_expiry_cause_one_token_request(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        viewer, session_token = await signed_in_until_expiry(scene)
        scene.server.gate.close()
        async with asyncio.TaskGroup() as group:
            pages = [group.create_task(viewer.get(f"/sales/{number}")) for number in range(100)]
            exchanges = [group.create_task(scene.exchange("sales", session_token)) for _ in range(100)]
            await scene.server.gate.arrived()
            # Whoever comes within this moment waits for the same refresh; later ones find it done.
            await asyncio.sleep(0.3)
            scene.server.gate.open()
        assert {page.result().status for page in pages} == {200}
        tokens = {json.loads(answer.result().text)["access_token"].encode() for answer in exchanges}
        tokens |= {value for seen in scene.content.requests for value in seen.values(ACCESS_TOKEN)}
        assert len(tokens) == 1
        assert scene.server.concurrent_max == 1
        [refresh] = scene.server.token_requests
        assert (refresh.value("grant_type"), refresh.outcome) == ("refresh_token", "ok")


async def test_a_refresh_is_stored_once_even_when_its_caller_has_gone(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        viewer, _ = await signed_in_until_expiry(scene)
        scene.server.answer_gate.close()
        caller = asyncio.create_task(viewer.get("/sales/"))
        await scene.server.answer_gate.arrived()
        caller.cancel()
        await asyncio.wait([caller])
        scene.server.answer_gate.open()
        assert (await viewer.get("/sales/")).status == 200
        assert len(scene.server.token_requests) == 1
        assert scene.server.grants.counters["family_revoked"] == 0


async def test_a_provider_that_is_down_costs_nobody_their_session(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        viewer, session_token = await signed_in_until_expiry(scene)
        scene.server.faults.always("token", faults.status(503, retry_after="3"))
        page = await viewer.get("/sales/")
        assert page.status == 503
        assert int(page.headers["Retry-After"]) >= 1
        assert scene.content.hits == 0
        assert (await scene.exchange("sales", session_token)).status == 503
        again = await viewer.get("/sales/")
        assert again.status == 503, "a redirect would send everybody to a provider that is down"
        scene.server.faults.always("token", None)
        await asyncio.sleep(int(page.headers["Retry-After"]) + 1)
        assert (await viewer.get("/sales/")).status == 200
        assert scene.owner_of(scene.new_content_request()) == "ada"


async def test_a_token_that_still_lives_is_served_while_the_provider_is_down(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        scene.server.access_ttl_s = 12
        viewer = await scene.signed_in("ada")
        scene.server.faults.always("token", faults.RESET_BEFORE_HEADERS)
        # After two thirds of its life the token is refreshed ahead; three quarters through it may no longer be served.
        token = scene.server.grants.access_tokens[(scene.content.requests[-1].value(ACCESS_TOKEN) or b"").decode()]
        await asyncio.sleep(max(0.0, token.expires_at - 3.8 - scene.server.clock.now()))
        scene.content.forget()
        assert (await viewer.get("/sales/")).status == 200
        assert scene.new_content_request().value(ACCESS_TOKEN) == token.value.encode()


async def test_a_dead_grant_is_asked_for_again_and_only_that_one(tmp_path: Path) -> None:
    async with stage(tmp_path, integrations=("warehouse", "mail")) as scene:
        scene.server.access_ttl_s = SHORT_S
        viewer = await scene.signed_in("ada")
        seen = scene.content.requests[-1]
        warehouse, mail = (seen.value(ACCESS_TOKEN + b"-" + slug) or b"" for slug in (b"Warehouse", b"Mail"))
        await scene.until_dead(mail)
        scene.server.access_ttl_s = 3600
        dead = scene.server.grants.access_tokens[warehouse.decode()].family
        dead.revoked = True
        scene.server.journal.clear()

        assert (await viewer.xhr("/sales/api")).status == 401
        assert scene.server.journal.at("/authorize") == []
        assert (await viewer.visit("/sales/")).status == 200

        assert len(scene.server.journal.at("/authorize")) == 1
        outcomes = [(entry.value("grant_type"), entry.outcome) for entry in scene.server.token_requests]
        assert sorted(outcomes) == [
            ("authorization_code", "ok"),
            ("refresh_token", "invalid_grant"),
            ("refresh_token", "ok"),
        ]


async def test_a_dead_grant_of_one_content_is_no_matter_for_a_content_with_another_integration(tmp_path: Path) -> None:
    def one_each(setup: Setup) -> None:
        for content, name in zip(setup.content, ("warehouse", "mail"), strict=True):
            content["integrations"] = [name]

    async with stage(
        tmp_path, contents=("sales", "inbox"), integrations=("warehouse", "mail"), change=one_each
    ) as scene:
        scene.server.access_ttl_s = SHORT_S
        viewer = await scene.signed_in("ada", "/sales/")
        session = viewer.session_id
        assert (await viewer.visit("/inbox/")).status == 200
        tokens = {name: double.requests[-1].value(ACCESS_TOKEN) or b"" for name, double in scene.contents.items()}
        await scene.until_dead(tokens["inbox"])
        scene.server.access_ttl_s = 3600
        scene.server.grants.access_tokens[tokens["sales"].decode()].family.revoked = True
        scene.server.journal.clear()

        assert (await viewer.get("/inbox/")).status == 200
        assert [entry.outcome for entry in scene.server.token_requests] == ["ok"]
        at_provider = await viewer.until_redirected_to(scene.server.url, "/sales/")
        assert (await viewer.get("/inbox/")).status == 200, "one grant is open, the other has nothing to do with it"
        assert (await viewer.follow(at_provider)).status == 200

        assert len(scene.server.journal.at("/authorize")) == 1
        assert viewer.session_id == session
        assert scene.owner_of(scene.content.requests[-1]) == "ada"


async def test_a_session_survives_a_polite_restart(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        viewer = await scene.signed_in()
        scene.server.journal.clear()
        await scene.sidecar.restart()
        assert (await viewer.get("/sales/")).status == 200
        assert len(scene.server.journal) == 0
