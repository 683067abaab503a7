"""Keys of the Server API: made, used, revoked, and heard of from other processes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random

import pytest
from structlog.testing import capture_logs

from proxy.errors import StoreUnavailable
from proxy.flows.api_keys import KEY_BYTES, PREFIX, ApiKeys, MadeApiKey, NewApiKey
from proxy.flows.refused import Refused
from proxy.model import (
    OPERATOR,
    ApiKey,
    ApiKeyGuid,
    AuditAction,
    AuditEvent,
    ContentGuid,
    Role,
)
from proxy.policy.guids import configured_key_guid
from proxy.sealing import hash_handle
from proxy.store.audit import AuditFilter
from proxy.store.sqlite import open_store
from tests.unit.flows.house import SALES, START

WRITTEN = "written-in-the-configuration-0123456789"
OPS = ApiKey(guid=configured_key_guid("ops"), name="ops", role=Role.ADMINISTRATOR, hash=hash_handle(WRITTEN))
NEW = NewApiKey(name="nightly", role=Role.ADMINISTRATOR)


class Keys:
    """One process's keys on a store, and what they recorded."""

    def __init__(self, store, clock, *, seed=1, configured=(OPS,)) -> None:
        self.store, self.clock = store, clock
        self.keys = ApiKeys(
            configured=configured, contents={SALES.guid: SALES}, store=store, now=clock,
            random_bytes=Random(seed).randbytes,
        )  # fmt: skip

    async def made(self, asked: NewApiKey = NEW) -> MadeApiKey:
        made = await self.keys.create(asked, by=OPERATOR)
        assert isinstance(made, MadeApiKey)
        return made

    async def lines(self) -> list[AuditEvent]:
        page = await self.store.audit.page(AuditFilter(), position=None, is_forward=True, most=10, most_read=10)
        return list(page.events)


@pytest.fixture
async def store(tmp_path):
    opened = await open_store(tmp_path / "state.db", now=lambda: START)
    yield opened
    await opened.close()


@pytest.fixture
def one(store, clock) -> Keys:
    return Keys(store, clock)


async def test_a_new_key_is_a_caller_at_once_and_its_text_is_kept_nowhere(one, tmp_path):
    with capture_logs() as lines:
        made = await one.made()
    text = made.secret.reveal()
    assert text.startswith(PREFIX)
    assert len(text) == len(PREFIX) + 43, f"{KEY_BYTES} bytes in base64url"
    assert one.keys.caller(text).name == "nightly"
    assert one.keys.caller(text + "x") is None
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for shown in (str(lines), repr(made), repr(await one.lines()), written.decode("latin-1")):
        assert text not in shown
        assert text.removeprefix(PREFIX) not in shown
    [event] = await one.lines()
    assert (event.action, event.actor, event.detail["name"]) == (AuditAction.API_KEY_CREATED, OPERATOR, "nightly")


async def test_keys_of_the_configuration_are_callers_before_the_store_was_read(one):
    assert one.keys.caller(WRITTEN) == OPS


async def test_a_revoked_key_is_nobody_at_once(one):
    made = await one.made()
    revoked = await one.keys.revoke(made.key.guid, by=OPERATOR)
    assert revoked.name == "nightly"
    assert one.keys.caller(made.secret.reveal()) is None
    await one.keys.reload()
    assert one.keys.caller(made.secret.reveal()) is None
    assert [event.action for event in await one.lines()] == [AuditAction.API_KEY_CREATED, AuditAction.API_KEY_REVOKED]


async def test_a_configured_key_is_revoked_where_it_is_written(one):
    refused = await one.keys.revoke(OPS.guid, by=OPERATOR)
    assert (refused.status, refused.code) == (409, 2)
    assert "`ops`" in refused.text
    assert one.keys.caller(WRITTEN) == OPS


async def test_a_key_that_is_not_there_cannot_be_revoked(one):
    refused = await one.keys.revoke("nothing", by=OPERATOR)
    assert (refused.status, refused.code) == (404, 4)
    assert await one.lines() == []


@pytest.mark.parametrize(
    ("asked", "status", "word"),
    [
        (replace(NEW, name="ops"), 409, "of this name"),
        (replace(NEW, name=""), 400, "name: "),
        (replace(NEW, name="a\nb"), 400, "name: "),
        (replace(NEW, name="x" * 65), 400, "name: "),
        (replace(NEW, role=Role.PUBLISHER), 400, "user: "),
        (replace(NEW, role=Role.PUBLISHER, user="bob"), 400, "user: "),
        (replace(NEW, role=Role.PUBLISHER, user='"a@b"@c'), 400, "user: "),
        (replace(NEW, role=Role.PUBLISHER, user="\u212aate@example.org"), 400, "user: "),
        (replace(NEW, role=Role.CONTENT), 400, "content: "),
        (replace(NEW, role=Role.CONTENT, content_guid=ContentGuid("gone")), 400, "content: there is no content"),
        (replace(NEW, content_guid=SALES.guid), 400, "content: only goes with"),
    ],
)
async def test_a_key_that_makes_no_sense_is_not_made(one, asked, status, word):
    refused = await one.keys.create(asked, by=OPERATOR)
    assert isinstance(refused, Refused)
    assert refused.status == status
    assert word in refused.text
    assert await one.store.api_keys.all() == []
    assert await one.lines() == []


