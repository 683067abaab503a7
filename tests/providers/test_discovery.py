"""Documents of a discovered server that are wrong, late or gone (section 6's faults of discovery)."""

import pytest

from proxy.flows.callback_outcomes import Granted, ProviderUnavailable
from proxy.flows.fresh_tokens import Fresh, Unavailable
from tests.doubles import faults
from tests.doubles.profiles.plain import CUSTOM, OIDC

URL = OIDC.origin

WRONG = {
    "another issuer": faults.with_members({"issuer": "https://evil.example.net"}),
    "the issuer with a slash": faults.with_members({"issuer": URL + "/"}),
    "no issuer": faults.with_members({}, without=("issuer",)),
    "no token endpoint": faults.with_members({}, without=("token_endpoint",)),
    "no authorization endpoint": faults.with_members({}, without=("authorization_endpoint",)),
    "an endpoint without TLS": faults.with_members({"token_endpoint": URL.replace("https", "http") + "/token"}),
    "an endpoint at another place": faults.with_members({"token_endpoint": CUSTOM.origin + "/token"}),
    "keys at another place": faults.with_members({"jwks_uri": CUSTOM.origin + "/jwks"}),
    "an endpoint inside": faults.with_members({"token_endpoint": "https://169.254.169.254/latest"}),
    "a page": faults.html(200),
    "not found": faults.status(404),
    "down": faults.status(503),
    "half of it": faults.TRUNCATED_JSON,
    "a megabyte": faults.huge(1),
    "elsewhere": faults.redirect(302, CUSTOM.origin + "/.well-known/openid-configuration"),
    "silence": faults.TIMEOUT,
}


async def started(world):
    place = world.first
    return await world.house.authorization.start(
        content=place.content, integration=place.integration, return_to="", binding="b1", session_id=None
    )


def documents(world):
    return [entry for entry in world.server.journal if entry.endpoint == "metadata"]


@pytest.mark.parametrize("how", WRONG)
async def test_a_document_that_cannot_be_believed_sends_nobody_anywhere_until_it_is_right(world_of, how):
    world = await world_of(OIDC, CUSTOM)
    world.server.faults.always("metadata", WRONG[how])
    assert isinstance(await started(world), ProviderUnavailable)
    asked = len(documents(world))
    assert isinstance(await started(world), ProviderUnavailable)
    assert len(documents(world)) == asked, "not asked again at once"
    assert world.places[1].server.journal == []
    world.server.faults.always("metadata", None)
    world.clock.advance(11)
    assert isinstance(await world.consent(), Granted)


async def test_other_places_count_where_the_administrator_named_them(world_of):
    world = await world_of(OIDC, CUSTOM, config={"endpoint_origins": CUSTOM.origin})
    world.server.faults.always("metadata", WRONG["an endpoint at another place"])
    assert isinstance(await started(world), str)


async def test_one_document_serves_a_day_of_sign_ins_and_refreshes(world_of):
    world = await world_of(OIDC)
    seat = await world.signed_in("ada")
    for _ in range(11):
        world.clock.advance(7200)
        assert isinstance(await world.ask(seat), Fresh)
    await world.consent("bob")
    assert len(documents(world)) == 1


async def test_a_server_that_is_known_stays_known_when_its_document_is_gone(world_of):
    world = await world_of(OIDC)
    seat = await world.signed_in("ada")
    world.server.faults.always("metadata", faults.status(404))
    for _ in range(3):
        world.clock.advance(86_401)
        assert isinstance(await world.ask(seat), Fresh)


async def test_without_a_document_at_start_a_grant_is_kept_until_there_is_one(world_of):
    world = await world_of(OIDC)
    seat = await world.signed_in("ada")
    world.server.faults.always("metadata", faults.RESET_BEFORE_HEADERS)
    world.clock.advance(3601)
    await world.restart()
    assert isinstance(await world.ask(seat), Unavailable)
    world.server.faults.always("metadata", None)
    world.clock.advance(61)
    assert isinstance(await world.ask(seat), Fresh)
