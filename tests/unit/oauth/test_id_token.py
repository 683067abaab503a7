import math
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.id_token import Expected, IdTokenRefused, verify_id_token
from proxy.oauth.jwks import SigningKey, parse_jwks
from proxy.oauth.metadata import AuthorizationServer
from proxy.oauth.signed_token import MAX_HEADER_CHARS, MAX_SIGNATURE_CHARS, MAX_TOKEN_CHARS, UnknownKey
from tests.doubles.signing import Signer, at_hash, jwks, private_key, public_jwk, segment

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOW_S = NOW.timestamp()
ISSUER = "https://id.example"
SERVER = AuthorizationServer(
    authorization_endpoint=ISSUER + "/a", token_endpoint=ISSUER + "/t", issuer=ISSUER, jwks_uri=ISSUER + "/jwks"
)
EXPECTED = Expected(server=SERVER, client_id="sidecar", nonce="n-1", access_token="at-1")
CLAIMS = {"iss": ISSUER, "sub": "ada", "aud": "sidecar", "exp": NOW_S + 300, "iat": NOW_S, "nonce": "n-1"}
RSA = Signer(key=private_key("a"))
SIGNERS = {
    "RS256": RSA,
    "RS384": replace(RSA, alg="RS384"),
    "RS512": replace(RSA, alg="RS512"),
    "PS256": replace(RSA, alg="PS256"),
    "PS384": replace(RSA, alg="PS384"),
    "PS512": replace(RSA, alg="PS512"),
    "ES256": Signer(key=private_key("e256", "P-256"), alg="ES256"),
    "ES384": Signer(key=private_key("e384", "P-384"), alg="ES384"),
    "ES512": Signer(key=private_key("e521", "P-521"), alg="ES512"),
    "EdDSA": Signer(key=private_key("ed", "Ed25519"), alg="EdDSA"),
    "Ed25519": Signer(key=private_key("ed", "Ed25519"), alg="Ed25519"),
}


def keys_of(*jwk: dict[str, object]) -> tuple[SigningKey, ...]:
    return parse_jwks(jwks(*jwk)) or ()


KEYS = keys_of(*[public_jwk(signer.key) for alg, signer in SIGNERS.items() if alg not in {"RS384", "Ed25519"}])


def verified(token: str, *, keys: tuple[SigningKey, ...] = KEYS, expected: Expected = EXPECTED) -> object:
    return verify_id_token(token, keys, expected, now=NOW)


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
def test_every_algorithm_of_the_list_is_verified(signer: Signer):
    assert verified(signer.sign(CLAIMS)) == CLAIMS


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
def test_a_changed_claim_or_signature_is_refused(signer: Signer):
    head, _, signature = signer.sign(CLAIMS).split(".")
    changed = segment(CLAIMS | {"sub": "eve"})
    assert verified(f"{head}.{changed}.{signature}") == IdTokenRefused("signature")
    assert verified(f"{head}.{segment(CLAIMS)}.{signature[4:]}") == IdTokenRefused("signature")
    assert verified(f"{head}.{segment(CLAIMS)}.AAAAA") == IdTokenRefused("signature")


WITH_HEADER = {
    "jwk": {"jwk": public_jwk(private_key("somebody-else"))},
    "jku": {"jku": "https://evil.example/keys"},
    "x5u": {"x5u": "https://evil.example/chain"},
    "unknown crit": {"crit": ["exp"], "exp": 1},
    "known crit": {"crit": ["b64"], "b64": False},
    "empty crit": {"crit": []},
    "b64": {"b64": False},
    "zip": {"zip": "DEF"},
    "PBES2 count": {"p2c": 2_000_000_000, "p2s": "AA"},
    "kid is a number": {"kid": 1},
    "kid is an object": {"kid": {"a": "b"}},
}


@pytest.mark.parametrize("header", WITH_HEADER.values(), ids=WITH_HEADER)
def test_a_header_that_brings_or_asks_for_anything_is_refused(header: dict[str, object]):
    assert verified(RSA.sign(CLAIMS, header)) == IdTokenRefused("header")


def test_a_key_in_the_header_is_not_used():
    assert verified(RSA.with_own_key(CLAIMS)) == IdTokenRefused("header")


