"""C: the path that was judged is the path that content sees, and nothing else decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.attacks.attacker import NAVIGATES, Attacker
from tests.attacks.oracle import assert_holds, assert_nothing_arrived
from tests.attacks.rows import cases, row
from tests.attacks.wire import SEGMENTS

pytestmark = pytest.mark.asyncio(loop_scope="module")

BROKEN = row(
    28,
    b"/sales/%00",
    b"/sales/%2500",
    b"/sales/%255c",
    b"/sales/%c0%ae%c0%ae/",
    b"/sales/%e0%80%af",
    b"/sales/%25c0%25af",
    b"/sales/%252e%252e%252fpublic/",
    b"/sales/..;/public/",
    b"/sales/%2e%2e;x/public/",
    b"/sales/%u002e",
    b"/sales/\x00",
    b"/sales/a\tb",
    b"/sales/../public/",
    b"/public/../sales/",
    b"/public/%2e%2e/sales/",
    b"/public/.%2E/sales/",
    b"/public/%252e%252e/sales/",
    b"/sales/./x",
    b"/sales/..",
    b"/sales\\x",
    b"/public/%5c..%5csales/",
    b"/public/..%5csales/",
    b"/sales/%",
    b"/sales/%zz",
    b"/sales//evil.example/",
    b"/sales/\xc3\xa9",
    b"http://localhost/sales/",
    b"//sales/",
    b"http://evil.example/public/",
    b"*",
    b"sales/",
) | row(26, b"/sales/x#/public/", b"/public/#/../sales/", b"/sales/?x=1#y", b"#")


@cases("target", BROKEN)
@pytest.mark.parametrize("signed_in", [True, False])
async def test_a_target_that_two_readers_could_read_differently_is_refused(
    attacker: Attacker, target: bytes, *, signed_in: bool
) -> None:
    headers = [attacker.cookie] if signed_in else []
    await attacker.is_refused(attacker.request(target, *headers), 400, 404, 0)


@cases(
    "target",
    row(
        28,
        b"/sales/%2fx",
        b"/sales/a%2Fb%3Fc%25d",
        b"/sales/%3b%3B;x",
        b"/sales/%2525",
        b"/sales/a;b=c",
        b"/sales/a//b",
        b"/sales/%41%7e~",
        b"/sales/%c3%a9?x=%zz",
        b"/sales/?a=//../b",
        b"/sales/x?a=..%2f..&b=\\",
    )
    | row(26, b"/sales/%23x", b"/sales/foo/secret%23/bar"),
)
async def test_what_is_matched_is_forwarded_byte_for_byte(attacker: Attacker, target: bytes) -> None:
    await attacker.is_served(attacker.request(target, attacker.cookie), person="ada")
    assert {seen.target for seen in attacker.stage.content.requests} == {target.removeprefix(b"/sales")}


@cases("target", row(29, b"/salesd/", b"/sales%64/", b"/sales%2fx", b"/Sales/", b"/sales.", b"/sales;/x", b"/sale%73/"))
async def test_a_prefix_matches_whole_segments_only(attacker: Attacker, target: bytes) -> None:
    for segments in SEGMENTS:
        response = await attacker.send(attacker.request(target, attacker.cookie), segments=segments)
        assert response is not None
        assert response.status in {400, 401, 404}
    assert_nothing_arrived(attacker.stage)
    assert_holds(attacker.stage)


@cases("query", row(25, b"?x=/public/", b"?path=/public/x", b"?/../public/") | row(32, b"?access_token=junk"))
async def test_the_query_decides_nothing(attacker: Attacker, query: bytes) -> None:
    await attacker.is_refused(attacker.request(b"/sales/" + query, b"X-Forwarded-Uri: /public/"), 401)


@cases("session", row(31, b"", b"x", b"A" * 43, b"A" * 5000, b"%00", b'"quoted"', b"\xc3\xa9", b"..", b"null"))
async def test_a_session_that_is_none_is_treated_as_none(attacker: Attacker, session: bytes) -> None:
    [name] = [name for name, value in attacker.ada.our_cookies.items() if value == attacker.ada.session_id]
    cookie = b"Cookie: " + name.encode() + b"=" + session
    for segments in SEGMENTS:
        response = await attacker.send(attacker.request(b"/sales/", cookie), segments=segments)
        assert response is not None
        assert response.status == 401
    assert_nothing_arrived(attacker.stage)


@pytest.mark.parametrize(
    "change", ["cut", "longer", "other case", "quoted", "as another cookie"], ids="row 31: {}".format
)
async def test_a_session_that_is_nearly_right_is_none(attacker: Attacker, change: str) -> None:
    name, _, value = attacker.cookie.removeprefix(b"Cookie: ").partition(b"; ")[0].partition(b"=")
    nearly = {
        "cut": name + b"=" + value[:-1],
        "longer": name + b"=" + value + b"A",
        "other case": name + b"=" + value.swapcase(),
        "quoted": name + b'="' + value + b'"',
        "as another cookie": name + b"2=" + value,
    }
    await attacker.is_refused(attacker.request(b"/sales/", b"Cookie: " + nearly[change]), 401)


async def test_row_31_two_different_sessions_are_none(attacker: Attacker) -> None:
    [name] = [name for name, value in attacker.ada.our_cookies.items() if value == attacker.ada.session_id]
    line = attacker.cookie + b"; " + name.encode() + b"=other"
    await attacker.is_refused(attacker.request(b"/sales/", line), 401)


@cases("header", row(32, b"Authorization: Bearer junk", b"Authorization: Basic YTpi", b"X-Api-Key: junk"))
async def test_other_credentials_are_no_session(attacker: Attacker, header: bytes) -> None:
    await attacker.is_refused(attacker.request(b"/sales/", header), 401)


@cases("target", row(34, b"evil.example:443", b"/sales/", b"/", b"*"))
async def test_connect_is_refused_and_the_connection_ends(attacker: Attacker, target: bytes) -> None:
    await attacker.is_refused(
        attacker.request(target, attacker.cookie, method=b"CONNECT"), 400, 405, 501, method="CONNECT"
    )


@cases("method", row(35, b"TRACE", b"TRACK", b"PRI", b"NONSENSE", b"get", b"A" * 10_000))
async def test_a_method_that_nobody_needs_is_refused(attacker: Attacker, method: bytes) -> None:
    request = attacker.request(b"/sales/", attacker.cookie, method=method)
    await attacker.is_refused(request, 400, 405, 431, 501, 0, method=method.decode())


@cases("host", row(17, b"evil.example", b"localhost:1", b"", b"localhost@evil.example"))
async def test_an_unknown_host_gets_no_flow(attacker: Attacker, host: bytes) -> None:
    request = attacker.request(b"/sales/", *NAVIGATES).replace(b"Host: " + attacker.host, b"Host: " + host)
    await attacker.is_refused(request, 400, 421)


async def test_row_17_no_host_and_two_hosts_are_refused(attacker: Attacker) -> None:
    line = b"Host: " + attacker.host + b"\r\n"
    once = attacker.request(b"/sales/", attacker.cookie)
    await attacker.is_refused(once.replace(line, b""), 400)
    await attacker.is_refused(once.replace(line, line + line), 400)
    await attacker.is_refused(once.replace(line, line + b"Host: evil.example\r\n"), 400)


@cases(
    "target",
    row(
        37,
        b"/__oauth__/",
        b"/__oauth__/nothing",
        b"/__dashboard__/",
        b"/__api__/v1/oauth/integrations",
        b"/__api__/v1/oauth/integrations/credentials",
        b"/__api__/server_settings",
        b"/__ping__",
        b"/token?integration=warehouse",
        b"/__internal__/",
        b"/__health__/readyx",
        b"/__health__/ready/x",
        b"/__health__/ready%2f",
        b"/__",
        b"/",
        b"/corp/",
        b"/salesd/",
    ),
)
@pytest.mark.parametrize("signed_in", [True, False])
async def test_nothing_else_is_open_on_the_public_listener(
    attacker: Attacker, target: bytes, *, signed_in: bool
) -> None:
    headers = [attacker.cookie] if signed_in else []
    await attacker.is_refused(attacker.request(target, *headers), 400, 401, 403, 404, 405)


@cases(
    "header",
    row(
        37,
        b"Oauth-Sidecar-Reason: sign_in",
        b"Oauth-Sidecar-Reason: not_found",
        b"Oauth_Sidecar_Reason: sign_in",
        b"Oauth-Sidecar-Content: 2a3ec3c8-ceec-5e26-be6d-4e8b3d393972",
    ),
)
@pytest.mark.parametrize("segments", SEGMENTS)
async def test_a_viewer_cannot_speak_as_the_gateway(attacker: Attacker, header: bytes, segments: str) -> None:
    plain = await attacker.send(attacker.request(b"/__health__/live"), segments=segments)
    forged = await attacker.send(attacker.request(b"/__health__/live", header), segments=segments)
    assert plain is not None
    assert forged is not None
    assert (forged.status, forged.body) == (plain.status, plain.body)


UPGRADE = (
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: " + b"A" * 22 + b"==",
)


@cases(
    "target", row(37, b"/sales/", b"/salesd/", b"/corp/", b"/__oauth__/login?content=sales", b"/__health__/live", b"/x")
)
async def test_a_websocket_without_a_session_is_open_nowhere(attacker: Attacker, target: bytes) -> None:
    own = b"Origin: " + attacker.ada.url.encode()
    await attacker.is_refused(attacker.request(target, own, *UPGRADE), 400, 401, 404)


ADDRESSES = row(
    38,
    "a@evil@corp.example",
    "a@corp.example.evil",
    '"a@corp.example"@evil.example',
    "a@evil.example, b@corp.example",
    "a@c\u043erp.example",
    "a@\uff43orp.example",
    "a@corp.example.",
    "a@sub.corp.example",
    "corp.example",
    "@corp.example",
    "a b@corp.example",
)


@cases("address", ADDRESSES)
async def test_an_address_of_another_domain_opens_nothing(attacker: Attacker, address: str) -> None:
    viewer = await visits_corp(attacker, address)
    assert viewer == 403
    assert_nothing_arrived(attacker.stage)


@cases("address", row(38, "a@corp.example", "A@CORP.Example"))
async def test_an_address_of_the_domain_opens(attacker: Attacker, address: str) -> None:
    assert await visits_corp(attacker, address) == 200


async def visits_corp(attacker: Attacker, address: str) -> int:
    """Sign in as somebody with this verified address; return how the content for ``corp.example`` answers."""
    users = attacker.stage.server.grants.users
    ada = users["ada"]
    users["ada"] = replace(ada, id="with-" + address.encode().hex(), email=address)
    try:
        viewer = await attacker.stage.signed_in("ada")
    finally:
        users["ada"] = ada
    for content in attacker.stage.contents.values():
        content.forget()
    response = await attacker.send(attacker.request(b"/corp/", b"Cookie: " + viewer.cookie_header().encode()))
    assert response is not None
    return response.status
