"""Wrong API keys are counted by address, and cost nobody else anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from proxy.web.wrong_keys import WrongKeys

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
GUESSER, SOMEBODY = "192.0.2.1", "192.0.2.2"


def after_guessing(address: str = GUESSER, most: int = 3) -> WrongKeys:
    counted = WrongKeys(most)
    for _ in range(most):
        assert counted.wrong(address, NOON) == 0
    assert counted.wrong(address, NOON) > 0
    return counted


def test_an_address_that_guesses_waits_and_even_the_right_key_does_not_help():
    counted = after_guessing()
    assert counted.wait_s(GUESSER, "right", NOON) == pytest.approx(20)
    assert counted.wait_s(GUESSER, "right", NOON + timedelta(seconds=20)) == 0


def test_others_do_not_wait():
    counted = after_guessing()
    assert counted.wait_s(SOMEBODY, "right", NOON) == 0
    assert counted.wrong(SOMEBODY, NOON) == 0


def test_a_key_that_was_right_there_before_goes_on_being_taken():
    counted = WrongKeys(3)
    counted.right(GUESSER, "right")
    for _ in range(9):
        counted.wrong(GUESSER, NOON)
    assert counted.wait_s(GUESSER, "right", NOON) == 0
    assert counted.wait_s(GUESSER, "another", NOON) > 0
    assert counted.wait_s(SOMEBODY, "another", NOON) == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", ""])
def test_where_all_contents_share_an_address_only_wrong_keys_wait(address):
    counted = after_guessing(address)
    assert counted.wait_s(address, "right", NOON) == 0


def test_one_home_has_one_network_of_ipv6():
    counted = after_guessing("2001:db8::1")
    assert counted.wait_s("2001:db8::2", "right", NOON) > 0
    assert counted.wait_s("2001:db8:0:1::1", "right", NOON) == 0


def test_it_is_told_once_while_it_lasts_and_no_key_is_in_it():
    with capture_logs() as lines:
        counted = after_guessing()
        counted.wrong(GUESSER, NOON)
        counted.wrong(GUESSER, NOON + timedelta(minutes=5))
    assert lines == [{"event": "too many wrong API keys", "client": GUESSER, "log_level": "warning"}]


def test_zero_is_no_limit():
    counted = WrongKeys(0)
    assert [counted.wrong(GUESSER, NOON) for _ in range(99)] == [0.0] * 99
