"""F: a forged, replayed or misshapen logout token signs nobody out; a right one exactly whom it names."""

from __future__ import annotations

import json
import time
from urllib.parse import urlencode

import pytest

from tests.attacks.attacker import NAVIGATES, Attacker
from tests.attacks.oracle import assert_holds
from tests.attacks.rows import cases
from tests.attacks.test_e_id_tokens import change as identity_from_id_tokens
from tests.attacks.wire import SEGMENTS, Response
from tests.doubles.id_tokens import LOGOUT_EVENT
from tests.doubles.signing import Signer, private_key
from tests.journeys.viewer import Viewer

pytestmark = pytest.mark.asyncio(loop_scope="module")

change = identity_from_id_tokens
PATH = b"/__oauth__/backchannel-logout"
FORM = b"Content-Type: application/x-www-form-urlencoded"
NOW = int(time.time())
SUBJECT = "eve"


def logout_token(attacker: Attacker, header: dict[str, object] | None = None, **claims: object) -> str:
    server = attacker.stage.server
    return server.id_tokens.logout(
        claims, issuer=server.url, client_id=attacker.stage.client.client_id, now=time.time(), header=header
    )


async def signed_in(attacker: Attacker, sid: str) -> Viewer:
    """Sign Eve in from this session at the provider."""
    attacker.stage.server.id_tokens.sid = sid
    viewer = await attacker.stage.signed_in(SUBJECT, "/sales/")
    attacker.stage.server.id_tokens.sid = ""
    return viewer


async def is_in(attacker: Attacker, viewer: Viewer) -> bool:
    response = await attacker.opens(viewer, "/sales/")
    assert response.status in {200, 302, 303}
    return response.status == 200


async def told(attacker: Attacker, body: str, *headers: bytes, method: bytes = b"POST", segments: str = SEGMENTS[0]) -> Response:  # fmt: skip
    data = attacker.request(PATH, *(headers or (FORM,)), method=method, body=body.encode())
    response = await attacker.send(data, segments=segments, method=method.decode())
    assert response is not None
    assert response.value(b"Cache-Control") == b"no-store"
    assert response.values(b"Set-Cookie") == []
    return response


def form(token: str) -> str:
    return urlencode({"logout_token": token})


@pytest.mark.parametrize("segments", SEGMENTS)
async def test_row_88_a_right_logout_token_signs_out_whom_it_names(attacker: Attacker, segments: str) -> None:
    one, other = await signed_in(attacker, f"a {segments}"), await signed_in(attacker, f"b {segments}")
    response = await told(attacker, form(logout_token(attacker, sid=f"a {segments}")), segments=segments)
    assert (response.status, response.body) == (200, b"")
    assert not await is_in(attacker, one)
    assert await is_in(attacker, other)
    assert b"eyJ" not in attacker.stage.sidecar.log


CLAIMS: dict[str, dict[str, object]] = {
    "row 88: no iat": {"iat": None},
    "row 88: no exp": {"exp": None},
    "row 88: no jti": {"jti": None},
    "row 88: no events": {"events": None},
    "row 88: another event": {"events": {"http://schemas.openid.net/event/other": {}}},
    "row 88: events as a list": {"events": [LOGOUT_EVENT]},
    "row 88: neither sub nor sid": {"sub": None},
    "row 88: a nonce": {"nonce": "n"},
    "row 88: aud of another client": {"aud": "other"},
    "row 88: iss of another server": {"iss": "https://evil.example"},
    "row 88: expired": {"exp": NOW - 600},
    "row 88: issued yesterday": {"iat": NOW - 86400},
    "row 88: issued tomorrow": {"iat": NOW + 86400, "exp": NOW + 2 * 86400},
    "row 88: exp as text": {"exp": "32503680000"},
}


@cases("claims", CLAIMS)
async def test_a_logout_token_that_says_the_wrong_thing_signs_nobody_out(
    attacker: Attacker, claims: dict[str, object]
) -> None:
    viewer = await signed_in(attacker, "s")
    response = await told(attacker, form(logout_token(attacker, **{"sub": SUBJECT, **claims})))
    assert response.status == 400
    assert await is_in(attacker, viewer)
    assert_holds(attacker.stage, person=SUBJECT)


