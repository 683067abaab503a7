"""What was configured at the last start, as every engine has to keep it."""

from proxy.model import SIDECAR, AuditAction, AuditEvent
from proxy.store.audit import AuditFilter
from proxy.store.configured import Configured
from tests.contract.records import NOON

SALES = Configured(guid="content-sales", name="content sales", settings={"path": b"\x01" * 32, "title": b"\xff" * 32})
STOCK = Configured(guid="content-stock", name="content Lager – «alle»", settings={})
LINE = AuditEvent(at=NOON, action=AuditAction.CONFIGURATION_CHANGED, actor=SIDECAR, detail={"what": "content stock"})


async def test_nothing_is_remembered_before_the_first_start(store):
    assert await store.configured.remembered() == []


async def test_each_start_takes_the_place_of_the_last(store):
    await store.configured.remember([STOCK, SALES], lines=[])
    assert await store.configured.remembered() == [SALES, STOCK]
    await store.configured.remember([STOCK], lines=[])
    assert await store.configured.remembered() == [STOCK]


async def test_its_lines_are_written_with_it(store):
    await store.configured.remember([SALES], lines=[LINE])
    page = await store.audit.page(AuditFilter(), position=None, is_forward=True, most=9, most_read=9)
    assert [(event.action, event.detail) for event in page.events] == [(LINE.action, LINE.detail)]
