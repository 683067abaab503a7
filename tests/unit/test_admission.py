import gc
from dataclasses import replace
from datetime import UTC, datetime

from proxy.admission import AdmissionTable, Admit, session_hash
from proxy.model import (
    ChangesLost,
    ConsentEnded,
    ContentGuid,
    CredentialsChanged,
    DirectoryChanged,
    HandleHash,
    IntegrationGuid,
    SessionEnded,
    ViewerGuid,
)

SALES, MARKETING = ContentGuid("sales"), ContentGuid("marketing")


def table(**changes) -> AdmissionTable:
    return AdmissionTable(**{"max_sessions": 100, "idle_s": 3600.0} | changes)


def admit(
    session_id: str = "s1",
    *,
    viewer: str = "ada",
    block: bytes = b"T: 1\r\n",
    good_until: float = 2000.0,
    handle: str | None = None,
) -> Admit:
    return Admit(
        session_hash=session_hash(session_id),
        viewer_guid=viewer,
        header_block=block,
        good_until=good_until,
        expires_at=90_000.0,
        handle_hash=None if handle is None else HandleHash(session_hash(handle)),
    )


def filled(**changes) -> AdmissionTable:
    one = table(**changes)
    assert one.fill(admit(), SALES, epoch=one.epoch, now=1000.0)
    return one


def test_what_was_filled_is_found_until_it_is_stale():
    one = filled()
    assert one.find(session_hash("s1"), SALES, 1999.0) == (session_hash("s1"), b"T: 1\r\n")
    assert one.find(session_hash("s1"), SALES, 2000.0) is None


def test_a_block_is_for_one_content_only():
    assert filled().find(session_hash("s1"), MARKETING, 1000.0) is None


def test_an_unknown_session_is_not_found():
    assert filled().find(session_hash("s2"), SALES, 1000.0) is None


def test_the_idle_end_counts_from_the_last_request():
    one = table(idle_s=100.0)
    one.fill(admit(good_until=9e9), SALES, epoch=0, now=1000.0)
    assert one.find(session_hash("s1"), SALES, 1099.0)
    assert one.find(session_hash("s1"), SALES, 1198.0)
    assert one.find(session_hash("s1"), SALES, 1298.0) is None
    assert len(one) == 0


def test_the_absolute_end_holds_whatever_the_traffic():
    one = table(idle_s=1e9)
    one.fill(admit(good_until=9e9), SALES, epoch=0, now=1000.0)
    assert one.find(session_hash("s1"), SALES, 90_000.0) is None


def test_an_open_socket_counts_as_activity():
    one = table(idle_s=100.0)
    one.fill(admit(good_until=9e9), SALES, epoch=0, now=1000.0)
    one.touch(session_hash("s1"), 1090.0)
    one.touch(session_hash("nobody"), 1090.0)
    assert one.find(session_hash("s1"), SALES, 1150.0)


def test_a_session_with_an_open_socket_is_not_the_first_to_be_dropped():
    """Fails when only requests count: dropped, it would go idle in the store while its viewer looks on."""
    one = table(max_sessions=2)
    one.fill(admit("s1"), SALES, epoch=0, now=1000.0)
    one.fill(admit("s2"), SALES, epoch=0, now=1001.0)
    one.touch(session_hash("s1"), 1002.0)
    one.fill(admit("s3"), SALES, epoch=0, now=1003.0)
    assert one.find(session_hash("s1"), SALES, 1003.0)
    assert one.find(session_hash("s2"), SALES, 1003.0) is None


def test_a_fill_that_began_before_a_change_is_thrown_away():
    one = table()
    before = one.epoch
    one.apply(SessionEnded(session_hash("s1")))
    assert not one.fill(admit(), SALES, epoch=before, now=1000.0)
    assert one.find(session_hash("s1"), SALES, 1000.0) is None


