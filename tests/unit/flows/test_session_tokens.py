"""Session tokens from memory: a yes is remembered, and nothing that changed since is ever told."""

from __future__ import annotations

import gc
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from proxy.flows.session_tokens import Redeemed, SessionTokens
from proxy.model import (
    ChangesLost,
    ConsentEnded,
    ContentGuid,
    CredentialsChanged,
    DirectoryChanged,
    Identity,
    IntegrationGuid,
    SessionEnded,
    SessionHash,
    SessionTokenHash,
    SidHash,
    Viewer,
    ViewerGuid,
    ViewerSession,
)
from proxy.store.base import Presence
from tests.unit.flows.house import LAKE, SALES, START, STOCK, WAREHOUSE

ADA = Identity(
    subject="ada", email="ada@example.org", email_verified=True, preferred_username="ada", name="Ada", groups=("a", "b")
)


def presence(name: str = "ada", *, session: str = "s1", identity: Identity | None = ADA) -> Presence:
    viewer = ViewerGuid(name)
    return Presence(
        session=ViewerSession(
            hash=SessionHash(session.encode()),
            viewer_guid=viewer,
            created_at=START,
            last_seen_at=START,
            expires_at=START + timedelta(days=7),
            sid_hash=SidHash(b"sid"),
        ),
        viewer=Viewer(guid=viewer, identity=identity, identified_by=IntegrationGuid("accounts"), created_at=START),
        consents=frozenset({WAREHOUSE.guid, LAKE.guid}),
    )


def token(name: str = "t1") -> SessionTokenHash:
    return SessionTokenHash(name.encode())


class Records:
    """The store: what each token stands for, who asked, and what happens while it is read."""

    def __init__(self) -> None:
        self.rows: dict[SessionTokenHash, tuple[ContentGuid, Presence]] = {token(): (SALES.guid, presence())}
        self.reads: list[SessionTokenHash] = []
        self.meanwhile = lambda: None

    async def redeem_session_token(self, token_hash: SessionTokenHash) -> tuple[ContentGuid, Presence] | None:
        self.reads.append(token_hash)
        found = self.rows.get(token_hash)
        self.meanwhile()
        return found


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def over_before() -> list[datetime]:
    """Sessions that were not active since are over; the last word stays."""
    return [START]


@pytest.fixture
def make(records, clock, over_before):
    def make(**changed) -> SessionTokens:
        def is_present(one: Presence) -> bool:
            return one.session.last_seen_at >= over_before[-1]

        return SessionTokens(
            **{"store": records, "is_present": is_present, "now": clock, "max_remembered": 3} | changed
        )

    return make


@pytest.fixture
def tokens(make) -> SessionTokens:
    return make()


async def test_the_second_question_is_answered_from_memory_and_exactly_alike(tokens, records):
    first, second = await tokens.redeem(token()), await tokens.redeem(token())
    assert first == second == Redeemed(content_guid=SALES.guid, presence=presence())
    assert records.reads == [token()]


async def test_a_viewer_without_identity_is_remembered_as_one(tokens, records):
    records.rows[token()] = (SALES.guid, presence(identity=None))
    await tokens.redeem(token())
    assert (await tokens.redeem(token())).presence == presence(identity=None)


async def test_what_stands_for_nothing_is_asked_for_each_time(tokens, records):
    assert [await tokens.redeem(token("none")) for _ in range(3)] == [None] * 3
    assert len(records.reads) == 3
    assert len(tokens) == 0


async def test_a_yes_is_remembered_for_five_minutes(tokens, records, clock):
    await tokens.redeem(token())
    clock.advance(299)
    await tokens.redeem(token())
    assert len(records.reads) == 1
    clock.advance(1)
    await tokens.redeem(token())
    assert len(records.reads) == 2


async def test_a_session_that_is_over_is_nothing(tokens, records, over_before):
    await tokens.redeem(token())
    over_before.append(START + timedelta(seconds=1))
    assert await tokens.redeem(token()) is None
    assert len(tokens) == 0


async def test_a_no_comes_from_the_store_only(tokens, records, over_before):
    """The header lane may have written that the session is active."""
    await tokens.redeem(token())
    over_before.append(START + timedelta(seconds=1))
    later = replace(presence().session, last_seen_at=START + timedelta(hours=1))
    records.rows[token()] = (SALES.guid, replace(presence(), session=later))
    assert (await tokens.redeem(token())).presence.session == later


