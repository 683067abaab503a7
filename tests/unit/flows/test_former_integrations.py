"""An integration leaves the configuration, or becomes another client: after a day its grants end, at the provider too."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from proxy.flows import former_integrations
from proxy.model import SIDECAR, AuditAction, Secret
from proxy.providers import PROVIDERS
from proxy.sealing import KeyRing
from tests.unit.flows.house import BOTH, LAKE, WAREHOUSE, directory

DAY_S = 24 * 3600


def without(*gone, **changed):
    there = directory()
    kept = {guid: one for guid, one in there.integrations.items() if one not in gone}
    return replace(there, contents={}, integrations={**kept, **changed})


async def started(house):
    """What a process does at its start."""
    await house.former.note()
    return house


async def pass_by(house):
    await house.former.work()
    await house.token_revocation.work()


def sent(provider):
    return [form["token"] for form in provider.revocations]


async def grants(house):
    viewers = await house.store.viewers()
    rows = [await house.store.credentials(one.guid, WAREHOUSE.guid) for one in viewers]
    return [row for row in rows if row is not None]


@pytest.fixture
async def granted(build):
    """A house in which somebody has granted something, about to be started with another configuration."""
    house = await started(await build())
    await house.log_in()
    return house


async def test_after_a_day_the_grants_of_a_deleted_integration_end_at_the_provider_and_here(
    granted, build, clock, provider
):
    house = await started(await build(without(WAREHOUSE)))
    clock.advance(DAY_S - 1)
    await pass_by(house)
    assert (sent(provider), len(await grants(house))) == ([], 1)
    assert house.lines == []
    clock.advance(1)
    with capture_logs() as logs:
        await pass_by(house)
    assert [(line.action, line.actor, line.integration_guid, line.detail["because"]) for line in house.lines] == [
        (AuditAction.REVOCATION, SIDECAR, WAREHOUSE.guid, "integration_gone")
    ]
    assert sent(provider) == ["refresh-1"]  # the access token is over by then
    assert {(form["client_id"], form["client_secret"]) for form in provider.revocations} == {
        ("sidecar", "client-secret")
    }
    assert await grants(house) == []
    assert [(line["event"], line.get("count")) for line in logs] == [
        ("grants of a former integration ended", 1), ("grant revoked at the provider", None),
    ]  # fmt: skip


async def test_the_day_is_counted_across_restarts(granted, build, clock, provider):
    await started(await build(without(WAREHOUSE)))
    clock.advance(DAY_S / 2)
    house = await started(await build(without(WAREHOUSE)))
    clock.advance(DAY_S / 2)
    await pass_by(house)
    assert sent(provider) == ["refresh-1"]


async def test_an_integration_that_comes_back_within_the_day_has_lost_nothing(granted, build, clock, provider):
    await started(await build(without(WAREHOUSE)))
    clock.advance(DAY_S / 2)
    house = await started(await build())
    clock.advance(10 * DAY_S)
    await pass_by(house)
    assert (sent(provider), len(await grants(house))) == ([], 1)


@pytest.mark.parametrize(
    "change", [{"client_id": "another"}, {"authorization_uri": "https://new.example.net/a", "token_uri": "https://new.example.net/t"}]
)  # fmt: skip
async def test_grants_of_another_client_go_back_to_the_client_and_server_that_they_are_of(
    granted, build, clock, provider, change
):
    changed = replace(
        WAREHOUSE, config=WAREHOUSE.config | change | {"revocation_uri": "https://new.example.net/revoke"}
    )
    house = await started(await build(without(WAREHOUSE, **{WAREHOUSE.guid: changed})))
    clock.advance(DAY_S)
    await pass_by(house)
    assert sent(provider) == ["refresh-1"]
    assert [one.url for one in provider.requests if one.url.endswith("/revoke")] == ["https://id.example.net/revoke"]
    assert provider.revocations[0]["client_id"] == "sidecar"


async def test_the_latest_secret_is_the_one_that_proves_who_we_were(granted, build, clock, provider):
    await started(await build(without(WAREHOUSE, **{WAREHOUSE.guid: replace(WAREHOUSE, client_secret=Secret("new"))})))
    house = await started(await build(without(WAREHOUSE)))
    clock.advance(DAY_S)
    await pass_by(house)
    assert provider.revocations[0]["client_secret"] == "new"


async def test_what_the_command_line_ends_of_a_deleted_integration_is_given_back_at_once(granted, build, provider):
    house = await started(await build(without(WAREHOUSE)))
    await house.store.disconnect(WAREHOUSE.guid, viewer_guid=None)
    await house.token_revocation.work()
    assert sent(provider) == ["refresh-1", "access-1"]


async def test_a_row_that_cannot_be_opened_is_kept(granted, build, clock, provider):
    house = await started(await build(without(WAREHOUSE)))
    house.former._seal._key_ring = KeyRing([bytes(32)])
    clock.advance(DAY_S)
    await house.former.work()
    assert len(await grants(house)) == 1
    house = await started(await build(without(WAREHOUSE)))  # with the right key again
    await pass_by(house)
    assert sent(provider) == ["refresh-1"]


async def test_a_client_that_cannot_be_opened_is_tried_again(granted, build, clock, provider):
    house = await started(await build(without(WAREHOUSE)))
    await house.store.disconnect(WAREHOUSE.guid, viewer_guid=None)
    right = house.former._seal._key_ring
    house.former._seal._key_ring = KeyRing([bytes(32)])
    await house.token_revocation.work()
    assert sent(provider) == []
    house.former._seal._key_ring = right
    clock.advance(60)
    await house.token_revocation.work()
    assert sent(provider) == ["refresh-1", "access-1"]


async def test_of_a_server_that_takes_nothing_back_no_secret_is_kept_and_the_grants_end_here(build, clock, provider):
    house = await started(await build())
    session_id = await house.log_in(BOTH)
    await house.log_in(BOTH, LAKE, session_id=session_id)
    row = await house.row(session_id, LAKE)
    assert await house.store.noted_integration(LAKE.guid, row.fingerprint) is None
    house = await started(await build(without(LAKE)))
    clock.advance(DAY_S)
    await pass_by(house)
    assert await house.store.credentials(row.viewer_guid, LAKE.guid) is None
    assert sent(provider) == []


async def test_grants_from_before_anything_was_noted_end_here(build, clock, provider):
    house = await build()
    await house.log_in()
    house = await started(await build(without(WAREHOUSE)))
    clock.advance(DAY_S)
    with capture_logs() as logs:
        await pass_by(house)
    assert (sent(provider), await grants(house)) == ([], [])
    assert [line["because"] for line in logs if "because" in line] == ["no_such_client"]


async def test_nothing_is_left_of_a_client_once_all_is_given_back(granted, build, clock, provider):
    [row] = await grants(granted)
    house = await started(await build(without(WAREHOUSE)))
    assert await house.store.noted_integration(WAREHOUSE.guid, row.fingerprint) is not None
    clock.advance(DAY_S)
    await house.former.work()
    assert await house.store.noted_integration(WAREHOUSE.guid, row.fingerprint) is not None  # it is needed still
    await house.token_revocation.work()
    await house.former.work()
    assert await house.store.noted_integration(WAREHOUSE.guid, row.fingerprint) is None


async def test_a_type_that_there_is_no_more_is_no_type_to_give_back_to(granted, build, clock, provider, monkeypatch):
    house = await started(await build(without(WAREHOUSE)))
    clock.advance(DAY_S)
    known = {key: row for key, row in PROVIDERS.items() if key != WAREHOUSE.template}
    monkeypatch.setattr(former_integrations, "PROVIDERS", known)
    await pass_by(house)
    assert (sent(provider), await grants(house)) == ([], [])


async def test_many_are_ended_in_batches_and_those_of_others_stay(granted, build, clock, provider, monkeypatch):
    monkeypatch.setattr(former_integrations, "BATCH", 2)
    session_id = await granted.log_in(BOTH)
    await granted.log_in(BOTH, LAKE, session_id=session_id)
    for _ in range(3):
        await granted.log_in()
    lake = await granted.row(session_id, LAKE)
    house = await started(await build(without(WAREHOUSE)))
    clock.advance(DAY_S)
    await house.former.work()
    assert await grants(house) == []
    assert len(await house.store.ended_grants(now=clock(), most=100)) == 5
    assert await house.store.credentials(lake.viewer_guid, LAKE.guid) == lake


async def test_what_is_kept_of_a_client_shows_no_secret(granted):
    [row] = await grants(granted)
    sealed = await granted.store.noted_integration(WAREHOUSE.guid, row.fingerprint)
    assert b"client-secret" not in sealed.value
    assert b"sidecar" not in sealed.value
