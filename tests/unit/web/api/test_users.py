"""Who is who, as Connect's clients ask."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from posit.connect import Client

from proxy.model import Identity, IntegrationGuid, Viewer, ViewerGuid
from proxy.policy.guids import configured_key_guid, key_user_guid, user_guid
from tests.unit.web.conftest import ADMINISTRATOR, KEY, PUBLISHER, WAREHOUSE

USER = "/__api__/v1/user"
USERS = "/__api__/v1/users"
NOBODY = "00000000-0000-4000-8000-000000000000"
BOB = Viewer(
    guid=ViewerGuid("77777777-7777-4777-8777-777777777777"),
    identity=Identity(
        subject="b", email="Bob@Example.org", email_verified=True, preferred_username="bob", name="Bob van Dyke"
    ),
    identified_by=WAREHOUSE.guid, created_at=datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
)  # fmt: skip


async def test_a_key_that_stands_for_nobody_is_a_user_of_its_own(office):
    assert await office.said(USER) == {
        "guid": key_user_guid(configured_key_guid("ops")), "username": "ops", "email": "", "first_name": "",
        "last_name": "", "user_role": "administrator", "created_time": "2026-02-01T00:00:00Z",
        "updated_time": "2026-02-01T00:00:00Z", "active_time": None, "confirmed": True, "locked": False,
    }  # fmt: skip


async def test_a_contents_key_is_a_viewer_of_its_name(office):
    said = await office.said(USER, KEY)
    assert (said["username"], said["user_role"]) == ("sales", "viewer")


async def test_somebody_who_never_signed_in_is_known_by_their_address(office):
    said = await office.said(USER, PUBLISHER)
    assert (said["guid"], said["username"], said["email"]) == (user_guid("bob@example.org"), *["bob@example.org"] * 2)
    assert said["user_role"] == "publisher"
    assert await office.said("/__api__/me", PUBLISHER) == said | {"active_time": "2026-03-01T12:00:00Z"}


async def test_who_has_signed_in_is_the_viewer_under_either_guid(office):
    await office.store.ensure_viewer(BOB)
    said = await office.said(USER, PUBLISHER)
    assert (said["guid"], said["username"], said["email"]) == (BOB.guid, "bob", "bob@example.org")
    assert (said["first_name"], said["last_name"]) == ("Bob van", "Dyke")
    assert said["created_time"] == "2026-02-03T04:05:06Z"
    for guid in (BOB.guid, BOB.guid.upper(), user_guid("bob@example.org")):
        assert (await office.said(f"{USERS}/{guid}"))["guid"] == BOB.guid


@pytest.mark.parametrize(
    "viewer",
    [
        replace(BOB, identity=replace(BOB.identity, email_verified=False)),
        replace(BOB, identified_by=IntegrationGuid("another")),
    ],
    ids=["not verified", "by another provider"],
)
async def test_an_address_that_sign_in_does_not_vouch_for_is_nobodys(office, viewer):
    await office.store.ensure_viewer(viewer)
    assert (await office.said(USER, PUBLISHER))["guid"] == user_guid("bob@example.org")
    said = await office.said(f"{USERS}/{BOB.guid}")
    assert (said["email"], said["user_role"]) == ("", "viewer")


async def test_of_two_viewers_with_one_address_the_first_counts(office):
    await office.store.ensure_viewer(replace(BOB, guid=ViewerGuid(NOBODY), identity=replace(BOB.identity, subject="z"),
                                             created_at=datetime(2026, 2, 9, tzinfo=UTC)))  # fmt: skip
    await office.store.ensure_viewer(BOB)
    assert (await office.said(USER, PUBLISHER))["guid"] == BOB.guid


async def test_a_viewer_without_identity_is_found_and_not_listed(office):
    await office.store.ensure_viewer(replace(BOB, identity=None, identified_by=None))
    assert (await office.said(f"{USERS}/{BOB.guid}"))["user_role"] == "viewer"
    assert BOB.guid not in {user["guid"] for user in (await office.said(USERS))["results"]}


async def test_nobody_is_404_and_no_guid_is_404_too(office):
    for guid, code in ((NOBODY, 4), ("bob", 3)):
        answer = await office.get(f"{USERS}/{guid}")
        assert (answer.status, (await answer.json())["code"]) == (404, code)


async def test_the_list_has_everybody_once_by_name(office):
    await office.store.ensure_viewer(BOB)
    said = await office.said(USERS)
    assert [(user["username"], user["user_role"]) for user in said["results"]] == [
        ("bob", "publisher"), ("grace@example.org", "administrator"), ("linus@example.org", "publisher"),
        ("ops", "administrator"), ("sales", "viewer"),
    ]  # fmt: skip
    assert (said["current_page"], said["total"]) == (1, 5)


async def test_the_list_comes_in_pages(office):
    names = []
    for number in (1, 2, 3):
        said = await office.said(f"{USERS}?page_number={number}&page_size=2")
        assert (said["current_page"], said["total"]) == (number, 5)
        names += [user["username"] for user in said["results"]]
    assert names == ["bob@example.org", "grace@example.org", "linus@example.org", "ops", "sales"]
    assert (await office.said(f"{USERS}?page_number=9"))["results"] == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("prefix=LI", ["linus@example.org"]),
        ("prefix=x", []),
        ("user_role=administrator", ["grace@example.org", "ops"]),
        ("user_role=viewer|publisher", ["bob@example.org", "linus@example.org", "sales"]),
        ("account_status=locked", []),
        ("account_status=locked|licensed&prefix=o", ["ops"]),
    ],
)
async def test_the_list_is_narrowed_as_connects_is(office, query, names):
    assert [user["username"] for user in (await office.said(f"{USERS}?{query}"))["results"]] == names


@pytest.mark.parametrize("query", ["page_number=0", "page_number=-1", "page_number=x", "page_size=501", "page_size=",
                                   "page_size=1e2", "page_number=99999999999", "user_role=boss",
                                   "page_size=1&page_size=2"])  # fmt: skip
async def test_a_question_that_makes_no_sense_is_400(office, query):
    answer = await office.get(f"{USERS}?{query}")
    assert (answer.status, (await answer.json())["code"]) == (400, 25)


async def test_posit_sdk_finds_itself_and_others(office):
    url = str(office.api.make_url("/"))

    def as_a_script_would():
        with Client(url=url, api_key=ADMINISTRATOR) as client:
            linus = client.users.find_one(prefix="linus")
            return client.me["username"], client.users.get(linus["guid"])["email"], len(client.users.find())

    assert await asyncio.to_thread(as_a_script_would) == ("ops", "linus@example.org", 5)
