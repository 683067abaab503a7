"""F, C, D, E, I at a content's own host: a ticket is for one browser, one host, one use; nothing else is a way in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.attacks.attacker import NAVIGATES
from tests.attacks.browser import SALES, Browser
from tests.attacks.oracle import assert_holds, assert_nothing_arrived
from tests.attacks.rows import cases, row
from tests.attacks.wire import SEGMENTS, Response
from tests.doubles.rules import query_of
from tests.journeys.sidecar import Setup
from tests.journeys.stage import Stage, stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

CORP = "corp.localhost"


def on_own_hosts(setup: Setup) -> None:
    for entry, host in zip(setup.content, (SALES, CORP), strict=True):
        del entry["path"]
        entry["host"] = host
    setup.more["sign_in"] = "warehouse"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hosts_stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Two contents, each on a host of its own, both with the integration."""
    folder = tmp_path_factory.mktemp("hosts")
    async with stage(folder, contents=("sales", "corp"), change=on_own_hosts) as the_stage:
        yield the_stage


@pytest.fixture
def browser(hosts_stage: Stage) -> Browser:
    for content in hosts_stage.contents.values():
        content.forget()
    hosts_stage.server.journal.clear()
    return Browser(hosts_stage)


def forget(browser: Browser) -> None:
    for content in browser.stage.contents.values():
        content.forget()


async def is_let_in(browser: Browser, name: str = SALES) -> bool:
    """Whether a script at this host gets the content, without any redirect."""
    response = await browser.send(name, "/", b"Sec-Fetch-Mode: cors", b"Sec-Fetch-Dest: empty")
    assert response.status in {200, 401}
    return response.status == 200


def assert_page(response: Response, *words: bytes) -> None:
    """A page that says what to do: no redirect, no cookie, nothing reflected."""
    assert response.status in {400, 409}, response
    assert response.value(b"Location") is None
    assert response.values(b"Set-Cookie") == []
    assert response.value(b"Cache-Control") == b"no-store"
    for word in words:
        assert word in response.body


# — it works, and leaves nothing behind ———————————————————————————————————————————————————————————————————————————


async def test_a_viewer_comes_back_to_the_page_they_wanted_with_their_own_token(browser: Browser) -> None:
    response = await browser.opens(SALES, "/deep/page?a=1&b=%2F")
    assert response.status == 200
    [seen] = browser.stage.contents["sales"].requests
    assert (seen.target, seen.value(b"Host")) == (b"/deep/page?a=1&b=%2F", browser.host(SALES))
    assert seen.value(b"X-Forwarded-Host") == browser.host(SALES)
    assert_holds(browser.stage, person="ada")
    for secret in (browser.session(SALES), browser.session("localhost")):
        assert secret is not None
        assert secret.encode() not in browser.stage.contents["sales"].everything
        assert secret.encode() not in browser.stage.sidecar.log


async def test_a_second_host_asks_for_its_own_consent_and_gets_its_own_cookie(browser: Browser) -> None:
    await browser.opens(SALES)
    forget(browser)
    assert (await browser.opens(CORP)).status == 200
    assert len({browser.session(name) for name in (SALES, CORP, "localhost")}) == 3
    assert_holds(browser.stage, person="ada")


async def test_who_is_signed_in_at_public_url_is_not_asked_again(browser: Browser) -> None:
    await browser.opens(SALES)
    browser.jars.pop(SALES)
    browser.stage.server.journal.clear()
    assert (await browser.opens(SALES)).status == 200
    assert browser.stage.server.token_requests == []


async def test_without_sign_in_every_integration_is_asked_for_once_and_the_session_is_one(tmp_path: Path) -> None:
    def change(setup: Setup) -> None:
        on_own_hosts(setup)
        del setup.more["sign_in"]

    async with stage(tmp_path, contents=("sales", "corp"), integrations=("warehouse", "lake"), change=change) as scene:
        browser = Browser(scene)
        for host in (SALES, CORP):
            assert (await browser.opens(host, "/deep?a=1")).status == 200
            assert await is_let_in(browser, host)
        asked = [entry for entry in scene.server.journal if entry.path == "/authorize"]
        assert len(asked) == 4, "two consents for each content"
        assert_holds(scene, person="ada")