async def test_a_users_address_is_kept_in_lower_case(one):
    made = await one.made(NewApiKey(name="bob", role=Role.PUBLISHER, user=" Bob@Example.ORG "))
    assert made.key.user == "bob@example.org"


async def test_two_processes_cannot_make_two_keys_of_one_name(store, clock):
    here, there = Keys(store, clock), Keys(store, clock, seed=2)
    await here.made()
    refused = await there.keys.create(NEW, by=OPERATOR)
    assert (refused.status, refused.code) == (409, 2)


async def test_what_another_process_changed_is_known_after_the_feed_said_so(store, clock):
    here, there = Keys(store, clock), Keys(store, clock, seed=2)
    following = asyncio.create_task(here.keys.follow(sleep=asyncio.sleep))
    made = await there.made()
    assert here.keys.caller(made.secret.reveal()) is None
    here.keys.changed()
    await until(lambda: here.keys.caller(made.secret.reveal()) is not None)
    await there.keys.revoke(made.key.guid, by=OPERATOR)
    here.keys.changed()
    await until(lambda: here.keys.caller(made.secret.reveal()) is None)
    following.cancel()


async def test_a_reading_that_began_before_a_revocation_does_not_bring_the_key_back(store, clock):
    gate = SlowKeys(store.api_keys)
    one = Keys(SlowStore(gate), clock)
    made = await one.made()
    reading = asyncio.create_task(one.keys.reload())
    await gate.has_read.wait()
    revoking = asyncio.create_task(one.keys.revoke(made.key.guid, by=OPERATOR))
    await asyncio.sleep(0)
    gate.go_on.set()
    await asyncio.gather(reading, revoking)
    assert one.keys.caller(made.secret.reveal()) is None


@pytest.mark.parametrize("failure", [StoreUnavailable("ill"), ValueError("nobody thought of it")])
async def test_a_store_that_is_ill_is_asked_until_it_answers(store, clock, failure):
    gate = SlowKeys(store.api_keys)
    gate.go_on.set()
    gate.failures = [failure, failure]
    one = Keys(SlowStore(gate), clock)
    pauses = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    other = Keys(store, clock, seed=2)
    made = await other.made()
    following = asyncio.create_task(one.keys.follow(sleep=sleep))
    one.keys.changed()
    await until(lambda: one.keys.caller(made.secret.reveal()) is not None)
    assert pauses == [1.0, 1.0]
    following.cancel()


async def test_last_use_is_shown_at_once_and_written_in_batches(one, clock):
    made = await one.made()
    clock.advance(300)
    one.keys.caller(made.secret.reveal())
    one.keys.caller(WRITTEN)
    used = {key.name: key.last_used_at for key in one.keys.all()}
    assert used == {"ops": clock(), "nightly": clock()}
    assert await one.store.api_keys.last_used() == {}
    await one.keys.flush()
    assert await one.store.api_keys.last_used() == {OPS.guid: clock(), made.key.guid: clock()}
    after_restart = Keys(one.store, clock)
    await after_restart.keys.reload()
    assert [(key.name, key.last_used_at) for key in after_restart.keys.all()] == [
        ("ops", clock()), ("nightly", clock()),
    ]  # fmt: skip


async def test_uses_that_could_not_be_written_are_written_later(one, clock):
    one.keys.caller(WRITTEN)
    real, one.keys._store = one.keys._store, SlowStore(Broken())
    with pytest.raises(StoreUnavailable):
        await one.keys.flush()
    one.keys._store = real
    await one.keys.flush()
    assert await one.store.api_keys.last_used() == {OPS.guid: clock()}


async def test_uses_are_written_every_minute_whatever_happens(one, clock):
    pauses = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise asyncio.CancelledError
        one.keys._store = SlowStore(Broken()) if len(pauses) == 1 else one.store

    one.keys.caller(WRITTEN)
    with pytest.raises(asyncio.CancelledError):
        await one.keys.keep_writing(sleep=sleep)
    assert pauses == [60.0] * 3
    assert OPS.guid in await one.store.api_keys.last_used()


async def test_the_configurations_word_counts_when_the_store_has_the_same_key(store, clock):
    stored = ApiKey(
        guid=ApiKeyGuid("g"), name="old", role=Role.PUBLISHER, user="x@y.z", hash=OPS.hash, created_at=START
    )
    await store.api_keys.add(stored, line=AuditEvent(at=START, action=AuditAction.API_KEY_CREATED, actor=OPERATOR))
    one = Keys(store, clock)
    await one.keys.reload()
    assert one.keys.caller(WRITTEN).role is Role.ADMINISTRATOR
    assert [key.name for key in one.keys.all()] == ["ops"]


async def until(is_so) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.001)


class SlowStore:
    """A store with this room only."""

    def __init__(self, room) -> None:
        self.api_keys = room


class SlowKeys:
    """A room whose answers wait for the test, or fail."""

    def __init__(self, room) -> None:
        self._room = room
        self.has_read, self.go_on = asyncio.Event(), asyncio.Event()
        self.failures: list[Exception] = []

    def __getattr__(self, name: str):
        return getattr(self._room, name)

    async def all(self):
        if self.failures:
            raise self.failures.pop()
        found = await self._room.all()
        self.has_read.set()
        await self.go_on.wait()
        return found


class Broken:
    async def touch(self, used) -> None:
        raise StoreUnavailable("ill")
