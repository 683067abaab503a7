"""F: cookies, sessions, sign-out: nobody plants, keeps or borrows one, and another site changes nothing."""

from __future__ import annotations

import pytest

from tests.attacks.attacker import NAVIGATES, Attacker
from tests.attacks.oracle import assert_holds, assert_nothing_arrived
from tests.attacks.rows import cases, row
from tests.attacks.wire import SEGMENTS, Wire
from tests.journeys.sidecar import CALLBACK
from tests.journeys.viewer import NAVIGATION, Viewer

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOGOUT = "/__oauth__/logout"


def cookie_of(viewer: Viewer) -> bytes:
    return b"Cookie: " + viewer.cookie_header().encode()


def session_name(attacker: Attacker) -> str:
    [name] = [name for name, value in attacker.ada.our_cookies.items() if value == attacker.ada.session_id]
    return name


def attributes(set_cookie: bytes) -> set[bytes]:
    """All but name and value, in lower case."""
    return {part.strip().lower() for part in set_cookie.split(b";")[1:]}


async def test_row_77_each_cookie_of_ours_is_closed_to_scripts_and_other_sites(attacker: Attacker) -> None:
    fresh = await attacker.stage.viewer()
    binding = await attacker.opens(fresh, "/sales/")
    session = await attacker.opens(fresh, await attacker.callback_of(fresh))
    for response in (binding, session):
        [line] = response.values(b"Set-Cookie")
        kept = {part for part in attributes(line) if not part.startswith(b"max-age=")}
        assert kept == {b"path=/", b"httponly", b"samesite=lax"}


NAMELESS = row(79, b"={}={}", b" = {}={}", b'"{}"={}', b"__host-{}={}", b"$Version=1; ={}={}", b"x{}={}", b"{} ={}")


@cases("shape", NAMELESS)
async def test_a_cookie_that_only_looks_like_ours_is_none(attacker: Attacker, shape: bytes) -> None:
    name, value = session_name(attacker), attacker.ada.session_id
    line = b"Cookie: app=1; " + shape.decode().format(name, value).encode()
    await attacker.is_refused(attacker.request(b"/sales/", line), 401)


@cases("shape", NAMELESS)
@pytest.mark.parametrize("segments", SEGMENTS)
async def test_a_cookie_that_only_looks_like_ours_does_not_reach_content(
    attacker: Attacker, shape: bytes, segments: str
) -> None:
    """``x…`` is an app's own name; every other disguise is taken off, beside a real session too."""
    if shape.startswith(b"x"):
        shape = b"={}={}"
    disguised = shape.decode().format(session_name(attacker), "evil").encode()
    line = attacker.cookie + b"; app=1; " + disguised
    response = await attacker.send(attacker.request(b"/sales/", line), segments=segments)
    assert response is not None
    for seen in attacker.stage.content.requests:
        assert b"evil" not in seen.head


@pytest.mark.parametrize("segments", SEGMENTS)
async def test_row_80_many_cookies_cost_nothing_and_confuse_nobody(attacker: Attacker, segments: str) -> None:
    crowd = b"; ".join(b"a%d=%d" % (number, number) for number in range(500))
    line = attacker.cookie + b"; ;;=;=x; " + crowd
    async with Wire.to(attacker.stage.sidecar.url) as connection:
        await connection.send(attacker.request(b"/sales/", line), segments=segments)
        assert (await connection.response()).status == 200
    [seen] = attacker.stage.content.requests
    assert crowd in (seen.value(b"Cookie") or b"")
    assert_holds(attacker.stage, person="ada")


@cases(
    "crowd",
    {"row 80: 100 kB": b"a=" + b"x" * 100_000, "row 80: parts": b"a_1of999999999=x; a_0=x", "row 80: bare": b";;=;"},
)
async def test_an_absurd_cookie_header_is_refused_or_ignored(attacker: Attacker, crowd: bytes) -> None:
    for segments in SEGMENTS:
        data = attacker.request(b"/sales/", b"Cookie: " + crowd)
        response = await attacker.send(data, segments="one segment" if len(crowd) > 1000 else segments)
        assert response is None or response.status in {401, 431}
    assert_nothing_arrived(attacker.stage)


