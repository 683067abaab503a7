"""A certified OpenID provider that we did not write, the real sidecar, and Chromium between them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.certified.provider import why_no_provider
from tests.certified.scene import CLIENT, scene
from tests.journeys.chromium import why_no_browser

WHY_NOT = why_no_provider() or why_no_browser()
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(WHY_NOT is not None, reason=WHY_NOT or "everything is here"),
]


async def test_pkce_is_used_and_the_app_gets_the_token_of_the_person_at_the_browser(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        ada = await here.person("ada")
        await ada.signs_in()
        assert await ada.page.title() == "the sales"
        [granted] = here.provider.events("authorization.success")
        assert granted["challenge_method"] == "S256"
        assert await here.provider.is_active(here.last_token(), client=CLIENT)
        assert here.content.requests[-1].values(b"X-Forwarded-Email") == [b"ada@example.org"]


async def test_a_provider_that_requires_pkce_refuses_an_integration_without_it_and_the_page_says_so(
    tmp_path: Path,
) -> None:
    endpoints = {
        "authorization_uri": "{issuer}/auth", "token_uri": "{issuer}/token", "jwks_uri": "{issuer}/jwks",
        "scopes": "openid", "use_pkce": "false", "token_endpoint_auth_method": "client_secret_basic",
    }  # fmt: skip
    async with scene(tmp_path, template="custom", **endpoints) as here:
        ada = await here.person()
        await ada.opens_the_app()
        assert ada.page.url.startswith(here.sidecar.url)
        assert [event["error"] for event in here.provider.events("authorization.error")] == ["invalid_request"]
        assert "company" in await ada.page.inner_text("main")
        assert (here.content.requests, here.provider.events("grant.success")) == ([], [])


async def test_a_declined_consent_is_a_page_with_a_way_to_try_again(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        ada = await here.person()
        await ada.opens_the_app()
        await ada.types_the_password()
        await ada.page.get_by_role("link", name="[ Cancel ]").click()
        await ada.page.wait_for_url(f"{here.sidecar.url}/**")
        assert here.content.requests == []
        assert not await ada.is_in()
        await ada.page.locator("main a.button").first.click()
        await ada.page.get_by_role("button", name="Continue").click()
        await ada.page.wait_for_url(f"{here.sidecar.url}/sales/")
        assert len(here.content.requests) == 1


async def test_offline_access_is_granted_because_consent_is_asked_for(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        ada = await here.person()
        await ada.signs_in()
        [granted] = here.provider.events("grant.success")
        assert "offline_access" in granted["scope"].split()
        assert granted["refresh_token"]


async def test_without_asking_for_consent_this_provider_gives_no_refresh_token_and_the_log_says_so(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, authorization_parameters="prompt=") as here:
        ada = await here.person()
        await ada.signs_in()
        [granted] = here.provider.events("grant.success")
        assert "offline_access" not in granted["scope"].split()
        assert granted["refresh_token"] == ""
        [line] = [line for line in here.sidecar.log.splitlines() if b"authorization completed" in line]
        assert b'"has_refresh_token": false' in line


async def test_fifty_requests_over_each_of_five_ends_of_a_token_and_no_family_is_revoked(tmp_path: Path) -> None:
    async with scene(tmp_path, access_ttl_s=4) as here:
        ada = await here.person()
        await ada.signs_in()
        statuses = set[int]()
        async with asyncio.timeout(120):
            while len(here.provider.refreshes) < 5 and statuses <= {200}:
                # One burst after the other, so that one stands over each end.
                answers = await asyncio.gather(
                    *(
                        ada.context.request.get(f"{here.sidecar.url}/sales/{number}", max_redirects=0)
                        for number in range(50)
                    )
                )
                statuses |= {answer.status for answer in answers}
        assert (here.provider.events("grant.revoked"), here.provider.events("grant.error")) == ([], [])
        assert statuses == {200}
        assert len({event["refresh_token"] for event in here.provider.refreshes}) == len(here.provider.refreshes)
        assert await here.provider.is_active(here.provider.refreshes[-1]["refresh_token"], client=CLIENT)
        [session] = here.provider.events("authorization.success")
        assert session["challenge_method"] == "S256"


async def test_when_a_stolen_refresh_token_is_used_the_family_dies_and_the_viewer_is_asked_again(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, access_ttl_s=4) as here:
        ada = await here.person()
        await ada.signs_in()
        [first] = here.provider.events("grant.success")
        async with asyncio.timeout(30):
            while not here.provider.refreshes:
                assert await ada.is_in()
                await asyncio.sleep(0.1)
        stolen = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        status, said = await here.provider.post("/token", stolen, client=CLIENT)
        assert (status, said["error"]) == (400, "invalid_grant")
        await here.provider.until("grant.revoked")
        async with asyncio.timeout(30):
            while await ada.is_in():
                await asyncio.sleep(0.1)
        refused = [event["grant_type"] for event in here.provider.events("grant.error")]
        assert refused == ["refresh_token", "refresh_token"]  # the thief's, and ours, once
        await ada.opens_the_app()
        await ada.page.get_by_role("button", name="Continue").click()
        await ada.page.wait_for_url(f"{here.sidecar.url}/sales/")
        assert await ada.is_in()


async def test_signing_out_everywhere_gives_the_tokens_back(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        ada = await here.person()
        await ada.signs_in()
        [granted] = here.provider.events("grant.success")
        assert await here.provider.is_active(granted["refresh_token"], client=CLIENT)
        await ada.page.goto(f"{here.sidecar.url}/__oauth__/logout")
        await ada.page.get_by_role("button", name="Sign out everywhere").click()
        await ada.page.get_by_role("heading", name="You are signed out").wait_for()
        await here.provider.until("grant.revoked")
        for token in (granted["refresh_token"], granted["access_token"]):
            assert not await here.provider.is_active(token, client=CLIENT)
        assert not await ada.is_in()


async def test_who_signs_out_here_can_sign_out_of_the_provider_and_comes_back(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        ada = await here.person()
        await ada.signs_in()
        await ada.signs_out_here()
        assert not await ada.is_in()
        await ada.page.get_by_role("link", name="Sign out of company").click()
        await ada.agrees_to_sign_out_there()
        await here.provider.until("end_session.success")
        assert await ada.page.get_by_role("link", name="Sign out of company").count() == 0
        await ada.page.get_by_role("link", name="Sign in to sales again").click()
        await ada.types_the_password()  # the provider has forgotten her


async def test_signing_out_here_needs_no_provider(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        ada = await here.person()
        await ada.signs_in()
        await here.provider.goes_down()
        await ada.signs_out_here()
        await ada.page.get_by_role("heading", name="You are signed out").wait_for()
        assert not await ada.is_in()


async def test_where_it_is_wanted_signing_out_leads_on_to_the_provider_and_ends_on_our_page(tmp_path: Path) -> None:
    async with scene(tmp_path, sign_out="follow") as here:
        ada = await here.person()
        await ada.signs_in()
        await ada.page.goto(f"{here.sidecar.url}/__oauth__/logout")
        await ada.page.get_by_role("button", name="Sign out", exact=True).click()
        await ada.agrees_to_sign_out_there()
        await here.provider.until("end_session.success")
        assert not await ada.is_in()


async def test_signing_out_at_the_provider_ends_that_browsers_session_here_and_no_other(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        laptop, phone, bob = [await here.person(name) for name in ("ada", "ada", "bob")]
        for person in (laptop, phone, bob):
            await person.signs_in()
        await laptop.page.goto(f"{here.provider.issuer}/session/end")
        await laptop.page.get_by_role("button", name="Yes, sign me out").click()
        told = await here.provider.until("backchannel.success")
        assert told["sub"] == "ada"
        assert [await person.is_in() for person in (laptop, phone, bob)] == [False, True, True]
        assert here.provider.events("backchannel.error") == []
