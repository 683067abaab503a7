import json

import pytest

from proxy.oauth.jwks import MAX_KEYS, MAX_TRIED, candidates, parse_jwks
from tests.doubles.signing import ODD_KEYS, jwks, private_key, public_jwk

RSA = private_key("a")
EC = private_key("e", "P-256")
ED = private_key("d", "Ed25519")


def names(raw: bytes) -> list[str | None]:
    return [key.kid for key in parse_jwks(raw) or ()]


def test_one_odd_key_never_spoils_the_set():
    everything = [*ODD_KEYS, public_jwk(RSA), *ODD_KEYS, public_jwk(EC), public_jwk(ED)]
    assert names(jwks(*everything)) == ["a", "e", "d"]
    assert names(json.dumps({"keys": ["x", None, 1, [], public_jwk(RSA)]}).encode()) == ["a"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'{"keys":{}}', b'{"keys":null}', b'{"keys":[]}', b"<html>", b'{"keys":[{}]}', b"[" * 9999],
    ids=repr,
)
def test_what_is_no_set_or_has_no_usable_key_is_none(body: bytes):
    assert parse_jwks(body) is None


@pytest.mark.parametrize(
    "members",
    [
        {"use": "enc"},
        {"use": ["sig"]},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"alg": "RSA-OAEP"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": 7},
        {"kty": "oct", "k": "AAAA"},
        {"kty": ["RSA"]},
        {"kty": None},
        {"n": 7},
        {"n": "A" * 300},
        {"n": "_" * 2000},
        {"n": "AA" + "_" * 2046},
        {"n": "!" * 342},
        {"e": ""},
        {"e": "AQ"},
        {"e": "_" * 100},
        {"e": None},
    ],
    ids=repr,
)
def test_a_key_that_is_for_something_else_weak_or_endless_is_left_out(members: dict[str, object]):
    assert names(jwks(public_jwk(RSA, **members), public_jwk(EC))) == ["e"]


@pytest.mark.parametrize(
    "jwk",
    [
        public_jwk(EC, x="AA"),
        public_jwk(EC, y=None),
        public_jwk(EC, crv="secp256k1"),
        public_jwk(EC, crv=7),
        public_jwk(ED, x="AA"),
        public_jwk(ED, crv="X25519"),
        public_jwk(ED, kty="EC"),
    ],
    ids=lambda jwk: json.dumps({name: jwk.get(name) for name in ("kty", "crv", "x")}),
)
def test_a_point_that_is_not_on_its_curve_is_left_out(jwk: dict[str, object]):
    assert names(jwks(jwk, public_jwk(RSA))) == ["a"]


def test_a_key_may_say_that_it_verifies_and_for_which_algorithm():
    [key] = parse_jwks(jwks(public_jwk(RSA, use=None, key_ops=["verify"], alg="PS256", issuer="https://i"))) or ()
    assert (key.alg, key.issuer, key.kind) == ("PS256", "https://i", ("RSA", ""))
    assert candidates([key], kid="a", alg="PS256") == (key,)
    assert candidates([key], kid="a", alg="RS256") == ()


def test_the_private_half_of_a_key_published_by_mistake_is_not_taken_in():
    [key] = parse_jwks(jwks(dict(RSA.as_dict(private=True)))) or ()
    assert not key.key.is_private


def test_only_so_many_keys_are_looked_at():
    assert len(parse_jwks(jwks(*[public_jwk(ED, kid=str(n)) for n in range(MAX_KEYS + 5)])) or ()) == MAX_KEYS


def test_a_named_key_is_found_by_its_name_and_its_kind():
    keys = parse_jwks(jwks(public_jwk(RSA), public_jwk(EC, kid="a"), public_jwk(private_key("b")))) or ()
    assert [key.kind for key in candidates(keys, kid="a", alg="RS256")] == [("RSA", "")]
    assert [key.kind for key in candidates(keys, kid="a", alg="ES256")] == [("EC", "P-256")]
    assert candidates(keys, kid="a", alg="ES384") == ()
    assert candidates(keys, kid="c", alg="RS256") == ()


def test_keys_of_one_name_are_all_candidates():
    keys = parse_jwks(jwks(public_jwk(RSA, kid="x"), public_jwk(private_key("b"), kid="x"))) or ()
    assert candidates(keys, kid="x", alg="RS256") == keys


def test_a_nameless_token_is_tried_against_every_key_of_its_kind_up_to_a_bound():
    keys = parse_jwks(jwks(public_jwk(EC), *[public_jwk(RSA, kid=str(n)) for n in range(MAX_TRIED + 5)])) or ()
    assert candidates(keys, kid=None, alg="RS256") == keys[1 : MAX_TRIED + 1]


def test_a_named_token_is_tried_against_nameless_keys_when_none_has_its_name():
    keys = parse_jwks(jwks(public_jwk(RSA, kid=None), public_jwk(private_key("b")))) or ()
    assert candidates(keys, kid="a", alg="RS256") == keys[:1]
    assert candidates(keys, kid="b", alg="RS256") == keys[1:]
