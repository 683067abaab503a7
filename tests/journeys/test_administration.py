"""An integration is made, associated, changed and deleted over the API while viewers are there: each step counts at once."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from proxy.policy.guids import content_guid
from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.grants import RegisteredClient
from tests.journeys.content_process import content_variables
from tests.journeys.sidecar import Setup
from tests.journeys.stage import Stage
from tests.journeys.test_killed import finding
from tests.journeys.test_live_connections import closed_with, live_stage, open_socket
from tests.journeys.test_service_accounts import OWN
from tests.journeys.viewer import NAVIGATION

SALES, LIVE = content_guid("sales"), content_guid("live")
CRM_HEADER = b"X-Forwarded-Access-Token-Crm"
INTEGRATIONS = "v1/oauth/integrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    scene: Stage
    crm: AuthorizationServer
    client: RegisteredClient
    key: str

    async def asks(self, method: str, path: str, body: object = None) -> tuple[int, object]:
        url = f"{self.scene.setup.api_url}/__api__/{path}"
        data = None if body is None else json.dumps(body)
        headers = {"Authorization": f"Key {self.key}"}
        async with self.scene.http.request(method, url, data=data, headers=headers) as answer:
            said = await answer.read()
            return answer.status, json.loads(said) if said else None

    async def registered(self) -> str:
        config = self.crm.config_for(self.client)
        status, made = await self.asks("POST", INTEGRATIONS, {"name": "crm", "template": "custom", "config": config})
        assert status == 200, made
        return made["guid"]

    async def associates(self, content: str, *guids: str) -> None:
        body = [{"oauth_integration_guid": guid} for guid in guids]
        status, said = await self.asks("PUT", f"v1/content/{content}/oauth/integrations/associations", body)
        assert (status, said) == (204, None)


@asynccontextmanager
async def office(folder: Path) -> AsyncIterator[Office]:
    key = secrets.token_urlsafe(32)

    def change(setup: Setup) -> None:
        for entry in setup.content:
            del entry["integrations"]
        api = setup.document()["api"]
        api["keys"].append({"name": "ops", "role": "administrator", "key": key})
        outbound = {"unsafe_allow_networks": ["127.0.0.0/8", "::1/128"]}
        setup.more |= {"sign_in": "warehouse", "api": api, "outbound": outbound}

    async with AuthorizationServer.running() as crm, live_stage(folder, change=change) as (scene, _):
        client = crm.register(scene.setup.redirect_uri, client_id="sidecar-at-crm")
        yield Office(scene=scene, crm=crm, client=client, key=key)


async def test_what_is_said_over_the_api_counts_for_the_viewers_who_are_there(tmp_path: Path) -> None:
    async with office(tmp_path) as o:
        scene = o.scene
        viewer = await scene.signed_in("ada", "/live/page")
        socket = await open_socket(viewer)
        assert (await viewer.visit("/sales/")).status == 200
        assert scene.content.requests[-1].values(CRM_HEADER) == []

        # An integration that is new to a content: the open socket goes on, the next page asks for consent.
        crm = await o.registered()
        await o.associates(LIVE, crm)
        await o.associates(SALES, crm)
        await socket.send_str("still here")
        assert await socket.receive_str() == "still here"
        assert (await viewer.get("/sales/")).is_redirect
        assert (await viewer.xhr("/sales/")).status == 401
        assert (await viewer.visit("/sales/")).status == 200
        [token] = scene.content.requests[-1].values(CRM_HEADER)
        assert o.crm.owner_of(token.decode()).id == "ada"
        assert (await viewer.visit("/live/page")).status == 200
        second = await open_socket(viewer)

        # A content that lost one: no header of the next request, and its sockets end; the other content's does not.
        await o.associates(SALES)
        assert (await viewer.get("/sales/")).status == 200
        assert scene.content.requests[-1].values(CRM_HEADER) == []
        await second.send_str("and here")
        assert await second.receive_str() == "and here"
        await o.associates(LIVE)
        assert [await closed_with(one) for one in (socket, second)] == [4403, 4403]
        again = await open_socket(viewer)
        await asyncio.sleep(1.5)  # what was applied at once must not be applied again when the feed is read
        await again.send_str("once")
        assert await again.receive_str() == "once"


async def test_an_integration_that_points_elsewhere_asks_again_and_one_that_is_deleted_is_gone(tmp_path: Path) -> None:
    async with office(tmp_path) as o:
        scene, guid = o.scene, await o.registered()
        await o.associates(SALES, guid)
        viewer = await scene.signed_in("ada", "/sales/")
        [old] = scene.content.requests[-1].values(CRM_HEADER)

        other = o.crm.register(scene.setup.redirect_uri, client_id="another-at-crm")
        config = {"client_id": other.client_id, "client_secret": other.secrets[0]}
        status, changed = await o.asks("PATCH", f"{INTEGRATIONS}/{guid}", {"config": config})
        assert status == 200, changed
        assert (changed["ended_credentials"], changed["ended_consents"]) == (1, 1)
        assert (await viewer.get("/sales/")).is_redirect
        assert (await viewer.visit("/sales/")).status == 200
        [new] = scene.content.requests[-1].values(CRM_HEADER)
        assert new != old
        async with asyncio.timeout(20):  # given back at the provider, by the client that it was of
            while o.crm.owner_of(old.decode()) is not None:
                await asyncio.sleep(0.1)
        assert o.crm.owner_of(new.decode()).id == "ada"

        await scene.sidecar.restart()
        assert (await viewer.get("/sales/")).status == 200
        assert scene.content.requests[-1].values(CRM_HEADER) == [new]

        assert await o.asks("DELETE", f"{INTEGRATIONS}/{guid}") == (204, None)
        assert (await viewer.get("/sales/")).status == 200
        assert scene.content.requests[-1].values(CRM_HEADER) == []
        assert (await o.asks("GET", f"{INTEGRATIONS}/{guid}"))[0] == 404


async def test_killed_while_integrations_change_each_change_is_whole_or_not_there(tmp_path: Path) -> None:
    async with office(tmp_path) as o:
        guid = await o.registered()
        answered = 0

        async def change_on_and_on() -> None:
            nonlocal answered
            for number in range(10_000):
                word = f"word-{number}"
                body = {"description": word, "config": {"scopes": f"openid {word}", "client_id": word}}
                await o.asks("PATCH", f"{INTEGRATIONS}/{guid}", body)
                answered = number
                await o.associates(SALES, *([guid] if number % 2 else []))

        for life_s in (0.15, 0.3, 0.45):
            changing = asyncio.create_task(change_on_and_on())
            await asyncio.sleep(life_s)
            await o.scene.sidecar.kill()
            with suppress(aiohttp.ClientError):
                await changing
            assert finding(o.scene.setup.state_file) == "ok"
            await o.scene.sidecar.start()
            _, now = await o.asks("GET", f"{INTEGRATIONS}/{guid}")
            word = now["description"]
            assert (now["config"]["scopes"], now["config"]["client_id"]) == (f"openid {word}", word)
            assert int(word.removeprefix("word-")) in {answered, answered + 1}
        viewer = await o.scene.viewer("ada")
        assert (await viewer.get("/__health__/ready", headers=NAVIGATION)).status == 200


async def test_a_service_account_is_tested_changed_and_asked_as_what_it_is_now(tmp_path: Path) -> None:
    async with office(tmp_path) as o:
        config = o.crm.config_for(o.client) | {"scopes": "read", "auth_type": "Service Account"}
        body = {"name": "robot", "template": "custom", "config": config}
        _, made = await o.asks("POST", INTEGRATIONS, body)
        guid = made["guid"]
        await o.associates(SALES, guid)
        assert await o.asks("POST", f"{INTEGRATIONS}/{guid}/verify") == (200, None)
        content_token = (await content_variables(o.scene, "sales"))["CONNECT_CONTENT_SESSION_TOKEN"]

        async def client_of_a_token() -> str | None:
            answer = await o.scene.exchange("sales", content_token, subject_token_type=OWN, audience=guid)
            assert answer.status == 200, answer.text
            return o.crm.client_of(json.loads(answer.text)["access_token"])

        assert [await client_of_a_token() for _ in range(2)] == ["sidecar-at-crm"] * 2
        other = o.crm.register(o.scene.setup.redirect_uri, client_id="another-at-crm")
        renamed = {"client_id": other.client_id, "client_secret": "kH3-mistyped"}
        assert (await o.asks("PATCH", f"{INTEGRATIONS}/{guid}", {"config": renamed}))[0] == 200
        status, refused = await o.asks("POST", f"{INTEGRATIONS}/{guid}/verify")
        assert (status, refused["code"]) == (400, 241)
        mended = {"client_secret": other.secrets[0]}
        assert (await o.asks("PATCH", f"{INTEGRATIONS}/{guid}", {"config": mended}))[0] == 200
        assert await o.asks("POST", f"{INTEGRATIONS}/{guid}/verify") == (200, None)
        assert await client_of_a_token() == "another-at-crm"
