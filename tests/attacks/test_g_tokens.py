"""G: whatever happens at the same time, a token goes to the content its viewer chose, in that viewer's requests only."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.attacks.attacker import Attacker
from tests.attacks.oracle import assert_clean, assert_nothing_arrived
from tests.attacks.rows import cases, row
from tests.attacks.wire import SEGMENTS, Wire, request
from tests.doubles.content import HELLO, Seen
from tests.journeys.stage import ACCESS_TOKEN, SESSION_TOKEN
from tests.journeys.viewer import Viewer

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEOPLE = 20
ROUNDS = 20
SHORT_S = 2.0
"""So short that tokens end, and are renewed, while everybody asks."""


async def test_row_106_many_people_at_once_and_each_request_has_its_own_viewers_token(attacker: Attacker) -> None:
    stage = attacker.stage
    users = stage.server.grants.users
    stage.server.access_ttl_s = SHORT_S
    stage.content.answer = lambda seen: (
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"
        % (
            len(seen.target),
            seen.target,
        )
    )
    try:
        people = [f"person-{number}" for number in range(PEOPLE)]
        for person in people:
            users[person] = replace(users["ada"], id=person, email=f"{person}@example.org")
        viewers = [await stage.signed_in(person) for person in people]
        stage.content.forget()
        await asyncio.gather(*(asks(attacker, viewer) for viewer in viewers))
        renewed = sum(entry.outcome == "ok" for entry in stage.server.token_requests)
    finally:
        stage.server.access_ttl_s = 3600.0
        stage.content.answer = HELLO
    assert len(stage.content.requests) == PEOPLE * ROUNDS
    for seen in stage.content.requests:
        assert_clean(seen)
        assert whose(attacker, seen) == seen.target.split(b"/")[1].decode()
    assert renewed >= 2 * PEOPLE, "nobody's token was renewed meanwhile"
    assert stage.leaks() == []


async def asks(attacker: Attacker, viewer: Viewer) -> None:
    """Ask again and again on one connection; every answer is to one's own request."""
    cookie = b"Cookie: " + viewer.cookie_header().encode()
    async with Wire.to(attacker.stage.sidecar.url) as wire:
        for number in range(ROUNDS):
            target = b"/%b/%d" % (viewer.person.encode(), number)
            await wire.send(attacker.request(b"/sales" + target, cookie))
            response = await wire.response()
            assert (response.status, response.body) == (200, target)
            await asyncio.sleep(2 * SHORT_S / ROUNDS)


def whose(attacker: Attacker, seen: Seen) -> str:
    """Return whose token this request carries, live or ended meanwhile."""
    [token] = seen.values(ACCESS_TOKEN)
    return attacker.stage.server.grants.access_tokens[token.decode()].family.user_id


BROWSER = {
    "row 113: only the viewer's cookie": ("cookie",),
    "row 113: cookie and session token": ("cookie", "handle"),
    "row 113: the key, from a page": ("key", "handle", b"Origin: https://evil.example"),
    "row 113: the key, from a page of ours": ("key", "handle", b"Sec-Fetch-Site: same-origin"),
    "row 113: another content's key": ("other key", "handle"),
    "row 113: no key": ("handle",),
    "row 113: the session token as key": ("handle as key", "handle"),
}


@cases("parts", BROWSER)
@pytest.mark.parametrize("segments", SEGMENTS)
async def test_the_exchange_gives_nothing_to_whoever_is_not_the_content(
    attacker: Attacker, parts: tuple[str | bytes, ...], segments: str
) -> None:
    stage = attacker.stage
    await attacker.is_served(attacker.request(b"/sales/", attacker.cookie), person="ada")
    handle = stage.content.requests[0].values(SESSION_TOKEN)[0]
    stage.content.forget()
    lines = {
        "cookie": attacker.cookie,
        "key": b"Authorization: Key " + stage.setup.content_keys["sales"].encode(),
        "other key": b"Authorization: Key " + stage.setup.content_keys["salesd"].encode(),
        "handle": SESSION_TOKEN + b": " + handle,
        "handle as key": b"Authorization: Key " + handle,
    }
    headers = [lines[part] if isinstance(part, str) else part for part in parts]
    host = f"127.0.0.1:{stage.setup.api_port}".encode()
    async with Wire.to(stage.setup.api_url) as api:
        await api.send(request(b"/token?integration=warehouse", *headers, host=host), segments=segments)
        response = await api.response()
    assert response.status in {400, 401, 403, 404}, response
    assert not [token for token in stage.server.grants.access_tokens if token.encode() in response.body]
    assert_nothing_arrived(stage)


@cases("target", row(113, b"/token?integration=warehouse", b"/__api__/v1/oauth/integrations/credentials", b"/__api__/"))
async def test_the_exchange_is_not_at_the_viewers_address(attacker: Attacker, target: bytes) -> None:
    key = b"Authorization: Key " + attacker.stage.setup.content_keys["sales"].encode()
    await attacker.is_refused(attacker.request(target, attacker.cookie, key), 400, 401, 403, 404)
