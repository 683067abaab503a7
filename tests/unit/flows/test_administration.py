"""What administrators, publishers and contents read of integrations and associations."""

from dataclasses import replace

import pytest

from proxy.flows.refused import NOT_ALLOWED, NOT_THERE
from tests.unit.flows.callers import ADA, BOB, EVE, OF_SALES, OF_STOCK
from tests.unit.flows.house import BOTH, LAKE, SALES, STOCK, WAREHOUSE, directory

NOBODY = "99999999-9999-4999-8999-999999999999"


@pytest.fixture
def administration(house):
    return house.administration


@pytest.mark.parametrize("caller", [ADA, BOB], ids=["administrator", "publisher"])
async def test_integrations_come_in_the_order_in_which_they_became_known(administration, caller):
    records = administration.integrations(caller)
    assert [record.integration for record in records] == [WAREHOUSE, LAKE]
    assert [record.content_count for record in records] == [3, 1]
    assert all(record.everyone and record.is_configured and record.permissions == () for record in records)


async def test_one_integration_is_what_the_list_says(administration):
    assert administration.integration(BOB, LAKE.guid) == administration.integrations(ADA)[1]
    assert administration.integration(ADA, NOBODY) == NOT_THERE


async def test_a_contents_key_reads_no_integrations(administration):
    assert administration.integrations(OF_SALES) == []
    assert administration.integration(OF_SALES, WAREHOUSE.guid) == NOT_ALLOWED


@pytest.mark.parametrize(
    ("caller", "reads"),
    [(ADA, True), (BOB, True), (EVE, False), (OF_SALES, True), (OF_STOCK, False)],
    ids=["an administrator", "its owner", "another publisher", "its own key", "another content's key"],
)
async def test_a_contents_associations_are_for_whom_it_concerns(administration, caller, reads):
    found = administration.associations_of_content(caller, SALES.guid)
    if reads:
        assert [(one.content_guid, one.integration) for one in found] == [(SALES.guid, WAREHOUSE)]
    else:
        assert found == NOT_ALLOWED


async def test_associations_keep_their_order(administration):
    found = administration.associations_of_content(ADA, BOTH.guid)
    assert [one.integration for one in found] == [WAREHOUSE, LAKE]


async def test_a_content_that_is_not_there_has_none(administration):
    assert administration.associations_of_content(ADA, NOBODY) == NOT_THERE


async def test_an_owners_address_is_compared_without_case(build):
    house = await build(directory(replace(SALES, owner="Bob@Example.org")))
    assert len(house.administration.associations_of_content(BOB, SALES.guid)) == 1


async def test_who_uses_an_integration_is_for_administrators(administration):
    found = administration.associations_of_integration(ADA, WAREHOUSE.guid)
    assert [one.content_guid for one in found] == [SALES.guid, STOCK.guid, BOTH.guid]
    assert administration.associations_of_integration(ADA, NOBODY) == NOT_THERE
    for caller in (BOB, OF_SALES):
        assert administration.associations_of_integration(caller, WAREHOUSE.guid) == NOT_ALLOWED
