"""What contents and integrations there are, while it changes, and beside a configuration that goes before it."""

from dataclasses import replace

import pytest
import structlog

from proxy.flows.administered import IntegrationChanges, NewIntegration
from proxy.flows.sessions import ConsentNeeded, SignInNeeded
from proxy.model import Anyone, Sealed, Secret
from proxy.sealing import KeyRing
from tests.unit.flows.callers import ADA
from tests.unit.flows.house import KEY, LAKE, SALES, START, STOCK, WAREHOUSE, directory

OPEN = replace(SALES, integrations=(), are_integrations_configured=False)
CRM = {
    "authorization_uri": "https://crm.example.net/authorize",
    "token_uri": "https://crm.example.net/token",
    "client_id": "sidecar-at-crm",
    "client_secret": "kH3-crm-secret",
}


async def made(house, name="crm", **more):
    record = await house.administration.create(ADA, NewIntegration(name=name, template="custom", config=CRM, **more))
    return record.integration


async def test_what_the_configuration_defines_is_there(build):
    house = await build(directory(SALES, sign_in=WAREHOUSE.guid))
    assert dict(house.directory.contents) == {SALES.guid: SALES}
    assert list(house.directory.integrations) == [WAREHOUSE.guid, LAKE.guid]
    assert house.directory.sign_in == WAREHOUSE.guid
    assert house.live.is_configured(WAREHOUSE.guid)


@pytest.mark.parametrize("views", ["keys", "values", "items"])
async def test_whoever_is_in_the_middle_of_a_list_goes_on_over_the_old_one(house, views):
    """Fails with the views of ``Mapping``: they look each value up when its turn comes, and by then it is gone."""
    under_way = iter(getattr(house.directory.integrations, views)())
    next(under_way)
    house.live._integrations.become({})
    assert len(list(under_way)) == 1
    assert len(house.directory.integrations) == 0


async def test_since_when_something_is_known_outlives_a_restart(build, clock):
    house = await build(directory(SALES))
    before = [house.live.seen(guid) for guid in (SALES.guid, WAREHOUSE.guid, LAKE.guid)]
    clock.advance(3600)
    house = await build(directory(SALES, STOCK))
    assert [house.live.seen(guid) for guid in (SALES.guid, WAREHOUSE.guid, LAKE.guid)] == before
    assert {one.at for one in before} == {START}
    later = house.live.seen(STOCK.guid)
    assert later.at > START
    assert later.id > max(one.id for one in before)


async def test_what_stays_the_same_stays_the_same_object(build):
    """Fails when all is made anew: tokens of service accounts and recipes would be worked out again at each change."""
    house = await build(directory(OPEN))
    crm = await made(house)
    await house.administration.associate(ADA, OPEN.guid, [crm.guid])
    integration, content = house.directory.integrations[crm.guid], house.directory.contents[OPEN.guid]
    await made(house, "another")
    assert house.directory.integrations[crm.guid] is integration
    assert house.directory.contents[OPEN.guid] is content


async def test_what_was_made_is_there_after_a_restart(build):
    house = await build(directory(OPEN))
    crm = await made(house)
    await house.administration.associate(ADA, OPEN.guid, [crm.guid, LAKE.guid])
    house = await build(directory(OPEN))
    assert house.directory.integrations[crm.guid] == crm
    assert house.directory.integrations[crm.guid].client_secret.reveal() == CRM["client_secret"]
    assert house.directory.contents[OPEN.guid].integrations == (crm.guid, LAKE.guid)


async def test_another_process_sees_a_change_when_it_reads_the_feed(build):
    house = await build(directory(OPEN))
    neighbour = house.neighbour()
    await neighbour.feed.start()
    crm = await made(house)
    await house.administration.associate(ADA, OPEN.guid, [crm.guid])
    assert crm.guid not in neighbour.directory.integrations
    await neighbour.feed.catch_up()
    assert neighbour.directory.integrations[crm.guid] == crm
    assert neighbour.directory.contents[OPEN.guid].integrations == (crm.guid,)


async def test_a_list_that_the_configuration_says_is_not_what_was_said_before(build):
    house = await build(directory(OPEN))
    crm = await made(house)
    await house.administration.associate(ADA, OPEN.guid, [crm.guid])
    house = await build(directory(SALES))
    assert house.directory.contents[SALES.guid] is SALES
    house = await build(directory(OPEN))
    assert house.directory.contents[SALES.guid].integrations == (crm.guid,)


