"""Which integrations a content uses, over HTTP: the owner's ``curl`` above all."""

from __future__ import annotations

import pytest

from proxy.flows.refused import Refused
from tests.unit.web.conftest import ADMINISTRATOR, KEY, LAKE, PUBLISHER, SALES, WAREHOUSE

PATH = f"/__api__/v1/content/{SALES.guid}/oauth/integrations/associations"
BOB = {"Authorization": f"Key {PUBLISHER}"}


async def test_the_owners_curl_sets_the_whole_list(api, administered):
    body = f'[\n    {{"oauth_integration_guid": "{WAREHOUSE.guid}"}}\n  ]'
    headers = BOB | {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "curl/8", "Accept": "*/*"}
    answer = await api.put(PATH, data=body, headers=headers)
    assert (answer.status, await answer.read()) == (204, b"")
    assert administered.done == [("associate", (SALES.guid, (WAREHOUSE.guid,)))]


@pytest.mark.parametrize("guids", [[], [LAKE.guid, WAREHOUSE.guid], [LAKE.guid.upper()]])
async def test_the_order_is_kept(api, administered, guids):
    body = [{"oauth_integration_guid": guid} for guid in guids]
    assert (await api.put(PATH, json=body, headers={"Authorization": f"Key {ADMINISTRATOR}"})).status == 204
    assert administered.done == [("associate", (SALES.guid, tuple(guid.lower() for guid in guids)))]


async def test_what_get_answers_can_be_put(api, administered):
    said = await (await api.get(PATH, headers=BOB)).json()
    assert [one["oauth_integration_guid"] for one in said] == [WAREHOUSE.guid]
    assert (await api.put(PATH, json=said, headers=BOB)).status == 204
    assert administered.done == [("associate", (SALES.guid, (WAREHOUSE.guid,)))]


async def test_a_content_reads_its_own(api):
    assert (await api.get(PATH, headers={"Authorization": f"Key {KEY}"})).status == 200


async def test_a_refusal_is_in_the_envelope(api, administered):
    administered.refusal = Refused(status=400, code=207, text="There is no such integration.")
    answer = await api.put(PATH, json=[], headers=BOB)
    assert await answer.json() == {"code": 207, "error": "There is no such integration.", "payload": None}