FORGED = {
    "none": RSA.unsigned(CLAIMS)[:-1] + ".AA",
    "None": RSA.unsigned(CLAIMS, "None")[:-1] + ".AA",
    "HS256 with the public key": RSA.confused(CLAIMS),
    "HS256 with an empty key": RSA.confused(CLAIMS, b""),
    "unknown": f"{segment({'alg': 'RS1', 'kid': 'a'})}.{segment(CLAIMS)}.AA",
    "ES256K": f"{segment({'alg': 'ES256K', 'kid': 'a'})}.{segment(CLAIMS)}.AA",
    "Ed448": f"{segment({'alg': 'Ed448', 'kid': 'a'})}.{segment(CLAIMS)}.AA",
    "RSA1_5": f"{segment({'alg': 'RSA1_5', 'enc': 'A128CBC-HS256'})}.{segment(CLAIMS)}.AA",
    "absent": f"{segment({'kid': 'a'})}.{segment(CLAIMS)}.AA",
    "a list": f"{segment({'alg': ['RS256']})}.{segment(CLAIMS)}.AA",
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_an_algorithm_that_is_not_on_the_list_is_refused(token: str):
    assert verified(token) == IdTokenRefused("algorithm")


def test_an_algorithm_that_the_server_does_not_announce_is_refused():
    server = replace(SERVER, id_token_signing_alg_values_supported=frozenset({"RS256"}))
    expected = replace(EXPECTED, server=server)
    assert verified(SIGNERS["ES256"].sign(CLAIMS), expected=expected) == IdTokenRefused("algorithm")
    assert verified(RSA.sign(CLAIMS), expected=expected) == CLAIMS


TWO_ALGORITHMS = b'{"alg":"RS256","alg":"none"}'
FORMLESS = {
    "nothing": "",
    "a word": "token",
    "empty signature": RSA.unsigned(CLAIMS),
    "two parts": f"{segment({'alg': 'RS256'})}.{segment(CLAIMS)}",
    "JWE": ".".join([segment({"alg": "RSA1_5", "enc": "A128GCM"}), "AA", "AA", "AA", "AA"]),
    "padding": RSA.sign(CLAIMS) + "=",
    "line end": RSA.sign(CLAIMS) + "\n",
    "not base64": "a.b!.c",
    "not whole": f"{segment({'alg': 'RS256'})}A.{segment(CLAIMS)}.AA",
    "header no JSON": f"{segment(b'x')}.{segment(CLAIMS)}.AA",
    "header a list": f"{segment(b'[]')}.{segment(CLAIMS)}.AA",
    "deep header": f"{segment(b'[' * 2000)}.{segment(CLAIMS)}.AA",
    "two algorithms": f"{segment(TWO_ALGORITHMS)}.{segment(CLAIMS)}.AA",
    "claims a list": RSA.sign(b"[]"),
    "claims no JSON": RSA.sign(b"\xff"),
    "two subjects": RSA.sign(b'{"sub":"ada","sub":"eve"}'),
    "endless header": f"{'A' * (MAX_HEADER_CHARS + 1)}.AA.AA",
    "endless signature": f"AA.AA.{'A' * (MAX_SIGNATURE_CHARS + 1)}",
    "endless token": RSA.sign(CLAIMS | {"groups": "x" * MAX_TOKEN_CHARS}),
}


@pytest.mark.parametrize("token", FORMLESS.values(), ids=FORMLESS)
def test_what_is_no_signed_token_of_sane_size_is_refused(token: str):
    assert verified(token) == IdTokenRefused("form")


def test_a_token_as_long_as_allowed_is_verified():
    claims = CLAIMS | {"groups": "x" * 90_000}
    assert verified(RSA.sign(claims, {"x5c": ["A" * 1500]})) == claims


@pytest.mark.parametrize("kind", ["at+jwt", "logout+jwt", "dpop+jwt", "", "JOSE", 7, ["JWT"]])
def test_another_kind_of_token_is_refused(kind: object):
    assert verified(RSA.sign(CLAIMS, {"typ": kind})) == IdTokenRefused("type")


@pytest.mark.parametrize("header", [{"typ": None}, {"typ": "jwt"}, {"nonce": "entra"}, {"x5t": "abc"}, {"cty": "JWT"}])
def test_members_of_honest_headers_do_no_harm(header: dict[str, object]):
    assert verified(RSA.sign(CLAIMS, header)) == CLAIMS


def test_a_token_without_a_key_name_is_verified():
    assert verified(RSA.sign(CLAIMS, {"kid": None})) == CLAIMS


@pytest.mark.parametrize("kid", ["another", None])
def test_a_token_that_none_of_the_keys_signed_asks_for_new_keys(kid: str | None):
    assert verified(Signer(key=private_key("new")).sign(CLAIMS, {"kid": kid})) == UnknownKey()
    assert verified(RSA.sign(CLAIMS), keys=()) == UnknownKey()


def test_two_keys_of_one_name_are_both_tried():
    keys = keys_of(public_jwk(private_key("new"), kid="a"), public_jwk(RSA.key))
    assert verified(RSA.sign(CLAIMS), keys=keys) == CLAIMS


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in CLAIMS.items() if key != name}


