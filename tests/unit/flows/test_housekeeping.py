"""What happens without a request."""

from datetime import timedelta

import pytest
import structlog

from proxy.errors import StoreUnavailable
from proxy.flows.housekeeping import EVERY_S, PURGE_EVERY
from proxy.model import SessionEnded
from proxy.sealing import hash_handle
from tests.unit.flows.test_change_feed import Enough, Turns


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


async def test_each_turn_writes_and_every_tenth_purges(house, clock):
    session_id, sleep, purges = await house.log_in(), Turns(2 * PURGE_EVERY), []
    house.changes.clear()

    async def also():
        purges.append(len(sleep.slept))

    def seen():
        return [{hash_handle(session_id): clock() + timedelta(seconds=len(sleep.slept))}]

    with pytest.raises(Enough):
        await house.housekeeping.follow(seen=seen, also=also, sleep=sleep)

    written = (await house.store.session(hash_handle(session_id))).session.last_seen_at
    assert written == clock() + timedelta(seconds=2 * PURGE_EVERY)
    assert purges == [PURGE_EVERY, 2 * PURGE_EVERY]
    assert set(sleep.slept) == {EVERY_S}


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(StoreUnavailable("locked"), id="the store is ill"),
        pytest.param(RuntimeError("clumsy"), id="a mistake of ours"),
    ],
)
async def test_whatever_goes_wrong_the_next_turn_writes_again(house, clock, fault):
    """Fails when only an ill store is expected: nobody's activity would be written any more, and all would end as idle."""
    session_id, left = await house.log_in(), [fault]

    async def also():
        raise AssertionError("too early")

    def seen():
        if left:
            raise left.pop()
        return [{hash_handle(session_id): clock() + timedelta(seconds=5)}]

    with structlog.testing.capture_logs() as logs, pytest.raises(Enough):
        await house.housekeeping.follow(seen=seen, also=also, sleep=Turns(2))

    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("housekeeping failed", "error")]
    written = (await house.store.session(hash_handle(session_id))).session.last_seen_at
    assert written == clock() + timedelta(seconds=5)
