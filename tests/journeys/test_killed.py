"""``kill -9`` at awkward moments, then a new process on the same file: nothing is lost that was ever confirmed."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import aiohttp
import pytest

from tests.doubles import faults
from tests.doubles.gate import Gate
from tests.doubles.journal import Entry
from tests.journeys.stage import ACCESS_TOKEN, Stage, stage
from tests.journeys.viewer import Page, Viewer

SHORT_S = 2.0
"""A life after which a test can wait for the end."""

LONG_S = 3600.0
SEED = 20_260
KILLS = 15
LONGEST_LIFE_S = 0.8
"""Each process of the random journey is killed within this time of being ready."""


def finding(state_file: Path) -> str:
    """SQLite's own verdict on what a killed process left behind; a copy, so that the next process gets it as it is."""
    with tempfile.TemporaryDirectory() as folder:
        for path in state_file.parent.glob(f"{state_file.name}*"):
            shutil.copy(path, folder)
        with closing(sqlite3.connect(Path(folder) / state_file.name)) as connection:
            return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


async def killed_and_started(scene: Stage) -> None:
    await scene.sidecar.kill()
    assert finding(scene.setup.state_file) == "ok"
    await scene.sidecar.start()


@asynccontextmanager
async def killed_while(scene: Stage, gate: Gate, viewer: Viewer, path: str) -> AsyncIterator[asyncio.Task[Page]]:
    """Open ``path``, kill the process while its token request waits at ``gate``, and start it again.

    Within the block the gate is still closed: the old request is still on its way.
    """
    gate.close()
    caller = asyncio.create_task(viewer.visit(path))
    await gate.arrived()
    await killed_and_started(scene)
    await asyncio.wait([caller])
    assert isinstance(caller.exception(), aiohttp.ClientError)
    yield caller
    gate.open()


def outcomes(entries: list[Entry]) -> list[tuple[str | None, str]]:
    return [(entry.value("grant_type"), entry.outcome) for entry in entries]


# — in mid login ———————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("where", ["gate", "answer_gate"], ids=["before the provider acted", "before we read"])
async def test_killed_in_mid_login_a_reload_of_the_dead_page_ends_at_the_content_and_others_go_on(
    tmp_path: Path, where: str
) -> None:
    async with stage(tmp_path) as scene:
        other = await scene.signed_in("bob")
        viewer = await scene.viewer("ada")
        at_provider = await viewer.until_redirected_to(scene.server.url, "/sales/report?year=1843")
        callback = (await viewer.get(at_provider.location)).location
        gate: Gate = getattr(scene.server, where)
        async with killed_while(scene, gate, viewer, callback):
            pass
        scene.server.journal.clear()

        # The browser shows "connection reset"; what people do then is to reload.
        page = await viewer.visit(callback)

        assert (page.status, page.url) == (200, f"{scene.sidecar.url}/sales/report?year=1843")
        assert scene.owner_of(scene.content.requests[-1]) == "ada"
        assert len(scene.server.journal.at("/authorize")) == 1
        scene.server.journal.clear()
        assert (await other.get("/sales/")).status == 200
        assert scene.owner_of(scene.content.requests[-1]) == "bob"
        assert len(scene.server.journal) == 0


