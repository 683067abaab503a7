"""What has ended here is given back where the vendor takes it (group 21)."""

import pytest

from proxy.flows.fresh_tokens import Reconnect
from tests.doubles import faults
from tests.doubles.profiles import ALL
from tests.doubles.profiles.auth0 import AUTH0
from tests.doubles.profiles.google import GOOGLE
from tests.doubles.profiles.keycloak import KEYCLOAK
from tests.doubles.profiles.okta import OKTA
from tests.doubles.profiles.plain import CUSTOM, OIDC

TAKES = [GOOGLE, KEYCLOAK, OKTA, AUTH0, OIDC, CUSTOM]
TAKES_NONE = [profile for profile in ALL if not profile.paths.revoke]


def revocations(world):
    return [entry for entry in world.server.journal if entry.endpoint == "revoke"]


async def disconnect(world, seat):
    await world.house.store.disconnect(world.first.integration.guid, viewer_guid=seat.viewer_guid)
    await world.house.token_revocation.work()


@pytest.mark.parametrize("profile", TAKES, ids=lambda profile: profile.name)
async def test_a_vendor_with_an_endpoint_gets_both_tokens_back_and_they_are_dead(world_of, profile):
    world = await world_of(profile)
    seat = await world.signed_in()
    token = await world.token(seat)
    await disconnect(world, seat)
    assert [(entry.value("token_type_hint"), entry.outcome) for entry in revocations(world)] == [
        ("refresh_token", "ok"),
        ("access_token", "ok"),
    ]
    assert world.server.owner_of(token) is None
    assert world.server.grants.families[0].revoked


@pytest.mark.parametrize("profile", TAKES_NONE, ids=lambda profile: profile.name)
async def test_a_vendor_without_one_is_not_asked(world_of, profile):
    world = await world_of(profile)
    seat = await world.signed_in()
    before = len(world.server.journal)
    await disconnect(world, seat)
    assert len(world.server.journal) == before
    world.house.keeper.forget(seat.viewer_guid, world.first.integration.guid)
    assert isinstance(await world.ask(seat), Reconnect)


@pytest.mark.parametrize("fault", [faults.status(503), faults.RESET_BEFORE_HEADERS], ids=lambda fault: fault.name)
async def test_a_vendor_that_is_down_holds_nobody_up_and_gets_them_later(world_of, fault):
    world = await world_of(OKTA)
    seat = await world.signed_in()
    world.server.faults.put("revoke", fault, times=2)
    await disconnect(world, seat)
    assert not world.server.grants.families[0].revoked
    for _ in range(5):
        world.clock.advance(3600)
        await world.house.token_revocation.work()
    assert world.server.grants.families[0].revoked


async def test_a_new_consent_at_google_does_not_end_the_whole_grant(world_of):
    world = await world_of(GOOGLE)
    seat = await world.signed_in()
    await world.consent(session_id=seat.session_id)
    await world.house.token_revocation.work()
    assert revocations(world) == []