CLAIM_FAULTS: dict[str, tuple[str, dict[str, object]]] = {
    "no iss": ("issuer", without("iss")),
    "iss of another": ("issuer", CLAIMS | {"iss": "https://evil.example"}),
    "iss with a slash": ("issuer", CLAIMS | {"iss": ISSUER + "/"}),
    "iss in upper case": ("issuer", CLAIMS | {"iss": ISSUER.upper()}),
    "iss is a list": ("issuer", CLAIMS | {"iss": [ISSUER]}),
    "no aud": ("audience", without("aud")),
    "aud of another": ("audience", CLAIMS | {"aud": "other"}),
    "aud of another with our azp": ("audience", CLAIMS | {"aud": "other", "azp": "sidecar"}),
    "aud contains our name": ("audience", CLAIMS | {"aud": "sidecar2"}),
    "several aud": ("audience", CLAIMS | {"aud": ["sidecar", "other"]}),
    "aud with a number": ("audience", CLAIMS | {"aud": ["sidecar", 7], "azp": "sidecar"}),
    "aud an object": ("audience", CLAIMS | {"aud": {"sidecar": 1}}),
    "aud endless": ("audience", CLAIMS | {"aud": ["x"] * 200 + ["sidecar"], "azp": "sidecar"}),
    "azp of another": ("audience", CLAIMS | {"azp": "other"}),
    "azp null": ("audience", CLAIMS | {"azp": None}),
    "no exp": ("expired", without("exp")),
    "exp past": ("expired", CLAIMS | {"exp": NOW_S - 61}),
    "exp zero": ("expired", CLAIMS | {"exp": 0}),
    "exp negative": ("expired", CLAIMS | {"exp": -1}),
    "exp 1.5": ("expired", CLAIMS | {"exp": 1.5}),
    "exp true": ("expired", CLAIMS | {"exp": True}),
    "exp text": ("expired", CLAIMS | {"exp": str(NOW_S + 300)}),
    "exp 1e300": ("expired", CLAIMS | {"exp": 1e300}),
    "exp huge": ("expired", CLAIMS | {"exp": 10**400}),
    "exp infinite": ("expired", CLAIMS | {"exp": math.inf}),
    "exp NaN": ("expired", CLAIMS | {"exp": math.nan}),
    "no iat": ("issued_later", without("iat")),
    "iat later": ("issued_later", CLAIMS | {"iat": NOW_S + 61}),
    "iat text": ("issued_later", CLAIMS | {"iat": "now"}),
    "nbf later": ("issued_later", CLAIMS | {"nbf": NOW_S + 61}),
    "nbf null": ("issued_later", CLAIMS | {"nbf": None}),
    "no sub": ("subject", without("sub")),
    "sub empty": ("subject", CLAIMS | {"sub": ""}),
    "sub a number": ("subject", CLAIMS | {"sub": 7}),
    "sub endless": ("subject", CLAIMS | {"sub": "x" * 256}),
    "sub with a line end": ("subject", CLAIMS | {"sub": "ada\n"}),
    "no nonce": ("nonce", without("nonce")),
    "nonce of another login": ("nonce", CLAIMS | {"nonce": "n-2"}),
    "nonce null": ("nonce", CLAIMS | {"nonce": None}),
    "nonce a lone surrogate": ("nonce", CLAIMS | {"nonce": "\ud800"}),
    "at_hash of another token": ("at_hash", CLAIMS | {"at_hash": at_hash("at-2")}),
    "at_hash null": ("at_hash", CLAIMS | {"at_hash": None}),
}


@pytest.mark.parametrize(("because", "claims"), CLAIM_FAULTS.values(), ids=CLAIM_FAULTS)
def test_claims_that_are_not_for_us_now_are_refused(because: str, claims: dict[str, object]):
    assert verified(RSA.sign(claims)) == IdTokenRefused(because)


CLAIMS_THAT_PASS = {
    "aud a list": CLAIMS | {"aud": ["sidecar"]},
    "several aud and azp": CLAIMS | {"aud": ["other", "sidecar"], "azp": "sidecar"},
    "exp just past": CLAIMS | {"exp": NOW_S - 59},
    "exp a fraction": CLAIMS | {"exp": NOW_S + 1.5},
    "exp an integer": CLAIMS | {"exp": int(NOW_S) + 1},
    "iat slightly ahead": CLAIMS | {"iat": NOW_S + 59},
    "nbf now": CLAIMS | {"nbf": NOW_S},
    "at_hash": CLAIMS | {"at_hash": at_hash("at-1")},
}


@pytest.mark.parametrize("claims", CLAIMS_THAT_PASS.values(), ids=CLAIMS_THAT_PASS)
def test_claims_within_the_rules_pass(claims: dict[str, object]):
    assert verified(RSA.sign(claims)) == claims