async def test_killed_right_after_the_session_was_given_the_viewer_is_signed_in(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        viewer = await scene.viewer("ada")
        at_provider = await viewer.until_redirected_to(scene.server.url, "/sales/")
        callback = await viewer.get((await viewer.get(at_provider.location)).location)
        assert callback.is_redirect
        await killed_and_started(scene)
        scene.server.journal.clear()
        assert (await viewer.follow(callback)).status == 200
        assert len(scene.server.journal) == 0


# — in mid refresh —————————————————————————————————————————————————————————————————————————————————


async def signed_in_until_expiry(scene: Stage, person: str = "ada") -> Viewer:
    """Sign somebody in with a short token, and wait until it has ended at the provider."""
    scene.server.access_ttl_s = SHORT_S
    viewer = await scene.signed_in(person)
    await scene.until_dead(scene.content.requests[-1].value(ACCESS_TOKEN) or b"")
    scene.server.access_ttl_s = LONG_S
    scene.content.forget()
    scene.server.journal.clear()
    return viewer


async def test_killed_before_the_provider_acted_the_viewer_goes_on_with_a_fresh_token(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        scene.server.grants.rotation = "single_family"
        viewer = await signed_in_until_expiry(scene)
        session = viewer.session_id
        async with killed_while(scene, scene.server.gate, viewer, "/sales/"):
            pass
        assert (await viewer.get("/sales/")).status == 200
        assert scene.owner_of(scene.new_content_request()) == "ada"
        assert outcomes(scene.server.token_requests) == [("refresh_token", "sender gone"), ("refresh_token", "ok")]
        assert viewer.session_id == session


@pytest.mark.parametrize(
    ("rotation", "after"),
    [
        ("single_grace:60", [("refresh_token", "ok")]),
        ("single_reject", [("refresh_token", "invalid_grant"), ("authorization_code", "ok")]),
        ("single_family", [("refresh_token", "invalid_grant"), ("authorization_code", "ok")]),
    ],
)
@pytest.mark.parametrize("way", ["answer_gate", "process_then_timeout"])
async def test_killed_after_the_provider_rotated_one_retry_is_made_before_the_viewer_is_asked_once(
    tmp_path: Path, rotation: str, after: list[tuple[str, str]], way: str
) -> None:
    async with stage(tmp_path) as scene:
        scene.server.grants.rotation = rotation
        other = await scene.signed_in("bob")
        others_token = scene.content.requests[-1].value(ACCESS_TOKEN)
        viewer = await signed_in_until_expiry(scene)
        session = viewer.session_id
        if way == "answer_gate":
            async with killed_while(scene, scene.server.answer_gate, viewer, "/sales/"):
                pass
        else:
            scene.server.faults.put("token", faults.PROCESS_THEN_TIMEOUT)
            caller = asyncio.create_task(viewer.visit("/sales/"))
            async with asyncio.timeout(10):
                while not [entry for entry in scene.server.token_requests if "process_then_timeout" in entry.outcome]:
                    await asyncio.sleep(0.02)
            await killed_and_started(scene)
            await asyncio.wait([caller])
            assert isinstance(caller.exception(), aiohttp.ClientError)
        scene.server.journal.clear()

        page = await viewer.visit("/sales/")

        assert page.status == 200
        assert scene.owner_of(scene.new_content_request()) == "ada"
        assert outcomes(scene.server.token_requests) == after
        assert len(scene.server.journal.at("/authorize")) == len(after) - 1
        assert viewer.session_id == session, "a session is not a token: it outlives one"
        # And never again: what is stored now works.
        scene.server.journal.clear()
        scene.content.forget()
        assert (await viewer.get("/sales/")).status == 200
        assert (await other.get("/sales/")).status == 200
        assert scene.content.requests[-1].value(ACCESS_TOKEN) == others_token
        assert len(scene.server.journal) == 0


# — anywhere ———————————————————————————————————————————————————————————————————————————————————————


class Traffic:
    """Three people who never stop: two stay signed in, one signs in in a new browser every time."""

    def __init__(self, scene: Stage, *, seed: int) -> None:
        self.scene = scene
        self.chance = random.Random(seed)
        self.confirmed: list[Viewer] = []
        """Browsers that saw a page of the content: from then on they are signed in, whatever happens."""

    async def arrive(self) -> None:
        self.confirmed = [await self.scene.signed_in("ada"), await self.scene.signed_in("bob")]

    async def until_killed(self) -> None:
        """Let everybody visit while the process lives, for a random time, and kill it."""
        people = [self.stays(viewer) for viewer in self.confirmed[:2]]
        people.append(self.comes_and_goes())
        tasks = [asyncio.create_task(person) for person in people]
        await asyncio.sleep(self.chance.uniform(0.02, LONGEST_LIFE_S))
        await self.scene.sidecar.kill()
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, AssertionError):
                raise result

    async def stays(self, viewer: Viewer) -> None:
        with suppress(aiohttp.ClientError):
            while True:
                session = viewer.session_id
                assert (await viewer.visit("/sales/")).status in {200, 503}
                assert viewer.session_id == session

    async def comes_and_goes(self) -> None:
        with suppress(aiohttp.ClientError):
            while True:
                viewer = await self.scene.viewer("eve")
                page = await viewer.visit("/sales/")
                assert page.status in {200, 503}
                if page.status == 200:
                    self.confirmed.append(viewer)


@pytest.mark.slow
async def test_killed_again_and_again_at_any_moment_nobody_loses_a_session_and_the_file_always_opens(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as scene:
        scene.server.grants.rotation = "single_family"
        scene.server.access_ttl_s = 1
        # So that many of the moments fall between the provider's deed and its answer.
        scene.server.faults.always("token", faults.slow(0.2))
        traffic = Traffic(scene, seed=SEED)
        await traffic.arrive()
        for _ in range(KILLS):
            await traffic.until_killed()
            assert finding(scene.setup.state_file) == "ok"
            await scene.sidecar.start()

        scene.server.faults.always("token", None)
        scene.server.access_ttl_s = LONG_S
        scene.content.forget()
        asked_before = len(scene.server.journal.at("/authorize"))
        replays_before = scene.server.grants.counters["refresh_replay"]
        for viewer in traffic.confirmed:
            session = viewer.session_id
            assert (await viewer.visit("/sales/")).status == 200
            assert viewer.session_id == session
            assert scene.owner_of(scene.content.requests[-1]) == viewer.person
        asked = len(scene.server.journal.at("/authorize")) - asked_before
        lost_answers = scene.server.grants.counters["refresh_replay"] - replays_before
        assert asked <= lost_answers, "whoever was asked again had lost an answer of the provider, and nothing else"
        # Otherwise no moment was awkward, and this says nothing.
        assert replays_before > 0
        assert len(traffic.confirmed) > 3