async def test_row_82_sign_out_takes_the_cookie_away_as_it_was_set(attacker: Attacker) -> None:
    viewer = await attacker.stage.signed_in("bob")
    name = next(name for name, value in viewer.our_cookies.items() if value == viewer.session_id)
    request = attacker.request(LOGOUT.encode(), cookie_of(viewer), b"Origin: " + viewer.url.encode(), method=b"POST")
    response = await attacker.send(request, segments="every byte", method="POST")
    assert response is not None
    assert response.status == 303
    [line] = response.values(b"Set-Cookie")
    assert line.startswith(name.encode() + b"=;")
    assert attributes(line) == {b"max-age=0", b"path=/", b"httponly", b"samesite=lax"}


async def test_row_83_a_cookie_is_worthless_after_sign_out(attacker: Attacker) -> None:
    viewer = await attacker.stage.signed_in("bob")
    request = attacker.request(b"/sales/", cookie_of(viewer))
    assert (await viewer.follow(await viewer.sign_out())).status == 200
    for content in attacker.stage.contents.values():
        content.forget()
    attacker.stage.server.journal.clear()
    await attacker.is_refused(request, 401)


@cases(
    "headers",
    row(
        85,
        (b"Origin: https://evil.example", b"Sec-Fetch-Site: cross-site"),
        (b"Origin: null",),
        (b"Origin: http://localhost.evil.example",),
        (b"Sec-Fetch-Site: same-site",),
        (b"Sec-Fetch-Site: cross-site",),
        (b"Origin: http://localhost", b"Content-Type: text/plain"),
        (b"Origin: http://localhost:1",),
    ),
)
async def test_another_site_changes_nothing(attacker: Attacker, headers: tuple[bytes, ...]) -> None:
    for target in (b"/__oauth__/logout", b"/sales/save"):
        request = attacker.request(target, attacker.cookie, *headers, method=b"POST")
        await attacker.is_refused(request, 403, method="POST")
    assert (await attacker.ada.get("/sales/")).status == 200


@pytest.mark.parametrize("segments", SEGMENTS)
async def test_row_85_a_get_signs_nobody_out(attacker: Attacker, segments: str) -> None:
    for target in (b"/__oauth__/logout", b"/__oauth__/logout?_method=POST", b"/__oauth__/signed-out"):
        for method in (b"GET", b"HEAD"):
            await attacker.send(
                attacker.request(target, attacker.cookie, *NAVIGATES, method=method),
                method=method.decode(),
                segments=segments,
            )
    assert (await attacker.ada.get("/sales/")).status == 200


async def test_row_91_the_same_browser_as_somebody_else_carries_nothing_over(attacker: Attacker) -> None:
    viewer = await attacker.stage.signed_in("bob")
    before = viewer.session_id
    await viewer.sign_out()
    viewer.person = "eve"
    attacker.stage.content.forget()
    assert (await viewer.visit("/sales/")).status == 200
    assert viewer.session_id not in {None, before}
    assert_holds(attacker.stage, person="eve")


async def test_row_91_a_session_id_that_somebody_planted_is_not_kept(attacker: Attacker) -> None:
    viewer = await attacker.stage.viewer("bob")
    [name] = [name for name, value in attacker.ada.our_cookies.items() if value == attacker.ada.session_id]
    viewer.cookies[name] = "planted" * 6
    assert (await viewer.visit("/sales/")).status == 200
    assert viewer.session_id not in {None, "planted" * 6}


@cases("target", row(92, LOGOUT, "/__oauth__/signed-out", CALLBACK, CALLBACK + "?error=access_denied", "/nothing/"))
async def test_our_pages_cannot_be_framed(attacker: Attacker, target: str) -> None:
    response = await attacker.opens(attacker.ada, target)
    assert b"frame-ancestors 'none'" in (response.value(b"Content-Security-Policy") or b"")


async def test_row_92_content_may_be_framed_as_it_likes(attacker: Attacker) -> None:
    response = await attacker.opens(attacker.ada, "/sales/")
    assert response.values(b"Content-Security-Policy") == response.values(b"X-Frame-Options") == []


async def test_row_94_pages_and_redirects_of_ours_are_never_kept_by_a_cache(attacker: Attacker) -> None:
    fresh = await attacker.stage.viewer()
    # The page with the sign-out button tells our own origin: without that its form would be sent with `Origin: null`.
    policies = {"/sales/": "no-referrer", CALLBACK: "no-referrer", "/nothing/": "no-referrer", LOGOUT: "same-origin"}
    for path, policy in policies.items():
        page = await fresh.get(path, headers=NAVIGATION)
        assert page.headers["Cache-Control"] == "no-store", path
        assert page.headers["Referrer-Policy"] == policy, path
