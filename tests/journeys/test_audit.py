"""The audit log of a day, through the real process: each thing that happens is found, with who, what and where."""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.journeys.leaks import spellings
from tests.journeys.sidecar import REPOSITORY, Setup
from tests.journeys.stage import ACCESS_TOKEN, SESSION_TOKEN, Stage, stage
from tests.journeys.test_endings import operator
from tests.journeys.test_live_connections import live_stage, open_socket
from tests.journeys.test_token_life import SHORT_S
from tests.journeys.viewer import Viewer

OPS_KEY, NOBODYS_KEY = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
WRITTEN_WITHIN_S = 5.0
"""A second is promised; machines that test are busy."""

Line = dict[str, object]


def with_an_administrator(setup: Setup) -> None:
    setup.more["sign_in"] = "warehouse"
    api = setup.document()["api"]
    assert isinstance(api, dict)
    setup.more["api"] = {**api, "keys": [*api["keys"], {"name": "ops", "role": "administrator", "key": OPS_KEY}]}


async def audit(scene: Stage, *arguments: str) -> list[Line]:
    """Run ``oauth-sidecar audit`` beside the process that serves."""
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "proxy", "audit", *arguments, "-c", str(scene.setup.folder / "config.yaml")],
        cwd=REPOSITORY,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    return [json.loads(line) for line in ended.stdout.splitlines()]


async def until_told(scene: Stage, action: str, count: int = 1) -> list[Line]:
    """Wait until there are so many lines of an action."""
    async with asyncio.timeout(WRITTEN_WITHIN_S):
        while True:
            found = [line for line in await audit(scene) if line["action"] == action]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.1)


def bytes_of_the_log(state_file: Path) -> bytes:
    with closing(sqlite3.connect(f"file:{state_file}?mode=ro", uri=True)) as connection:
        return "\n".join(str(row) for row in connection.execute("SELECT * FROM audit")).encode()


