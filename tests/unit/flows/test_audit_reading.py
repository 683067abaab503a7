"""Pages of the audit log: whole ones where that is cheap, short ones where it is not."""

from __future__ import annotations

import pytest

from proxy.flows.audit_reading import AuditQuestion, read_audit_log
from proxy.model import SIDECAR, AuditAction, AuditEvent, ContentGuid
from proxy.store.audit import AuditFilter
from proxy.store.sqlite import open_store
from tests.unit.flows.house import START

RARE = ContentGuid("rare")


@pytest.fixture
async def log(tmp_path):
    """Twenty lines; the seventh and the last are of a rare content."""
    store = await open_store(tmp_path / "state.db", now=lambda: START)
    await store.audit.append([
        AuditEvent(at=START, action=AuditAction.SIGN_IN, actor=SIDECAR, content_guid=RARE if number in {7, 20} else None)
        for number in range(1, 21)
    ])  # fmt: skip
    yield store.audit
    await store.close()


async def ask(log, **asked):
    found = await read_audit_log(
        log, AuditQuestion(wanted=AuditFilter(content_guid=RARE), **{"most": 2, **asked}), read_at_once=2, most_looks=3
    )
    return [event.id for event in found.events], found.next, found.previous


@pytest.mark.parametrize(("is_ascending", "expected"), [(True, [7, 20]), (False, [20, 7])])
async def test_short_pages_lead_to_all_that_is_wanted(log, is_ascending, expected):
    found, position, pages = [], None, 0
    while True:
        ids, position, _ = await ask(log, after=position, is_ascending=is_ascending)
        found += ids
        pages += 1
        if position is None:
            break
    assert found == expected
    assert pages == 4, "six lines are looked at for one page"


async def test_one_look_is_not_all_when_the_next_may_find_more(log):
    assert await ask(log, after=2) == ([7], 8, 7)
    assert await ask(log, before=9) == ([7], 7, 3)


async def test_what_was_enough_is_not_looked_beyond(log):
    assert await ask(log, after=5, most=1) == ([7], 7, 7)


async def test_an_empty_page_leads_back_to_where_one_was(log):
    assert await ask(log, after=20) == ([], None, 21)
    assert await ask(log, before=1) == ([], 0, None)
    assert await ask(log, after=1, is_ascending=False) == ([], None, 0)
    assert await ask(log, before=20, is_ascending=False) == ([], 21, None)
