"""The real process and the vendors under their own names: TLS is verified, and no endpoint is written down twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.connect_proxy import ConnectProxy
from tests.doubles.profile import Profile
from tests.doubles.profiles import databricks, snowflake
from tests.doubles.profiles.azure import AZURE
from tests.doubles.profiles.github import GITHUB_APP
from tests.doubles.profiles.google import GOOGLE
from tests.doubles.profiles.plain import CUSTOM, OIDC
from tests.journeys.authority import Authority
from tests.journeys.leaks import search_everywhere
from tests.journeys.sidecar import Setup
from tests.journeys.stage import ACCESS_TOKEN, Stage, stage
from tests.journeys.viewer import Page, Viewer
from tests.providers.opening import Names, spread

SHORT_S = 2.0
VENDORS = [
    replace(AZURE, access_spread_s=0), databricks.SINGLE_USE, snowflake.SINGLE_USE, CUSTOM, OIDC, GOOGLE, GITHUB_APP,
]  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Vendor:
    """A vendor, and the way of a browser to it."""

    server: AuthorizationServer
    http: aiohttp.ClientSession
    scene: Stage

    async def sign_in(self, viewer: Viewer) -> Page:
        at_vendor = await viewer.until_redirected_to(f"{self.server.url}/", "/sales/")
        async with self.http.get(
            at_vendor.location, headers={"Person": viewer.person}, allow_redirects=False
        ) as answer:
            return await viewer.follow(await viewer.get(answer.headers["Location"]))


@asynccontextmanager
async def vendor_at(folder: Path, profile: Profile, *, is_trusted: bool = True) -> AsyncIterator[Vendor]:
    (folder / "known").mkdir()
    (folder / "other").mkdir()
    known, other = Authority(folder / "known"), Authority(folder / "other")
    tls = spread([profile], known if is_trusted else other)
    names = Names()
    async with (
        AuthorizationServer.running(tls=tls, profile=profile) as server,
        ConnectProxy.running(names.ports) as proxy,
    ):
        names.ports |= dict.fromkeys(profile.hosts, urlsplit(server.address).port or 0)

        def change(setup: Setup) -> None:
            client = server.register(setup.redirect_uri)
            [integration] = setup.integrations
            integration |= {"template": profile.template, "config": server.named_config_for(client)}
            setup.more["outbound"] = {"proxy": proxy.url, "ca_bundle": str(known.certificate)}

        async with stage(folder, change=change) as scene:
            trusted = known if is_trusted else other
            connector = aiohttp.TCPConnector(resolver=names, ssl=trusted.trusting_context())
            async with aiohttp.ClientSession(connector=connector) as http:
                yield Vendor(server=server, http=http, scene=scene)
            leaks = search_everywhere(
                server=server,
                state_file=scene.setup.state_file,
                log=scene.sidecar.log,
                contents=scene.contents.values(),
                viewers=scene.viewers,
            )
            assert leaks == []
        assert {target.partition(":")[0] for target in proxy.asked} <= set(profile.hosts)


@pytest.mark.parametrize("profile", VENDORS, ids=lambda profile: profile.name)
async def test_a_viewer_signs_in_and_content_still_has_a_live_token_after_the_first_has_ended(
    tmp_path: Path, profile: Profile
) -> None:
    async with vendor_at(tmp_path, profile) as vendor:
        vendor.server.access_ttl_s = SHORT_S
        viewer, content = await vendor.scene.viewer("ada"), vendor.scene.content
        page = await vendor.sign_in(viewer)
        assert page.status == 200, page.text[:500]
        first = (content.requests[-1].value(ACCESS_TOKEN) or b"").decode()
        ends_at = vendor.server.grants.access_tokens[first].expires_at
        vendor.server.access_ttl_s = 3600

        await wait_until(vendor.server, ends_at)
        assert (await viewer.get("/sales/")).status == 200
        second = (content.requests[-1].value(ACCESS_TOKEN) or b"").decode()

        owner = vendor.server.owner_of(second)
        assert owner is not None
        assert (owner.id, second != first) == ("ada", True)
        assert [entry.outcome for entry in vendor.server.token_requests] == ["ok", "ok"]


async def test_a_vendor_whose_certificate_nobody_vouches_for_gets_no_code(tmp_path: Path) -> None:
    async with vendor_at(tmp_path, CUSTOM, is_trusted=False) as vendor:
        page = await vendor.sign_in(await vendor.scene.viewer("ada"))
        assert page.status == 503
        assert vendor.server.token_requests == []
        assert vendor.scene.content.requests == []


async def wait_until(server: AuthorizationServer, instant: float) -> None:
    """Wait, in real time: the process has a clock of its own."""
    await asyncio.sleep(max(0.0, instant - server.clock.now()) + 0.05)