async def test_what_is_optional_is_asked_for_once_at_a_host_too_and_keeps_nobody_out(tmp_path: Path) -> None:
    def change(setup: Setup) -> None:
        on_own_hosts(setup)
        for entry in setup.content:
            entry["integrations"] = ["warehouse", {"name": "lake", "optional": True}]

    of_lake = b"X-Forwarded-Access-Token-Lake"
    async with stage(tmp_path, contents=("sales", "corp"), integrations=("warehouse", "lake"), change=change) as scene:
        browser = Browser(scene)
        scene.server.decisions.extend(["approve", "deny"])

        declined = await browser.opens(SALES, "/deep?a=1")

        assert declined.status == 403
        assert f'href="{browser.origin(SALES)}/deep?a=1">Go on without lake'.encode() in declined.body
        for _ in range(2):
            assert (await browser.opens(SALES, "/deep?a=1")).status == 200
            assert scene.content.requests[-1].value(of_lake) is None
        assert len([entry for entry in scene.server.journal if entry.path == "/authorize"]) == 2
        assert (await browser.opens("localhost", "/__oauth__/login?content=sales&integration=lake")).status == 200
        assert scene.content.requests[-1].value(of_lake)
        assert scene.content.requests[-1].value(b"Host") == browser.host(SALES)
        assert await is_let_in(browser)
        assert_holds(scene, person="ada")


# — tickets ———————————————————————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("segments", SEGMENTS)
async def test_row_52_a_replayed_ticket_gives_no_cookie_and_no_dead_end(browser: Browser, segments: str) -> None:
    ticket = await browser.ticket(SALES, "/deep")
    first = await browser.send(SALES, ticket, segments=segments)
    again = await browser.send(SALES, ticket, segments=segments)
    back = (303, f"{browser.origin(SALES)}/deep".encode())
    assert (first.status, first.value(b"Location")) == (again.status, again.value(b"Location")) == back
    assert (len(first.values(b"Set-Cookie")), again.values(b"Set-Cookie")) == (1, [])


async def test_row_52_twenty_replays_at_once_give_one_cookie(browser: Browser) -> None:
    ticket = await browser.ticket()
    answers = await asyncio.gather(*(browser.send(SALES, ticket) for _ in range(20)))
    assert sum(len(answer.values(b"Set-Cookie")) for answer in answers) == 1
    assert {answer.status for answer in answers} == {303}


@pytest.mark.parametrize("segments", SEGMENTS)
async def test_row_50_a_ticket_in_another_browser_is_refused_and_burnt(browser: Browser, segments: str) -> None:
    ticket = await browser.ticket(SALES, "/chosen-by-ada")
    for thief in (Browser(browser.stage), Browser(browser.stage)):
        if segments == "every byte":
            await thief.send(SALES, "/")  # has a binding cookie of its own
        refused = await thief.send(SALES, ticket, segments=segments)
        assert_page(refused, b"another browser")
        assert b"chosen-by-ada" not in refused.body
        assert not await is_let_in(thief)
    assert (await browser.send(SALES, ticket)).values(b"Set-Cookie") == []
    assert_nothing_arrived(browser.stage)


async def test_row_50_a_ticket_for_one_host_is_nothing_at_another_and_burnt(browser: Browser) -> None:
    ticket = await browser.ticket()
    browser.jars[CORP] = dict(browser.jars[SALES])  # even with the right binding
    assert_page(await browser.send(CORP, ticket), b"not for here")
    assert not await is_let_in(browser, CORP)
    assert (await browser.send(SALES, ticket)).values(b"Set-Cookie") == []


@cases("name", row(50, "localhost", "127.0.0.1", "evil.example", "x.sales.localhost"))
async def test_a_ticket_is_not_taken_anywhere_else(browser: Browser, name: str) -> None:
    ticket = await browser.ticket()
    browser.jars[name] = dict(browser.jars[SALES])
    for segments in SEGMENTS:
        answer = await browser.send(name, ticket, segments=segments)
        assert answer.status in {404, 421}
        assert answer.values(b"Set-Cookie") == []
    assert (await browser.send(SALES, ticket)).status == 303, "never taken, so still good"


async def test_row_46_a_forged_ticket_is_a_page(browser: Browser) -> None:
    ticket = await browser.ticket()
    path, _, value = ticket.partition("=")
    forgeries = [value[:position] + ("A" if value[position] != "A" else "B") + value[position + 1 :]
                 for position in range(0, len(value), 7)]  # fmt: skip
    for forged in ("", "x", value + "A", value[:-4], value + "=", quote("ä") * 9, "A" * 9000, *forgeries):
        answer = await browser.send(SALES, f"{path}={forged}")
        assert_page(answer, b"only used on the way")
    assert (await browser.send(SALES, ticket)).status == 303


