"""The Server API where viewers come by: for programs with a key, and nobody and nothing else."""

from __future__ import annotations

import pytest

from tests.attacks.attacker import Attacker
from tests.attacks.oracle import assert_holds
from tests.attacks.rows import cases, row
from tests.attacks.wire import SEGMENTS, Response
from tests.journeys.sidecar import Setup

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPS = "ops-kq8Zr2vTn5wXy7Bd3Fh6Jm9Lp4Ss1Uc0"
USER = b"/__api__/v1/user"
CREDENTIALS = b"/__api__/v1/oauth/integrations/credentials"


def change(setup: Setup) -> None:
    """Serve it at ``public_url``, and give an administrator a key."""
    api = setup.document()["api"]
    assert isinstance(api, dict)
    keys = [*api["keys"], {"name": "ops", "role": "administrator", "key": OPS}]
    setup.more["api"] = api | {"public": True, "keys": keys}


KEY = b"Authorization: Key " + OPS.encode()


async def answers(attacker: Attacker, data: bytes, *, method: str = "GET") -> list[Response]:
    """Send both ways; whatever the answer is, it lets no browser in."""
    found = [await attacker.send(data, segments=segments, method=method) for segments in SEGMENTS]
    for response in found:
        assert response is not None
        for name in (b"Set-Cookie", b"Location", b"Access-Control-Allow-Origin", b"Access-Control-Allow-Headers"):
            assert response.values(name) == [], name
    assert_holds(attacker.stage)
    return [response for response in found if response is not None]


async def test_a_program_with_a_key_is_answered(attacker: Attacker) -> None:
    for response in await answers(attacker, attacker.request(USER, KEY)):
        assert response.status == 200
        assert b'"user_role": "administrator"' in response.body


FROM_A_PAGE = row(
    167,
    b"Origin: null", b"Origin: http://evil.example", b"oRIGIN: http://localhost", b"Sec-Fetch-Site: same-origin",
    b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Site: none",
)  # fmt: skip


@cases("header", FROM_A_PAGE)
async def test_what_a_page_sends_is_refused_with_the_right_key_too(attacker: Attacker, header: bytes) -> None:
    for response in await answers(attacker, attacker.request(USER, KEY, header)):
        assert (response.status, b'"code": 22' in response.body) == (403, True)


@cases("target", row(167, USER, CREDENTIALS, b"/__ping__"))
async def test_a_preflight_gets_no_word_of_permission(attacker: Attacker, target: bytes) -> None:
    asked = (b"Origin: http://evil.example", b"Access-Control-Request-Method: GET",
             b"Access-Control-Request-Headers: authorization")  # fmt: skip
    data = attacker.request(target, *asked, method=b"OPTIONS")
    for response in await answers(attacker, data, method="OPTIONS"):
        assert response.status in {404, 405}


NO_KEY = row(
    168,
    b"X-Nothing: 1", b"Authorization: Key", b"Authorization: Bearer " + OPS.encode(), b"Authorization: Basic b3BzOm9wcw==",
    b"Authorization: Key " + OPS.encode()[:-1], b"X-Api-Key: " + OPS.encode(), b"Cookie: key=" + OPS.encode(),
)  # fmt: skip


@cases("header", NO_KEY)
async def test_a_session_is_no_key(attacker: Attacker, header: bytes) -> None:
    for response in await answers(attacker, attacker.request(USER, attacker.cookie, header)):
        assert (response.status, b'"code": 24' in response.body) == (401, True)


async def test_with_a_key_a_session_changes_nothing(attacker: Attacker) -> None:
    [with_cookie, *_] = await answers(attacker, attacker.request(USER, KEY, attacker.cookie))
    [without, *_] = await answers(attacker, attacker.request(USER, KEY))
    assert b'"username": "ops"' in with_cookie.body
    assert b'"username": "ops"' in without.body


EXCHANGED = row(
    169,
    (b"POST", CREDENTIALS), (b"POST", CREDENTIALS + b"/"), (b"POST", CREDENTIALS.replace(b"_api_", b"_%61pi_")),
    (b"GET", b"/token?integration=warehouse"), (b"GET", b"/__api__/token?integration=warehouse"),
)  # fmt: skip


@cases("asked", EXCHANGED)
async def test_no_token_is_handed_out_there(attacker: Attacker, asked: tuple[bytes, bytes]) -> None:
    method, target = asked
    key = b"Authorization: Key " + attacker.stage.setup.content_keys["sales"].encode()
    body = b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange" if method == b"POST" else b""
    data = attacker.request(target, attacker.cookie, key, method=method, body=body)
    await attacker.is_refused(data, 400, 404, method=method.decode())


INTERNAL = row(
    169,
    b"Oauth-Sidecar-Reason: sign-in", b"Oauth-Sidecar-Content: sales", b"Oauth-Sidecar-Client: 192.0.2.1",
    b"Oauth_Sidecar_Vouched: ada", b"Oauth-Sidecar-Method: GET",
)  # fmt: skip


@cases("header", INTERNAL)
async def test_what_only_the_gateway_says_is_not_believed(attacker: Attacker, header: bytes) -> None:
    for response in await answers(attacker, attacker.request(USER, header)):
        assert (response.status, b'"code": 24' in response.body) == (401, True)


SPELLINGS = row(
    169, b"/__api__/v1/user/", b"/__api__//v1/user", b"/__API__/v1/user", b"/__api__", b"/__api__/", b"/__ping__/",
    b"/__api__%2fv1/user",
)  # fmt: skip


@cases("target", SPELLINGS)
async def test_an_address_is_served_as_it_is_written(attacker: Attacker, target: bytes) -> None:
    await attacker.is_refused(attacker.request(target, KEY), 400, 404)


async def test_a_path_with_escapes_is_judged_as_the_path_that_it_is(attacker: Attacker) -> None:
    for header, status in ((KEY, 200), (b"X-Nothing: 1", 401)):
        for response in await answers(attacker, attacker.request(b"/__%61pi__/v1/user", header)):
            assert response.status == status
            assert response.value(b"X-Correlation-ID")


async def test_no_socket_is_opened_to_it(attacker: Attacker) -> None:
    handshake = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
                 b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")  # fmt: skip
    await attacker.is_refused(attacker.request(USER, KEY, *handshake), 400)
