"""posit-sdk, unmodified: integrations, and which content uses them."""

from __future__ import annotations

from posit.connect import Client
from posit.connect.oauth.integrations import Integration

from proxy.policy.guids import integration_guid
from tests.journeys.office import BOB, EVE, OPS, Office, refused

NOBODY = "12121212-1212-4212-8212-121212121212"
WAREHOUSE = integration_guid("warehouse")
CONFIG = {
    "auth_mode": "Confidential",
    "authorization_uri": "https://example.com/__tenant_id__/oauth2/v2.0/authorize",
    "client_id": "client_id",
    "client_secret": "client_secret",
    "scopes": "a b c",
    "token_endpoint_auth_method": "client_secret_post",
    "token_uri": "https://example.com/__tenant_id__/oauth2/v2.0/token",
}
"""What Posit's own tests create."""


def create(client: Client, name: str = "example integration", **more: object) -> Integration:
    return client.oauth.integrations.create(
        name=name, description=f"{name}, described", template="custom", config=CONFIG | more
    )


# — integrations ——————————————————————————————————————————————————————————————————————————————————


async def test_integrations_are_created_found_changed_and_deleted(anywhere: Office) -> None:
    """The steps of Posit's own tests, where there is one integration of the configuration beside them."""

    def program(client: Client) -> None:
        first, second = create(client), create(client, "another example integration")
        assert client.oauth.integrations.get(first["guid"]) == first
        assert client.oauth.integrations.find()[1:] == [first, second]

        third = create(client, "new integration")
        read = client.oauth.integrations.get(third["guid"])
        assert read == third
        assert len(client.oauth.integrations.find()) == 4
        read.update(name="updated integration name")
        assert client.oauth.integrations.get(third["guid"]) == read
        assert read["name"] == "updated integration name"
        assert (read["description"], read["config"]) == (third["description"], third["config"])

        for integration in (read, first, second):
            integration.delete()
        assert [one["guid"] for one in client.oauth.integrations.find()] == [WAREHOUSE]
        assert refused(lambda: client.oauth.integrations.get(third["guid"])) == (404, 4)
        assert refused(third.delete) == (404, 4)

    await anywhere.asks(OPS, program)


async def test_what_comes_back_of_a_new_integration_is_all_but_its_secret(place: Office) -> None:
    def program(client: Client) -> None:
        created = create(client, use_pkce=True)
        assert created["config"] == {name: value for name, value in CONFIG.items() if name != "client_secret"} | {
            "use_pkce": True
        }
        assert (created["template"], created["auth_type"]) == ("custom", "Viewer")
        assert isinstance(created["id"], str)
        assert created["created_time"] == created["updated_time"]
        assert (created["permissions"], created["everyone"], created["content_count"]) == ([], True, 0)

    await place.asks(OPS, program)


async def test_a_changed_config_keeps_what_was_not_named_the_secret_above_all(place: Office) -> None:
    def program(client: Client) -> str:
        crm = client.oauth.integrations.create(name="crm", template="custom", config=place.crm_config())
        before = dict(crm["config"])
        crm.update(config={"scopes": "openid email"})
        assert crm["config"] == before | {"scopes": "openid email"}
        crm.update(
            config={**crm["config"], "scopes": before["scopes"]}
        )  # the whole, without the secret, as others send it
        crm.update(config={"revocation_uri": None})
        assert crm["config"] == {name: value for name, value in before.items() if name != "revocation_uri"}
        client.content.get(place.sales).oauth.associations.update(crm["guid"])
        return str(crm["guid"])

    guid = await place.asks(OPS, program)

    session_token = await place.session_token_of("ada")  # a secret that was lost would be refused here
    credentials = await place.asks("sales", lambda client: client.oauth.get_credentials(session_token, audience=guid))
    assert (place.crm.owner_of(credentials["access_token"]) or place.crm.grants.users["eve"]).id == "ada"


async def test_find_by_takes_every_criterion(place: Office) -> None:
    def program(client: Client) -> None:
        warehouse, example = client.oauth.integrations.get(WAREHOUSE), create(client)
        service = create(client, "the robot", auth_type="Service Account")
        find_by = client.oauth.integrations.find_by
        assert find_by(integration_type="custom") == warehouse
        assert find_by(auth_type="Service Account") == service
        assert find_by(name="^example") == example
        assert find_by(description="robot, described$") == service
        assert find_by(guid=example["guid"]) == example
        assert find_by(config={"scopes": "a b c", "auth_type": "Service Account"}) == service
        assert find_by(integration_type="connect") is None
        assert find_by(name="^robot") is None

    await place.asks(OPS, program)


