"""posit-sdk, unmodified: it starts, and finds people and content; what is not here says so."""

from __future__ import annotations

from posit.connect import Client

from tests.journeys.office import BOB, OPS, Office, refused

NOBODY = "12121212-1212-4212-8212-121212121212"


# — start, users, content —————————————————————————————————————————————————————————————————————————


async def test_it_starts_and_learns_who_it_is(anywhere: Office) -> None:
    def program(client: Client) -> None:
        assert client.version == "2026.06.1"
        me = client.me
        assert (me["user_role"], me["email"], me["locked"]) == ("administrator", "ops@example.org", False)
        assert client.users.get(me["guid"]) == me

    await anywhere.asks(OPS, program)
    assert await anywhere.asks(BOB, lambda client: client.me["user_role"]) == "publisher"
    of_content = await anywhere.asks("sales", lambda client: client.me)
    assert (of_content["user_role"], of_content["username"], of_content["email"]) == ("viewer", "sales", "")


async def test_people_are_found_read_and_counted(place: Office) -> None:
    await place.session_token_of("ada")

    def program(client: Client) -> None:
        users = client.users.find()
        assert client.users.count() == len(users)
        ada = client.users.find_one(prefix="ada")
        assert ada is not None
        assert (ada["email"], ada["user_role"]) == ("ada@example.org", "viewer")
        assert ada in users
        assert client.users.get(ada["guid"]) == ada
        assert [user["email"] for user in client.users.find(prefix="ADA")] == ["ada@example.org"]
        assert client.users.find(user_role="administrator|publisher", prefix="ada") == []
        assert client.users.find(account_status="locked") == []
        assert client.users.find_one(prefix="nobody-of-this-name") is None
        assert refused(lambda: client.users.get(NOBODY)) == (404, 4)

    await place.asks(OPS, program)


async def test_content_is_found_and_read_with_its_owner(anywhere: Office) -> None:
    def program(client: Client) -> None:
        [sales] = client.content.find()
        assert client.content.count() == 1
        assert (sales["guid"], sales["name"], sales["app_mode"]) == (anywhere.sales, "sales", "python-streamlit")
        assert client.content.find(name="sales", include=["owner", "tags"]) == [
            client.content.find_one(include="owner,tags")
        ]
        assert client.content.find(name="another") == []
        assert client.content.find_by(name="sales") == sales
        item = client.content.get(anywhere.sales)
        assert item.is_interactive
        assert item.owner["guid"] == item["owner_guid"] == client.users.find(prefix="bob")[0]["guid"]
        assert [one["guid"] for one in client.users.get(item["owner_guid"]).content.find()] == [anywhere.sales]
        assert client.me.content.find() == []
        assert refused(lambda: client.content.get(NOBODY)) == (404, 4)

    await anywhere.asks(OPS, program)


async def test_a_key_that_is_none_gets_connects_error_and_no_riddle(anywhere: Office) -> None:
    anywhere.keys["stranger"] = "x" * 43
    assert await anywhere.asks("stranger", lambda client: refused(lambda: client.me)) == (401, 24)


async def test_what_is_not_here_is_refused_and_no_riddle(place: Office) -> None:
    def program(client: Client) -> None:
        sales = client.content.get(place.sales)
        for absent in (
            client.groups.find, client.tags.find, client.metrics.usage.find,
            sales.bundles.find, lambda: list(sales.jobs), sales.permissions.find,
            sales.environment_variables.find, sales.deploy,
        ):  # fmt: skip
            assert refused(absent) == (404, 4)
        for forbidden in (
            lambda: client.content.create(name="x"), lambda: sales.update(title="x"), sales.delete,
            lambda: client.users.create(username="x"),
        ):  # fmt: skip
            assert refused(forbidden) == (405, 2)

    await place.asks(OPS, program)
