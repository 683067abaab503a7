"""Contents, as Connect's clients ask about them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from posit.connect import Client

from proxy.model import Anyone, Named
from proxy.policy.guids import user_guid
from proxy.web.routes import api_application
from tests.unit.web.api.described import DescribedClient
from tests.unit.web.conftest import ADMINISTRATOR, KEY, PUBLISHER, SALES, STOCK, api_services, as_served

CONTENT = "/__api__/v1/content"
SECRET = replace(STOCK, access=Named(emails=frozenset({"ada@example.org"})), owner="ada@example.org",
                 origin="https://stock.example.org", path="/")  # fmt: skip
OPEN = replace(STOCK, access=Anyone())


async def test_a_content_is_what_connect_says_of_one(office):
    said = await office.said(f"{CONTENT}/{SALES.guid}", KEY)
    assert said["owner_guid"] == user_guid("bob@example.org")
    assert {name: said[name] for name in ("id", "guid", "name", "title", "app_mode", "access_type", "app_role")} == {
        "id": "1", "guid": SALES.guid, "name": "sales", "title": "Quarterly sales", "app_mode": "python-streamlit",
        "access_type": "logged_in", "app_role": "viewer",
    }  # fmt: skip
    assert said["content_url"] == said["dashboard_url"] == "https://apps.example.org/sales/"
    assert said["created_time"] == said["last_deployed_time"] == "2026-02-01T00:00:00Z"
    assert (said["locked"], said["r_version"], said["bundle_id"]) == (False, None, None)
    assert not {"owner", "tags", "vanity_url"} & set(said)


@pytest.mark.parametrize("include", ["owner,tags,vanity_url", "owner%2Ctags%2Cvanity_url", "tags,owner,nonsense,"])
async def test_more_is_included_when_asked_for_and_what_is_not_known_is_passed_over(office, include):
    said = await office.said(f"{CONTENT}/{SALES.guid}?include={include}", ADMINISTRATOR)
    assert said["owner"] == {
        "guid": user_guid("bob@example.org"), "username": "bob@example.org", "first_name": "", "last_name": "",
    }  # fmt: skip
    assert said["tags"] == []


async def test_a_content_without_owner_has_none(office):
    said = await office.said(f"{CONTENT}/{STOCK.guid}?include=owner")
    assert (said["owner_guid"], said["owner"]) == (None, None)


async def test_what_is_not_there_is_404(office):
    for guid, code in (("00000000-0000-4000-8000-000000000000", 4), ("sales", 3)):
        answer = await office.get(f"{CONTENT}/{guid}")
        assert (answer.status, (await answer.json())["code"]) == (404, code)


async def test_the_list_is_bare_and_narrowed_by_name_and_owner(office):
    assert [content["name"] for content in await office.said(CONTENT)] == ["sales", "stock"]
    assert [content["name"] for content in await office.said(f"{CONTENT}?name=stock")] == ["stock"]
    assert await office.said(f"{CONTENT}?name=nothing") == []
    bob = user_guid("bob@example.org").upper()
    assert [content["name"] for content in await office.said(f"{CONTENT}?owner_guid={bob}&include=owner")] == ["sales"]


async def test_each_sees_what_the_table_says(aiohttp_client, flows):
    async def seen_with(*contents):
        app = api_application(api_services(flows, contents=contents))
        api = DescribedClient(await aiohttp_client(await as_served(app)))
        seen = {}
        for who, key in (("content", KEY), ("publisher", PUBLISHER), ("administrator", ADMINISTRATOR)):
            answer = await api.get(CONTENT, headers={"Authorization": f"Key {key}"})
            seen[who] = [(content["name"], content["app_role"]) for content in await answer.json()]
        return seen

    assert await seen_with(SALES, SECRET) == {
        "content": [("sales", "viewer")],
        "publisher": [("sales", "owner")],
        "administrator": [("sales", "viewer"), ("stock", "none")],
    }
    assert (await seen_with(SALES, OPEN))["publisher"] == [("sales", "owner"), ("stock", "viewer")]


async def test_content_at_a_host_of_its_own_has_its_url_there(aiohttp_client, flows):
    app = api_application(api_services(flows, contents=[SECRET]))
    api = DescribedClient(await aiohttp_client(await as_served(app)))
    [said] = await (await api.get(CONTENT, headers={"Authorization": f"Key {ADMINISTRATOR}"})).json()
    assert (said["content_url"], said["access_type"]) == ("https://stock.example.org/", "acl")


async def test_posit_sdk_reads_the_content_that_it_runs_in(office):
    url = str(office.api.make_url("/"))

    def as_an_app_would():
        with Client(url=url, api_key=KEY) as client:
            content = client.content.get(SALES.guid)
            return content["title"], content.owner["username"], content.is_interactive, len(client.content.find())

    assert await asyncio.to_thread(as_an_app_would) == ("Quarterly sales", "bob@example.org", True, 1)
