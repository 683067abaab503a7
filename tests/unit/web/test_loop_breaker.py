"""Counting flow starts without letting strangers fill the memory."""

from datetime import UTC, datetime

from proxy.web.loop_breaker import MAX_REMEMBERED, LoopBreaker


def test_a_flood_of_browsers_is_forgotten_oldest_first():
    breaker = LoopBreaker(lambda: datetime(2026, 3, 1, tzinfo=UTC))
    for number in range(MAX_REMEMBERED):
        assert not breaker.is_looping(binding=str(number), content_guid="c", return_to="/")
    assert len(breaker) == MAX_REMEMBERED