def test_a_signed_out_session_is_gone_at_once():
    one = filled()
    one.apply(SessionEnded(session_hash("s1")))
    assert one.find(session_hash("s1"), SALES, 1000.0) is None
    assert one.viewer_of(session_hash("s1")) is None


def test_new_credentials_empty_the_blocks_of_that_viewer_only():
    one = filled()
    one.fill(admit("s2", viewer="bob"), SALES, epoch=one.epoch, now=1000.0)
    one.apply(CredentialsChanged(ViewerGuid("ada"), IntegrationGuid("warehouse")))
    assert one.find(session_hash("s1"), SALES, 1000.0) is None
    assert one.find(session_hash("s2"), SALES, 1000.0)


def test_a_consent_that_ended_empties_that_content_for_one_or_for_all():
    one = filled()
    one.fill(admit(), MARKETING, epoch=one.epoch, now=1000.0)
    one.fill(admit("s2", viewer="bob"), SALES, epoch=one.epoch, now=1000.0)
    one.apply(ConsentEnded(ViewerGuid("ada"), SALES))
    assert one.find(session_hash("s1"), SALES, 1000.0) is None
    assert one.find(session_hash("s1"), MARKETING, 1000.0)
    one.apply(ConsentEnded(None, SALES))
    assert one.find(session_hash("s2"), SALES, 1000.0) is None


def test_a_change_of_the_directory_empties_the_contents_that_it_concerns_for_all():
    one = filled()
    one.fill(admit(), MARKETING, epoch=one.epoch, now=1000.0)
    one.fill(admit("s2", viewer="bob"), SALES, epoch=one.epoch, now=1000.0)
    one.apply(DirectoryChanged(frozenset({SALES})))
    assert one.find(session_hash("s1"), SALES, 1000.0) is None
    assert one.find(session_hash("s2"), SALES, 1000.0) is None
    assert one.find(session_hash("s1"), MARKETING, 1000.0)


def test_what_is_being_filled_while_the_directory_changes_is_thrown_away_where_it_is_concerned():
    one = table()
    one.apply(DirectoryChanged(frozenset({SALES})))
    assert not one.fill(admit(), SALES, epoch=0, now=1000.0)
    assert one.fill(admit(), MARKETING, epoch=0, now=1000.0)


def test_lost_changes_empty_the_table_and_throw_away_what_is_being_filled():
    one = filled()
    before = one.epoch
    one.apply(ChangesLost())
    assert len(one) == 0
    assert not one.fill(admit(), SALES, epoch=before, now=1000.0)
    assert one.fill(admit(), SALES, epoch=one.epoch, now=1000.0)
    assert one.find(session_hash("s1"), SALES, 1000.0)


def test_the_table_is_bounded_and_drops_the_least_recently_used():
    one = table(max_sessions=2)
    for name in ("s1", "s2"):
        one.fill(admit(name, viewer=name), SALES, epoch=0, now=1000.0)
    one.find(session_hash("s1"), SALES, 1000.0)
    one.fill(admit("s3", viewer="s3"), SALES, epoch=0, now=1000.0)
    assert len(one) == 2
    assert one.find(session_hash("s2"), SALES, 1000.0) is None
    assert one.find(session_hash("s1"), SALES, 1000.0)


def test_activity_is_reported_once():
    one = filled()
    assert list(one.seen_since_flush(1060.0)) == [{session_hash("s1"): datetime.fromtimestamp(1000.0, UTC)}]
    assert list(one.seen_since_flush(1120.0)) == [{}]
    one.find(session_hash("s1"), SALES, 1130.0)
    assert [list(seen) for seen in one.seen_since_flush(1180.0)] == [[session_hash("s1")]]


def test_activity_of_many_comes_in_batches_and_who_stops_early_gets_the_rest_next_time():
    one = table(max_sessions=5000)
    for number in range(2500):
        one.fill(admit(f"s{number}", viewer=f"v{number}"), SALES, epoch=0, now=1000.0)
    assert len(next(one.seen_since_flush(1060.0))) == 1000
    assert [len(seen) for seen in one.seen_since_flush(1120.0)] == [1000, 1000, 500]
    assert list(one.seen_since_flush(1180.0)) == [{}]


