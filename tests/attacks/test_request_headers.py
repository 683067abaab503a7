"""Nobody but us says who the viewer is (catalogue A): whatever a request claims, content sees our values only."""

from __future__ import annotations

import pytest

from tests.attacks.attacker import Attacker
from tests.attacks.oracle import fold

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORGED = [
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
]
ALIASES = [
    b"X_Forwarded_Access_Token",
    b"x-forwarded_access-token",
    b"X-FORWARDED_ACCESS_TOKEN",
    b"x_forwarded_user",
    b"X.Forwarded.Email",
    b"posit_connect_user_session_token",
]
FORWARDING = [
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
    b"X_Forwarded_Host",
    b"X_Real_Ip",
]


@pytest.mark.parametrize("name", [*FORGED, *ALIASES])
async def test_a_forged_name_reaches_no_open_content(attacker: Attacker, name: bytes) -> None:
    await attacker.is_served(attacker.request(b"/public/", name + b": evil"), person=None)
    for seen in attacker.stage.content.requests:
        assert b"evil" not in seen.head


@pytest.mark.parametrize("name", [*FORGED, *ALIASES])
async def test_a_forged_name_does_not_stand_beside_ours(attacker: Attacker, name: bytes) -> None:
    await attacker.is_served(attacker.request(b"/sales/", name + b": evil", attacker.cookie), person="ada")
    for seen in attacker.stage.content.requests:
        assert b"evil" not in seen.head
        assert attacker.stage.owner_of(seen) == "ada"


@pytest.mark.parametrize("name", FORWARDING)
async def test_an_untrusted_peer_says_nothing_about_the_way_here(attacker: Attacker, name: bytes) -> None:
    await attacker.is_served(attacker.request(b"/sales/", name + b": evil", attacker.cookie), person="ada")
    for seen in attacker.stage.content.requests:
        assert b"evil" not in seen.head
        assert len([key for key, _ in seen.headers if fold(key) == fold(name)]) <= 1


@pytest.mark.parametrize(
    "nominated",
    [
        b"X-Forwarded-Access-Token, Cookie, X-Forwarded-For",
        b"close, X-Forwarded-Access-Token",
        b"x-forwarded-user, posit-connect-user-session-token",
        b"Host, Content-Length, X-App",
    ],
)
async def test_a_connection_header_cannot_take_our_headers_away(attacker: Attacker, nominated: bytes) -> None:
    own = (attacker.cookie + b"; app=1", b"X-App: 1", b"Connection: " + nominated)
    await attacker.is_served(attacker.request(b"/sales/", *own), person="ada")
    for seen in attacker.stage.content.requests:
        assert attacker.stage.owner_of(seen) == "ada"
        assert seen.values(b"X-Forwarded-User") == [b"ada"]
        assert seen.value(b"Cookie") == b"app=1"
        assert seen.values(b"Host") == [attacker.host]
        assert (seen.values(b"X-App") == []) is (b"X-App" in nominated)


async def test_cookies_of_the_app_pass_unchanged_and_ours_do_not(attacker: Attacker) -> None:
    ours = attacker.ada.cookie_header().encode()
    line = b'Cookie: a=1; b="x y"; ' + ours + b"; c=%3B;d"
    await attacker.is_served(attacker.request(b"/sales/", line), person="ada")
    for seen in attacker.stage.content.requests:
        assert seen.values(b"Cookie") == [b'a=1; b="x y"; c=%3B;d']


async def test_without_other_cookies_there_is_no_cookie_header(attacker: Attacker) -> None:
    await attacker.is_served(attacker.request(b"/sales/", attacker.cookie), person="ada")
    assert [seen.values(b"Cookie") for seen in attacker.stage.content.requests] == [[], []]


async def test_trailers_do_not_become_headers(attacker: Attacker) -> None:
    head = (attacker.cookie, b"Origin: " + attacker.ada.url.encode(), b"Trailer: X-Forwarded-User")
    request = attacker.request(b"/sales/", *head, b"Transfer-Encoding: chunked", method=b"POST")
    chunks = b"3\r\nabc\r\n0\r\nX-Forwarded-User: evil\r\n\r\n"
    await attacker.is_served(request + chunks, person="ada", method="POST")
    for seen in attacker.stage.content.requests:
        assert seen.body == b"abc"
        assert b"evil" not in seen.everything