@pytest.mark.parametrize(
    ("alg", "digest"), [("ES256", "sha256"), ("PS384", "sha384"), ("ES512", "sha512"), ("EdDSA", "sha512")]
)
def test_at_hash_is_as_long_as_half_the_signatures_hash(alg: str, digest: str):
    claims = CLAIMS | {"at_hash": at_hash("at-1", digest)}
    assert verified(SIGNERS[alg].sign(claims)) == claims


def test_the_token_of_a_refresh_needs_no_nonce():
    assert verified(RSA.sign(without("nonce")), expected=replace(EXPECTED, nonce=None)) == without("nonce")


def test_without_a_known_issuer_no_token_is_believed():
    expected = replace(EXPECTED, server=replace(SERVER, issuer=None))
    assert verified(RSA.sign(CLAIMS), expected=expected) == IdTokenRefused("issuer")


def test_another_name_of_the_issuer_passes_where_the_server_is_known_for_it():
    claims = CLAIMS | {"iss": "id.example"}
    expected = replace(EXPECTED, server=replace(SERVER, issuer_aliases=("id.example",)))
    assert verified(RSA.sign(claims), expected=expected) == claims
    assert verified(RSA.sign(claims)) == IdTokenRefused("issuer")


OURS = "11111111-aaaa-4bbb-8ccc-000000000001"
OTHER = "22222222-aaaa-4bbb-8ccc-000000000002"
MANY = replace(EXPECTED, server=replace(SERVER, issuer="https://login.example/{tid}/v2.0", tenants=frozenset({OURS})))


def of_tenant(tid: object, *, iss_of: str = OURS) -> dict[str, object]:
    return CLAIMS | {"iss": f"https://login.example/{iss_of}/v2.0", "tid": tid}


def test_a_server_of_many_tenants_signs_in_the_configured_ones():
    assert verified(RSA.sign(of_tenant(OURS)), expected=MANY) == of_tenant(OURS)


@pytest.mark.parametrize(
    "claims",
    [
        of_tenant(OTHER, iss_of=OTHER),
        of_tenant(OTHER),
        of_tenant(OURS, iss_of=OTHER),
        of_tenant(None),
        of_tenant("{tid}", iss_of="{tid}"),
        of_tenant(OURS.upper(), iss_of=OURS.upper()),
        of_tenant("", iss_of=""),
    ],
    ids=["other", "other in tid only", "other in iss only", "none", "the template", "upper case", "empty"],
)
def test_a_token_of_another_tenant_is_refused(claims: dict[str, object]):
    assert verified(RSA.sign(claims), expected=MANY) == IdTokenRefused("issuer")


@pytest.mark.parametrize(
    ("issuer", "passes"),
    [
        ("https://login.example/{tenantid}/v2.0", True),
        (f"https://login.example/{OURS}/v2.0", True),
        (f"https://login.example/{OTHER}/v2.0", False),
    ],
)
def test_a_key_of_one_tenant_signs_for_no_other(issuer: str, passes: bool):
    keys = keys_of(public_jwk(RSA.key, issuer=issuer))
    found = verified(RSA.sign(of_tenant(OURS)), keys=keys, expected=MANY)
    assert found == (of_tenant(OURS) if passes else IdTokenRefused("issuer"))


def test_a_key_of_another_issuer_signs_for_no_tenantless_one():
    assert verified(RSA.sign(CLAIMS), keys=keys_of(public_jwk(RSA.key, issuer=ISSUER))) == CLAIMS
    keys = keys_of(public_jwk(RSA.key, issuer="https://other.example"))
    assert verified(RSA.sign(CLAIMS), keys=keys) == IdTokenRefused("issuer")


def test_a_megabyte_of_nonsense_costs_no_time():
    hostile = ["A" * 1_000_000, "." * 1_000_000, "A." * 500_000, "A" * 4000 + "." + "A" * 126_000]
    started = time.process_time()
    assert {verified(token) for token in hostile} == {IdTokenRefused("form")}
    assert time.process_time() - started < 0.5


@given(st.text(max_size=200) | st.tuples(*[st.binary(max_size=60).map(segment)] * 3).map(".".join))
def test_whatever_comes_is_refused_without_an_exception(token: str):
    assert isinstance(verified(token), IdTokenRefused | UnknownKey)


ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.lists(st.integers())
    | st.dictionaries(st.text(), st.none())
)


@given(st.dictionaries(st.sampled_from(["iss", "sub", "aud", "nonce", "azp", "at_hash"]), ODD, min_size=1))
def test_no_odd_claim_passes_for_the_right_one(claims: dict[str, object]):
    assert isinstance(verified(RSA.sign(CLAIMS | claims)), IdTokenRefused)


@given(st.dictionaries(st.sampled_from(["exp", "iat", "nbf", "tid"]), ODD | st.text(max_size=9)))
def test_no_odd_time_makes_it_raise(claims: dict[str, object]):
    verified(RSA.sign(CLAIMS | claims))
