"""The path that was judged is the path that content sees (catalogue C and B 17)."""

from __future__ import annotations

import pytest

from tests.attacks.attacker import NAVIGATES, Attacker
from tests.attacks.oracle import assert_holds, assert_nothing_arrived
from tests.attacks.wire import SEGMENTS

pytestmark = pytest.mark.asyncio(loop_scope="module")

BROKEN = [
    b"/sales/../public/",
    b"/public/../sales/",
    b"/public/%2e%2e/sales/",
    b"/public/.%2E/sales/",
    b"/public/%252e%252e/sales/",
    b"/sales/./x",
    b"/sales/..",
    b"/sales/x#/public/",
    b"/sales\\x",
    b"/public/%5c..%5csales/",
    b"/public/..%5csales/",
    b"/sales/%00",
    b"/sales/%",
    b"/sales/%zz",
    b"/sales//evil.example/",
    b"/sales/\xc3\xa9",
    b"http://localhost/sales/",
    b"//sales/",
    b"*",
    b"sales/",
]


@pytest.mark.parametrize("target", BROKEN)
@pytest.mark.parametrize("signed_in", [True, False])
async def test_a_target_that_two_readers_could_read_differently_is_refused(
    attacker: Attacker, target: bytes, *, signed_in: bool
) -> None:
    headers = [attacker.cookie] if signed_in else []
    await attacker.is_refused(attacker.request(target, *headers), 400, 404, 0)


@pytest.mark.parametrize(
    "target",
    [
        b"/sales/%2fx",
        b"/sales/a%2Fb%3Fc%25d",
        b"/sales/%23x",
        b"/sales/a;b=c",
        b"/sales/%c3%a9?x=%zz",
        b"/sales/?a=//../b",
    ],
)
async def test_what_is_matched_is_forwarded_byte_for_byte(attacker: Attacker, target: bytes) -> None:
    await attacker.is_served(attacker.request(target, attacker.cookie), person="ada")
    assert {seen.target for seen in attacker.stage.content.requests} == {target.removeprefix(b"/sales")}


@pytest.mark.parametrize("target", [b"/salesd/", b"/sales%64/", b"/sales%2fx", b"/Sales/", b"/sales.", b"/sales;/x"])
async def test_a_prefix_matches_whole_segments_only(attacker: Attacker, target: bytes) -> None:
    for segments in SEGMENTS:
        response = await attacker.send(attacker.request(target, attacker.cookie), segments=segments)
        assert response is not None
        assert response.status in {400, 401, 404}
    assert_nothing_arrived(attacker.stage)
    assert_holds(attacker.stage)


@pytest.mark.parametrize("query", [b"?x=/public/", b"?path=/public/x", b"?access_token=junk"])
async def test_the_query_decides_nothing(attacker: Attacker, query: bytes) -> None:
    await attacker.is_refused(attacker.request(b"/sales/" + query, b"X-Forwarded-Uri: /public/"), 401)


@pytest.mark.parametrize(
    "session",
    [b"", b"x", b"A" * 43, b"A" * 5000, b"%00", b'"quoted"', b"\xc3\xa9", b"..", b"null"],
    ids=["empty", "short", "unknown", "long", "nul", "quoted", "utf-8", "dots", "null"],
)
async def test_a_session_that_is_none_is_treated_as_none(attacker: Attacker, session: bytes) -> None:
    [name] = [name for name, value in attacker.ada.our_cookies.items() if value == attacker.ada.session_id]
    cookie = b"Cookie: " + name.encode() + b"=" + session
    for segments in SEGMENTS:
        response = await attacker.send(attacker.request(b"/sales/", cookie), segments=segments)
        assert response is not None
        assert response.status == 401
    assert_nothing_arrived(attacker.stage)


async def test_two_different_sessions_are_none(attacker: Attacker) -> None:
    [name] = [name for name, value in attacker.ada.our_cookies.items() if value == attacker.ada.session_id]
    line = attacker.cookie + b"; " + name.encode() + b"=other"
    await attacker.is_refused(attacker.request(b"/sales/", line), 401)


@pytest.mark.parametrize("header", [b"Authorization: Bearer junk", b"Authorization: Basic YTpi"])
async def test_other_credentials_are_no_session(attacker: Attacker, header: bytes) -> None:
    await attacker.is_refused(attacker.request(b"/sales/", header), 401)


@pytest.mark.parametrize("target", [b"evil.example:443", b"/sales/", b"/"])
async def test_connect_is_refused_and_the_connection_ends(attacker: Attacker, target: bytes) -> None:
    await attacker.is_refused(
        attacker.request(target, attacker.cookie, method=b"CONNECT"), 400, 405, 501, method="CONNECT"
    )


@pytest.mark.parametrize("method", [b"TRACE", b"TRACK", b"PRI", b"NONSENSE", b"A" * 10_000])
async def test_a_method_that_nobody_needs_is_refused(attacker: Attacker, method: bytes) -> None:
    request = attacker.request(b"/sales/", attacker.cookie, method=method)
    await attacker.is_refused(request, 400, 405, 431, 501, 0, method=method.decode())


@pytest.mark.parametrize("host", [b"evil.example", b"localhost:1", b"", b"localhost@evil.example"])
async def test_an_unknown_host_gets_no_flow(attacker: Attacker, host: bytes) -> None:
    request = attacker.request(b"/sales/", *NAVIGATES).replace(b"Host: " + attacker.host, b"Host: " + host)
    await attacker.is_refused(request, 400, 421)


async def test_no_host_and_two_hosts_are_refused(attacker: Attacker) -> None:
    line = b"Host: " + attacker.host + b"\r\n"
    once = attacker.request(b"/sales/", attacker.cookie)
    await attacker.is_refused(once.replace(line, b""), 400)
    await attacker.is_refused(once.replace(line, line + line), 400)
    await attacker.is_refused(once.replace(line, line + b"Host: evil.example\r\n"), 400)
