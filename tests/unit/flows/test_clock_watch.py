"""Clocks that are apart are told of, and not all the time."""

from datetime import timedelta
from email.utils import format_datetime

from structlog.testing import capture_logs

from proxy.flows.clock_watch import ClockWatch
from proxy.oauth.message import LostAnswer, NotSent
from tests.unit.flows.house import START, answer

A, B = ("a", "https://a/token"), ("b", "https://b/token")


def told(*notes):
    """Let it look at (circuit, answer, seconds since the start) in turn; return whose clocks it told of."""
    watch = ClockWatch()
    with capture_logs() as logs:
        for circuit, outcome, at_s in notes:
            now = START + timedelta(seconds=at_s)
            watch.note(circuit, outcome, sent_at=now, received_at=now)
    return [(line["integration"], line["ahead_of_the_server_s"]) for line in logs]


def dated(seconds):
    return answer(200, {}, date=format_datetime(START + timedelta(seconds=seconds), usegmt=True))


def test_each_server_is_told_of_once_an_hour():
    old = dated(-600)
    assert told((A, old, 0), (A, old, 1), (B, old, 2)) == [("a", 599), ("b", 601)]
    assert told((A, old, 0), (A, old, 3599), (A, old, 3600)) == [("a", 599), ("a", 4199)]


def test_a_server_that_is_ahead_is_told_of_with_a_minus():
    assert told((A, dated(90), 0)) == [("a", -90)]


def test_no_answer_no_date_and_a_slow_one_say_nothing():
    assert (
        told((A, LostAnswer("timeout"), 0), (A, NotSent("dns"), 0), (A, answer(200, {}), 0), (A, dated(-30), 0)) == []
    )
