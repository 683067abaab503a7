"""``state`` seals what must survive; whatever is wrong with one, the answer is the same."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.flows.pending import MAX_STATE_CHARS, from_state, to_state
from proxy.model import PendingAuthorization, Sealed, ViewerGuid
from proxy.sealing import KeyRing, associated_data
from tests.unit.flows.house import KEY, SALES, START, WAREHOUSE

RING = KeyRing([KEY])
NONCE = b"n" * 12
PENDING = PendingAuthorization(
    id="the-id",
    integration_guid=WAREHOUSE.guid,
    fingerprint=b"f" * 32,
    content_guid=SALES.guid,
    code_verifier="v" * 43,
    nonce="the-nonce",
    return_to="/sales/report?year=2026",
    binding_hash=b"h" * 32,
    viewer_guid=ViewerGuid("66666666-6666-4666-8666-666666666666"),
    expires_at=START + timedelta(minutes=10),
)


@pytest.mark.parametrize("pending", [PENDING, replace(PENDING, viewer_guid=None)], ids=["signed in", "nobody yet"])
def test_what_was_sealed_comes_back_as_it_was(pending):
    assert from_state(to_state(pending, key_ring=RING, nonce=NONCE), key_ring=RING) == pending


@given(return_to=st.text(min_size=0, max_size=3000))
def test_a_state_is_never_longer_than_every_provider_takes(return_to):
    pending = replace(PENDING, return_to=return_to)
    state = to_state(pending, key_ring=RING, nonce=NONCE)
    assert state.isascii()
    assert len(state) <= MAX_STATE_CHARS
    opened = from_state(state, key_ring=RING)
    assert opened in {pending, replace(pending, return_to="")}


def test_a_return_path_that_does_not_fit_becomes_the_root():
    long = replace(PENDING, return_to="/sales/?" + "x" * 100_000)
    opened = from_state(to_state(long, key_ring=RING, nonce=NONCE), key_ring=RING)
    assert opened == replace(PENDING, return_to="")


def test_a_return_path_of_a_thousand_characters_fits():
    long = replace(PENDING, return_to="/sales/?" + "x" * 1000)
    assert from_state(to_state(long, key_ring=RING, nonce=NONCE), key_ring=RING) == long


def test_no_character_of_a_state_can_be_changed():
    state = to_state(PENDING, key_ring=RING, nonce=NONCE)
    for position, character in enumerate(state):
        other = "A" if character != "A" else "B"
        assert from_state(state[:position] + other + state[position + 1 :], key_ring=RING) is None


def test_a_state_has_one_spelling():
    for return_to in ("/sales/", "/sales/a", "/sales/ab"):
        state = to_state(replace(PENDING, return_to=return_to), key_ring=RING, nonce=NONCE)
        assert from_state(state + "=", key_ring=RING) is None
        assert from_state(state + "\n", key_ring=RING) is None
        spellings = [state[:-1] + last for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"]
        assert [spelling for spelling in spellings if from_state(spelling, key_ring=RING)] == [state]


def test_states_of_nobody_are_refused():
    for state in ("", "A", "AAAAA", "!" * 40, "A" * 5000, "ä" * 40, "A" * 64):
        assert from_state(state, key_ring=RING) is None


def test_a_state_of_another_deployment_is_refused():
    assert from_state(to_state(PENDING, key_ring=KeyRing([b"k" * 32]), nonce=NONCE), key_ring=RING) is None


def test_a_state_survives_the_key_moving_down_the_ring():
    state = to_state(PENDING, key_ring=RING, nonce=NONCE)
    assert from_state(state, key_ring=KeyRing([b"k" * 32, KEY])) == PENDING


def test_a_state_of_another_release_is_refused():
    from base64 import urlsafe_b64encode

    sealed = RING.seal(b"\x00\x00\x00\x01x", associated=associated_data("state", "1"), nonce=NONCE)
    assert isinstance(sealed, Sealed)
    assert from_state(urlsafe_b64encode(sealed.value).decode().rstrip("="), key_ring=RING) is None
