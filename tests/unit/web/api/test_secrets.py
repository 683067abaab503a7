"""A secret goes in over the API and comes out nowhere."""

from __future__ import annotations

import json

import pytest

from tests.unit.web.api.scene import ADMINISTRATOR, CONTENT, LAKE, PUBLISHER, SALES

pytestmark = pytest.mark.asyncio(loop_scope="module")

INTEGRATIONS = "/__api__/v1/oauth/integrations"
NEW = "an0ther-s3cret-of-the-lake"


async def test_what_was_created_is_what_is_read_and_has_no_secret_in_it(scene):
    status, made = await scene.send("POST", INTEGRATIONS, body=LAKE | {"name": "Sea", "description": "Deep"})
    _, read = await scene.send("GET", f"{INTEGRATIONS}/{made['guid']}")
    _, listed = await scene.send("GET", INTEGRATIONS)
    assert status == 200
    assert made == read == listed[-1]
    open_fields = {name: value for name, value in LAKE["config"].items() if name != "client_secret"}
    assert (made["name"], made["description"], made["config"]) == ("Sea", "Deep", open_fields)
    assert (await scene.send("DELETE", f"{INTEGRATIONS}/{made['guid']}"))[0] == 204
    assert (await scene.send("GET", f"{INTEGRATIONS}/{made['guid']}"))[0] == 404


async def test_no_answer_and_no_byte_of_the_state_file_has_a_secret(scene):
    one = f"{INTEGRATIONS}/{scene.lake}"
    association = [{"oauth_integration_guid": scene.lake}]
    of_content = f"/__api__/v1/content/{CONTENT}/oauth/integrations/associations"
    said = [
        await scene.send("PATCH", one, body={"config": {"client_secret": NEW}}),
        await scene.send("PATCH", one, body={"config": {"client_secret": NEW, "issuer": "nowhere"}}),
        await scene.send("PATCH", one, body={"config": {NEW: NEW}}),
        await scene.send("PATCH", one, body={NEW: NEW}),
        await scene.send("PUT", of_content, body=association),
        await scene.send("GET", of_content, key=SALES),
        await scene.send("GET", f"{one}/associations"),
        *[await scene.send("GET", where, key=key) for where in (one, INTEGRATIONS) for key in (ADMINISTRATOR, PUBLISHER)],
        await scene.send("POST", f"{one}/verify"),
        await scene.send("GET", "/__api__/v1/audit_logs"),
    ]  # fmt: skip
    assert [status for status, _ in said] == [200, 400, 400, 400, 204, 200, 200, 200, 200, 200, 200, 400, 200]
    stored = b"".join(path.read_bytes() for path in scene.state_file.parent.glob("state.db*"))
    for secret in (NEW, LAKE["config"]["client_secret"], ADMINISTRATOR):
        assert secret not in json.dumps(said)
        assert secret.encode() not in stored
