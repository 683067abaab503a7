"""How many sign-ins may be started, from where."""

from __future__ import annotations

from datetime import timedelta

from tests.unit.web.conftest import NAMES, NAVIGATION, PROVIDER, SALES, XHR, refused

LOGIN = f"/__oauth__/login?content={SALES.guid}"
PER_ADDRESS, PER_BROWSER = 100, 30
"""As in conftest."""


def coming_from(address: str, browser: str | None = None) -> dict[str, str]:
    """A navigation as the gateway passes it on; ``browser``: whose binding cookie it has."""
    said = NAVIGATION | {"Oauth-Sidecar-Client": address}
    return said if browser is None else said | {"Cookie": f"{NAMES.binding_prefix}0000={browser * 43}"}


async def start(browser, number, headers):
    """Start one sign-in; each for another page, so that nothing looks like a loop."""
    return await browser.get(f"{LOGIN}&return_to=/sales/{number}", headers=headers)


async def test_so_many_starts_from_one_address_and_no_more(browser, flows):
    for number in range(PER_ADDRESS):
        assert (await start(browser, number, coming_from("192.0.2.7"))).status == 303
    refusal = await start(browser, PER_ADDRESS, coming_from("192.0.2.7"))
    assert (refusal.status, refusal.headers["Retry-After"]) == (429, "1")
    assert "Too many sign-ins at once" in await refusal.text()
    assert "Location" not in refusal.headers
    assert "Set-Cookie" not in refusal.headers
    assert len(flows.started) == PER_ADDRESS
    assert (await start(browser, 0, coming_from("192.0.2.8"))).status == 303, "another address"
    flows.at += timedelta(seconds=1)
    assert (await start(browser, 0, coming_from("192.0.2.7"))).status == 303, "after the pause"


async def test_so_many_starts_of_one_browser_and_no_more(browser, flows):
    """Two contents take turns: the loop breaker counts each of them for itself."""
    for number in range(PER_BROWSER):
        flows.at += timedelta(microseconds=1)
        content = ("sales", "stock")[number % 2]
        path = f"/__oauth__/login?content={content}&return_to=/{content}/{number}"
        assert (await browser.get(path, headers=coming_from(f"192.0.2.{number}", "A"))).status == 303
    refusal = await start(browser, PER_BROWSER, coming_from("192.0.2.200", "A"))
    assert (refusal.status, refusal.headers["Retry-After"]) == (429, "2")
    assert len(flows.started) == PER_BROWSER
    assert (await start(browser, 0, coming_from("192.0.2.200", "B"))).status == 303, "another browser"


async def test_an_address_that_nobody_knows_is_not_counted(browser):
    """Behind a Unix socket without a trusted proxy every viewer would be the same one."""
    for number in range(PER_ADDRESS + 1):
        assert (await start(browser, number, coming_from(""))).status == 303


async def test_what_starts_no_sign_in_is_not_counted(browser, flows):
    for _ in range(PER_ADDRESS + 1):
        said = refused("sign-in", integration="11111111-1111-4111-8111-111111111111")
        answer = await browser.send("GET", "/sales/data", XHR | said | {"Oauth-Sidecar-Client": "192.0.2.7"})
        assert answer.status == 401
    assert flows.started == []
    answer = await start(browser, 0, coming_from("192.0.2.7"))
    assert answer.headers["Location"].startswith(PROVIDER)


async def test_a_page_that_was_opened_is_limited_as_the_sign_in_page_is(browser):
    said = refused("sign-in", integration="11111111-1111-4111-8111-111111111111")
    for number in range(PER_ADDRESS + 1):
        answer = await browser.get(f"/sales/{number}", headers=coming_from("192.0.2.7") | said)
        assert answer.status == (303 if number < PER_ADDRESS else 429)