def test_a_session_that_ends_while_activity_is_reported_is_left_out():
    one = table(max_sessions=5000)
    for number in range(1001):
        one.fill(admit(f"s{number}", viewer=f"v{number}"), SALES, epoch=0, now=1000.0)
    batches = one.seen_since_flush(1060.0)
    next(batches)
    one.apply(SessionEnded(session_hash("s1000")))
    assert list(batches) == [{}]


def test_a_second_session_of_a_viewer_outlives_the_first():
    one = filled()
    one.fill(admit("s2"), SALES, epoch=0, now=1000.0)
    one.apply(SessionEnded(session_hash("s1")))
    assert one.find(session_hash("s1"), SALES, 1000.0) is None
    assert one.find(session_hash("s2"), SALES, 1000.0)
    one.apply(CredentialsChanged(ViewerGuid("ada"), IntegrationGuid("warehouse")))
    assert one.viewer_of(session_hash("s2")) == "ada"
    assert one.find(session_hash("s2"), SALES, 1000.0) is None


def test_a_new_block_for_a_content_takes_the_place_of_the_old_one_beside_those_of_others():
    one = filled()
    one.fill(admit(block=b"M: 1\r\n"), MARKETING, epoch=0, now=1000.0)
    one.fill(admit(block=b"T: 2\r\n"), SALES, epoch=0, now=1000.0)
    assert one.find(session_hash("s1"), SALES, 1000.0) == (session_hash("s1"), b"T: 2\r\n")
    assert one.find(session_hash("s1"), MARKETING, 1000.0) == (session_hash("s1"), b"M: 1\r\n")


def test_a_full_table_is_nothing_to_the_garbage_collector():
    one = table(max_sessions=1000)
    for number in range(1000):
        token = (IntegrationGuid("warehouse"), "all", 2000.0 + number)
        one.fill(replace(admit(f"s{number}", viewer=f"v{number}"), tokens=(token,)), SALES, epoch=0, now=1000.0)
        one.find(session_hash(f"s{number}"), SALES, 1000.0)
    one.take_counts()
    for _ in range(5):  # one for each level of tuples in tuples
        gc.collect()
    before = len(gc.get_objects())
    del one
    assert before - len(gc.get_objects()) < 20


# — handles: a content's own host knows a session by another cookie ————————————————————————————————————————————————


def with_handle(**changes) -> AdmissionTable:
    """The session ``s1``, which ``SALES`` on its own host knows as ``h1``."""
    one = table(**changes)
    assert one.fill(admit(handle="h1"), SALES, epoch=one.epoch, now=1000.0)
    return one


def test_a_handle_finds_its_session_at_its_contents_host():
    assert with_handle().find_at_host(session_hash("h1"), SALES, 1999.0) == (session_hash("s1"), b"T: 1\r\n")
    assert with_handle().find_at_host(session_hash("h1"), SALES, 2000.0) is None


def test_a_handle_is_nothing_at_another_contents_host_and_nothing_at_the_public_one():
    one = with_handle()
    one.fill(admit(handle="h2"), MARKETING, epoch=one.epoch, now=1000.0)
    assert one.find_at_host(session_hash("h1"), MARKETING, 1000.0) is None
    assert one.find(session_hash("h1"), SALES, 1000.0) is None


def test_the_sessions_own_cookie_is_nothing_at_a_contents_host():
    assert with_handle().find_at_host(session_hash("s1"), SALES, 1000.0) is None


