"""What contents and integrations there are, while it changes."""

from proxy.flows.live_directory import LiveDirectory
from tests.unit.flows.house import LAKE, SALES, START, WAREHOUSE, directory


def live(**fields):
    return LiveDirectory(directory(SALES, **fields), now=lambda: START)


async def test_what_the_configuration_defines_is_there():
    one = live(sign_in=WAREHOUSE.guid)
    await one.load()
    assert dict(one.directory.contents) == {SALES.guid: SALES}
    assert list(one.directory.integrations) == [WAREHOUSE.guid, LAKE.guid]
    assert one.directory.sign_in == WAREHOUSE.guid
    assert one.is_configured(WAREHOUSE.guid)


async def test_whoever_is_in_the_middle_of_a_list_goes_on_over_the_old_one():
    """Fails with the views of ``Mapping``: they look each value up when its turn comes, and by then it is gone."""
    one = live()
    for views in (dict.values, dict.items, dict.keys):
        under_way = iter(getattr(one.directory.integrations, views.__name__)())
        next(under_way)
        one._integrations.become({})
        assert len(list(under_way)) == 1, views
        assert len(one.directory.integrations) == 0
        one._integrations.become({WAREHOUSE.guid: WAREHOUSE, LAKE.guid: LAKE})


async def test_everything_is_known_since_some_instant_and_in_some_order():
    one = live()
    await one.load()
    seen = [one.seen(guid) for guid in (SALES.guid, WAREHOUSE.guid, LAKE.guid)]
    assert len({each.id for each in seen}) == 3
    assert {each.at for each in seen} == {START}
