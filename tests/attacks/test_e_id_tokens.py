"""E: an ID token that is forged, of somebody else or of another time signs nobody in, and costs the process nothing."""

from __future__ import annotations

import time

import pytest

from tests.attacks.attacker import Attacker
from tests.attacks.oracle import assert_nothing_arrived
from tests.attacks.rows import cases, row
from tests.attacks.wire import Response
from tests.doubles import faults
from tests.doubles.faults import Fault
from tests.doubles.signing import jwks, private_key, public_jwk
from tests.journeys.sidecar import Setup

pytestmark = pytest.mark.asyncio(loop_scope="module")


def change(setup: Setup) -> None:
    """Take identity from ID tokens: keys are at the issuer."""
    for integration in setup.integrations:
        config = integration["config"]
        assert isinstance(config, dict)
        config["jwks_uri"] = f"{config['issuer']}/jwks"


async def comes_back(attacker: Attacker, fault: object = "") -> tuple[Response, float]:
    """Sign in with an ID token that has this fault; return the page and the seconds it took."""
    viewer = await attacker.stage.viewer("eve")
    target = await attacker.callback_of(viewer)
    if fault:
        attacker.stage.server.id_tokens.faults.append(fault)  # type: ignore[arg-type]  # a test queues what it likes
    started = time.monotonic()
    response = await attacker.opens(viewer, target)
    assert not attacker.stage.server.id_tokens.faults
    return response, time.monotonic() - started


async def signs_nobody_in(attacker: Attacker, fault: object) -> None:
    response, took_s = await comes_back(attacker, fault)
    assert response.status == 502
    assert response.values(b"Location") == response.values(b"Set-Cookie") == []
    assert b"could not be verified" in response.body
    assert took_s < 3
    assert len(attacker.stage.server.token_requests) == 1
    assert attacker.stage.server.journal.at("/userinfo") == []  # nobody else is asked instead
    assert_nothing_arrived(attacker.stage)


FORGERIES = (
    "alg_none", "alg_none_with_signature", "empty_signature", "wrong_signature", "hs256_with_public_key", "hs256_with_empty_key",
    "own_jwk", "jku", "x5u", "crit", "zip", "access_token_type", "rsa1_5_jwe", "pbes2_jwe", "huge_header", "another_signer",
)  # fmt: skip


@cases("fault", row(62, *FORGERIES))
async def test_a_forged_id_token_signs_nobody_in(attacker: Attacker, fault: str) -> None:
    await signs_nobody_in(attacker, fault)


@cases(
    "claims",
    {
        "row 62: no nonce": {"nonce": None},
        "row 62: nonce of another login": {"nonce": "another"},
        "row 62: aud of another client": {"aud": "other"},
        "row 62: azp of another client": {"aud": ["sidecar", "other"], "azp": "other"},
        "row 62: iss of another server": {"iss": "https://evil.example"},
        "row 64: exp missing": {"exp": None},
        "row 64: exp 1e300": {"exp": 1e300},
        "row 64: exp 1.5": {"exp": 1.5},
        "row 64: exp text": {"exp": "32503680000"},
        "row 64: exp -1": {"exp": -1},
        "row 64: exp true": {"exp": True},
        "row 64: exp huge integer": {"exp": 10**400},
        "row 64: iat in an hour": {"iat": int(time.time()) + 3600},
        "row 67: another tenant's issuer": {"iss": "https://login.example/22222222/v2.0", "tid": "22222222"},
        "row 67: the template itself": {"iss": "https://login.example/{tenantid}/v2.0"},
    },
)
async def test_an_id_token_for_somebody_else_or_another_time_signs_nobody_in(
    attacker: Attacker, claims: dict[str, object]
) -> None:
    await signs_nobody_in(attacker, claims)


@cases("fault", row(62, "no_kid", "extra_header_nonce"))
async def test_what_honest_servers_do_signs_in(attacker: Attacker, fault: str) -> None:
    response, _ = await comes_back(attacker, fault)
    assert (response.status, response.value(b"Location")) == (303, b"/sales/")


async def test_row_62_no_part_of_a_token_is_in_the_log(attacker: Attacker) -> None:
    await signs_nobody_in(attacker, {"aud": "other", "name": "SAID-IN-THE-TOKEN"})
    assert b"SAID-IN-THE-TOKEN" not in attacker.stage.sidecar.log
    assert b"eyJ" not in attacker.stage.sidecar.log


async def test_row_65_tokens_of_unknown_keys_have_the_keys_fetched_at_most_once_more(attacker: Attacker) -> None:
    server = attacker.stage.server
    for _ in range(10):
        await signs_nobody_in(attacker, "unknown_kid")
        server.journal[:] = [entry for entry in server.journal if entry.path == "/jwks"]
    assert len(server.journal.at("/jwks")) <= 1
    response, _ = await comes_back(attacker)
    assert response.status == 303


@cases(
    "fault",
    {
        "row 65: 500": faults.status(500),
        "row 65: empty": faults.raw_body(b""),
        "row 65: HTML": faults.html(200),
        "row 65: 1 MB": faults.huge(1),
        "row 65: no key that fits": faults.raw_body(jwks(public_jwk(private_key("somebody-else")))),
        "row 71: redirect to itself": faults.redirect(302, "/jwks"),
    },
)
async def test_keys_at_hand_serve_whatever_the_key_set_has_become(attacker: Attacker, fault: Fault) -> None:
    server = attacker.stage.server
    assert (await comes_back(attacker))[0].status == 303
    server.faults.always("jwks", fault)
    assert (await comes_back(attacker))[0].status == 303
    response, took_s = await comes_back(attacker, "unknown_kid")
    assert response.status == 502
    assert took_s < 3
    assert len(server.journal.at("/jwks")) <= 1
    assert (await comes_back(attacker))[0].status == 303
    server.faults.always("jwks", None)
