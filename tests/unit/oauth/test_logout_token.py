"""A logout token is one of this server, for this client, of now, about somebody, and no ID token."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.id_token import Expected, IdTokenRefused, sid_of, verify_id_token
from proxy.oauth.logout_token import (
    CLOCK_SKEW_S,
    EVENT,
    MAX_AGE_S,
    MAX_TOKEN_CHARS,
    ExpectedLogout,
    LogoutToken,
    LogoutTokenRefused,
    verify_logout_token,
)
from proxy.oauth.metadata import AuthorizationServer
from proxy.oauth.signed_token import UnknownKey
from tests.doubles.signing import Signer, private_key, public_jwk, segment
from tests.unit.oauth.test_id_token import keys_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOW_S = NOW.timestamp()
ISSUER = "https://id.example"
SERVER = AuthorizationServer(authorization_endpoint="", token_endpoint="", issuer=ISSUER)
EXPECTED = ExpectedLogout(server=SERVER, client_id="sidecar")
SIGNER = Signer(key=private_key("a"))
KEYS = keys_of(public_jwk(SIGNER.key))
CLAIMS = {
    "iss": ISSUER, "sub": "ada", "sid": "s-1", "aud": "sidecar", "iat": NOW_S, "exp": NOW_S + 120, "jti": "j-1",
    "events": {EVENT: {}},
}  # fmt: skip


def signed(claims: dict[str, object], typ: object = "logout+jwt", **header: object) -> str:
    kept = {name: value for name, value in claims.items() if value is not None}
    return SIGNER.sign(kept, {"typ": typ} | header)


def verified(token: str) -> LogoutToken | LogoutTokenRefused | UnknownKey:
    return verify_logout_token(token, KEYS, EXPECTED, now=NOW)


def test_a_right_token_says_who_has_signed_out_where_and_how_long_it_counts():
    found = verified(signed(CLAIMS))
    assert isinstance(found, LogoutToken)
    assert (found.claims["sub"], found.sid, found.jti) == ("ada", "s-1", "j-1")
    assert found.usable_until == datetime.fromtimestamp(NOW_S + 120 + CLOCK_SKEW_S, UTC)


@pytest.mark.parametrize("typ", ["logout+jwt", "Logout+JWT", "application/logout+jwt", "JWT", None])
def test_the_types_that_servers_write_are_taken(typ: str | None):
    assert isinstance(verified(signed(CLAIMS, typ)), LogoutToken)


@pytest.mark.parametrize("typ", ["at+jwt", "id+jwt", "secevent+jwt", "", 1, ["logout+jwt"]])
def test_any_other_type_is_refused(typ: object):
    assert verified(signed(CLAIMS, typ)) == LogoutTokenRefused("type")


@pytest.mark.parametrize("gone", ["sub", "sid"])
def test_either_of_subject_and_session_is_enough(gone: str):
    found = verified(signed(CLAIMS | {gone: None}))
    assert isinstance(found, LogoutToken)
    assert (found.sid is None) == (gone == "sid")


@pytest.mark.parametrize(
    ("changed", "because"),
    [
        ({"iss": "https://evil.example"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "other"}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": ["sidecar", "other"]}, "audience"),
        ({"exp": None}, "expired"),
        ({"exp": NOW_S - CLOCK_SKEW_S - 1}, "expired"),
        ({"exp": "9999999999"}, "expired"),
        ({"iat": None}, "issued_later"),
        ({"iat": NOW_S + CLOCK_SKEW_S + 1}, "issued_later"),
        ({"iat": NOW_S - MAX_AGE_S - CLOCK_SKEW_S}, "old"),
        ({"events": None}, "events"),
        ({"events": {}}, "events"),
        ({"events": [EVENT]}, "events"),
        ({"events": EVENT}, "events"),
        ({"events": {EVENT: True}}, "events"),
        ({"events": {EVENT + "/": {}}}, "events"),
        ({"nonce": "n-1"}, "nonce"),
        ({"nonce": ""}, "nonce"),
        ({"jti": None}, "jti"),
        ({"jti": ""}, "jti"),
        ({"jti": 7}, "jti"),
        ({"jti": "x" * 256}, "jti"),
        ({"sub": ""}, "subject"),
        ({"sub": 7}, "subject"),
        ({"sid": ""}, "subject"),
        ({"sid": "a\nb"}, "subject"),
        ({"sub": None, "sid": None}, "nobody"),
    ],
)
def test_a_token_that_lacks_or_twists_something_is_refused(changed: dict[str, object], because: str):
    assert verified(signed(CLAIMS | changed)) == LogoutTokenRefused(because)


def test_a_null_nonce_is_a_nonce():
    assert verified(SIGNER.sign(CLAIMS | {"nonce": None}, {"typ": "logout+jwt"})) == LogoutTokenRefused("nonce")


def test_a_token_that_is_good_for_years_counts_for_an_hour():
    found = verified(signed(CLAIMS | {"exp": NOW_S + 10**9}))
    assert isinstance(found, LogoutToken)
    assert found.usable_until == datetime.fromtimestamp(NOW_S + MAX_AGE_S + CLOCK_SKEW_S, UTC)


@pytest.mark.parametrize(
    "token",
    [
        SIGNER.unsigned(CLAIMS),
        SIGNER.confused(CLAIMS),
        SIGNER.with_own_key(CLAIMS),
        signed(CLAIMS, crit=["exp"]),
        signed(CLAIMS | {"x": "x" * MAX_TOKEN_CHARS}),
        "",
        "a.b",
    ],
    ids=["none", "HS256 with the public key", "its own key", "crit", "too long", "empty", "two parts"],
)
def test_a_forged_or_misshapen_token_is_refused(token: str):
    assert isinstance(verified(token), LogoutTokenRefused)


def test_a_key_that_nobody_knows_is_said_to_be_unknown():
    assert verified(Signer(key=private_key("b")).sign(CLAIMS, {"typ": "logout+jwt"})) == UnknownKey()


def test_an_id_token_is_no_logout_token_and_the_other_way_round():
    id_token = signed(CLAIMS | {"events": None, "nonce": "n-1"}, "JWT")
    assert verified(id_token) == LogoutTokenRefused("events")
    expected = Expected(server=SERVER, client_id="sidecar", nonce="n-1", access_token="at")
    assert verify_id_token(signed(CLAIMS), KEYS, expected, now=NOW) == IdTokenRefused("type")
    assert verify_id_token(signed(CLAIMS, "JWT"), KEYS, expected, now=NOW) == IdTokenRefused("nonce")


@given(st.text(max_size=200) | st.tuples(*[st.binary(max_size=60).map(segment)] * 3).map(".".join))
def test_whatever_comes_is_refused_without_an_exception(token: str):
    assert isinstance(verified(token), LogoutTokenRefused | UnknownKey)


@pytest.mark.parametrize(
    ("token", "sid"),
    [
        (signed(CLAIMS), "s-1"),
        (signed(CLAIMS | {"sid": None}), None),
        (signed(CLAIMS | {"sid": 7}), None),
        (signed(CLAIMS | {"sid": "x" * 256}), None),
        ("nonsense", None),
        ("AA.AA.AA", None),
    ],
    ids=["named", "not named", "a number", "too long", "no token", "no claims"],
)
def test_the_session_at_the_server_is_what_the_id_token_names(token: str, sid: str | None):
    assert sid_of(token) == sid
