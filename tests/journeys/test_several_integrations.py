"""A content with two integrations at two providers: consents one after the other, and what happens when one is missing."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.doubles import faults
from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.content import Seen
from tests.doubles.rules import query_of
from tests.journeys.sidecar import Setup
from tests.journeys.stage import ACCESS_TOKEN, SESSION_TOKEN, Stage, stage
from tests.journeys.viewer import Page, Viewer

OF_WAREHOUSE = b"X-Forwarded-Access-Token-Warehouse"
OF_CRM = b"X-Forwarded-Access-Token-Crm"
SHORT_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Two:
    """A stage whose first integration is at ``warehouse`` and whose second is at ``crm``."""

    scene: Stage
    crm: AuthorizationServer

    @property
    def warehouse(self) -> AuthorizationServer:
        return self.scene.server

    def seen(self) -> Seen:
        """What the content saw last; then it forgets."""
        last = self.scene.content.requests[-1]
        self.scene.content.forget()
        return last

    def owner_at_crm(self, seen: Seen) -> str:
        """Whose live token of the CRM this request carries."""
        user = self.crm.owner_of((seen.value(OF_CRM) or b"").decode())
        return user.id if user else ""


@asynccontextmanager
async def two(folder: Path, *, optional: bool = False, first: bool = False) -> AsyncIterator[Two]:
    """``optional``: whether the CRM is; ``first``: whether it stands first."""
    async with AuthorizationServer.running() as crm:

        def change(setup: Setup) -> None:
            client = crm.register(setup.redirect_uri, client_id="sidecar-at-crm")
            setup.integrations[1]["config"] = crm.config_for(client)
            used: list[object] = ["warehouse", {"name": "crm", "optional": optional}]
            setup.content[0]["integrations"] = used[::-1] if first else used

        async with stage(folder, integrations=("warehouse", "crm"), change=change) as scene:
            yield Two(scene=scene, crm=crm)


def link(page: Page, words: str) -> str:
    """Where the button with these words leads."""
    [found] = re.findall(rf'href="([^"]*)"[^>]*>{re.escape(words)}<', page.text)
    return html.unescape(found)


# — both are required —————————————————————————————————————————————————————————————————————————————


async def test_the_first_visit_leads_from_one_provider_to_the_next_and_then_to_the_page(tmp_path: Path) -> None:
    async with two(tmp_path) as t:
        viewer = await t.scene.viewer("ada")

        page = await viewer.visit("/sales/report?year=1843")

        assert (page.status, page.url) == (200, f"{t.scene.sidecar.url}/sales/report?year=1843")
        seen = t.seen()
        assert seen.values(ACCESS_TOKEN) == seen.values(OF_WAREHOUSE)
        assert (t.scene.owner_of(seen), t.owner_at_crm(seen)) == ("ada", "ada")
        assert seen.value(OF_WAREHOUSE) != seen.value(OF_CRM)
        asked = [query_of(one.location) for one in viewer.pages if one.is_redirect and "/authorize?" in one.location]
        assert [one["client_id"] for one in asked] == ["sidecar", "sidecar-at-crm"]
        for field in ("state", "code_challenge"):
            assert asked[0][field] != asked[1][field], "each is a flow of its own"
        assert t.crm.token_requests[0].value("client_id") == "sidecar-at-crm"


async def test_who_declines_the_second_keeps_the_first_and_goes_on_where_they_stopped(tmp_path: Path) -> None:
    async with two(tmp_path) as t:
        viewer = await t.scene.viewer()
        t.crm.decisions.append("deny")

        page = await viewer.visit("/sales/deep")

        assert page.status == 403
        assert "crm did not give sales access" in page.text
        assert "Go on without" not in page.text
        assert t.scene.content.hits == 0
        t.warehouse.journal.clear()
        assert (await viewer.visit(link(page, "Ask me again"))).url == f"{t.scene.sidecar.url}/sales/deep"
        assert len(t.warehouse.journal) == 0, "nobody asked for the first again"
        assert t.owner_at_crm(t.seen()) == "ada"


async def test_a_dead_grant_asks_for_that_integration_only(tmp_path: Path) -> None:
    async with two(tmp_path) as t:
        t.crm.access_ttl_s = SHORT_S
        viewer = await t.scene.signed_in()
        await until_dead(t.crm, t.seen())
        session, t.crm.access_ttl_s = viewer.session_id, 3600.0
        t.crm.grants.revoke_user("ada")
        t.warehouse.journal.clear()

        page = await viewer.visit("/sales/")

        assert page.status == 200
        assert t.owner_at_crm(t.seen()) == "ada"
        assert len(t.warehouse.journal) == 0
        assert viewer.session_id == session
        assert t.crm.journal.at("/authorize")


# — the second is optional ————————————————————————————————————————————————————————————————————————


async def test_who_declines_an_optional_one_goes_on_without_and_is_left_alone(tmp_path: Path) -> None:
    async with two(tmp_path, optional=True) as t:
        viewer = await t.scene.viewer()
        t.crm.decisions.append("deny")

        page = await viewer.visit("/sales/deep")

        assert page.status == 403
        assert "crm did not give sales access" in page.text
        assert (await viewer.visit(link(page, "Go on without crm"))).url == f"{t.scene.sidecar.url}/sales/deep"
        seen = t.seen()
        assert seen.value(OF_CRM) is None
        assert seen.values(ACCESS_TOKEN) == seen.values(OF_WAREHOUSE)
        t.crm.journal.clear()
        await t.scene.sidecar.restart()
        assert (await viewer.visit("/sales/")).status == 200
        assert len(t.crm.journal) == 0, "asked once, and never again by itself"

        refused = await t.scene.exchange(
            "sales", (t.seen().value(SESSION_TOKEN) or b"").decode(), audience=guid_of(link(page, "Ask me again"))
        )
        said = json.loads(refused.text)
        assert (refused.status, said["code"]) == (400, 220)
        assert (await viewer.visit(said["payload"]["login_url"])).status == 200
        assert t.owner_at_crm(t.seen()) == "ada"


async def test_an_optional_provider_that_shows_nothing_but_an_error_blocks_nobody(tmp_path: Path) -> None:
    async with two(tmp_path, optional=True) as t:
        viewer = await t.scene.viewer()
        t.crm.decisions.append("html_error")
        stranded = await viewer.visit("/sales/")
        assert urlsplit(stranded.url).netloc == urlsplit(t.crm.url).netloc

        page = await viewer.visit("/sales/")

        assert page.status == 200
        assert t.seen().value(OF_CRM) is None


async def test_scripts_and_sockets_do_not_wait_for_an_optional_consent(tmp_path: Path) -> None:
    async with two(tmp_path, optional=True) as t:
        viewer = await t.scene.viewer()
        at_crm = await viewer.until_redirected_to(t.crm.url, "/sales/")
        assert at_crm.is_redirect
        assert (await viewer.xhr("/sales/api")).status == 200
        assert t.seen().value(OF_CRM) is None
        await viewer.follow(at_crm)
        assert t.owner_at_crm(t.seen()) == "ada"


async def test_the_first_header_stays_empty_when_the_first_is_declined(tmp_path: Path) -> None:
    async with two(tmp_path, optional=True, first=True) as t:
        viewer = await t.scene.viewer()
        t.crm.decisions.append("deny")
        await viewer.visit("/sales/")
        assert (await viewer.visit("/sales/")).status == 200
        seen = t.seen()
        assert seen.value(OF_WAREHOUSE)
        assert seen.value(ACCESS_TOKEN) is seen.value(b"X-Forwarded-Access-Token-Expires") is None


async def test_an_optional_grant_that_died_is_absent_and_can_be_connected_again(tmp_path: Path) -> None:
    async with two(tmp_path, optional=True) as t:
        viewer, seen = await with_dead_crm_token(t)
        t.crm.grants.revoke_user("ada")

        assert (await viewer.visit("/sales/")).status == 200

        seen = t.seen()
        assert seen.value(OF_CRM) is None
        assert t.scene.owner_of(seen) == "ada"
        assert not t.crm.journal.at("/authorize")
        token = (seen.value(SESSION_TOKEN) or b"").decode()
        [crm] = [one for one in t.scene.setup.integrations if one["name"] == "crm"]
        answer = await viewer.visit(f"/__oauth__/login?content=sales&integration={crm['name']}")
        assert answer.status == 200
        seen = t.seen()
        assert t.owner_at_crm(seen) == "ada"
        assert (seen.value(SESSION_TOKEN) or b"").decode() == token, "the same session all along"


async def test_an_optional_provider_that_is_down_or_hangs_blocks_nobody(tmp_path: Path) -> None:
    async with two(tmp_path, optional=True) as t:
        viewer, _ = await with_dead_crm_token(t)
        t.crm.gate.close()

        assert (await viewer.visit("/sales/")).status == 200
        assert t.seen().value(OF_CRM) is None

        t.crm.faults.always("token", faults.status(503))
        t.crm.gate.open()
        assert (await viewer.visit("/sales/")).status == 200
        assert t.seen().value(OF_CRM) is None


async def with_dead_crm_token(t: Two) -> tuple[Viewer, Seen]:
    """Sign Ada in with a short token of the CRM, and wait for its end."""
    t.crm.access_ttl_s = SHORT_S
    viewer = await t.scene.signed_in()
    seen = t.seen()
    await until_dead(t.crm, seen)
    t.crm.access_ttl_s = 3600.0
    t.crm.journal.clear()
    return viewer, seen


async def until_dead(server: AuthorizationServer, seen: Seen) -> None:
    token = server.grants.access_tokens[(seen.value(OF_CRM) or b"").decode()]
    await asyncio.sleep(max(0.0, token.expires_at - server.clock.now()) + 0.05)


def guid_of(login: str) -> str:
    return query_of(login)["integration"]