async def test_what_cannot_be_created_is_refused_with_connects_codes_and_leaves_nothing(place: Office) -> None:
    def program(client: Client) -> None:
        make = client.oauth.integrations.create
        assert refused(lambda: make(name="x", template="carrier-pigeon", config={})) == (400, 227)
        assert refused(lambda: make(name="x", template="custom", config=CONFIG | {"max_role": "Admin"})) == (400, 228)
        assert refused(lambda: make(name="x", template="custom", config={"client_id": "x"})) == (400, 228)
        example = create(client)
        assert refused(lambda: example.update(template="azure")) == (400, 229)
        assert refused(lambda: example.update(config={"token_uri": "ftp://example.com/"})) == (400, 228)
        assert refused(client.oauth.integrations.get(WAREHOUSE).delete) == (409, 2)
        assert client.oauth.integrations.find()[1:] == [example]

    await place.asks(OPS, program)


async def test_publishers_use_integrations_and_do_not_make_them(place: Office) -> None:
    await place.asks(OPS, create)

    def program(client: Client) -> None:
        example = client.oauth.integrations.find()[-1]
        assert example["name"] == "example integration"
        assert refused(lambda: create(client)) == (403, 22)
        assert refused(lambda: example.update(name="mine")) == (403, 22)
        assert refused(example.delete) == (403, 22)

    await place.asks(BOB, program)


async def test_an_integration_for_named_people_is_nobody_elses(place: Office) -> None:
    def administer(client: Client) -> str:
        bob = client.users.find(prefix="bob")[0]["guid"]
        created = create(client, "for bob")
        created.update(permissions=[{"user_guid": bob}])
        assert [(one["user_guid"], one["group_guid"]) for one in created["permissions"]] == [(bob, None)]
        assert not created["everyone"]
        return str(created["guid"])

    guid = await place.asks(OPS, administer)

    assert guid in await place.asks(BOB, lambda client: [one["guid"] for one in client.oauth.integrations.find()])
    assert guid not in await place.asks(EVE, lambda client: [one["guid"] for one in client.oauth.integrations.find()])

    def open_again(client: Client) -> bool:
        integration = client.oauth.integrations.get(guid)
        integration.update(permissions=[])
        return bool(integration["everyone"])

    assert await place.asks(OPS, open_again)
    assert guid in await place.asks(EVE, lambda client: [one["guid"] for one in client.oauth.integrations.find()])


# — associations ——————————————————————————————————————————————————————————————————————————————————


async def test_a_publisher_associates_and_both_sides_say_so(anywhere: Office) -> None:
    first, second = [
        await anywhere.asks(OPS, lambda client, name=name: str(create(client, name)["guid"]))
        for name in ("one", "another one")
    ]

    def publisher(client: Client) -> list[str]:
        associations = client.content.get(anywhere.sales).oauth.associations
        assert associations.find() == []
        associations.update(first)
        [association] = associations.find()
        assert (association["app_guid"], association["content_guid"]) == (anywhere.sales, anywhere.sales)
        said = {
            name: association[f"oauth_integration_{name}"]
            for name in ("guid", "name", "description", "template", "auth_type")
        }
        assert said == {
            "guid": first, "name": "one", "description": "one, described", "template": "custom", "auth_type": "Viewer",
        }  # fmt: skip
        associations.update([second, first])
        assert (
            associations.find_by(integration_type="custom", auth_type="Viewer", name="^another")
            == associations.find()[0]
        )
        assert associations.find_by(integration_type="connect") is None
        return [one["oauth_integration_guid"] for one in associations.find()]

    def administrator(client: Client) -> None:
        of_content = client.content.get(anywhere.sales).oauth.associations
        of_each = [client.oauth.integrations.get(guid).associations for guid in (second, first)]
        assert [one.find() for one in of_each] == [[one] for one in of_content.find()]
        of_content.delete()
        assert of_content.find() == of_each[0].find() == of_each[1].find() == []

    assert await anywhere.asks(BOB, publisher) == [second, first]
    await anywhere.asks(OPS, administrator)


async def test_what_cannot_be_associated_is_refused_and_the_list_stays(place: Office) -> None:
    guid = await place.asks(OPS, lambda client: str(create(client)["guid"]))

    def owner(client: Client) -> None:
        associations = client.content.get(place.sales).oauth.associations
        associations.update(guid)
        assert refused(lambda: associations.update(NOBODY)) == (400, 207)
        assert refused(lambda: associations.update([guid, guid])) == (400, 258)
        assert [one["oauth_integration_guid"] for one in associations.find()] == [guid]

    def stranger(client: Client) -> None:
        associations = client.content.get(place.sales).oauth.associations
        assert refused(lambda: associations.update([])) == (403, 22)

    await place.asks(BOB, owner)
    await place.asks(EVE, stranger)
    assert await place.asks(BOB, lambda client: len(client.content.get(place.sales).oauth.associations.find())) == 1
