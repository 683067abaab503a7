import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model import Identity
from proxy.policy.vouching import MAX_CHARS, MAX_GROUPS, Vouching, identity_of, vouched

RULE = Vouching(user=b"x-user", email=b"x-email", groups=b"x-groups")
SECRET = b"a-secret-that-only-the-proxy-knows"
GUARDED = replace(RULE, secret=b"x-secret", secret_hash=hashlib.sha256(SECRET).digest())
ADA = [(b"X-User", b"ada"), (b"X-Email", b"ada@example.org"), (b"X-Groups", b"b, a,b,,")]
PROOF = (b"X-Secret", SECRET)


def said(headers: list[tuple[bytes, bytes]], rule: Vouching = RULE) -> Identity | None:
    line = vouched(rule, headers)
    return None if line is None else identity_of(line)


def test_the_proxy_names_person_address_and_groups():
    assert said([(b"Host", b"h"), *ADA]) == Identity(
        subject="ada", email="ada@example.org", email_verified=True, preferred_username="ada", groups=("a", "b")
    )


def test_a_person_alone_is_enough():
    for rule in (RULE, Vouching(user=b"x-user")):
        assert said([ADA[0]], rule) == Identity(subject="ada", preferred_username="ada")
    assert said(ADA[1:]) is None


def test_the_same_person_is_the_same_line_whatever_the_order():
    assert vouched(RULE, ADA) == vouched(RULE, [ADA[1], (b"x-groups", b"a,b"), (b"x-user", b" ada ")])
    assert vouched(RULE, ADA) != vouched(RULE, [*ADA[:2], (b"X-Groups", b"a")])


@pytest.mark.parametrize("name", [b"X_User", b"X-User ", b"X.User", b"X-Use", b"X-Users", b"XUser", b"X-\xc3\x9cser"])
def test_another_spelling_is_not_read(name: bytes):
    assert said([(name, b"eve")], Vouching(user=b"x-user")) is None
    assert said([*ADA, (name, b"eve")]) == said(ADA)


@pytest.mark.parametrize("name", [b"X-User", b"x-user", b"X-Email", b"X-GROUPS"])
def test_what_comes_twice_is_nobodys(name: bytes):
    assert said([*ADA, (name, b"eve")]) is None
    assert said([(name, b"eve"), *ADA]) is None


@pytest.mark.parametrize(
    "value", [b"", b" ", b"a\xff", b"a\x00b", b"a\tb", b"\xe2\x80\xaeada", b"x" * (MAX_CHARS + 1)], ids=repr
)
def test_what_nobody_could_show_names_nobody(value: bytes):
    assert said([(b"X-User", value), *ADA[1:]]) is None


def test_an_address_that_is_too_long_names_nobody_and_an_empty_one_is_none():
    assert said([ADA[0], (b"X-Email", b"x" * (MAX_CHARS + 1)), ADA[2]]) is None
    found = said([ADA[0], (b"X-Email", b""), (b"X-Groups", b"")])
    assert found is not None
    assert (found.email, found.email_verified, found.groups) == ("", False, ())


def test_only_so_many_groups_are_kept():
    found = said([*ADA[:2], (b"X-Groups", b",".join(b"%d" % number for number in range(MAX_GROUPS + 5)))])
    assert found is not None
    assert len(found.groups) == MAX_GROUPS


def test_unicode_is_read_and_written_as_ascii():
    line = vouched(RULE, [(b"X-User", "bärbel".encode()), *ADA[1:]])
    assert line is not None
    assert line.isascii()
    assert identity_of(line).subject == "bärbel"


def test_with_the_secret_the_proxy_is_believed():
    assert said([*ADA, PROOF], GUARDED) == said(ADA)
    assert said([*ADA, (b"x-secret", b" " + SECRET)], GUARDED) == said(ADA)


@pytest.mark.parametrize(
    "proof",
    [
        [],
        [(b"X-Secret", b"")],
        [(b"X-Secret", SECRET[:-1])],
        [(b"X-Secret", SECRET + b"x")],
        [(b"X-Secret", SECRET.upper())],
        [(b"X_Secret", SECRET)],
        [PROOF, PROOF],
        [(b"X-Secret", b"guess"), PROOF],
        [(b"X-Secret", hashlib.sha256(SECRET).digest())],
    ],
    ids=["none", "empty", "shorter", "longer", "upper case", "other spelling", "twice", "guess first", "its hash"],
)
def test_without_the_right_secret_the_headers_are_a_viewers_own(proof: list[tuple[bytes, bytes]]):
    assert said([*ADA, *proof], GUARDED) is None


def test_every_name_is_to_be_taken_out():
    assert GUARDED.names == {b"x-user", b"x-email", b"x-groups", b"x-secret"}
    assert Vouching(user=b"remote_user").names == {b"remote-user"}
    assert SECRET.decode() not in repr(GUARDED)


@given(st.lists(st.tuples(st.sampled_from([b"X-User", b"X-Email", b"X-Groups"]), st.binary(max_size=40)), max_size=4))
def test_whatever_comes_is_a_line_that_can_be_read_or_nobody(headers: list[tuple[bytes, bytes]]):
    line = vouched(RULE, headers)
    if line is not None:
        assert line.isascii()
        assert line.isprintable()
        assert identity_of(line).subject
