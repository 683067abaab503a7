"""Integrations over HTTP, as Connect's clients read and write them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.flows.administered import IntegrationChanges, NewIntegration
from proxy.flows.refused import NOT_THERE, Refused
from proxy.model import Named
from proxy.policy.guids import group_guid, user_guid
from proxy.web.routes import api_application
from tests.unit.web.administered import grant, record_of
from tests.unit.web.conftest import ADMINISTRATOR, PUBLISHER, SALES, WAREHOUSE, api_services

INTEGRATIONS = "/__api__/v1/oauth/integrations"
ONE = f"{INTEGRATIONS}/{WAREHOUSE.guid}"
ADMIN = {"Authorization": f"Key {ADMINISTRATOR}"}
BOB = {"Authorization": f"Key {PUBLISHER}"}
PLAIN = {
    "id": "7",
    "guid": WAREHOUSE.guid,
    "created_time": "2026-03-01T12:00:05Z",
    "updated_time": "2026-04-01T00:00:00Z",
    "name": "Warehouse",
    "description": "",
    "template": "custom",
    "auth_type": "Viewer",
    "config": {},
    "permissions": [],
    "environment_variables": [],
    "content_count": 3,
    "everyone": True,
    "is_configured": False,
    "slug": "warehouse",
}


async def refusal_of(answer):
    said = await answer.json()
    return answer.status, said["code"], said["error"]


async def test_an_integration_is_connects_object(api):
    assert await (await api.get(INTEGRATIONS, headers=ADMIN)).json() == [PLAIN]
    assert await (await api.get(ONE, headers=ADMIN)).json() == PLAIN


async def test_how_many_contents_use_it_is_for_administrators(api):
    assert (await (await api.get(ONE, headers=BOB)).json())["content_count"] is None


async def test_flags_are_json_booleans_and_no_secret_is_in_config(api, administered):
    config = {"auth_type": "Service Account", "use_pkce": "false", "client_id": "x", "client_secret": "slipped in"}
    administered.record = record_of(replace(WAREHOUSE, config=config))
    said = await (await api.get(ONE, headers=ADMIN)).json()
    assert said["config"] == {"auth_type": "Service Account", "use_pkce": False, "client_id": "x"}
    assert said["auth_type"] == "Service Account"


async def test_an_empty_flag_is_not_false_and_blanks_around_one_say_nothing(api, administered):
    for text, shown in (("", {}), (" ", {}), (" true ", {"use_pkce": True}), ("false ", {"use_pkce": False})):
        administered.record = record_of(replace(WAREHOUSE, config={"use_pkce": text}))
        assert (await (await api.get(ONE, headers=ADMIN)).json())["config"] == shown


async def test_permissions_are_objects_with_guids(api, administered):
    administered.record = record_of(
        WAREHOUSE, permissions=(grant("ada@example.org"), grant(group="analysts")), everyone=False
    )
    said = await (await api.get(ONE, headers=ADMIN)).json()
    assert said["everyone"] is False
    first, second = said["permissions"]
    assert (first["id"], first["integration_guid"], first["user_guid"], first["group_guid"]) == (
        "1", WAREHOUSE.guid, user_guid("ada@example.org"), None,
    )  # fmt: skip
    assert (second["id"], second["user_guid"], second["group_guid"]) == ("2", None, group_guid("analysts"))
    assert first["guid"] != second["guid"]


async def test_creating_answers_200_with_what_there_is_now(api, administered):
    body = {"name": "Warehouse", "template": "custom", "description": None,
            "config": {"client_id": "x", "use_pkce": True, "scopes": None}}  # fmt: skip
    answer = await api.post(INTEGRATIONS, json=body, headers=ADMIN)
    assert (answer.status, await answer.json()) == (200, PLAIN)
    assert administered.done == [
        ("create", NewIntegration(name="Warehouse", template="custom", config={"client_id": "x", "use_pkce": "true"}))
    ]


async def test_a_patch_says_only_what_changes(api, administered):
    await api.patch(ONE, json={}, headers=ADMIN)
    await api.patch(ONE, json={"name": "Lake", "config": {"issuer": None, "use_pkce": False}}, headers=ADMIN)
    assert [asked for _, asked in administered.done] == [
        IntegrationChanges(),
        IntegrationChanges(name="Lake", config={"issuer": None, "use_pkce": "false"}),
    ]


async def test_a_patch_tells_what_ended_with_it_and_only_then(api, administered):
    assert await (await api.patch(ONE, json={"name": "x"}, headers=ADMIN)).json() == PLAIN
    administered.ended = (2, 5)
    said = await (await api.patch(ONE, json={"config": {"client_id": "y"}}, headers=ADMIN)).json()
    assert said == PLAIN | {"ended_credentials": 2, "ended_consents": 5}


async def test_what_rsconnect_sends_back_is_what_it_read(api, administered):
    """It merges the whole secret-less ``config`` of GET with what is new."""
    administered.record = record_of(replace(WAREHOUSE, config={"use_pkce": "true", "client_id": "x"}))
    config = (await (await api.get(ONE, headers=ADMIN)).json())["config"] | {"client_secret": "new"}
    await api.patch(ONE, json={"config": config}, headers=ADMIN)
    [(_, changes)] = administered.done
    assert changes.config == {"use_pkce": "true", "client_id": "x", "client_secret": "new"}


async def test_permissions_are_given_to_people_and_groups_that_are_known(aiohttp_client, administered, flows):
    analysts = replace(SALES, access=Named(groups=frozenset({"analysts"})))
    api = await aiohttp_client(api_application(api_services(flows, administration=administered, contents=(analysts,))))
    body = {"permissions": [{"user_guid": user_guid("bob@example.org"), "group_guid": None},
                            {"group_guid": group_guid("analysts")}]}  # fmt: skip
    assert (await api.patch(ONE, json=body, headers=ADMIN)).status == 200
    [(_, changes)] = administered.done
    assert changes.permissions == (grant("bob@example.org"), grant(group="analysts"))


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        ({"user_guid": user_guid("nobody@example.org")}, (400, 261)),
        ({"user_guid": "bob@example.org"}, (400, 261)),
        ({"group_guid": group_guid("unheard of")}, (400, 262)),
        ({"user_guid": user_guid("bob@example.org"), "group_guid": group_guid("analysts")}, (400, 25)),
        ({"user_guid": None, "group_guid": None}, (400, 25)),
        ({}, (400, 25)),
    ],
)
async def test_a_permission_for_nobody_in_particular_is_refused(api, administered, permission, expected):
    for send, path, body in (
        (api.post, INTEGRATIONS, {"template": "custom", "config": {}}),
        (api.patch, ONE, {}),
    ):
        answer = await send(path, json=body | {"permissions": [permission]}, headers=ADMIN)
        assert (await refusal_of(answer))[:2] == expected
    assert administered.done == []


async def test_true_is_no_text_where_the_template_wants_text(api, administered):
    for send, path, body in (
        (api.post, INTEGRATIONS, {"template": "custom", "config": {"client_id": True}}),
        (api.patch, ONE, {"config": {"client_id": False}}),
    ):
        answer = await send(path, json=body, headers=ADMIN)
        assert await refusal_of(answer) == (400, 228, "The config key client_id must be text.")
    assert administered.done == []


async def test_a_key_that_the_template_does_not_have_is_not_quoted(api):
    body = {"template": "custom", "config": {"s3cret": True}}
    assert "s3cret" not in (await refusal_of(await api.post(INTEGRATIONS, json=body, headers=ADMIN)))[2]


async def test_deleting_answers_204_and_verifying_200_and_both_nothing(api, administered):
    deleted = await api.delete(ONE, headers=ADMIN)
    verified = await api.post(f"{ONE}/verify", headers=ADMIN)
    assert (deleted.status, await deleted.read(), verified.status, await verified.read()) == (204, b"", 200, b"")
    assert administered.done == [("delete", WAREHOUSE.guid), ("verify", WAREHOUSE.guid)]


@pytest.mark.parametrize(("body", "status"), [("{}", 200), (" {} ", 200), ('{"scopes": "all"}', 400), ("[]", 400)])
async def test_verifying_takes_the_empty_object_that_connectapi_sends_and_nothing_else(api, administered, body, status):
    answer = await api.post(f"{ONE}/verify", data=body, headers={**ADMIN, "Content-Type": "application/json"})
    assert answer.status == status
    assert administered.done == ([("verify", WAREHOUSE.guid)] if status == 200 else [])


async def test_a_guid_in_capitals_is_the_same(api, administered):
    await api.get(ONE.replace(WAREHOUSE.guid, WAREHOUSE.guid.upper()), headers=ADMIN)
    assert administered.asked == [("integration", WAREHOUSE.guid)]


@pytest.mark.parametrize("refusal", [NOT_THERE, Refused(status=409, code=2, text="Defined in config.yaml.")])
async def test_what_administration_refuses_is_answered_in_the_envelope(api, administered, refusal):
    administered.refusal = refusal
    answers = [
        await api.patch(ONE, json={}, headers=ADMIN),
        await api.delete(ONE, headers=ADMIN),
    ]
    assert [await refusal_of(answer) for answer in answers] == [(refusal.status, refusal.code, refusal.text)] * 2


async def test_the_contents_of_an_integration_are_associations(api):
    [said] = await (await api.get(f"{ONE}/associations", headers=ADMIN)).json()
    assert said == {
        "app_guid": SALES.guid,
        "content_guid": SALES.guid,
        "oauth_integration_guid": WAREHOUSE.guid,
        "oauth_integration_name": "Warehouse",
        "oauth_integration_description": "",
        "oauth_integration_template": "custom",
        "oauth_integration_auth_type": "Viewer",
        "created_time": "2026-03-01T12:00:05Z",
    }


# — templates ————————————————————————————————————————————————————————————————————————————————————


async def test_templates_are_listed_and_read_by_their_key(api):
    listed = await (await api.get("/__api__/v1/oauth/templates", headers=BOB)).json()
    azure = await (await api.get("/__api__/v1/oauth/templates/azure", headers=BOB)).json()
    assert azure in listed
    assert azure["name"] == "Microsoft Entra ID"
    answer = await api.get("/__api__/v1/oauth/templates/nothing", headers=BOB)
    assert (await refusal_of(answer))[:2] == (404, 4)
