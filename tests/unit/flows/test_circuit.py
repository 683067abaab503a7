"""A server that does not answer is left alone for 30 s, then asked by one."""

from datetime import timedelta

from proxy.flows.circuit import FAILURES_UNTIL_OPEN, Circuits
from tests.unit.flows.house import START

KEY = ("warehouse", "https://id.example.net/token")


def opened() -> Circuits:
    circuits = Circuits()
    for _ in range(FAILURES_UNTIL_OPEN):
        assert circuits.wait_s(KEY, START) == 0
        circuits.note(KEY, START, answered=False)
    return circuits


def test_a_circuit_opens_after_five_failures_in_a_row():
    assert opened().wait_s(KEY, START + timedelta(seconds=10)) == 20


def test_an_answer_in_between_starts_the_count_again():
    circuits = Circuits()
    for _ in range(3):
        for _ in range(FAILURES_UNTIL_OPEN - 1):
            circuits.note(KEY, START, answered=False)
        circuits.note(KEY, START, answered=True)
    assert circuits.wait_s(KEY, START) == 0


def test_one_caller_probes_after_thirty_seconds():
    circuits, later = opened(), START + timedelta(seconds=30)
    assert circuits.wait_s(KEY, later) == 0
    assert circuits.wait_s(KEY, later) > 0


def test_a_probe_that_fails_opens_the_circuit_again():
    circuits, later = opened(), START + timedelta(seconds=30)
    circuits.wait_s(KEY, later)
    circuits.note(KEY, later, answered=False)
    assert circuits.wait_s(KEY, later) == 30


def test_a_probe_that_is_answered_closes_it():
    circuits, later = opened(), START + timedelta(seconds=30)
    circuits.wait_s(KEY, later)
    circuits.note(KEY, later, answered=True)
    assert [circuits.wait_s(KEY, later) for _ in range(3)] == [0, 0, 0]


def test_a_probe_that_vanished_is_followed_by_another():
    circuits, later = opened(), START + timedelta(seconds=30)
    circuits.wait_s(KEY, later)
    assert circuits.wait_s(KEY, later + timedelta(seconds=12)) == 0


def test_circuits_of_other_servers_stay_closed():
    assert opened().wait_s(("warehouse", "https://other.example.net/token"), START) == 0


def test_an_integration_that_is_another_now_is_asked_again_and_others_are_not():
    circuits, other = opened(), ("lake", KEY[1])
    for _ in range(FAILURES_UNTIL_OPEN):
        circuits.note(other, START, answered=False)
    circuits.forget(KEY[0])
    assert circuits.wait_s(KEY, START) == 0
    assert circuits.wait_s(other, START) > 0