async def api_lines(scene: Stage, **query: str) -> list[Line]:
    """Read the log over HTTP, page by page."""
    headers, found = {"Authorization": f"Key {OPS_KEY}"}, list[Line]()
    url: str | None = f"{scene.setup.api_url}/__api__/v1/audit_logs"
    params: dict[str, str] | None = {"limit": "3", **query}
    while url is not None:
        async with scene.http.get(url, headers=headers, params=params) as answer:
            assert answer.status == 200
            page = await answer.json()
        found += page["results"]
        url, params = page["paging"]["next"], None
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What happened, and what is written of it."""

    lines: list[Line]
    session_token: str
    exchanged: str
    """Request id of the exchange."""
    refused: str

    def of(self, action: str) -> list[Line]:
        return [line for line in self.lines if line["action"] == action]

    def one(self, action: str) -> Line:
        [found] = self.of(action)
        return found


async def a_day(scene: Stage, viewer: Viewer) -> Day:
    """Ada signs in, her token ends, she uses two contents, is disconnected and signs out; others are refused."""
    scene.server.access_ttl_s = SHORT_S
    await viewer.visit("/sales/")
    seen = scene.content.requests[-1]
    session_token = (seen.value(SESSION_TOKEN) or b"").decode()
    await scene.until_dead(seen.value(ACCESS_TOKEN) or b"")
    scene.server.access_ttl_s = 3600
    exchanged = await scene.exchange("sales", session_token)
    assert exchanged.status == 200
    refused = await scene.exchange("sales", "made-up")
    assert refused.status == 400
    assert (await viewer.get("/sales/")).status == 200
    await viewer.visit("/live/")
    socket = await open_socket(viewer)
    for key, path in ((OPS_KEY, "/token"), (NOBODYS_KEY, "/__api__/v1/audit_logs")):
        async with scene.http.get(f"{scene.setup.api_url}{path}", headers={"Authorization": f"Key {key}"}) as answer:
            assert answer.status in {401, 403}
    await socket.close()
    await operator(scene, "disconnect", "--integration", "warehouse", "--viewer", "ada@example.org")
    await viewer.sign_out()
    await until_told(scene, "sign_out")
    return Day(
        lines=await audit(scene),
        session_token=session_token,
        exchanged=exchanged.headers["X-Correlation-ID"],
        refused=refused.headers["X-Correlation-ID"],
    )


async def test_everything_that_happens_to_a_grant_is_found_with_who_what_and_where(tmp_path: Path) -> None:
    async with live_stage(tmp_path, change=with_an_administrator) as (scene, _):
        viewer = await scene.viewer("ada")
        day = await a_day(scene, viewer)
        is_granted_as_it_was(day)
        is_handed_out_as_it_was(day)
        is_ended_and_refused_as_it_was(day)
        await is_read_the_same_by_everybody(scene, day)
        has_nothing_secret(scene, day, viewer)


def is_granted_as_it_was(day: Day) -> None:
    signed_in, consents = day.one("sign_in"), day.of("consent")
    assert (signed_in["actor_kind"], signed_in["actor_name"]) == ("viewer", "ada@example.org")
    assert signed_in["request_id"]
    assert [line["viewer_guid"] for line in consents] == [signed_in["viewer_guid"]] * 2
    assert consents[0]["content_guid"] == signed_in["content_guid"]
    assert consents[1]["content_guid"] != signed_in["content_guid"], "each content is consented to"
    refresh = day.of("refresh")[0]
    assert (refresh["viewer_guid"], refresh["integration_guid"]) == (
        signed_in["viewer_guid"], signed_in["integration_guid"],
    )  # fmt: skip
    assert (refresh["actor_kind"], refresh["request_id"]) == ("sidecar", day.exchanged), "on whose behalf"
    assert day.one("configuration_loaded")["actor_kind"] == "sidecar"


def is_handed_out_as_it_was(day: Day) -> None:
    signed_in, [sales, live] = day.one("sign_in"), day.of("consent")
    whose = (signed_in["viewer_guid"], signed_in["integration_guid"])
    first_requests = day.of("hand_out_header")
    handshake, exchange = day.one("hand_out_websocket"), day.one("hand_out_exchange")
    for line in (*first_requests, handshake, exchange):
        assert (line["viewer_guid"], line["integration_guid"]) == whose
        assert line["request_id"]
        assert line["scope"]
        assert line["expires"]
    assert {line["content_guid"] for line in first_requests} == {sales["content_guid"], live["content_guid"]}
    assert handshake["content_guid"] == live["content_guid"]
    assert (exchange["content_guid"], exchange["request_id"]) == (sales["content_guid"], day.exchanged)
    assert exchange["actor_kind"] == "api_key"


def is_ended_and_refused_as_it_was(day: Day) -> None:
    ada, sales = day.one("sign_in")["viewer_guid"], day.one("sign_in")["content_guid"]
    revoked, refusal = day.one("revocation"), day.one("exchange_refused")
    assert (revoked["actor_kind"], revoked["viewer_guid"]) == ("operator", ada)
    assert revoked["integration_guid"] == day.one("sign_in")["integration_guid"]
    assert day.one("sign_out")["viewer_guid"] == ada
    assert (refusal["request_id"], refusal["content_guid"]) == (day.refused, sales)
    assert isinstance(refusal["detail"], dict)
    assert refusal["detail"]["code"] == "215"
    assert [(line["actor_name"], line["detail"]) for line in day.of("access_refused")] == [
        ("ops", {"verb": "exchange"}),
        (None, {"because": "unknown_key", "address": "127.0.0.1"}),
    ]


async def is_read_the_same_by_everybody(scene: Stage, day: Day) -> None:
    """The command and the API, whole and by filter."""
    ada = day.one("sign_in")["viewer_guid"]
    assert [line["id"] for line in await api_lines(scene)] == [str(line["id"]) for line in day.lines]
    of_ada = [str(line["id"]) for line in day.lines if line["viewer_guid"] == ada]
    assert [line["id"] for line in await api_lines(scene, viewer=str(ada))] == of_ada
    found = await audit(scene, "--viewer", "ada@example.org", "--action", "hand_out_exchange", "--since", "1h")
    assert [line["id"] for line in found] == [day.one("hand_out_exchange")["id"]]


def has_nothing_secret(scene: Stage, day: Day, viewer: Viewer) -> None:
    written = bytes_of_the_log(scene.setup.state_file)
    assert b"ada@example.org" in written, "else nothing was looked at"
    cookies = [value for page in viewer.pages for value in page.set_cookies]
    forms = ("code", "code_verifier", "refresh_token", "client_secret")
    secret = {
        day.session_token, OPS_KEY, NOBODYS_KEY, "made-up", *scene.setup.content_keys.values(),
        *(line.partition("=")[2].partition(";")[0] for line in cookies),
        *scene.server.grants.access_tokens,
        *(entry.value(name) or "" for entry in scene.server.token_requests for name in forms),
    } - {""}  # fmt: skip
    assert len(secret) > 12
    assert [one for one in secret if any(form in written for form in spellings(one))] == []


async def test_what_is_asked_after_the_first_request_is_counted_and_a_polite_end_loses_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, change=with_an_administrator) as scene:
        viewer = await scene.signed_in("ada")
        scene.content.forget()
        for _ in range(37):
            assert (await viewer.get("/sales/")).status == 200
        assert await scene.sidecar.stop() == 0
        lines = await audit(scene, "--action", "hand_out_header")
        first = [line for line in lines if line["request_id"]]
        counted = [line for line in lines if not line["request_id"]]
        assert len(first) == 1
        assert sum(int(str(line["count"])) for line in counted) == 37
        assert {line["viewer_guid"] for line in counted} == {first[0]["viewer_guid"]}
        assert {line["integration_guid"] for line in counted} == {first[0]["integration_guid"]}
        await scene.sidecar.start()


async def test_killed_it_loses_no_more_than_the_last_second(tmp_path: Path) -> None:
    async with stage(tmp_path, change=with_an_administrator) as scene:
        await scene.signed_in("ada")
        await until_told(scene, "hand_out_header")
        await scene.signed_in("bob")
        await scene.sidecar.kill()
        lines = await audit(scene)
        [ada] = [line for line in lines if line["action"] == "sign_in" and line["actor_name"] == "ada@example.org"]
        assert ada["viewer_guid"] in {line["viewer_guid"] for line in lines if line["action"] == "hand_out_header"}
        assert [line["id"] for line in lines] == list(range(1, len(lines) + 1)), "no line half written"
        await scene.sidecar.start()


async def test_kept_for_no_time_nothing_is_there(tmp_path: Path) -> None:
    def off(setup: Setup) -> None:
        with_an_administrator(setup)
        setup.more["audit"] = {"keep": "0s"}

    async with stage(tmp_path, change=off) as scene:
        viewer = await scene.signed_in("ada")
        await viewer.get("/sales/")
        await viewer.sign_out()
        assert await scene.sidecar.stop() == 0
        assert await audit(scene) == []
        await scene.sidecar.start()


async def test_followed_its_lines_come_within_seconds_and_none_twice(tmp_path: Path) -> None:
    async with stage(tmp_path, change=with_an_administrator) as scene:
        config = str(scene.setup.folder / "config.yaml")
        follower = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "proxy", "audit", "--follow", "--after", "0", "-c", config,
            cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert follower.stdout is not None
        try:
            lines = list[Line]()

            async def until(action: str) -> None:
                assert follower.stdout is not None
                async with asyncio.timeout(20):
                    while not lines or lines[-1]["action"] != action:
                        lines.append(json.loads(await follower.stdout.readline()))

            await until("configuration_loaded")
            viewer = await scene.signed_in("ada")
            await until("hand_out_header")
            await scene.sidecar.restart()
            await viewer.sign_out()
            await until("sign_out")
            assert [line["id"] for line in lines] == list(range(1, len(lines) + 1))
        finally:
            follower.terminate()
            await follower.wait()


async def test_lines_wait_while_the_file_is_locked_from_outside_and_none_is_lost(tmp_path: Path) -> None:
    """A backup that holds the file: tokens go out meanwhile, and each is found afterwards."""
    async with stage(tmp_path, change=with_an_administrator) as scene:
        await scene.signed_in("ada")
        session_token = (scene.content.requests[-1].value(SESSION_TOKEN) or b"").decode()
        await until_told(scene, "hand_out_header")
        with closing(sqlite3.connect(scene.setup.state_file, isolation_level=None)) as outside:
            outside.execute("BEGIN IMMEDIATE")
            exchanged = [await scene.exchange("sales", session_token) for _ in range(3)]
            assert [answer.status for answer in exchanged] == [200] * 3
            async with asyncio.timeout(30):
                while b"audit log waits for the store" not in scene.sidecar.log:
                    await asyncio.sleep(0.1)
            outside.execute("ROLLBACK")
        found = await until_told(scene, "hand_out_exchange", 3)
        assert [line["request_id"] for line in found] == [answer.headers["X-Correlation-ID"] for answer in exchanged]


async def test_a_start_tells_what_is_another_in_the_file(tmp_path: Path) -> None:
    async with stage(tmp_path, change=with_an_administrator) as scene:
        await scene.sidecar.restart()
        assert await audit(scene, "--action", "configuration_changed") == []
        integration, content = scene.setup.integrations[0], scene.setup.content[0]
        integration["config"]["client_secret"] = "another-secret-of-the-client"
        content["title"] = "Orders"
        scene.setup.more["session"] = {"idle": "2h"}
        scene.setup.write()
        await scene.sidecar.restart()
        lines = await audit(scene, "--action", "configuration_changed")
        assert [line["detail"] for line in lines] == [
            {"what": "deployment", "change": "changed", "settings": "session_idle"},
            {"what": f"integration {integration['name']}", "change": "changed", "settings": "client_secret"},
            {"what": f"content {content['name']}", "change": "changed", "settings": "title"},
        ]
