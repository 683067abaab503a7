"""Vendors that are slow, busy, broken or down: nobody loses a grant, nobody waits for ever (groups 13, 14 and 24)."""

from email.utils import formatdate

import pytest

from proxy.flows.callback_outcomes import Granted, ProviderUnavailable
from proxy.flows.fresh_tokens import Fresh, Unavailable
from proxy.model import CredentialsState
from tests.doubles import faults
from tests.doubles.profiles import ALL, databricks
from tests.doubles.profiles.azure import AZURE
from tests.doubles.profiles.okta import OKTA, PERSISTENT
from tests.doubles.profiles.plain import CUSTOM, MESSY
from tests.doubles.profiles.snowflake import SINGLE_USE, SNOWFLAKE
from tests.journeys.authority import Authority
from tests.providers.opening import spread
from tests.providers.test_callbacks import EVIL
from tests.providers.test_rotation import exchange, session_token

FOUR = pytest.mark.parametrize(
    "profile", [AZURE, databricks.SINGLE_USE, SINGLE_USE, CUSTOM], ids=lambda profile: profile.name
)


async def at_the_end(world, person="ada"):
    seat = await world.signed_in(person)
    world.clock.advance(world.server.access_ttl_s + world.server.profile.access_spread_s + 1)
    return seat


async def is_kept(world, seat) -> bool:
    row = await world.row(seat)
    return row.state is CredentialsState.ACTIVE and row.refresh_token is not None


# — busy ——————————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("written", ["seconds", "date"])
@FOUR
async def test_a_busy_vendor_is_asked_again_when_it_said_so_and_not_before(world_of, profile, written):
    world = await world_of(profile)
    seat = await at_the_end(world)
    until = formatdate(world.clock().timestamp() + 120, usegmt=True)
    world.server.faults.put("token", faults.status(429, retry_after="120" if written == "seconds" else until))
    answer = await world.ask(seat)
    assert isinstance(answer, Unavailable)
    assert answer.retry_after_s >= 119
    for _ in range(11):
        world.clock.advance(10)
        assert isinstance(await world.ask(seat), Unavailable)
    assert len(world.server.refreshes) == 1
    world.clock.advance(11)
    assert isinstance(await world.ask(seat), Fresh)


@pytest.mark.parametrize("fault", [faults.status(503), faults.html(502), faults.RESET_BEFORE_HEADERS, faults.html(403)])
async def test_a_token_that_is_good_still_is_served_while_the_vendor_is_in_trouble(world_of, fault):
    world = await world_of(CUSTOM)
    seat = await world.signed_in()
    first = await world.token(seat)
    world.server.faults.always("token", fault)
    world.clock.advance(3600 - 299)
    for _ in range(50):
        assert await world.token(seat) == first
        await world.settled()
        world.clock.advance(5)
    world.server.faults.always("token", None)
    world.clock.advance(100)
    assert isinstance(await world.ask(seat), Fresh)
    assert await is_kept(world, seat)


async def test_a_vendor_that_fails_five_times_in_a_row_is_left_alone_and_then_probed_by_one(world_of):
    world = await world_of(CUSTOM)
    seats = [await world.signed_in(person) for person in ("ada", "bob", "eve")]
    world.clock.advance(3601)
    world.server.faults.always("token", faults.status(503))
    for seat in seats:
        assert isinstance(await world.ask(seat), Unavailable)
    assert len(world.server.refreshes) == 5
    for _ in range(5):
        world.clock.advance(5)
        for seat in seats:
            assert isinstance(await world.ask(seat), Unavailable)
    assert len(world.server.refreshes) == 5
    world.server.faults.always("token", None)
    world.clock.advance(60)
    for seat in seats:
        assert isinstance(await world.ask(seat), Fresh)


@FOUR
async def test_grants_survive_a_day_without_the_vendor(world_of, profile):
    world = await world_of(profile)
    seat = await at_the_end(world)
    world.server.faults.always("token", faults.RESET_BEFORE_HEADERS)
    for _ in range(24):
        assert isinstance(await world.ask(seat), Unavailable)
        world.clock.advance(3600)
    assert await is_kept(world, seat)
    world.server.faults.always("token", None)
    assert world.server.owner_of(await world.token(seat)).id == "ada"


# — broken ————————————————————————————————————————————————————————————————————————————————————————

