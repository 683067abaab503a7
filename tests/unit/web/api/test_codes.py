"""Every row of the table of errors is what somebody gets: here is how. What the exchange refuses has its own table of that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from proxy.errors import StoreUnavailable
from proxy.policy.guids import user_guid
from proxy.web.api.codes import BY_STATUS_AND_CODE, ERRORS, EXCHANGE
from tests.unit.web.api.scene import (
    CONTENT,
    FIXED,
    FIXED_CONTENT,
    LAKE,
    NOBODY,
    OPEN_CONTENT,
    PUBLISHER,
    RENDERED_CONTENT,
    ROBOT,
    SALES,
    STRANGER,
    Scene,
)  # fmt: skip

V1 = "/__api__/v1"
INTEGRATIONS = f"{V1}/oauth/integrations"

Answer = Awaitable[tuple[int, Any]]
Way = Callable[[Scene], Answer]


def create(**more: object) -> Way:
    return lambda scene: scene.send("POST", INTEGRATIONS, body=LAKE | {"name": "Sea"} | more)


def with_config(**config: object) -> Way:
    return create(config=LAKE["config"] | config)


def change(**body: object) -> Way:
    return lambda scene: scene.send("PATCH", f"{INTEGRATIONS}/{scene.lake}", body=body)


def associate(content: str, *guids: str) -> Way:
    body = [{"oauth_integration_guid": guid} for guid in guids]
    return lambda scene: scene.send("PUT", f"{V1}/content/{content}/oauth/integrations/associations", body=body)


def exchange(body: bytes) -> Way:
    return lambda scene: scene.send("POST", f"{INTEGRATIONS}/credentials", key=SALES, body=body)


WAYS: Mapping[tuple[int, int], Mapping[str, Way]] = {
    (401, 24): {"without a key": lambda scene: scene.send("GET", INTEGRATIONS, key=None)},
    (403, 22): {
        "a content's key": lambda scene: scene.send("GET", INTEGRATIONS, key=SALES),
        "a publisher creates": lambda scene: scene.send("POST", INTEGRATIONS, key=PUBLISHER, body=LAKE),
        "from a browser": lambda scene: scene.send("GET", INTEGRATIONS, Origin="https://evil.example"),
    },
    (404, 4): {
        "no such address": lambda scene: scene.send("GET", f"{V1}/nothing"),
        "no such integration": lambda scene: scene.send("GET", f"{INTEGRATIONS}/{NOBODY}"),
        "no such content": associate(NOBODY),
        "no such template": lambda scene: scene.send("GET", f"{V1}/oauth/templates/nothing"),
        "no such session": lambda scene: scene.send("GET", f"{V1}/oauth/sessions/{NOBODY}"),
    },
    (404, 3): {"no guid": lambda scene: scene.send("GET", f"{INTEGRATIONS}/lake")},
    (405, 2): {"another method": lambda scene: scene.send("PUT", INTEGRATIONS)},
    (409, 2): {
        "configured, changed": lambda scene: scene.send("PATCH", f"{INTEGRATIONS}/{FIXED}", body={"name": "x"}),
        "configured, deleted": lambda scene: scene.send("DELETE", f"{INTEGRATIONS}/{FIXED}"),
        "configured list": associate(FIXED_CONTENT),
    },
    (421, 2): {"by another host name": lambda scene: scene.send("GET", "/__ping__", Host="evil.example")},
    (400, 25): {
        "an unknown field": create(everyone=True),
        "a parameter twice": lambda scene: scene.send("GET", f"{INTEGRATIONS}?a=1&a=2"),
        "not true or false": lambda scene: scene.send("GET", f"{V1}/oauth/sessions?all=1"),
    },
    (413, 87): {"huge": create(name="a" * 70_000)},
    (415, 87): {
        "compressed": lambda scene: scene.send("POST", INTEGRATIONS, body=b"\x1f\x8b", **{"Content-Encoding": "gzip"})
    },
    (400, 87): {"no form": exchange(b"grant_type=%ff")},
    (400, 121): {"no JSON": lambda scene: scene.send("POST", INTEGRATIONS, body=b"{")},
    (400, 207): {"no such integration": associate(CONTENT, NOBODY), "no guid": associate(CONTENT, "lake")},
    (400, 209): {
        "open to anyone": associate(OPEN_CONTENT, FIXED),
        "a page that was rendered": associate(RENDERED_CONTENT, FIXED),
    },
    (400, 225): {
        "a name that is none": create(name="a\nb"),
        "too long": create(name="a" * 1_000),
        "taken": create(name="Lake"),
    },
    (400, 226): {"too long": create(description="a" * 10_000)},
    (400, 227): {"no such template": create(template="nothing")},
    (400, 228): {
        "a field that the template does not have": with_config(tenant_id="x"),
        "a field missing": create(config={}),
        "no URL": with_config(token_uri="nowhere"),
        "true for text": with_config(client_id=True),
        "a file's name": with_config(token_uri="file:/etc/passwd"),
    },
    (400, 229): {"another template": change(template="azure")},
    (400, 240): {"a viewer integration": lambda scene: scene.send("POST", f"{INTEGRATIONS}/{FIXED}/verify")},
    (400, 241): {"a client that is not known": lambda scene: scene.send("POST", f"{INTEGRATIONS}/{STRANGER}/verify")},
    (502, 241): {"nobody answers": lambda scene: scene.send("POST", f"{INTEGRATIONS}/{ROBOT}/verify")},
    (400, 258): {
        "an integration twice": associate(CONTENT, FIXED, FIXED),
        "somebody twice": change(permissions=[{"user_guid": user_guid("bob@example.org")}] * 2),
    },
    (400, 261): {"nobody's guid": change(permissions=[{"user_guid": user_guid("nobody@example.org")}])},
    (400, 262): {"no group's guid": change(permissions=[{"group_guid": NOBODY}])},
}
FAILURES = {(500, 1): ZeroDivisionError(), (503, 1): StoreUnavailable("locked")}
RATE = {(429, 277)}
"""``test_permissions`` and the exchange's table go over it: it takes a clock."""


def test_there_is_a_way_to_every_row():
    rows = {(row.status, row.code) for row in ERRORS} - {(row.status, row.code) for row in EXCHANGE}
    assert rows == set(WAYS) | set(FAILURES) | RATE


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("expected", "way"),
    [
        pytest.param(row, way, id=f"{row[0]}/{row[1]} {name}")
        for row, ways in WAYS.items()
        for name, way in ways.items()
    ],
)
async def test_a_row_is_what_somebody_gets(scene, expected, way):
    before = scene.dump()
    status, said = await way(scene)
    assert (status, said["code"]) == expected, said
    assert scene.dump() == before


@pytest.mark.parametrize("expected", FAILURES, ids=str)
async def test_a_failure_is_a_row_too(api, flows, expected):
    flows.error = FAILURES[expected]
    answer = await api.get("/token", headers={"Authorization": "Key sales-key-0123456789"})
    assert (answer.status, (await answer.json())["code"]) == expected
    assert expected in BY_STATUS_AND_CODE
