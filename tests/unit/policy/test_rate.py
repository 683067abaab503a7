"""How often one may: at the edge, over time, for many."""

from datetime import UTC, datetime, timedelta

import pytest

from proxy.policy.rate import RatePerMinute, who_shares

NOON = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=UTC)


def seconds(count):
    return timedelta(seconds=count)


@pytest.mark.parametrize("most", [1, 3, 7, 60, 6000])
def test_so_many_pass_at_once_and_one_more_does_not(most):
    rate = RatePerMinute(most)
    assert [rate.wait_s(b"k", NOON) for _ in range(most)] == [0.0] * most
    assert rate.wait_s(b"k", NOON) == pytest.approx(60 / most)


@pytest.mark.parametrize("most", [1, 3, 7, 60, 6000])
def test_who_waits_as_long_as_told_passes_once(most):
    rate = RatePerMinute(most)
    for _ in range(most):
        rate.wait_s(b"k", NOON)
    wait = seconds(rate.wait_s(b"k", NOON))
    assert rate.wait_s(b"k", NOON + wait - seconds(0.001)) > 0
    assert rate.wait_s(b"k", NOON + wait) == 0
    assert rate.wait_s(b"k", NOON + wait) > 0


def test_asking_too_often_does_not_make_the_wait_longer():
    rate = RatePerMinute(2)
    waits = [rate.wait_s(b"k", NOON) for _ in range(100)]
    assert waits[2:] == [30.0] * 98


def test_after_a_minute_of_silence_everything_is_permitted_again():
    rate = RatePerMinute(3)
    for _ in range(4):
        rate.wait_s(b"k", NOON)
    later = NOON + seconds(60)
    assert [rate.wait_s(b"k", later) for _ in range(4)] == [0.0, 0.0, 0.0, pytest.approx(20)]


def test_one_does_not_pay_for_another():
    rate = RatePerMinute(1)
    assert [rate.wait_s(key, NOON) for key in (b"a", b"b", b"c")] == [0.0] * 3
    assert rate.wait_s(b"a", NOON) > 0


def test_a_clock_that_is_set_back_locks_nobody_out():
    rate = RatePerMinute(1)
    rate.wait_s(b"k", NOON)
    assert rate.wait_s(b"k", NOON - timedelta(hours=1)) == 60
    assert rate.wait_s(b"k", NOON - timedelta(hours=1) + seconds(60)) == 0


def test_zero_is_no_limit_and_remembers_nobody():
    rate = RatePerMinute(0)
    assert [rate.wait_s(b"k", NOON) for _ in range(1000)] == [0.0] * 1000
    assert len(rate) == 0


def test_a_flood_of_strangers_takes_no_more_memory_than_it_may():
    rate = RatePerMinute(1, max_keys=3)
    for key in (b"a", b"b", b"c"):
        rate.wait_s(key, NOON)
    assert rate.wait_s(b"a", NOON) > 0, "used last: kept longest"
    rate.wait_s(b"d", NOON)
    assert len(rate) == 3
    assert rate.wait_s(b"a", NOON) > 0
    assert rate.wait_s(b"b", NOON) == 0


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::6", "2001:db8:1:3::/64"),
        ("", ""),
        ("not an address", "not an address"),
    ],
)
def test_one_home_is_counted_as_one(address, counted):
    assert who_shares(address) == counted
