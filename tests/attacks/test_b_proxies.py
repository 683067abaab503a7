"""B: what a proxy in front says is believed of a listed one only, and decides nothing about who may see what."""

from __future__ import annotations

import pytest

from tests.attacks.attacker import Attacker
from tests.attacks.oracle import assert_holds, assert_nothing_arrived
from tests.attacks.rows import cases, row
from tests.attacks.wire import SEGMENTS

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"trusted_proxies": ["127.0.0.1/32"]}
"""The attacker comes through a trusted proxy: the harder case."""

CLAIMS = row(
    16,
    (b"X-Forwarded-Uri: /public/",),
    (b"X-Original-URL: /public/", b"X-Rewrite-URL: /public/"),
    (b"X-Original-URI: /public/", b"X-Original-Method: OPTIONS"),
    (b"X-Forwarded-Prefix: /public", b"X-Forwarded-Host: localhost"),
    (b"X-HTTP-Method-Override: GET", b"X-Forwarded-Method: GET"),
    (b"X_Forwarded_Uri: /public/",),
)


@cases("claims", CLAIMS)
async def test_a_header_never_stands_in_for_the_target(attacker: Attacker, claims: tuple[bytes, ...]) -> None:
    await attacker.is_refused(attacker.request(b"/sales/private", *claims), 401)


@cases("claims", CLAIMS)
async def test_nor_does_it_with_a_session_change_where_a_request_goes(
    attacker: Attacker, claims: tuple[bytes, ...]
) -> None:
    await attacker.is_served(attacker.request(b"/sales/x", attacker.cookie, *claims), person="ada")
    assert [seen.target for seen in attacker.stage.content.requests] == [b"/x", b"/x"]


UNREADABLE = row(
    19,
    b'a, 1.2.3.4, ::ffff:10.0.0.1, "',
    b"",
    b",,,",
    b"1.2.3.4:99, [::1]:5",
    b"999.999.999.999",
    b"1.2.3.4, unknown",
    b"\xff\xfe",
    b"1.2.3.4, " * 500,
)


@cases("addresses", UNREADABLE)
async def test_addresses_that_are_none_are_no_error(attacker: Attacker, addresses: bytes) -> None:
    forwarded = b"X-Forwarded-For: " + addresses
    await attacker.is_served(attacker.request(b"/sales/", attacker.cookie, forwarded), person="ada")
    for segments in SEGMENTS:
        response = await attacker.send(attacker.request(b"/sales/", forwarded), segments=segments)
        assert response is not None
        assert response.status == 401


async def test_row_20_content_sees_who_spoke_behind_what_was_claimed(attacker: Attacker) -> None:
    request = attacker.request(
        b"/sales/", attacker.cookie, b"X-Forwarded-For: 6.6.6.6", b"X-Forwarded-For: 7.7.7.7, 127.0.0.1"
    )
    await attacker.is_served(request, person="ada")
    for seen in attacker.stage.content.requests:
        assert seen.values(b"X-Forwarded-For") == [b"6.6.6.6, 7.7.7.7, 127.0.0.1, 127.0.0.1"]


@cases(
    "target",
    row(
        22,
        b"/__health__/live/",
        b"/__health__/live/../../sales/",
        b"/__health__/%2e%2e/sales/",
        b"/__health__/live%2f",
        b"/__health__/livex",
        b"/__health__/live;/sales/",
        b"/__health__/live?x=1",
        b"/__health__",
        b"/__health__/",
        b"/__HEALTH__/live",
        b"/sales/__health__/live",
    ),
)
async def test_only_the_health_check_itself_is_public(attacker: Attacker, target: bytes) -> None:
    await attacker.is_refused(attacker.request(target), 400, 401, 404)


@cases("method", row(22, b"POST", b"PUT", b"DELETE", b"PATCH"))
async def test_the_health_check_is_read_only(attacker: Attacker, method: bytes) -> None:
    own = b"Origin: " + attacker.ada.url.encode()
    await attacker.is_refused(attacker.request(b"/__health__/live", own, method=method), 403, 404, 405)


async def test_row_22_the_health_check_answers_whoever_asks_and_says_nothing_more(attacker: Attacker) -> None:
    for target in (b"/__health__/live", b"/__health__/ready"):
        response = await attacker.send(attacker.request(target))
        assert response is not None
        assert response.status == 200
        assert response.values(b"Set-Cookie") == []
    assert_nothing_arrived(attacker.stage)
    assert_holds(attacker.stage)
