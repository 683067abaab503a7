"""A: nobody but us says who the viewer is. Whatever a request claims, content sees our values only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.attacks.attacker import Attacker
from tests.attacks.oracle import assert_holds, assert_nothing_arrived, fold
from tests.attacks.rows import cases, row
from tests.attacks.wire import SEGMENTS
from tests.doubles.content import HELLO
from tests.doubles.grants import ADA, User

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORGED = row(
    1,
    b"X-Forwarded-Access-Token",
    b"X-Forwarded-Access-Token-Warehouse",
    b"X-Forwarded-Access-Token-Unknown",
    b"X-Forwarded-Access-Token-Expires",
    b"X-Forwarded-User",
    b"X-Forwarded-Email",
    b"X-Forwarded-Preferred-Username",
    b"X-Forwarded-Groups",
    b"Posit-Connect-User-Session-Token",
    b"Posit-Connect-Anything",
    b"Rstudio-Connect-Credentials",
    b"Shiny-Server-Credentials",
    b"Oauth-Sidecar-Reason",
    b"Oauth-Sidecar-Client",
)
ALIASES = row(
    2,
    b"X_Forwarded_Access_Token",
    b"x-forwarded_access-token",
    b"X-FORWARDED_ACCESS_TOKEN",
    b"x_forwarded_access-token_warehouse",
    b"x_forwarded_user",
    b"X.Forwarded.Email",
    b"X~Forwarded~Email",
    b"posit_connect_user_session_token",
    b"POSIT_CONNECT-user-SESSION_token",
    b"rstudio_connect_credentials",
    b"oauth_sidecar_reason",
)
FORWARDING = row(
    10,
    b"Forwarded",
    b"X-Forwarded-For",
    b"X-Forwarded-Host",
    b"X-Forwarded-Proto",
    b"X-Forwarded-Port",
    b"X-Forwarded-Prefix",
    b"X-Forwarded-Uri",
    b"X-Forwarded-Method",
    b"X-Forwarded-Server",
    b"X-Real-Ip",
    b"X-Original-URL",
    b"X-Rewrite-URL",
    b"X_Forwarded_Host",
    b"X_Forwarded_For",
    b"X_Real_Ip",
    b"X_Original_Url",
    b"Proxy",
)
STRANGE_NAMES = {
    "row 7: CR LF": "Ada\r\nX-Admin: evil",
    "row 7: lone CR": "Ada\rX-Admin: evil",
    "row 7: lone LF": "Ada\nX-Admin: evil",
    "row 7: NUL": "Ada\0evil",
    "row 7: DEL": "Ada\x7fevil",
}
FOREIGN_NAMES = {
    "row 8: umlaut": ("Bärbel", b"B%C3%A4rbel"),
    "row 8: emoji": ("Ada \U0001f600", b"Ada %F0%9F%98%80"),
    "row 8: Latin-1 letter": ("A\xffB", b"A%C3%BFB"),
    "row 8: percent": ("100%41", b"100%2541"),
}


@cases("name", FORGED | ALIASES | FORWARDING)
async def test_a_forged_name_reaches_no_open_content(attacker: Attacker, name: bytes) -> None:
    await attacker.is_served(attacker.request(b"/public/", name + b": evil"), person=None)
    for seen in attacker.stage.content.requests:
        assert b"evil" not in seen.head


@cases("name", FORGED | ALIASES | FORWARDING)
async def test_a_forged_name_does_not_stand_beside_ours(attacker: Attacker, name: bytes) -> None:
    forged = (name + b": evil", name.upper() + b":evil")
    await attacker.is_served(attacker.request(b"/sales/", forged[0], attacker.cookie, forged[1]), person="ada")
    for seen in attacker.stage.content.requests:
        assert b"evil" not in seen.head
        assert attacker.stage.owner_of(seen) == "ada"
        assert len([key for key, _ in seen.headers if fold(key) == fold(name)]) <= 1


@cases(
    "nominated",
    row(
        4,
        b"X-Forwarded-Access-Token, Cookie, X-Forwarded-For",
        b"close, X-Forwarded-Access-Token",
        b"close,X-Forwarded-Access-Token-Warehouse,x_forwarded_access_token",
        b"x-forwarded-user, posit-connect-user-session-token",
        b"Host, Content-Length, Transfer-Encoding, X-App",
    ),
)
async def test_a_connection_header_cannot_take_our_headers_away(attacker: Attacker, nominated: bytes) -> None:
    own = (attacker.cookie + b"; app=1", b"X-App: 1", b"Connection: " + nominated)
    await attacker.is_served(attacker.request(b"/sales/", *own), person="ada")
    for seen in attacker.stage.content.requests:
        assert attacker.stage.owner_of(seen) == "ada"
        assert seen.values(b"X-Forwarded-User") == [b"ada"]
        assert len(seen.values(b"X-Forwarded-For")) == 1
        assert seen.value(b"Cookie") == b"app=1"
        assert seen.values(b"Host") == [attacker.host]
        assert (seen.values(b"X-App") == []) is (b"X-App" in nominated)


@cases("name", row(5, b"X-Forwarded-User", b"X_Forwarded_Access_Token", b"Cookie"))
@pytest.mark.parametrize("is_announced", [True, False])
async def test_trailers_do_not_become_headers(attacker: Attacker, name: bytes, *, is_announced: bool) -> None:
    announced = [b"Trailer: " + name] if is_announced else []
    head = (attacker.cookie, b"Origin: " + attacker.ada.url.encode(), *announced)
    request = attacker.request(b"/sales/", *head, b"Transfer-Encoding: chunked", method=b"POST")
    chunks = b"3\r\nabc\r\n0\r\n" + name + b": evil\r\n\r\n"
    await attacker.is_served(request + chunks, person="ada", method="POST")
    for seen in attacker.stage.content.requests:
        assert seen.body == b"abc"
        assert b"evil" not in seen.everything


@pytest_asyncio.fixture(loop_scope="module")
async def renamed(attacker: Attacker) -> AsyncIterator[dict[str, User]]:
    """The provider's directory, as it was again afterwards."""
    users = attacker.stage.server.grants.users
    before = dict(users)
    yield users
    users.update(before)


