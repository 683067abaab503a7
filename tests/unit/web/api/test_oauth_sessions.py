"""OAuth sessions over HTTP."""

from __future__ import annotations

import pytest

from tests.unit.web.conftest import ADA, ADMINISTRATOR, PUBLISHER, WAREHOUSE

SESSIONS = "/__api__/v1/oauth/sessions"
ONE = f"{SESSIONS}/55555555-5555-4555-8555-555555555555"
ADMIN = {"Authorization": f"Key {ADMINISTRATOR}"}
BOB = {"Authorization": f"Key {PUBLISHER}"}
PLAIN = {
    "id": "4",
    "guid": "55555555-5555-4555-8555-555555555555",
    "user_guid": ADA.guid,
    "oauth_integration_guid": WAREHOUSE.guid,
    "has_refresh_token": True,
    "created_time": "2026-03-01T12:00:05Z",
    "updated_time": "2026-04-01T00:00:00Z",
}


async def test_a_session_is_connects_object(api):
    assert await (await api.get(SESSIONS, headers=BOB)).json() == [PLAIN]
    assert await (await api.get(ONE, headers=BOB)).json() == PLAIN


@pytest.mark.parametrize(
    ("query", "everybodys"),
    [("", False), ("?all=False", False), ("?all=True", True), ("?all=true", True), ("?all=TRUE&x=1", True)],
)
async def test_all_is_read_in_any_case(api, administered, query, everybodys):
    assert (await api.get(SESSIONS + query, headers=ADMIN)).status == 200
    assert administered.asked == [("sessions", everybodys)]


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        ("?all=True", BOB, (403, 22)),
        ("?all=yes", ADMIN, (400, 25)),
        ("?all=", ADMIN, (400, 25)),
        ("?all=false&all=true", ADMIN, (400, 25)),
    ],
)
async def test_everybodys_sessions_are_for_administrators_who_say_so(api, administered, query, headers, expected):
    answer = await api.get(SESSIONS + query, headers=headers)
    assert (answer.status, (await answer.json())["code"]) == expected
    assert administered.asked == []


async def test_ending_one_answers_204(api, administered):
    answer = await api.delete(ONE, headers=ADMIN)
    assert (answer.status, await answer.read()) == (204, b"")
    assert administered.done == [("end session", PLAIN["guid"])]
