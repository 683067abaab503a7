"""The audit log tells what is another in the configuration since the last start, and never a value of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import pytest

from proxy.flows.configuration_log import ConfigurationLog
from proxy.model import AuditAction, AuditEvent, Directory, HeaderRules, Named, Secret, TcpUpstream
from proxy.sealing import KeyRing
from proxy.store.audit import AuditFilter
from proxy.store.sqlite import open_store
from tests.unit.flows.house import SALES, STOCK, WAREHOUSE, Clock

OLD_KEY, NEW_KEY = b"o" * 31 + b"1", b"n" * 31 + b"2"
LOCKED = replace(
    SALES,
    access=Named(emails=frozenset({"ada@example.org", "bob@example.org"}), groups=frozenset({"a", "b"})),
    headers=HeaderRules(rename={"x-forwarded-user": "X-User", "x-forwarded-email": "X-Mail"}),
    optional=frozenset({WAREHOUSE.guid}),
)
HIDDEN = replace(WAREHOUSE, client_secret=Secret("the secret"))
BEFORE = Directory(
    contents={SALES.guid: LOCKED, STOCK.guid: STOCK}, integrations={WAREHOUSE.guid: HIDDEN}, sign_in=WAREHOUSE.guid
)
SETTINGS = {
    "session_idle": timedelta(hours=12),
    "trusted_proxies": ("10.0.0.1", "10.0.0.2"),
    "limits": TcpUpstream("a", 1),
}


@pytest.fixture
async def store(tmp_path, clock: Clock):
    opened = await open_store(tmp_path / "state.db", now=clock)
    yield opened
    await opened.close()


@pytest.fixture
def start(store, clock: Clock):
    """Start with a configuration; return the lines of that start, as (what, change, settings)."""

    async def start(directory: Directory, settings=SETTINGS, keys=(OLD_KEY,)):
        seen = await store.audit.end()
        log = ConfigurationLog(
            configured=directory, deployment=settings, records=store.configured, key_ring=KeyRing(keys), now=clock,
            lines=lambda event: (event,),
        )  # fmt: skip
        await log.write()
        return await lines_since(store, seen)

    return start


async def lines_since(store, position: int) -> list[AuditEvent]:
    page = await store.audit.page(AuditFilter(), position=position, is_forward=True, most=100, most_read=100)
    assert {event.action for event in page.events} <= {AuditAction.CONFIGURATION_CHANGED}
    return list(page.events)


def told(events):
    return [(event.detail["what"], event.detail["change"], event.detail.get("settings", "")) for event in events]


def other(content=LOCKED, integration=HIDDEN, **directory):
    contents = {SALES.guid: content, STOCK.guid: STOCK}
    return replace(BEFORE, contents=contents, integrations={WAREHOUSE.guid: integration}, **directory)


async def test_the_first_start_has_nothing_to_tell(start):
    assert await start(BEFORE) == []


async def test_the_same_configuration_again_is_no_news_whatever_order_its_sets_have(start):
    await start(BEFORE)
    turned = replace(
        LOCKED,
        access=Named(emails=frozenset(["bob@example.org", "ada@example.org"]), groups=frozenset(["b", "a"])),
        headers=HeaderRules(rename={"x-forwarded-email": "X-Mail", "x-forwarded-user": "X-User"}),
    )
    assert await start(other(turned, replace(HIDDEN, config=MappingProxyType(dict(HIDDEN.config))))) == []


@pytest.mark.parametrize(
    ("directory", "what", "settings"),
    [
        (other(replace(LOCKED, title="Orders", path="/orders/")), "content sales", "path title"),
        (other(replace(LOCKED, access=Named(emails=frozenset({"ada@example.org"})))), "content sales", "access"),
        (other(replace(LOCKED, integrations=())), "content sales", "integrations"),
        (other(integration=replace(HIDDEN, client_secret=Secret("another"))), "integration warehouse", "client_secret"),
        (other(integration=replace(HIDDEN, client_secret=None)), "integration warehouse", "client_secret"),
        (
            other(integration=replace(HIDDEN, config={**HIDDEN.config, "scopes": "all"})),
            "integration warehouse",
            "scopes",
        ),
        (other(integration=replace(HIDDEN, config={})), "integration warehouse", " ".join(sorted(HIDDEN.config))),
        (other(sign_in=None), "deployment", "sign_in"),
    ],
)
async def test_what_changed_is_told_by_the_names_of_settings(start, directory, what, settings):
    await start(BEFORE)
    assert told(await start(directory)) == [(what, "changed", settings)]
    assert await start(directory) == [], "told once"


async def test_a_setting_of_the_deployment_is_told_of(start):
    await start(BEFORE)
    events = await start(BEFORE, {**SETTINGS, "trusted_proxies": (), "limits": TcpUpstream("a", 2)})
    assert told(events) == [("deployment", "changed", "limits trusted_proxies")]


async def test_what_comes_and_goes_is_told_with_its_guid(start):
    await start(BEFORE)
    events = await start(replace(BEFORE, contents={SALES.guid: LOCKED}, integrations={}))
    assert sorted(told(events)) == [("content stock", "removed", ""), ("integration warehouse", "removed", "")]
    assert {(event.content_guid, event.integration_guid) for event in events} == {
        (STOCK.guid, None), (None, WAREHOUSE.guid),
    }  # fmt: skip
    events = await start(BEFORE)
    assert sorted(told(events)) == [("content stock", "added", ""), ("integration warehouse", "added", "")]


async def test_another_key_of_the_store_is_no_change_while_the_old_one_is_on_the_ring(start):
    await start(BEFORE)
    assert await start(BEFORE, keys=(NEW_KEY, OLD_KEY)) == []
    assert await start(BEFORE, keys=(NEW_KEY,)) == []


async def test_no_value_is_kept(start, store, tmp_path):
    await start(BEFORE)
    await start(other(integration=replace(HIDDEN, client_secret=Secret("another secret"))))
    await store.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"client_secret" in kept
    for value in (b"the secret", b"another secret", b"ada@example.org", b"X-Mail"):
        assert value not in kept
