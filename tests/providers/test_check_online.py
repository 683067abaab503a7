"""`check --online` at each vendor, under the vendor's own names: what a right and a wrong registration look like there."""

from dataclasses import replace

import pytest

from proxy.flows.online_check import OnlineCheck
from proxy.model import Secret
from tests.doubles.profiles import ALL, databricks, snowflake
from tests.doubles.profiles.auth0 import AUTH0
from tests.doubles.profiles.azure import AZURE
from tests.doubles.profiles.keycloak import KEYCLOAK
from tests.doubles.profiles.okta import OKTA
from tests.doubles.profiles.plain import CUSTOM
from tests.providers.signing import new_signing
from tests.unit.flows.house import REDIRECT_URI

every_vendor = pytest.mark.parametrize("profile", ALL, ids=lambda profile: profile.name)


async def checked(world, integration=None):
    """Level and text of each step's last finding, but for the clock: the doubles' answers are dated by the machine's."""
    house = world.house
    check = OnlineCheck(
        send=house.provider, now=world.clock, random_bytes=house.random.randbytes, redirect_uri=REDIRECT_URI
    )
    findings = await check.of(integration or world.first.integration)
    return {one.step: (one.level, one.text) for one in findings if one.step != "clock"}


@every_vendor
async def test_a_registration_in_order_has_no_problem_and_the_client_is_taken(world_of, profile):
    world = await world_of(profile)

    said = await checked(world)

    assert said["client"][0] == "ok", said
    assert {step: found for step, found in said.items() if found[0] == "problem"} == {}
    assert world.server.grants.access_tokens == {}


@every_vendor
async def test_a_wrong_secret_is_a_problem_and_no_word_of_it_is_repeated(world_of, profile):
    world = await world_of(profile)
    wrong = replace(world.first.integration, client_secret=Secret("not-the-secret-any-more"))

    said = await checked(world, wrong)

    assert said["client"][0] == "problem", said
    assert "not-the-secret" not in str(said)


@pytest.mark.parametrize(
    "profile",
    [AZURE, databricks.DATABRICKS, snowflake.SNOWFLAKE, CUSTOM, KEYCLOAK, OKTA, AUTH0],
    ids=lambda one: one.name,
)
async def test_a_public_client_is_known_by_its_name(world_of, profile):
    world = await world_of(profile, is_public=True)

    assert (await checked(world))["client"] == ("ok", "It takes the client (none).")


@pytest.mark.parametrize(
    "profile", [AZURE, snowflake.SNOWFLAKE, CUSTOM, KEYCLOAK, OKTA, AUTH0], ids=lambda one: one.name
)
async def test_a_signature_is_taken_only_with_the_registered_key(world_of, profile, signing):
    with_certificate = {"certificate": signing.certificate} if profile is AZURE else {}
    config = {"private_key": signing.private_key, **with_certificate}
    world = await world_of(profile, certificate=signing.certificate, config=config)

    right = await checked(world)
    world.first.client.certificates[:] = [new_signing().certificate]
    wrong = await checked(world)

    assert right["client"] == ("ok", "It takes the client (private_key_jwt).")
    assert wrong["client"][0] == "problem"
    assert ("is not the one in Entra" if profile is AZURE else "does not take our signature") in wrong["client"][1]


@every_vendor
async def test_a_redirect_uri_that_nobody_registered_is_never_said_to_be_in_order(world_of, profile):
    world = await world_of(profile)
    world.first.client.redirect_uris = {"https://another.example/callback"}

    level, text = (await checked(world))["authorization"]

    assert level != "ok"
    assert level == "note" or REDIRECT_URI in text
