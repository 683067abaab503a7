"""Sealing: what opens, what never does, and which keys are refused."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model import Sealed
from proxy.sealing import KeyRing, SealBroken, associated_data, format_key, hash_handle, parse_key

OLD = bytes(range(7, 7 + 64, 2))
NEW = hashlib.sha256(b"another key").digest()
NONCE = bytes(range(12))
ROW = associated_data("credentials", "refresh_token", "viewer-1", "integration-1")

raw_keys = st.binary(min_size=32, max_size=32)
nonces = st.binary(min_size=12, max_size=12)


@given(plaintext=st.binary(), associated=st.binary(), nonce=nonces, key=raw_keys)
def test_what_was_sealed_opens_to_the_same_bytes(plaintext, associated, nonce, key):
    ring = KeyRing([key])
    assert ring.open(ring.seal(plaintext, associated=associated, nonce=nonce), associated=associated) == plaintext


def test_a_sealed_value_says_version_key_and_nonce_and_nothing_of_the_plaintext():
    sealed = KeyRing([NEW]).seal(b"rt-secret", associated=ROW, nonce=NONCE)
    assert sealed.value[:1] == b"\x01"
    assert sealed.value[5:17] == NONCE
    assert len(sealed.value) == 17 + len(b"rt-secret") + 16
    assert b"rt-secret" not in sealed.value
    assert NEW not in sealed.value
    assert "rt-secret" not in repr(sealed)


def test_every_changed_byte_is_refused():
    ring = KeyRing([NEW, OLD])
    good = ring.seal(b"rt-secret", associated=ROW, nonce=NONCE).value
    for position in range(len(good)):
        for mask in (0x01, 0x80, 0xFF):
            bad = bytearray(good)
            bad[position] ^= mask
            with pytest.raises(SealBroken):
                ring.open(Sealed(bytes(bad)), associated=ROW)


def test_every_truncation_and_any_addition_is_refused():
    ring = KeyRing([NEW])
    good = ring.seal(b"rt-secret", associated=ROW, nonce=NONCE).value
    for bad in [
        *(good[:end] for end in range(len(good))),
        *(good[start:] for start in range(1, len(good))),
        good + b"\0",
    ]:
        with pytest.raises(SealBroken):
            ring.open(Sealed(bad), associated=ROW)


@pytest.mark.parametrize(
    "elsewhere",
    [
        ("credentials", "access_token", "viewer-1", "integration-1"),
        ("credentials", "refresh_token", "viewer-2", "integration-1"),
        ("credentials", "refresh_token", "viewer-1", "integration-2"),
        ("state", "refresh_token", "viewer-1", "integration-1"),
        ("credentials", "refresh_token", "viewer-1"),
        ("credentials", "refresh_token", "viewer-1integration-1", ""),
        (),
    ],
)
def test_a_value_moved_to_another_row_or_column_does_not_open(elsewhere):
    ring = KeyRing([NEW])
    sealed = ring.seal(b"rt-secret", associated=ROW, nonce=NONCE)
    with pytest.raises(SealBroken):
        ring.open(sealed, associated=associated_data(*elsewhere))


@given(one=st.lists(st.text()), other=st.lists(st.text()))
def test_different_parts_never_give_the_same_associated_data(one, other):
    assert (associated_data(*one) == associated_data(*other)) == (one == other)


def test_an_old_key_opens_and_the_first_seals():
    before = KeyRing([OLD]).seal(b"rt-secret", associated=ROW, nonce=NONCE)
    both = KeyRing([NEW, OLD])
    assert both.open(before, associated=ROW) == b"rt-secret"
    resealed = both.seal(b"rt-secret", associated=ROW, nonce=NONCE)
    assert KeyRing([NEW]).open(resealed, associated=ROW) == b"rt-secret"


def test_after_its_key_is_gone_a_value_does_not_open():
    before = KeyRing([OLD]).seal(b"rt-secret", associated=ROW, nonce=NONCE)
    with pytest.raises(SealBroken, match="not on the ring"):
        KeyRing([NEW]).open(before, associated=ROW)


def test_a_key_with_the_same_id_but_other_bytes_does_not_open():
    good = KeyRing([OLD]).seal(b"rt-secret", associated=ROW, nonce=NONCE).value
    new_id = KeyRing([NEW]).seal(b"", associated=b"", nonce=NONCE).value[1:5]
    with pytest.raises(SealBroken):
        KeyRing([NEW]).open(Sealed(good[:1] + new_id + good[5:]), associated=ROW)


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ([], "at least one"),
        ([b"short"], "exactly 32"),
        ([NEW, NEW + b"x"], "exactly 32"),
        ([NEW, OLD, NEW], "twice"),
    ],
)
def test_a_ring_of_wrong_keys_is_refused(keys, why):
    with pytest.raises(ValueError, match=why):
        KeyRing(keys)


def test_a_nonce_of_another_length_is_refused():
    with pytest.raises(ValueError, match="nonce"):
        KeyRing([NEW]).seal(b"x", associated=b"", nonce=b"short")


@given(purpose=st.text(), parts=st.lists(st.binary()))
def test_a_handle_is_the_same_for_the_same_inputs_whatever_other_keys_are_on_the_ring(purpose, parts):
    handle = KeyRing([NEW]).handle(purpose, *parts)
    assert handle == KeyRing([NEW, OLD]).handle(purpose, *parts)
    assert len(handle) == 32


def test_a_handle_differs_by_key_purpose_and_cut_of_the_parts():
    ring = KeyRing([NEW])
    handles = {
        ring.handle("session token", b"ab", b"c"),
        ring.handle("session token", b"a", b"bc"),
        ring.handle("session token", b"abc"),
        ring.handle("session token"),
        ring.handle("other", b"ab", b"c"),
        KeyRing([OLD]).handle("session token", b"ab", b"c"),
    }
    assert len(handles) == 6


@pytest.mark.parametrize(
    "write",
    [
        format_key,
        lambda raw: format_key(raw) + "\n",
        lambda raw: "  " + format_key(raw) + " ",
        lambda raw: urlsafe_b64encode(raw).decode(),
        lambda raw: b64encode(raw).decode(),
        lambda raw: b64encode(raw).decode().rstrip("="),
        lambda raw: "osk1_" + urlsafe_b64encode(raw).decode(),
    ],
)
def test_a_key_reads_back_in_every_usual_writing(write):
    raw = bytes.fromhex("fbefbe00ff10e0d1c2b3a495867768594a3b2c1d0e0f1e2d3c4b5a6978879fff")
    assert parse_key(write(raw)) == raw


@given(seed=st.binary())
def test_a_random_key_survives_writing_and_reading(seed):
    raw = hashlib.sha256(seed).digest()
    assert re.fullmatch(r"osk1_[A-Za-z0-9_-]{43}", format_key(raw))
    assert parse_key(format_key(raw)) == raw


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("osk1_", "empty"),
        ("changeme", "43 characters"),
        ("<your key here>", "43 characters"),
        ("osk1_" + "x" * 42, "43 characters"),
        (NEW.hex(), "43 characters"),
        (format_key(NEW) + "==", "43 characters"),
        (format_key(NEW)[:20] + "\n" + format_key(NEW)[20:], "43 characters"),
        ("é" * 43, "43 characters"),
        (format_key(NEW)[:-1] + "9", "mistyped"),
        (format_key(bytes(32)), "placeholder"),
        (format_key(b"\xff" * 32), "placeholder"),
        (format_key(bytes(range(32))), "placeholder"),
        (format_key(bytes(range(255, 223, -1))), "placeholder"),
        (format_key(b"\x01\x80" * 16), "placeholder"),
        (format_key(NEW[:8] * 4), "placeholder"),
        (format_key(b"correct horse battery staple 123"), "placeholder"),
        (format_key(b"0123456789abcdefghijklmnopqrstuv"), "placeholder"),
    ],
)
def test_a_key_that_nobody_drew_at_random_is_refused_without_being_quoted(text, why):
    with pytest.raises(ValueError, match=why) as refusal:
        parse_key(text)
    assert "keygen" in str(refusal.value)
    assert not text.strip() or text.strip() not in str(refusal.value)


def test_a_handle_is_stored_as_its_sha256():
    assert hash_handle("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_bytes_that_were_no_text_are_a_handle_like_any_other():
    from_a_header = b"abc\xff\xc3(".decode(errors="surrogateescape")
    assert hash_handle(from_a_header) == hashlib.sha256(b"abc\xff\xc3(").digest()


def test_handles_of_every_key_are_known_the_first_ones_first():
    old, new = bytes(range(32)), bytes(range(1, 33))
    before, after = KeyRing([old]), KeyRing([new, old])
    assert after.handles("x", b"a") == (after.handle("x", b"a"), before.handle("x", b"a"))
    assert len({*after.handles("x", b"a"), *after.handles("y", b"a"), *after.handles("x", b"b")}) == 6
