"""A single sign-on proxy on a Unix socket names the viewer; consents are asked as ever."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from tests.doubles.rules import query_of
from tests.journeys.sidecar import Setup
from tests.journeys.stage import stage

NAMED = {"X-Auth-User": "ada", "X-Auth-Email": "ada@example.org", "Person": "ada"}
NAVIGATES = {
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Site": "none",
    "Accept": "text/html",
}


async def test_whom_the_proxy_names_consents_and_gets_their_own_token(tmp_path: Path) -> None:
    socket = tmp_path / "public.sock"

    def change(setup: Setup) -> None:
        setup.more["listen"] = f"unix:{socket}"
        setup.more["sign_in"] = {"header": "X-Auth-User", "email_header": "X-Auth-Email"}

    async with stage(tmp_path, change=change) as s:
        connector = aiohttp.UnixConnector(str(socket))
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:

            async def get(target: str, **headers: str) -> aiohttp.ClientResponse:
                url = target if "://" in target else s.setup.url + target
                return await browser.get(url, headers=NAVIGATES | headers, allow_redirects=False)

            assert (await get("/sales/")).status == 403
            asked = await get("/sales/", **NAMED)
            assert asked.status == 303
            at_provider = await s.http.get(asked.headers["Location"], headers=NAMED, allow_redirects=False)
            back = at_provider.headers["Location"]
            assert query_of(back)["code"]
            assert (await get(back)).status == 409  # not named on the way back: nobody's session
            asked = await get("/sales/", **NAMED)
            back = (await s.http.get(asked.headers["Location"], headers=NAMED, allow_redirects=False)).headers[
                "Location"
            ]
            landed = await get(back, **NAMED)
            assert (landed.status, landed.headers["Location"]) == (303, "/sales/")
            assert "Set-Cookie" not in landed.headers
            s.content.forget()
            assert (await get("/sales/", **NAMED)).status == 200
            seen = s.new_content_request()
            assert s.owner_of(seen) == "ada"
            assert seen.values(b"X-Forwarded-Email") == [b"ada@example.org"]
            eve = await get("/sales/", **{"X-Auth-User": "eve"})
            assert eve.status == 303  # somebody else has not consented
