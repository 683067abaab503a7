from datetime import UTC, datetime, timedelta

import pytest

from proxy.policy.freshness import (
    Freshness,
    Timing,
    backoff_s,
    exchange_expires_in,
    judge,
    stale_at,
    timing,
)

ISSUED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return ISSUED + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("ttl_s", "ahead_s", "min_serve_s", "ahead_when_destructive_s"),
    [
        pytest.param(60, 20, 15, 15, id="one minute"),
        pytest.param(600, 60, 45, 45, id="ten minutes (Snowflake)"),
        pytest.param(3600, 300, 45, 45, id="one hour"),
        pytest.param(28800, 300, 45, 45, id="eight hours (GitHub)"),
        pytest.param(300, 45, 45, 45, id="five minutes (Keycloak)"),
        pytest.param(3, 1, 0.75, 0.75, id="three seconds"),
        pytest.param(0, 0, 0, 0, id="zero"),
        pytest.param(-5, 0, 0, 0, id="negative"),
    ],
)
def test_margins_by_lifetime(ttl_s: float, ahead_s: float, min_serve_s: float, ahead_when_destructive_s: float):
    assert timing(ttl_s, refresh_invalidates_access=False) == Timing(ahead_s=ahead_s, min_serve_s=min_serve_s)
    destructive = timing(ttl_s, refresh_invalidates_access=True)
    assert destructive == Timing(ahead_s=ahead_when_destructive_s, min_serve_s=min_serve_s)


@pytest.mark.parametrize(
    ("age_s", "expected", "expected_when_destructive"),
    [
        pytest.param(0, Freshness.SERVE, Freshness.SERVE, id="new"),
        pytest.param(539, Freshness.SERVE, Freshness.SERVE, id="just before the margin"),
        pytest.param(540, Freshness.SERVE_AND_REFRESH, Freshness.SERVE, id="at the margin"),
        pytest.param(554, Freshness.SERVE_AND_REFRESH, Freshness.SERVE, id="enough left to serve"),
        pytest.param(555, Freshness.REFRESH_FIRST, Freshness.REFRESH_FIRST, id="too little left"),
        pytest.param(600, Freshness.REFRESH_FIRST, Freshness.REFRESH_FIRST, id="over"),
        pytest.param(9999, Freshness.REFRESH_FIRST, Freshness.REFRESH_FIRST, id="long over"),
    ],
)
def test_a_ten_minute_token_is_judged_by_its_age(
    age_s: float, expected: Freshness, expected_when_destructive: Freshness
):
    assert judge(after(age_s), ISSUED, after(600), refresh_invalidates_access=False) is expected
    assert judge(after(age_s), ISSUED, after(600), refresh_invalidates_access=True) is expected_when_destructive


def test_a_token_that_does_not_expire_is_served():
    assert judge(after(10**8), ISSUED, None, refresh_invalidates_access=False) is Freshness.SERVE
    assert stale_at(ISSUED, None, refresh_invalidates_access=False) is None


def test_a_token_that_was_over_when_it_came_is_refreshed_first():
    assert judge(ISSUED, ISSUED, after(-1), refresh_invalidates_access=False) is Freshness.REFRESH_FIRST


@pytest.mark.parametrize(("is_destructive", "end_s"), [(False, 540), (True, 555)])
def test_stale_at_is_the_instant_from_which_judge_does_not_simply_serve(is_destructive: bool, end_s: float):
    end = stale_at(ISSUED, after(600), refresh_invalidates_access=is_destructive)
    assert end == after(end_s)
    before = judge(end - timedelta(milliseconds=1), ISSUED, after(600), refresh_invalidates_access=is_destructive)
    at = judge(end, ISSUED, after(600), refresh_invalidates_access=is_destructive)
    assert before is Freshness.SERVE
    assert at is not Freshness.SERVE


@pytest.mark.parametrize(
    ("age_s", "ttl_s", "expected"),
    [
        pytest.param(0, 3600, 3300, id="an hour, new"),
        pytest.param(0.4, 3600, 3299, id="a fraction is floored"),
        pytest.param(0, 60, 40, id="a minute, new"),
        pytest.param(50, 60, 1, id="inside the margin"),
        pytest.param(999, 60, 1, id="over"),
    ],
)
def test_content_is_told_a_positive_whole_number(age_s: float, ttl_s: float, expected: int):
    told = exchange_expires_in(after(age_s), ISSUED, after(ttl_s))
    assert told == expected
    assert type(told) is int


def test_content_is_told_an_hour_of_a_token_that_does_not_expire():
    assert exchange_expires_in(ISSUED, ISSUED, None) == 3600


@pytest.mark.parametrize(
    ("failures", "longest_s"), [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (10**9, 60)]
)
def test_the_pause_doubles_up_to_a_minute_with_full_jitter(failures: int, longest_s: float):
    assert backoff_s(failures, 1.0) == longest_s
    assert backoff_s(failures, 0.5) == longest_s / 2
    assert backoff_s(failures, 0.0) == 0