async def test_row_46_a_state_is_no_ticket_and_a_ticket_is_no_state(browser: Browser) -> None:
    url, _ = await browser.follow(browser.origin(SALES) + "/", until=browser.stage.server.url)
    state = query_of(url)["state"]
    assert_page(await browser.send(SALES, f"/__oauth__/ticket?ticket={state}"))
    ticket = (await browser.ticket()).partition("=")[2]
    refused = await browser.send("localhost", f"/__oauth__/integrations/callback?code=x&state={ticket}")
    assert_page(refused)


async def test_row_83_a_ticket_of_a_session_that_was_signed_out_is_nothing(browser: Browser) -> None:
    ticket = await browser.ticket()
    origin = f"Origin: {browser.origin('localhost')}".encode()
    await browser.send("localhost", "/__oauth__/logout", origin, method=b"POST")
    assert_page(await browser.send(SALES, ticket), b"signed out")
    assert not await is_let_in(browser)


# — where it leads —————————————————————————————————————————————————————————————————————————————————————————————————

TARGETS = row(
    43,
    "//evil.example",
    "/\\evil.example",
    "https://evil.example/",
    "https://sales.localhost.evil.example/",
    "https://sales.localhost@evil.example/",
    "javascript:alert(1)",
    "/%2f/evil.example",
    "/../evil",
    "/%2e%2e/evil",
    "/\tevil.example",
    "/\r\nX-Evil: 1",
    "/__oauth__/logout",
)


@cases("target", TARGETS)
async def test_a_hand_over_ends_inside_the_content_whatever_was_asked_for(browser: Browser, target: str) -> None:
    await browser.opens(SALES)
    location = (await Browser(browser.stage).send(SALES, "/")).value(b"Location")
    hand_over = query_of((location or b"").decode())["hand_over"]
    for query in (f"&hand_over={hand_over}", ""):
        answer = await browser.send(
            "localhost", f"/__oauth__/login?content=sales&return_to={quote(target, safe='')}{query}"
        )
        location = (answer.value(b"Location") or b"").decode()
        assert answer.status == 303
        # A host that cannot be read otherwise, then a path of the content (an escaped slash is one like any other).
        assert location.startswith(browser.origin(SALES) + "/")
        assert "X-Evil" not in {name.decode() for name, _ in answer.headers}


@cases("name", row(44, "evilsales.localhost", "sales.localhost.evil.example", "sales.localhost.", "xsales.localhost"))
async def test_a_host_that_only_ends_or_begins_like_a_contents_is_nobodys(browser: Browser, name: str) -> None:
    await browser.opens(SALES)
    forget(browser)
    browser.jars[name] = dict(browser.jars[SALES])
    for segments in SEGMENTS:
        assert (await browser.send(name, "/", segments=segments)).status == 421
    assert_nothing_arrived(browser.stage)


# — browsers that keep no cookies ———————————————————————————————————————————————————————————————————————————————


async def test_a_browser_that_keeps_no_cookie_of_the_host_ends_on_a_page(browser: Browser) -> None:
    await browser.opens(SALES)
    forget(browser)

    class Forgetful(dict[str, dict[str, str]]):
        def setdefault(self, name: str, default: dict[str, str] | None = None) -> dict[str, str]:
            return {} if name == SALES else super().setdefault(name, default or {})

    forgetful = Browser(browser.stage, jars=Forgetful({"localhost": browser.jars["localhost"]}))
    assert_page(await forgetful.opens(SALES), b"allow cookies for this site")
    assert_nothing_arrived(browser.stage)


async def test_a_browser_that_loses_the_cookie_again_and_again_is_stopped_with_a_page(browser: Browser) -> None:
    await browser.opens(SALES)
    for _ in range(12):
        jar = browser.jars[SALES]
        browser.jars[SALES] = {name: value for name, value in jar.items() if "-binding-" in name}
        response = await browser.opens(SALES)
        if response.status == 429:
            break
    assert response.status == 429
    assert b"does not keep cookies for that site" in response.body
    assert response.value(b"Location") is None


# — handles ———————————————————————————————————————————————————————————————————————————————————————————————————————


async def test_row_31_no_cookie_is_good_at_another_host_than_its_own(browser: Browser) -> None:
    await browser.opens(SALES)
    await browser.opens(CORP)
    [name] = [key for key in browser.jars["localhost"] if "-binding-" not in key]
    values = {host: browser.session(host) for host in ("localhost", SALES, CORP)}
    for host in (SALES, CORP):
        assert await is_let_in(browser, host)
        for origin_of_cookie, value in values.items():
            thief = Browser(browser.stage, jars={host: {name: value or ""}})
            assert await is_let_in(thief, host) == (origin_of_cookie == host)
    for host in (SALES, CORP):
        thief = Browser(browser.stage, jars={"localhost": {name: values[host] or ""}})
        answer = await thief.send("localhost", "/__oauth__/login?content=sales")
        assert (answer.value(b"Location") or b"").startswith(browser.stage.server.url.encode()), "nobody is signed in"