ABOUT_ADA = {
    "sign-out": SessionEnded(SessionHash(b"s1")),
    "her consent": ConsentEnded(ViewerGuid("ada"), SALES.guid),
    "her consent at another content": ConsentEnded(ViewerGuid("ada"), STOCK.guid),
    "everybody's consent": ConsentEnded(None, SALES.guid),
    "her tokens": CredentialsChanged(ViewerGuid("ada"), LAKE.guid),
    "an integration": DirectoryChanged(frozenset({SALES.guid})),
    "nobody knows what": ChangesLost(),
}
ABOUT_OTHERS = {
    "another sign-out": SessionEnded(SessionHash(b"s2")),
    "another's consent": ConsentEnded(ViewerGuid("bob"), SALES.guid),
    "another's tokens": CredentialsChanged(ViewerGuid("bob"), WAREHOUSE.guid),
}


@pytest.mark.parametrize("change", ABOUT_ADA.values(), ids=ABOUT_ADA.keys())
async def test_what_changed_is_forgotten(tokens, records, change):
    await tokens.redeem(token())
    del records.rows[token()]
    tokens.apply(change)
    assert await tokens.redeem(token()) is None
    assert len(tokens) == 0


@pytest.mark.parametrize("change", ABOUT_OTHERS.values(), ids=ABOUT_OTHERS.keys())
async def test_what_changed_for_others_is_not(tokens, records, change):
    await tokens.redeem(token())
    tokens.apply(change)
    await tokens.redeem(token())
    assert len(records.reads) == 1


@pytest.mark.parametrize("change", ABOUT_ADA.values(), ids=ABOUT_ADA.keys())
async def test_what_changes_between_read_and_fill_is_not_remembered(tokens, records, change):
    """The row was read, then she signed out, and only then the reader goes on."""
    records.meanwhile = lambda: tokens.apply(change)
    await tokens.redeem(token())
    records.meanwhile = lambda: None
    del records.rows[token()]
    assert await tokens.redeem(token()) is None


@pytest.mark.parametrize("change", ABOUT_OTHERS.values(), ids=ABOUT_OTHERS.keys())
async def test_what_changes_for_others_meanwhile_does_not_keep_a_busy_process_from_remembering(tokens, records, change):
    records.meanwhile = lambda: tokens.apply(change)
    await tokens.redeem(token())
    assert len(tokens) == 1


async def test_more_changes_than_are_remembered_while_it_is_read_count_as_all(tokens, records):
    def flood() -> None:
        for number in range(4097):
            tokens.apply(SessionEnded(SessionHash(b"other-%d" % number)))

    records.meanwhile = flood
    await tokens.redeem(token())
    assert len(tokens) == 0


async def test_a_change_before_the_read_counts_for_nothing(tokens, records):
    tokens.apply(SessionEnded(SessionHash(b"s1")))
    await tokens.redeem(token())
    assert len(tokens) == 1


async def test_the_least_recently_used_is_forgotten_first_and_leaves_no_trace(tokens, records):
    for number in range(1, 4):
        records.rows[token(f"t{number}")] = (SALES.guid, presence(f"viewer-{number}", session=f"s{number}"))
        await tokens.redeem(token(f"t{number}"))
    await tokens.redeem(token("t1"))
    records.rows[token("t4")] = (SALES.guid, presence("viewer-4", session="s4"))
    await tokens.redeem(token("t4"))
    assert len(tokens) == 3
    records.reads.clear()
    for name in ("t1", "t3", "t4"):
        await tokens.redeem(token(name))
    assert records.reads == []
    assert set(tokens._of) == {ViewerGuid(f"viewer-{n}") for n in (1, 3, 4)} | {b"s1", b"s3", b"s4"}


async def test_of_one_viewers_tokens_each_goes_with_its_session_and_all_go_with_the_viewer(tokens, records):
    records.rows[token("t2")] = (STOCK.guid, presence())
    records.rows[token("t3")] = (SALES.guid, presence(session="s2"))
    for name in ("t1", "t2", "t3"):
        await tokens.redeem(token(name))
    tokens.apply(SessionEnded(SessionHash(b"s1")))
    assert len(tokens) == 1
    tokens.apply(CredentialsChanged(ViewerGuid("ada"), WAREHOUSE.guid))
    assert len(tokens) == 0
    assert tokens._of == {}


async def test_two_who_read_at_once_leave_one_entry(tokens, records):
    await tokens.redeem(token())
    tokens._remember(token(), Redeemed(content_guid=SALES.guid, presence=presence()))
    assert tokens._of == {ViewerGuid("ada"): (token(),), b"s1": (token(),)}


async def test_the_garbage_collector_leaves_what_is_remembered_alone(make, records):
    tokens = make(max_remembered=1000)
    for number in range(500):
        records.rows[token(str(number))] = (SALES.guid, presence(f"v{number}", session=f"s{number}"))
        await tokens.redeem(token(str(number)))
    records.rows.clear()
    for _ in range(4):  # tuples are let go of from the inside out
        gc.collect()
    assert not any(gc.is_tracked(entry) for entry in tokens._entries.values())
