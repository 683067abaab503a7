"""What is written when a grant follows another one, or says what no store can hold."""

from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.flows.callback_outcomes import CodeRefused, ProviderUnavailable
from proxy.model import CredentialsState, Identity
from proxy.sealing import hash_handle
from tests.unit.flows.house import BOTH, LAKE, SALES, WAREHOUSE, answer, directory
from tests.unit.flows.ill_store import IllStore

# — a grant that comes without a refresh token —————————————————————————————————————————————————————————————


def without_refresh_token(**more):
    return answer(200, {"access_token": "second", "token_type": "Bearer", "expires_in": 600, **more})


async def refresh_token_used(house, provider, clock, session_id):
    """What a refresh would send from now on; ``None``: there is none to send."""
    clock.advance(601)
    sent = len(provider.refreshes)
    await house.keeper.fresh(await house.viewer_guid(session_id), WAREHOUSE)
    return provider.refreshes[sent]["refresh_token"] if len(provider.refreshes) > sent else None


async def test_consenting_again_with_the_same_account_keeps_the_refresh_token(house, provider, clock):
    """Google gives one at the first consent only."""
    session_id = await house.log_in()
    provider.script.append(without_refresh_token())
    await house.log_in(session_id=session_id)
    row = await house.row(session_id)
    assert (row.generation, row.state) == (1, CredentialsState.ACTIVE)
    assert await refresh_token_used(house, provider, clock, session_id) == "refresh-1"


async def test_the_end_of_a_kept_refresh_token_is_kept_with_it(house, provider, clock):
    first = {"access_token": "a", "token_type": "Bearer", "expires_in": 60, "refresh_token": "r"}
    provider.script.append(answer(200, {**first, "refresh_token_expires_in": 7200}))
    session_id = await house.log_in()
    ends_at = (await house.row(session_id)).refresh_expires_at
    clock.advance(10)
    provider.script.append(without_refresh_token())
    await house.log_in(session_id=session_id)
    assert (await house.row(session_id)).refresh_expires_at == ends_at
    provider.script.append(without_refresh_token(refresh_token_expires_in=3600))
    await house.log_in(session_id=session_id)
    assert (await house.row(session_id)).refresh_expires_at == clock() + timedelta(seconds=3600)


async def test_another_account_does_not_inherit_a_refresh_token(house, provider, clock):
    session_id = await house.log_in()
    provider.claims = {"sub": "ben-at-id"}
    provider.script.append(without_refresh_token())
    await house.log_in(session_id=session_id)
    assert (await house.row(session_id)).refresh_token is None
    assert await refresh_token_used(house, provider, clock, session_id) is None


@pytest.mark.parametrize("unknown", ["first", "second"])
async def test_an_account_that_is_not_known_is_nobodys_same_account(house, provider, unknown):
    silence = answer(503, {})
    provider.userinfo_script.extend([silence] if unknown == "first" else [answer(200, provider.claims), silence])
    session_id = await house.log_in()
    provider.script.append(without_refresh_token())
    await house.log_in(session_id=session_id)
    assert (await house.row(session_id)).refresh_token is None


async def test_a_provider_that_never_says_who_it_is_keeps_nothing(house, provider):
    session_id = await house.log_in(BOTH, LAKE)
    provider.script.append(without_refresh_token())
    await house.log_in(BOTH, LAKE, session_id=session_id)
    assert (await house.row(session_id, LAKE)).refresh_token is None


async def test_a_refresh_token_of_another_client_is_not_kept(build, provider):
    house = await build()
    session_id = await house.log_in()
    changed = replace(WAREHOUSE, config={**WAREHOUSE.config, "client_id": "another"})
    house = await build(replace(directory(), integrations={WAREHOUSE.guid: changed, LAKE.guid: LAKE}))
    provider.script.append(without_refresh_token())
    await house.come_back((await house.start(SALES, changed))["state"], session_id=session_id)
    assert (await house.row(session_id)).refresh_token is None


async def test_a_dead_grant_leaves_no_refresh_token_behind(house, provider, clock):
    session_id = await house.log_in()
    clock.advance(601)
    provider.script.append(answer(400, {"error": "invalid_grant"}))
    await house.keeper.fresh(await house.viewer_guid(session_id), WAREHOUSE)
    provider.script.append(without_refresh_token())
    await house.log_in(session_id=session_id)
    row = await house.row(session_id)
    assert (row.refresh_token, row.state) == (None, CredentialsState.ACTIVE)


async def test_a_grant_that_wanted_to_see_the_viewer_goes_on_with_its_refresh_token(house, provider, clock):
    session_id = await house.log_in()
    clock.advance(601)
    provider.script.append(answer(400, {"error": "interaction_required"}))
    await house.keeper.fresh(await house.viewer_guid(session_id), WAREHOUSE)
    provider.script.append(without_refresh_token())
    await house.log_in(session_id=session_id)
    assert await refresh_token_used(house, provider, clock, session_id) == "refresh-1"


async def test_a_refresh_token_that_cannot_be_opened_is_not_kept(house, provider):
    session_id = await house.log_in()
    row = await house.row(session_id)
    house.authorization._store = IllStore(house.store, credentials=replace(row, refresh_token=row.access_token))
    provider.script.append(without_refresh_token())
    await house.log_in(session_id=session_id)
    assert (await house.row(session_id)).refresh_token is None


# — text that no store can hold ————————————————————————————————————————————————————————————————————————————

HALF = "\ud800"
"""Half of a character: JSON can say it, UTF-8 cannot."""


async def test_half_a_character_in_a_scope_is_left_out(house, provider):
    provider.script.append(without_refresh_token(scope=f"read{HALF} write"))
    row = await house.row(await house.log_in())
    assert row.scope == "read write"


async def test_half_a_character_in_an_access_token_makes_it_no_token(house, provider):
    provider.script.append(without_refresh_token(access_token=f"a{HALF}"))
    assert isinstance(await house.come_back((await house.start())["state"]), ProviderUnavailable)


async def test_half_a_character_in_a_refresh_token_makes_it_none(house, provider):
    provider.script.append(without_refresh_token(refresh_token=f"r{HALF}"))
    assert (await house.row(await house.log_in())).refresh_token is None


async def test_half_a_character_in_a_subject_is_nobody(build, provider):
    house = await build(directory(sign_in=WAREHOUSE.guid))
    provider.claims = {"sub": f"ada{HALF}"}
    outcome = await house.come_back((await house.start())["state"])
    assert isinstance(outcome, CodeRefused)
    assert outcome.because == "identity"


async def test_half_a_character_in_another_claim_is_left_out(build, provider):
    house = await build(directory(sign_in=WAREHOUSE.guid))
    provider.claims = {
        "sub": "ada",
        "email": f"{HALF}@x",
        "name": HALF,
        "preferred_username": HALF,
        "groups": [HALF, "g"],
    }
    session_id = await house.log_in()
    known = await house.store.session(hash_handle(session_id))
    assert known.viewer.identity == Identity(subject="ada", groups=("g",))
