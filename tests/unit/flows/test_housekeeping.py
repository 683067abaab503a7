"""What happens without a request."""

from datetime import timedelta

from proxy.model import SessionEnded
from proxy.sealing import hash_handle


async def test_sessions_that_are_over_are_purged_and_announced(house, clock):
    old = await house.log_in()
    clock.advance(11 * 3600)
    new = await house.log_in()
    house.changes.clear()
    clock.advance(2 * 3600)
    assert await house.housekeeping.purge() == 1
    assert house.changes == [SessionEnded(hash_handle(old))]
    assert await house.store.session(hash_handle(new)) is not None
    assert await house.housekeeping.purge() == 0


async def test_a_session_whose_activity_is_not_written_yet_is_not_purged(house, clock):
    session_id = await house.log_in()
    clock.advance(12 * 3600 + 60)
    assert await house.housekeeping.purge() == 0
    await house.housekeeping.flush({hash_handle(session_id): clock()})
    clock.advance(11 * 3600)
    assert await house.housekeeping.purge() == 0


async def test_flushing_writes_when_sessions_were_last_active(house, clock):
    session_id = await house.log_in()
    seen = clock() + timedelta(seconds=30)
    await house.housekeeping.flush({hash_handle(session_id): seen})
    assert (await house.store.session(hash_handle(session_id))).session.last_seen_at == seen