@cases("name", STRANGE_NAMES)
async def test_a_claim_that_leaves_its_line_is_left_out(
    attacker: Attacker, renamed: dict[str, User], name: str
) -> None:
    renamed["ada"] = replace(ADA, name=name, preferred_username=name, groups=(name, "analysts"))
    await attacker.stage.signed_in("ada")
    [seen] = attacker.stage.content.requests
    assert b"evil" not in seen.head
    assert seen.values(b"X-Admin") == seen.values(b"X-Forwarded-Preferred-Username") == []
    assert seen.values(b"X-Forwarded-Groups") == [b"analysts"]
    assert_holds(attacker.stage, person="ada")


@cases("name", STRANGE_NAMES)
async def test_nobody_is_known_by_a_subject_that_leaves_its_line(
    attacker: Attacker, renamed: dict[str, User], name: str
) -> None:
    renamed["ada"] = replace(ADA, id=name)
    page = await (await attacker.stage.viewer("ada")).visit("/sales/")
    assert page.status == 502
    assert_nothing_arrived(attacker.stage)
    assert_holds(attacker.stage)


@cases("name", FOREIGN_NAMES)
async def test_a_foreign_name_is_percent_encoded(
    attacker: Attacker, renamed: dict[str, User], name: tuple[str, bytes]
) -> None:
    text, encoded = name
    renamed["ada"] = replace(ADA, preferred_username=text, groups=(text, "analysts"))
    await attacker.stage.signed_in("ada")
    [seen] = attacker.stage.content.requests
    assert seen.values(b"X-Forwarded-Preferred-Username") == [encoded]
    assert seen.values(b"X-Forwarded-Groups") == [encoded + b",analysts"]
    assert_holds(attacker.stage, person="ada")


async def test_row_11_cookies_of_the_app_pass_unchanged_and_ours_do_not(attacker: Attacker) -> None:
    ours = attacker.ada.cookie_header().encode()
    line = b'Cookie: a=1; b="x y"; ' + ours + b"; c=%3B;d"
    await attacker.is_served(attacker.request(b"/sales/", line), person="ada")
    for seen in attacker.stage.content.requests:
        assert seen.values(b"Cookie") == [b'a=1; b="x y"; c=%3B;d']


@pytest.mark.parametrize("place", [0, 1, 2, 3], ids="row 11: ours at {}".format)
async def test_our_cookies_leave_no_gap_wherever_they_stand(attacker: Attacker, place: int) -> None:
    cookies = [b"a=1", b"b=2", b"c=3"]
    cookies.insert(place, attacker.ada.cookie_header().encode())
    await attacker.is_served(attacker.request(b"/sales/", b"Cookie: " + b"; ".join(cookies)), person="ada")
    assert [seen.values(b"Cookie") for seen in attacker.stage.content.requests] == [[b"a=1; b=2; c=3"]] * 2


async def test_row_11_without_other_cookies_there_is_no_cookie_header(attacker: Attacker) -> None:
    await attacker.is_served(attacker.request(b"/sales/", attacker.cookie), person="ada")
    assert [seen.values(b"Cookie") for seen in attacker.stage.content.requests] == [[], []]


@cases("name", row(13, b"X-Forwarded-Access-Token", b"x_forwarded_access_token", b"Posit-Connect-User-Session-Token"))
async def test_what_we_injected_does_not_come_back(attacker: Attacker, name: bytes) -> None:
    content = attacker.stage.content
    content.answer = lambda seen: HELLO.replace(
        b"\r\n\r\n", b"\r\n%s: %s\r\n\r\n" % (name, seen.value(b"X-Forwarded-Access-Token") or b""), 1
    )
    try:
        response = await attacker.send(attacker.request(b"/sales/", attacker.cookie))
    finally:
        content.answer = HELLO
    assert response is not None
    assert response.values(name) == []
    assert_holds(attacker.stage, person="ada")


BODYLESS = {
    "row 14: 204": (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", 204),
    "row 14: 304": (b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n', "GET", 304),
    "row 14: HEAD": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD", 200),
    "row 14: HEAD, chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", 200),
    "row 14: 103": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + HELLO, "GET", 200),
}


@cases("case", BODYLESS)
@pytest.mark.parametrize("segments", SEGMENTS)
async def test_answers_without_a_body_get_none(attacker: Attacker, case: tuple[bytes, str, int], segments: str) -> None:
    answer, method, status = case
    attacker.stage.content.answer = answer
    try:
        for _ in range(3):
            request = attacker.request(b"/sales/", attacker.cookie, method=method.encode())
            response = await attacker.send(request, method=method, segments=segments)
            assert response is not None
            assert response.status == status
            assert response.body == (b"hello" if method == "GET" and status == 200 else b"")
    finally:
        attacker.stage.content.answer = HELLO
    assert_holds(attacker.stage, person="ada")