async def test_a_slug_that_the_configuration_has_now_gets_a_number_behind_it_and_somebody_is_told(build):
    house = await build(directory(OPEN))
    crm = await made(house, "stock")
    taken = replace(LAKE, slug="stock", name="stock")
    of = directory(OPEN)
    with structlog.testing.capture_logs() as logs:
        house = await build(replace(of, integrations={WAREHOUSE.guid: WAREHOUSE, LAKE.guid: taken}))
    assert house.directory.integrations[crm.guid].slug == "stock-2"
    assert house.directory.integrations[LAKE.guid].slug == "stock"
    told = {line["event"] for line in logs if line.get("integration") == crm.guid}
    assert told == {"slug is the configuration's now", "name is the configuration's now"}


async def test_a_guid_that_the_configuration_has_now_is_the_configurations(build):
    house = await build(directory(OPEN))
    crm = await made(house)
    of = directory(OPEN)
    taken = replace(LAKE, guid=crm.guid)
    with structlog.testing.capture_logs() as logs:
        house = await build(replace(of, integrations={WAREHOUSE.guid: WAREHOUSE, crm.guid: taken}))
    assert house.directory.integrations[crm.guid] is taken
    assert house.live.stored(crm.guid) is None
    assert [record.integration for record in house.administration.integrations(ADA)] == [WAREHOUSE, taken]
    assert "integrations are hidden: the configuration has others of their guids" in [line["event"] for line in logs]


async def test_content_whose_integration_is_gone_from_the_configuration_lets_nobody_in(build):
    """Fails when the association is passed over: the content would open without a token that it counts on."""
    house = await build(directory(OPEN))
    await house.administration.associate(ADA, OPEN.guid, [LAKE.guid])
    of = directory(OPEN)
    with structlog.testing.capture_logs() as logs:
        house = await build(replace(of, integrations={WAREHOUSE.guid: WAREHOUSE}))
    assert house.directory.contents[OPEN.guid].integrations == (LAKE.guid,)
    assert house.directory.integrations[LAKE.guid].is_unusable
    assert [record.integration for record in house.administration.integrations(ADA)] == [WAREHOUSE]
    assert house.administration.associations_of_content(ADA, OPEN.guid) == []
    with structlog.testing.capture_logs() as later:
        await house.live.reload()
    assert later == [], "told once"
    assert "content needs an integration that is gone: nobody gets in" in [line["event"] for line in logs]
    assert await house.administration.associate(ADA, OPEN.guid, [WAREHOUSE.guid]) is None
    assert house.directory.contents[OPEN.guid].integrations == (WAREHOUSE.guid,)
    assert LAKE.guid not in house.directory.integrations


async def test_content_that_is_open_to_anyone_by_now_has_no_viewers_integration(build):
    house = await build(directory(OPEN))
    await house.administration.associate(ADA, OPEN.guid, [LAKE.guid])
    house = await build(directory(replace(OPEN, access=Anyone())))
    assert house.directory.contents[OPEN.guid].integrations == ()


async def test_an_integration_whose_secret_cannot_be_opened_is_kept_listed_and_not_used(build, provider):
    house = await build(directory(OPEN))
    crm = await made(house)
    await house.administration.associate(ADA, OPEN.guid, [crm.guid])
    stranger = house.neighbour()
    stranger.key_ring._ciphers, stranger.key_ring._first_id = KeyRing([KEY[::-1]])._ciphers, b"none"
    with structlog.testing.capture_logs() as logs:
        await stranger.live.load()
    (record,) = [one for one in stranger.administration.integrations(ADA) if one.integration.guid == crm.guid]
    assert record.integration.is_unusable
    assert record.integration.config == crm.config
    assert ("integration cannot be used", "sealed") in [(line["event"], line.get("because")) for line in logs]
    before = len(provider.requests)
    outcome = await stranger.authorization.start(
        content=stranger.directory.contents[OPEN.guid], integration=record.integration, return_to="/sales/",
        binding="b1", session_id=None,
    )  # fmt: skip
    assert not isinstance(outcome, str)
    assert len(provider.requests) == before
    await house.live.reload()
    assert house.directory.integrations[crm.guid] == crm


async def test_a_secret_of_another_row_does_not_open(build):
    house = await build(directory(OPEN))
    crm, other = await made(house), await made(house, "other")
    stolen = house.live.stored(crm.guid).client_secret
    moved = replace(house.live.stored(other.guid), client_secret=stolen, revision=2)
    await house.store.administration.change_integration(moved, ends_grants=False, tell=lambda _: ())
    await house.live.reload()
    assert house.directory.integrations[other.guid].is_unusable
    assert house.directory.integrations[other.guid].client_secret is None
    assert house.directory.integrations[crm.guid] is crm