def test_the_end_of_a_session_takes_every_handle_along():
    """Fails when only the entry goes: a session that came back under the same hash would find old handles."""
    one = with_handle()
    one.fill(admit(handle="h2"), MARKETING, epoch=one.epoch, now=1000.0)
    one.fill(admit(handle="h1"), SALES, epoch=one.epoch, now=1000.0)
    one.apply(SessionEnded(session_hash("s1")))
    one.fill(admit(), SALES, epoch=one.epoch, now=1000.0)
    assert one.find_at_host(session_hash("h1"), SALES, 1000.0) is None
    assert one.find_at_host(session_hash("h2"), MARKETING, 1000.0) is None
    assert (one._by_handle, one._handles_of) == ({}, {})


def test_a_session_that_is_crowded_out_leaves_no_handle_behind():
    one = with_handle(max_sessions=1)
    one.fill(admit("s2"), SALES, epoch=one.epoch, now=1001.0)
    assert (one._by_handle, one._handles_of) == ({}, {})


def test_lost_changes_leave_no_handle_behind():
    one = with_handle()
    one.apply(ChangesLost())
    assert (one._by_handle, one._handles_of) == ({}, {})


def test_what_a_change_makes_untrue_is_untrue_for_the_handle_too():
    one = with_handle()
    one.apply(ConsentEnded(ViewerGuid("ada"), SALES))
    assert one.find_at_host(session_hash("h1"), SALES, 1000.0) is None


def test_activity_at_a_contents_host_is_activity_of_the_session():
    one = table(idle_s=100.0)
    one.fill(admit(good_until=9e9, handle="h1"), SALES, epoch=0, now=1000.0)
    one.fill(admit(good_until=9e9), MARKETING, epoch=0, now=1000.0)
    assert one.find_at_host(session_hash("h1"), SALES, 1090.0)
    assert one.find(session_hash("s1"), MARKETING, 1180.0)
    assert [list(seen) for seen in one.seen_since_flush(1180.0)] == [[session_hash("s1")]]


# — hand-outs: what the audit log hears of ————————————————————————————————————————————————————————————————————————

TOKEN = (IntegrationGuid("warehouse"), "all", 2000.0)


def with_tokens(**changes) -> AdmissionTable:
    one = table(**changes)
    assert one.fill(replace(admit(), tokens=(TOKEN,)), SALES, epoch=one.epoch, now=1000.0)
    return one


def test_each_fill_with_tokens_is_told_of_and_no_other():
    told = []
    one = with_tokens(tell=told.append)
    one.fill(admit(), MARKETING, epoch=one.epoch, now=1000.0)
    assert [(each.viewer_guid, each.content_guid, each.tokens) for each in told] == [("ada", SALES, (TOKEN,))]


def test_a_fill_that_is_thrown_away_is_no_hand_out():
    told = []
    one = table(tell=told.append)
    one.apply(SessionEnded(session_hash("s1")))
    assert not one.fill(replace(admit(), tokens=(TOKEN,)), SALES, epoch=0, now=1000.0)
    assert told == []


def test_what_is_found_is_counted_until_it_is_taken_and_what_is_not_found_is_not():
    one = with_tokens()
    one.fill(admit(), MARKETING, epoch=one.epoch, now=1000.0)
    for content, now in ((SALES, 1000.0), (SALES, 1999.0), (SALES, 2000.0), (MARKETING, 1000.0)):
        one.find(session_hash("s1"), content, now)
    assert one.take_counts() == {"ada sales warehouse": 2}
    assert one.take_counts() == {}


def test_counts_outlive_the_session_that_they_are_of():
    """Fails when they are looked up in the table at the end of the minute: who signs out would not have been there."""
    one = with_tokens()
    one.find(session_hash("s1"), SALES, 1000.0)
    one.apply(SessionEnded(session_hash("s1")))
    assert one.take_counts() == {"ada sales warehouse": 1}


def test_counting_is_done_in_steps():
    one = with_tokens()
    for _ in range(2500):
        one.find(session_hash("s1"), SALES, 1000.0)
    assert len(list(one.count())) == 3, "a thousand each"
    one.find(session_hash("s1"), SALES, 1000.0)
    assert one.take_counts() == {"ada sales warehouse": 2501}
