"""One piece of work per key, whoever waits for it."""

import asyncio

import pytest

from proxy.flows.single_flight import SingleFlight


class Work:
    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.runs = 0

    async def __call__(self) -> int:
        self.runs += 1
        await self.gate.wait()
        return self.runs


async def test_callers_at_the_same_time_share_one_run():
    flights, work = SingleFlight(), Work()
    callers = [asyncio.ensure_future(flights.join("key", work)) for _ in range(5)]
    await asyncio.sleep(0)
    work.gate.set()
    assert await asyncio.gather(*callers) == [1] * 5
    assert len(flights) == 0


async def test_callers_one_after_the_other_do_not():
    flights, work = SingleFlight(), Work()
    work.gate.set()
    assert [await flights.join("key", work), await flights.join("key", work)] == [1, 2]


async def test_the_work_finishes_when_every_caller_is_gone():
    flights, work = SingleFlight(), Work()
    caller = asyncio.ensure_future(flights.join("key", work))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    task = flights.start("key", work)
    work.gate.set()
    assert await task == 1


async def test_an_error_reaches_every_caller_and_nobody_else():
    async def fail() -> int:
        await asyncio.sleep(0)
        raise LookupError("no")

    flights = SingleFlight()
    outcomes = await asyncio.gather(*(flights.join("key", fail) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [LookupError] * 3
    flights.start("key", fail)
    await asyncio.sleep(0.01)
    assert len(flights) == 0


async def test_work_that_was_left_behind_finishes_for_those_who_wait_already():
    flights, old, new = SingleFlight(), Work(), Work()
    first = asyncio.ensure_future(flights.join("key", old))
    await asyncio.sleep(0)
    flights.leave_behind("key")
    second = asyncio.ensure_future(flights.join("key", new))
    await asyncio.sleep(0.01)
    assert (old.runs, new.runs) == (1, 1)
    old.gate.set()
    assert await first == 1
    third = asyncio.ensure_future(flights.join("key", new))
    await asyncio.sleep(0)
    assert new.runs == 1
    new.gate.set()
    assert await second == await third == 1


async def test_closing_waits_for_the_work_and_cancels_what_is_late():
    flights, quick, late = SingleFlight(), Work(), Work()
    done = flights.start("quick", quick)
    hanging = flights.start("late", late)
    quick.gate.set()
    await flights.close(0.01)
    assert done.result() == 1
    assert hanging.cancelled()
    await flights.close(0.01)