@cases("typ", {f"row 88: typ {typ}": typ for typ in ("at+jwt", "id_token+jwt", "secevent+jwt", "x")})
async def test_a_token_of_another_kind_signs_nobody_out(attacker: Attacker, typ: str) -> None:
    viewer = await signed_in(attacker, "s")
    assert (await told(attacker, form(logout_token(attacker, {"typ": typ}, sub=SUBJECT)))).status == 400
    assert await is_in(attacker, viewer)


FORGERIES = {
    "row 88: alg none": lambda signer, claims: signer.unsigned(claims),
    "row 88: HS256 with the public key": lambda signer, claims: signer.confused(claims),
    "row 88: its own key": lambda signer, claims: signer.with_own_key(claims),
    "row 88: another signer": lambda signer, claims: Signer(key=private_key("somebody-else")).sign(
        claims, {"kid": signer.key.kid, "typ": "logout+jwt"}
    ),
    "row 88: an unknown key": lambda _, claims: Signer(key=private_key("somebody-else")).sign(
        claims, {"typ": "logout+jwt"}
    ),
    "row 88: a changed signature": lambda signer, claims: signer.sign(claims, {"typ": "logout+jwt"})[:-4] + "AAAA",
}


@cases("forged", FORGERIES)
async def test_a_forged_logout_token_signs_nobody_out(attacker: Attacker, forged) -> None:
    viewer, server = await signed_in(attacker, "s"), attacker.stage.server
    claims = {"iss": server.url, "aud": attacker.stage.client.client_id, "sub": SUBJECT, "iat": NOW, "exp": NOW + 3600,
              "jti": "forged", "events": {LOGOUT_EVENT: {}}}  # fmt: skip
    assert (await told(attacker, form(forged(server.id_tokens.signer, claims)))).status == 400
    assert await is_in(attacker, viewer)


async def test_row_88_a_replayed_logout_token_ends_no_later_session(attacker: Attacker) -> None:
    first = await signed_in(attacker, "first")
    message = form(logout_token(attacker, sub=SUBJECT))
    assert (await told(attacker, message)).status == 200
    assert not await is_in(attacker, first)
    later = await signed_in(attacker, "later")
    assert (await told(attacker, message)).status == 400
    assert await is_in(attacker, later)


async def test_row_88_what_is_no_form_with_one_token_signs_nobody_out(attacker: Attacker) -> None:
    viewer = await signed_in(attacker, "s")
    token = logout_token(attacker, sub=SUBJECT)
    one = form(token)
    for body, headers in (
        (f"{one}&{one}", (FORM,)),
        (json.dumps({"logout_token": token}), (b"Content-Type: application/json",)),
        (one, (b"Content-Type: text/plain",)),
        ("", (FORM,)),
    ):
        assert (await told(attacker, body, *headers)).status == 400
    assert (await told(attacker, f"{one}&pad={'x' * 1_000_000}")).status == 413
    for method in (b"GET", b"PUT"):
        assert (await told(attacker, one if method == b"PUT" else "", FORM, method=method)).status == 405
    assert await is_in(attacker, viewer)
    assert (await told(attacker, one)).status == 200, "the token itself was right"


async def test_row_88_another_sites_page_gains_nothing_by_sending_the_form_with_our_cookie(attacker: Attacker) -> None:
    cross_site = (FORM, b"Origin: https://evil.example", b"Sec-Fetch-Site: cross-site", attacker.cookie)
    assert (await told(attacker, form("a.b.c"), *cross_site)).status == 400
    response = await attacker.send(attacker.request(b"/sales/", attacker.cookie, *NAVIGATES))
    assert response is not None
    assert response.status == 200


async def test_row_89_a_newer_session_is_found_after_an_older_one_has_gone(attacker: Attacker) -> None:
    older, newer = await signed_in(attacker, "older"), await signed_in(attacker, "newer")
    assert (await older.sign_out()).status == 303
    assert (await told(attacker, form(logout_token(attacker, sub=SUBJECT)))).status == 200
    assert not await is_in(attacker, newer)