async def test_one_of_a_template_that_this_release_does_not_know_or_takes_no_more_is_kept_and_not_used(build):
    house = await build(directory(OPEN))
    unknown, unfit = await made(house), await made(house, "unfit")
    for one, change in ((unknown, {"template": "magic"}), (unfit, {"config": {"client_id": "x"}})):
        changed = replace(house.live.stored(one.guid), revision=2, **change)
        await house.store.administration.change_integration(changed, ends_grants=False, tell=lambda _: ())
    house = await build(directory(OPEN))
    for one in (unknown, unfit):
        assert house.administration.integration(ADA, one.guid).integration.is_unusable
    refused = await house.administration.change(ADA, unknown.guid, IntegrationChanges(config={"scopes": "a"}))
    assert refused.code == 227
    mended = await house.administration.change(ADA, unfit.guid, IntegrationChanges(config=CRM))
    assert not mended.record.integration.is_unusable


async def test_a_new_secret_mends_one_that_could_not_be_opened(build):
    house = await build(directory(OPEN))
    crm = await made(house)
    broken = replace(house.live.stored(crm.guid), client_secret=Sealed(b"nonsense"), revision=2)
    await house.store.administration.change_integration(broken, ends_grants=False, tell=lambda _: ())
    await house.live.reload()
    left = await house.administration.change(ADA, crm.guid, IntegrationChanges(description="Orders"))
    assert left.record.integration.is_unusable
    assert house.live.stored(crm.guid).client_secret == Sealed(b"nonsense")
    mended = await house.administration.change(ADA, crm.guid, IntegrationChanges(config={"client_secret": "kH3-new"}))
    assert mended.record.integration == replace(crm, client_secret=Secret("kH3-new"), description="Orders")
    assert (mended.ended_credentials, mended.ended_consents) == (0, 0)


async def test_what_was_granted_to_one_that_cannot_be_read_is_not_taken_for_gone(build, clock):
    """Fails when it is noted as missing: after a day its viewers' grants would be given up."""
    house = await build(directory(OPEN, sign_in=WAREHOUSE.guid))
    crm = await made(house)
    await house.administration.associate(ADA, OPEN.guid, [crm.guid])
    session_id = await house.log_in(house.directory.contents[OPEN.guid], WAREHOUSE)
    await house.log_in(house.directory.contents[OPEN.guid], crm, session_id=session_id)
    broken = replace(house.live.stored(crm.guid), client_secret=Sealed(b"nonsense"), revision=2)
    await house.store.administration.change_integration(broken, ends_grants=False, tell=lambda _: ())
    house = await build(directory(OPEN, sign_in=WAREHOUSE.guid))
    assert await house.sessions.admit(session_id, house.directory.contents[OPEN.guid]) == ConsentNeeded(
        integration=house.directory.integrations[crm.guid]
    )
    await house.former.note()
    clock.advance(2 * 24 * 3600)
    await house.former.work()
    assert await house.row(session_id, crm) is not None


async def test_without_sign_in_somebody_is_told_of_content_that_nobody_can_sign_in_to(build):
    with structlog.testing.capture_logs() as logs:
        await build(directory(OPEN))
    assert "nobody can sign in to a content until it has an integration" in [line["event"] for line in logs]


async def test_a_reload_that_the_store_cannot_serve_changes_nothing(build):
    house = await build(directory(OPEN))
    await made(house)
    present = dict(house.directory.integrations)
    await house.store.close()
    with pytest.raises(Exception, match="closed"):
        await house.live.reload()
    assert dict(house.directory.integrations) == present


async def test_without_sign_in_viewers_sign_in_by_the_first_integration_that_the_api_gives_a_content(build):
    house = await build(directory(OPEN))
    assert await house.sessions.admit(None, house.directory.contents[OPEN.guid]) == SignInNeeded(integration=None)
    crm = await made(house)
    await house.administration.associate(ADA, OPEN.guid, [crm.guid])
    assert await house.sessions.admit(None, house.directory.contents[OPEN.guid]) == SignInNeeded(integration=crm)
    session_id = await house.log_in(house.directory.contents[OPEN.guid], crm)
    admitted = await house.sessions.admit(session_id, house.directory.contents[OPEN.guid])
    assert b"X-Forwarded-Access-Token: access-1" in admitted.header_block
