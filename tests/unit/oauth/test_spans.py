from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.spans import MAX_TTL_S, clock_skew_s, retry_after_s, seconds, seconds_until

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(3600, 3600.0, id="a number"),
        pytest.param(3599.9, 3599.0, id="a fraction is floored"),
        pytest.param("3600", 3600.0, id="a numeric string"),
        pytest.param(" 3599.5 ", 3599.0, id="a fraction in a string"),
        pytest.param(1, 1.0, id="one second"),
        pytest.param(0, None, id="zero"),
        pytest.param("0", None, id="zero in a string"),
        pytest.param(0.5, None, id="less than a second"),
        pytest.param(-5, None, id="negative"),
        pytest.param("-5", None, id="negative in a string"),
        pytest.param(None, None, id="absent"),
        pytest.param("", None, id="an empty string"),
        pytest.param(True, None, id="a boolean"),
        pytest.param([3600], None, id="a list"),
        pytest.param(float("nan"), None, id="NaN"),
        pytest.param(float("inf"), None, id="infinity"),
        pytest.param(float("-inf"), None, id="minus infinity"),
        pytest.param("nan", None, id="NaN in a string"),
        pytest.param("1_000", None, id="Python's notation"),
        pytest.param("٣٦٠٠", None, id="digits that are not ASCII"),
        pytest.param(10**400, MAX_TTL_S, id="a huge integer"),
        pytest.param(1e300, MAX_TTL_S, id="a huge float"),
        pytest.param("9" * 30, MAX_TTL_S, id="a huge string"),
        pytest.param("9" * 400, None, id="an absurd string"),
    ],
)
def test_a_lifetime_is_read_by_this_table(value: object, expected: float | None):
    assert seconds(value, limit_s=MAX_TTL_S) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(NOW.timestamp() + 600.5, 600.0, id="ahead"),
        pytest.param(str(int(NOW.timestamp()) + 60), 60.0, id="in a string"),
        pytest.param(NOW.timestamp() - 1, None, id="passed"),
        pytest.param(10**20, MAX_TTL_S, id="far ahead"),
        pytest.param(None, None, id="absent"),
    ],
)
def test_an_instant_becomes_a_span(value: object, expected: float | None):
    assert seconds_until(value, now=NOW) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"retry-after": "30"}, 30.0, id="seconds"),
        pytest.param({"retry-after": "0"}, 0.0, id="zero"),
        pytest.param({"retry-after": "86400"}, 3600.0, id="capped"),
        pytest.param({"retry-after": "Sun, 01 Mar 2026 12:02:00 GMT"}, 120.0, id="a date"),
        pytest.param({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0.0, id="a date that has passed"),
        pytest.param({"retry-after": "Sun, 01 Mar 2099 11:00:00 GMT"}, 3600.0, id="a date far ahead"),
        pytest.param({"retry-after": "soon"}, None, id="nonsense"),
        pytest.param({"retry-after": "-5"}, None, id="negative"),
        pytest.param({"x-rate-limit-reset": str(int(NOW.timestamp()) + 45)}, 45.0, id="Okta's epoch seconds"),
        pytest.param({"x-ratelimit-reset": "20"}, 20.0, id="a reset in seconds"),
        pytest.param({"x-rate-limit-reset": "later"}, None, id="a reset that is no number"),
        pytest.param({"retry-after": "5", "x-rate-limit-reset": "50"}, 5.0, id="Retry-After first"),
    ],
)
def test_how_long_to_wait_is_read_by_this_table(headers: dict[str, str], expected: float | None):
    assert retry_after_s(headers, now=NOW) == expected


@given(said=st.text(), reset=st.text())
def test_a_wait_is_never_outside_an_hour_and_nothing_raises(said: str, reset: str):
    wait_s = retry_after_s({"retry-after": said, "x-rate-limit-reset": reset}, now=NOW)
    assert wait_s is None or 0 <= wait_s <= 3600


@pytest.mark.parametrize(
    ("date", "skew_s"),
    [
        ("Sun, 01 Mar 2026 12:00:00 GMT", 0),
        ("Sun, 01 Mar 2026 11:59:59 GMT", 0),  # its second had not ended when we sent
        ("Sun, 01 Mar 2026 11:59:00 GMT", 59),
        ("Sun, 01 Mar 2026 12:00:02 GMT", 0),  # it took two seconds
        ("Sun, 01 Mar 2026 12:01:02 GMT", -60),
        ("yesterday", None),
        (None, None),
    ],
)
def test_our_clock_is_ahead_or_behind_by_what_the_way_does_not_explain(date, skew_s):
    sent_at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    headers = {} if date is None else {"date": date}
    assert clock_skew_s(headers, sent_at=sent_at, received_at=sent_at + timedelta(seconds=2)) == skew_s