BROKEN = {
    "a firewall's page": faults.html(403),
    "a page with status 200": faults.html(200),
    "half an answer": faults.TRUNCATED_JSON,
    "a megabyte": faults.huge(1),
    "a trickle": faults.trickle(),
    "silence": faults.TIMEOUT,
    "two tokens under one name": faults.TWO_TOKENS,
    "the wrong encoding": faults.LATIN_1,
    "nothing": faults.raw_body(b""),
    "a list": faults.raw_body(b"[]"),
}


@pytest.mark.parametrize("how", BROKEN)
async def test_an_answer_that_cannot_be_read_costs_nobody_the_grant(world_of, how):
    world = await world_of(PERSISTENT)
    seat = await at_the_end(world)
    world.server.faults.always("token", BROKEN[how])
    assert isinstance(await world.ask(seat), Unavailable)
    assert await is_kept(world, seat)
    world.server.faults.always("token", None)
    world.clock.advance(61)
    assert world.server.owner_of(await world.token(seat)).id == "ada"


async def test_an_answer_that_was_packed_unasked_is_unpacked(world_of):
    world = await world_of(OKTA)
    world.server.faults.always("token", faults.GZIP)
    seat = await at_the_end(world)
    assert world.server.owner_of(await world.token(seat)).id == "ada"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_of_the_token_endpoint_leads_nowhere(world_of, status):
    world = await world_of(CUSTOM, EVIL)
    evil = world.places[1].server
    seat = await at_the_end(world)
    world.server.faults.put("token", faults.redirect(status, evil.url + "/token"), times=2)
    assert isinstance(await world.ask(seat), Unavailable)
    assert await is_kept(world, seat)
    assert not isinstance(await world.consent("bob"), Granted)
    assert evil.journal == []


@pytest.mark.parametrize("profile", ALL, ids=lambda profile: profile.name)
async def test_nothing_is_sent_to_who_cannot_prove_the_vendors_name(world_of, tmp_path, profile):
    world = await world_of(profile, tls=spread([profile], Authority(tmp_path)))
    if profile.template == "oidc":  # its document is asked for first, and does not come either
        with pytest.raises(AssertionError, match="ProviderUnavailable"):
            await world.start()
    else:
        state = dict(pair.split("=", 1) for pair in (await world.start()).partition("?")[2].split("&"))["state"]
        iss = f"&iss={world.server.issuer}" if profile.sends_iss else ""
        outcome = await world.come_back(f"https://us/callback?code=the-code&state={state}{iss}")
        assert isinstance(outcome, ProviderUnavailable)
    assert world.server.journal == []


# — a mess ————————————————————————————————————————————————————————————————————————————————————————


async def test_a_mess_is_read_as_it_is_meant(world_of):
    world = await world_of(MESSY)
    seat = await world.signed_in()
    answer = await world.ask(seat)
    assert (answer.expires_at - answer.issued_at).total_seconds() == 3599
    kept = await world.refresh_token(seat)
    world.clock.advance(3600)
    assert await world.token(seat) != answer.access_token.reveal()
    assert await world.refresh_token(seat) == kept, "an empty one is none"
    assert (await world.row(seat)).scope == "openid profile email offline_access"


async def test_a_token_of_64_kb_is_whole_at_the_exchange_and_in_no_header(world_of):
    world = await world_of(MESSY)
    seat = await world.signed_in()
    issued = await exchange(world, await session_token(world, seat))
    token = issued.access_token.reveal()
    assert len(token) == 64 * 1024
    assert world.server.owner_of(token).id == "ada"
    assert token[:100] not in await world.header_block(seat)


async def test_long_tokens_of_entras_come_whole_everywhere(world_of):
    world = await world_of(AZURE)
    seat = await world.signed_in("bob")
    token = await world.token(seat)
    assert (len(token), len(await world.refresh_token(seat))) == (2000, 1500)
    assert f"X-Forwarded-Access-Token: {token}\r\n" in await world.header_block(seat)
    assert (await world.row(seat)).account.name == "Bob Bärkeley"


async def test_nothing_of_a_token_is_in_what_the_browser_keeps(world_of):
    world = await world_of(SNOWFLAKE)
    seat = await world.signed_in()
    assert len(seat.session_id) == 43
    assert seat.session_id not in await world.token(seat)
