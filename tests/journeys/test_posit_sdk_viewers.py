"""posit-sdk, unmodified: what viewers granted, and what it does in a viewer's name."""

from __future__ import annotations

from posit.connect import Client

from proxy.policy.guids import integration_guid
from tests.journeys.content_process import run_as_content
from tests.journeys.office import BOB, OPS, Office, refused
from tests.journeys.stage import SESSION_TOKEN

WAREHOUSE = integration_guid("warehouse")
API_KEY = "urn:posit:connect:api-key"


async def test_sessions_are_listed_read_and_ended(place: Office) -> None:
    guid = await place.associated()
    tokens = {person: await place.session_token_of(person) for person in ("ada", "bob")}
    users = await place.asks(OPS, lambda client: {user["email"]: user["guid"] for user in client.users.find()})

    def administrator(client: Client) -> None:
        assert client.oauth.sessions.find() == []
        of_crm = [one for one in client.oauth.sessions.find(all=True) if one["oauth_integration_guid"] == guid]
        by_user = {one["user_guid"]: one for one in of_crm}
        assert set(by_user) == {users["ada@example.org"], users["bob@example.org"]}
        of_ada = by_user[users["ada@example.org"]]
        assert client.oauth.sessions.get(of_ada["guid"]) == of_ada
        assert of_ada["has_refresh_token"] is True
        assert isinstance(of_ada["id"], str)
        of_ada.delete()
        assert refused(lambda: client.oauth.sessions.get(of_ada["guid"])) == (404, 4)

    def publisher(client: Client) -> None:
        [own] = [one for one in client.oauth.sessions.find() if one["oauth_integration_guid"] == guid]
        assert own["user_guid"] == client.me["guid"] == users["bob@example.org"]
        assert refused(lambda: client.oauth.sessions.find(all=True)) == (403, 22)
        own.delete()

    await place.asks(OPS, administrator)
    await place.asks(BOB, publisher)
    for token in tokens.values():
        assert await place.asks("sales", lambda client, t=token: refused(lambda: client.oauth.get_credentials(t))) == (
            400,
            220,
        )


async def test_a_client_as_the_viewer_knows_who_they_are_and_what_they_granted(place: Office) -> None:
    session_token = await place.session_token_of("ada")
    ada = await place.asks(OPS, lambda client: client.users.find(prefix="ada")[0])
    program = f"""
from posit.connect import Client
from posit.connect.errors import ClientError

client = Client()
viewer = client.with_user_session_token({session_token!r})
assert (viewer.me["guid"], viewer.me["user_role"]) == ({ada["guid"]!r}, "viewer")
assert [one["guid"] for one in viewer.content.find()] == [{place.sales!r}]
[session] = viewer.oauth.sessions.find()
assert (session["user_guid"], session["oauth_integration_guid"]) == ({ada["guid"]!r}, {WAREHOUSE!r})
for forbidden in (viewer.oauth.integrations.find, viewer.users.find, lambda: viewer.oauth.get_credentials({session_token!r})):
    try:
        forbidden()
        print("it answered")
    except ClientError as error:
        assert (error.http_status, error.error_code) == (403, 22), error
print(viewer.me["email"])
"""
    assert await run_as_content(place.scene, program) == "ada@example.org"


async def test_a_client_as_the_viewer_is_nobody_once_they_signed_out(place: Office) -> None:
    viewer = await place.scene.signed_in("ada", "/sales/")
    session_token = (place.scene.content.requests[-1].value(SESSION_TOKEN) or b"").decode()
    given = await place.asks("sales", lambda client: client.oauth.get_credentials(session_token, API_KEY))
    assert (given["token_type"], given["issued_token_type"]) == ("Key", API_KEY)
    place.keys["ada"] = given["access_token"]
    assert await place.asks("ada", lambda client: client.me["email"]) == "ada@example.org"

    assert (await viewer.sign_out()).status == 303

    assert await place.asks("ada", lambda client: refused(lambda: client.me)) == (401, 24)
    assert await place.asks(
        "sales", lambda client: refused(lambda: client.oauth.get_credentials(session_token, API_KEY))
    ) == (400, 215)