@pytest.mark.parametrize("where", ["localhost", SALES, CORP])
async def test_row_83_signing_out_anywhere_ends_it_everywhere(browser: Browser, where: str) -> None:
    await browser.opens(SALES)
    await browser.opens(CORP)
    assert await is_let_in(browser, SALES)
    before = {name: dict(jar) for name, jar in browser.jars.items()}
    answer = await browser.send(where, "/__oauth__/logout", f"Origin: {browser.origin(where)}".encode(), method=b"POST")
    assert answer.status == 303
    assert browser.session(where) is None
    forget(browser)
    old = Browser(browser.stage, jars=before)
    for host in (SALES, CORP):
        assert not await is_let_in(old, host)
    assert_nothing_arrived(browser.stage)


async def test_row_91_after_another_person_signed_in_the_host_serves_them_and_never_the_first(browser: Browser) -> None:
    await browser.opens(SALES)
    kept = dict(browser.jars[SALES])
    await browser.send(SALES, "/__oauth__/logout", f"Origin: {browser.origin(SALES)}".encode(), method=b"POST")
    browser.person = "bob"
    forget(browser)
    assert (await browser.opens(SALES)).status == 200
    assert_holds(browser.stage, person="bob")
    forget(browser)
    assert not await is_let_in(Browser(browser.stage, jars={SALES: kept}))


@cases(
    "origin",
    row(85, "http://localhost:{port}", "http://corp.localhost:{port}", "https://sales.localhost:{port}", "null"),
)
async def test_no_other_page_signs_out_at_a_contents_host(browser: Browser, origin: str) -> None:
    await browser.opens(SALES)
    said = f"Origin: {origin.format(port=browser.stage.setup.port)}".encode()
    for segments in SEGMENTS:
        answer = await browser.send(SALES, "/__oauth__/logout", said, method=b"POST", segments=segments)
        assert answer.status == 403
    assert await is_let_in(browser)


@cases(
    "origin",
    row(
        137,
        "http://localhost:{port}",
        "http://corp.localhost:{port}",
        "https://sales.localhost:{port}",
        "http://sales.localhost",
        "http://sales.localhost.evil:{port}",
        "null",
    ),
)
async def test_only_pages_of_the_host_open_sockets_and_post_there(browser: Browser, origin: str) -> None:
    await browser.opens(SALES)
    forget(browser)
    said = f"Origin: {origin.format(port=browser.stage.setup.port)}".encode()
    handshake = (
        b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    )  # fmt: skip
    for segments in SEGMENTS:
        assert (await browser.send(SALES, "/", said, *handshake, segments=segments)).status == 403
        assert (await browser.send(SALES, "/", said, method=b"POST", segments=segments)).status == 403
    assert_nothing_arrived(browser.stage)


# — who is sent where —————————————————————————————————————————————————————————————————————————————————————————————


@cases(
    "headers",
    {
        "row 160: script": (b"Sec-Fetch-Mode: cors", b"Sec-Fetch-Dest: empty"),
        "row 160: frame": (b"Sec-Fetch-Mode: navigate", b"Sec-Fetch-Dest: iframe", b"Accept: text/html"),
        "row 160: prefetch": (*NAVIGATES, b"Sec-Purpose: prefetch"),
        "row 139: socket": (
            b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        ),
    },
)  # fmt: skip
async def test_only_a_navigation_starts_a_hand_over(browser: Browser, headers: tuple[bytes, ...]) -> None:
    answer = await browser.send(SALES, "/", *headers)
    assert answer.status == 401
    assert answer.value(b"Location") is None
    assert answer.values(b"Set-Cookie") == []
    assert b"http://localhost:" in answer.body
    assert_nothing_arrived(browser.stage)


async def test_row_37_people_sign_in_at_public_url_only(browser: Browser) -> None:
    for target in (
        "/__oauth__/login?content=sales",
        "/__oauth__/integrations/callback?code=x&state=y",
        "/__api__/v1/user",
    ):
        for segments in SEGMENTS:
            answer = await browser.send(SALES, target, segments=segments)
            assert (answer.status, answer.values(b"Set-Cookie")) == (404, [])
    assert_nothing_arrived(browser.stage)
