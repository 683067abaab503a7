"""Whose account it is, vendor by vendor (groups 19 and 20)."""

import pytest

from proxy.flows.callback_outcomes import AccountRefused, CodeRefused, Granted
from tests.doubles import faults
from tests.doubles.profiles import ALL, databricks, snowflake
from tests.doubles.profiles.auth0 import AUTH0
from tests.doubles.profiles.azure import AZURE, ORGANIZATIONS, TENANT
from tests.doubles.profiles.github import GITHUB_APP
from tests.doubles.profiles.google import GOOGLE
from tests.doubles.profiles.keycloak import KEYCLOAK
from tests.doubles.profiles.okta import OKTA
from tests.doubles.profiles.plain import CUSTOM, OIDC

WITH_ID_TOKENS = pytest.mark.parametrize(
    "profile", [AZURE, GOOGLE, KEYCLOAK, OKTA, AUTH0, OIDC, CUSTOM], ids=lambda profile: profile.name
)

SUBJECTS_BY_TYPE = {
    "azure": f"{TENANT}:oid-ada",
    "databricks": "scim-ada",
    "snowflake": "ADA",
    "github": str(1000 + sum(b"ada")),
}


def subject_of(row):
    return None if row.account is None else row.account.subject


@pytest.mark.parametrize("profile", ALL, ids=lambda profile: profile.name)
async def test_the_account_is_known_and_stays_known_after_a_refresh(world_of, profile):
    world = await world_of(profile)
    seat = await world.signed_in()
    subject = SUBJECTS_BY_TYPE.get(profile.template, "ada")
    if profile is databricks.ACCOUNT:
        subject = None  # nobody says who it is there
    assert subject_of(await world.row(seat)) == subject
    world.clock.advance(min(profile.access_ttl_s + profile.access_spread_s + 1, 40_000))
    await world.token(seat)
    assert subject_of(await world.row(seat)) == subject


@pytest.mark.parametrize(
    ("profile", "subject"),
    [
        (AZURE, f"{TENANT}:oid-eve"),
        (snowflake.SNOWFLAKE, "EVE"),
        (databricks.DATABRICKS, "scim-eve"),
        (GOOGLE, "eve"),
        (GITHUB_APP, str(1000 + sum(b"eve"))),
    ],
    ids=lambda value: getattr(value, "name", None),
)
async def test_another_account_at_the_vendor_is_written_down_and_its_token_is_used(world_of, profile, subject):
    world = await world_of(profile)
    seat = await world.signed_in("ada")
    world.server.decisions.append("other_user:eve")
    assert isinstance(await world.consent(session_id=seat.session_id), Granted)
    assert (await world.row(seat)).account.subject == subject
    assert world.server.owner_of(await world.token(seat)).id == "eve"


@pytest.mark.parametrize(
    "profile", [AZURE, snowflake.SNOWFLAKE, databricks.DATABRICKS, GOOGLE, GITHUB_APP], ids=lambda one: one.name
)
async def test_where_the_account_is_pinned_another_one_is_refused_and_the_first_goes_on(world_of, profile):
    world = await world_of(profile, pins=True)
    seat = await world.signed_in("ada")
    world.server.decisions.append("other_user:eve")
    assert isinstance(await world.consent(session_id=seat.session_id), AccountRefused)
    assert world.server.owner_of(await world.token(seat)).id == "ada"
    assert isinstance(await world.consent("ada", session_id=seat.session_id), Granted)


# — ID tokens —————————————————————————————————————————————————————————————————————————————————————

WRONG = {
    "another audience": {"aud": "somebody-else"},
    "another issuer": {"iss": "https://evil.example"},
    "another nonce": {"nonce": "not-ours"},
    "no nonce": {"nonce": None},
    "no subject": {"sub": None, "oid": None},
    "expired": {"exp": 1},
    "of tomorrow": {"iat": 2_000_000_000, "exp": 2_000_000_600},
    **{
        name: name
        for name in (
            "alg_none",
            "wrong_signature",
            "hs256_with_public_key",
            "unknown_kid",
            "another_signer",
            "own_jwk",
            "crit",
        )
    },
}


@WITH_ID_TOKENS
@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_id_token_refuses_the_consent(world_of, profile, wrong):
    world = await world_of(profile)
    world.server.id_tokens.faults.append(WRONG[wrong])
    outcome = await world.consent()
    assert isinstance(outcome, CodeRefused)
    assert outcome.because == "identity_refused"
    assert not [entry for entry in world.server.journal if entry.endpoint == "userinfo"], "nobody else is asked instead"
    assert isinstance(await world.consent(), Granted)


@pytest.mark.parametrize(
    ("profile", "fault"),
    [
        (AUTH0, {"iss": "https://example.eu.auth0.com"}),
        (AZURE, {"iss": f"https://login.microsoftonline.us/{TENANT}/v2.0"}),
        (AZURE, {"iss": "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0"}),
        (AZURE, {"oid": None}),
        (OKTA, {"iss": "https://example.okta.com"}),
        (KEYCLOAK, {"iss": "https://sso.example.org/realms/other"}),
    ],
)
async def test_a_neighbour_of_the_issuer_is_not_the_issuer(world_of, profile, fault):
    world = await world_of(profile)
    world.server.id_tokens.faults.append(fault)
    assert isinstance(await world.consent(), CodeRefused)


async def test_a_directory_that_nobody_named_signs_nobody_in(world_of):
    world = await world_of(ORGANIZATIONS, config={"tenants": "72f988bf-86f1-41af-91ab-2d7cd011db47"})
    assert isinstance(await world.consent(), CodeRefused)


async def test_a_header_that_entra_adds_and_nobody_knows_is_no_fault(world_of):
    world = await world_of(AZURE)
    world.server.id_tokens.faults.append("extra_header_nonce")
    assert isinstance(await world.consent(), Granted)


async def test_google_may_leave_out_the_scheme_of_its_issuer(world_of):
    world = await world_of(GOOGLE)
    world.server.id_tokens.faults.append({"iss": "accounts.google.com"})
    assert isinstance(await world.consent(), Granted)


@WITH_ID_TOKENS
@pytest.mark.parametrize("fault", [faults.RESET_BEFORE_HEADERS, faults.status(503)], ids=lambda fault: fault.name)
async def test_without_the_keys_the_account_is_unknown_and_the_consent_counts(world_of, profile, fault):
    world = await world_of(profile)
    world.server.faults.always("jwks", fault)
    seat = await world.signed_in()
    assert (await world.row(seat)).account is None
    assert world.server.owner_of(await world.token(seat)).id == "ada"


@WITH_ID_TOKENS
async def test_new_keys_are_fetched_once_and_a_made_up_one_fetches_nothing(world_of, profile):
    world = await world_of(profile)
    await world.signed_in("ada")
    world.clock.advance(301)
    world.server.id_tokens.rotate_keys()
    await world.signed_in("bob")
    await world.signed_in("eve")
    world.server.id_tokens.faults.append("unknown_kid")
    assert isinstance(await world.consent(), CodeRefused)
    assert len([entry for entry in world.server.journal if entry.endpoint == "jwks"]) == 2
