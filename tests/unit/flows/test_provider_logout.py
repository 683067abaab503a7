"""The provider says that somebody has signed out: exactly their sessions end, once, and nothing else does."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count

import pytest
from structlog.testing import capture_logs

from proxy.flows.callback_outcomes import Granted
from proxy.flows.provider_logout import LoggedOut, LogoutRefused, LogoutUndecided, ProviderLogouts
from proxy.flows.sessions import Admitted
from proxy.model import Actor, ActorKind, AuditAction, Directory, IntegrationGuid, SessionEnded
from proxy.oauth.logout_token import EVENT
from proxy.oauth.message import NotSent
from proxy.store.audit import AuditFilter
from tests.doubles.signing import Signer, jwks, private_key, public_jwk
from tests.unit.flows.house import ISSUER, SALES, WAREHOUSE, House, answer, directory

JWKS = ISSUER + "/jwks"
KNOWN = replace(WAREHOUSE, config={**WAREHOUSE.config, "jwks_uri": JWKS, "scopes": "openid"})
SIGNER = Signer(key=private_key("provider"))
UNREADABLE = IntegrationGuid("no-keys")


def of(sign_in: IntegrationGuid | None = KNOWN.guid) -> Directory:
    made = directory(SALES, sign_in=sign_in)
    return replace(made, integrations={**made.integrations, KNOWN.guid: KNOWN})


class Keys:
    """Answers for the key set; everything else is the provider's."""

    def __init__(self, provider) -> None:
        self.provider = provider
        self.is_down = False
        self.asked = 0

    async def __call__(self, request):
        if request.url != JWKS:
            return await self.provider(request)
        self.asked += 1
        return NotSent("refused") if self.is_down else answer(200, jwks(public_jwk(SIGNER.key)))


@pytest.fixture
def keys(provider) -> Keys:
    return Keys(provider)


@pytest.fixture
async def house(build) -> House:
    house = await build(of())
    house.identities._id_tokens._send = Keys(house.provider)
    return house


@pytest.fixture
async def logouts(house: House, keys: Keys) -> AsyncIterator[ProviderLogouts]:
    made = logouts_of(house, keys)
    yield made
    await made.close()


def logouts_of(house: House, keys: Keys, of: Directory | None = None) -> ProviderLogouts:
    return ProviderLogouts(
        directory=of or house.directory,
        store=house.store,
        servers=house.servers,
        send=keys,
        now=house.clock,
        publish=house.publish,
    )


_NUMBERS = count()


def token(house: House, **claims: object) -> str:
    now = house.clock.at.timestamp()
    whole = {"iss": ISSUER, "aud": KNOWN.config["client_id"], "iat": now, "exp": now + 120, "jti": f"j-{next(_NUMBERS)}",
             "events": {EVENT: {}}, **claims}  # fmt: skip
    return SIGNER.sign({name: value for name, value in whole.items() if value is not None}, {"typ": "logout+jwt"})


async def signed_in(house: House, sid: str | None = None, sub: str = "ada-at-id", before: str | None = None) -> str:
    """Sign in with an ID token from this session at the provider, in a browser with the session ``before``."""
    state = await house.start(integration=KNOWN)
    now = house.clock.at.timestamp()
    claims = {"iss": ISSUER, "aud": KNOWN.config["client_id"], "sub": sub, "iat": now, "exp": now + 300,
              "nonce": state["nonce"], "sid": sid}  # fmt: skip
    house.provider.claims["sub"] = sub
    house.provider.id_token = lambda: SIGNER.sign({name: value for name, value in claims.items() if value is not None})
    outcome = await house.come_back(state["state"], session_id=before)
    assert isinstance(outcome, Granted)
    return before or "" if outcome.session_id is None else outcome.session_id.reveal()


async def is_in(house: House, session_id: str) -> bool:
    return isinstance(await house.sessions.admit(session_id, SALES), Admitted)


async def test_the_sessions_of_one_session_there_end_and_the_others_go_on(house, logouts):
    laptop, phone, bob = [await signed_in(house, *of) for of in (("s-1",), ("s-2",), ("s-3", "bob-at-id"))]
    house.changes.clear()
    with capture_logs() as lines:
        assert await logouts.end(token(house, sid="s-1")) == LoggedOut()
    assert [await is_in(house, one) for one in (laptop, phone, bob)] == [False, True, True]
    assert [change for change in house.changes if isinstance(change, SessionEnded)] == [
        SessionEnded(house.hash_of(laptop))
    ]
    assert [line["count"] for line in lines if line["event"] == "viewer sessions ended by the provider"] == [1]


async def test_all_sessions_of_a_person_end_and_their_grants_stay(house, logouts):
    laptop, phone, bob = [await signed_in(house, *of) for of in (("s-1",), (None,), ("s-3", "bob-at-id"))]
    guid = await house.viewer_guid(laptop)
    assert await logouts.end(token(house, sub="ada-at-id")) == LoggedOut()
    assert [await is_in(house, one) for one in (laptop, phone, bob)] == [False, False, True]
    assert await house.store.credentials(guid, KNOWN.guid) is not None


async def test_a_session_that_the_provider_did_not_name_ends_with_any_of_that_person(house, logouts):
    unnamed, named = await signed_in(house), await signed_in(house, "s-2")
    assert await logouts.end(token(house, sub="ada-at-id", sid="s-1")) == LoggedOut()
    assert [await is_in(house, one) for one in (unnamed, named)] == [False, True]


async def test_consenting_once_more_keeps_the_session_while_the_providers_own_is_the_same(house, logouts):
    """Fails when the session is kept although the provider began another: its logout would find nobody."""
    first = await signed_in(house, "s-1")
    assert await signed_in(house, "s-1", before=first) == first
    second = await signed_in(house, "s-2", before=first)
    assert second != first
    assert await logouts.end(token(house, sid="s-2")) == LoggedOut()
    assert [await is_in(house, one) for one in (first, second)] == [False, False]


async def test_nobody_to_sign_out_is_no_failure(logouts, house):
    assert await logouts.end(token(house, sub="nobody")) == LoggedOut()


async def test_a_message_counts_once_and_ends_no_later_session(house, logouts):
    await signed_in(house, "s-1")
    message = token(house, sub="ada-at-id")
    assert await logouts.end(message) == LoggedOut()
    later = await signed_in(house, "s-2")
    assert await logouts.end(message) == LogoutRefused("replayed")
    assert await is_in(house, later)


async def test_a_refused_message_ends_nothing_and_its_reason_is_one_line(house, logouts):
    session_id = await signed_in(house, "s-1")
    with capture_logs() as lines:
        assert await logouts.end(token(house, sub="ada-at-id", nonce="n")) == LogoutRefused("nonce")
    assert [line["because"] for line in lines if line["event"] == "logout token refused"] == ["nonce"]
    assert await is_in(house, session_id)


async def test_a_message_of_another_client_or_server_ends_nothing(house, logouts):
    session_id = await signed_in(house, "s-1")
    assert await logouts.end(token(house, sid="s-1", aud="other")) == LogoutRefused("audience")
    assert await logouts.end(token(house, sid="s-1", iss="https://evil.example")) == LogoutRefused("issuer")
    assert await is_in(house, session_id)


async def test_without_keys_nobody_can_say_and_the_same_message_counts_later(house, logouts, keys):
    session_id = await signed_in(house, "s-1")
    keys.is_down = True
    message = token(house, sid="s-1")
    assert await logouts.end(message) == LogoutUndecided()
    assert await is_in(house, session_id)
    keys.is_down = False
    house.clock.advance(11)
    assert await logouts.end(message) == LoggedOut()
    assert not await is_in(house, session_id)


async def test_made_up_keys_have_the_set_fetched_once_and_not_that_of_sign_ins(house, logouts, keys):
    forger = Signer(key=private_key("forger"))
    for _ in range(10):
        forged = forger.sign({"iss": ISSUER, "sub": "ada-at-id"}, {"typ": "logout+jwt"})
        assert await logouts.end(forged) == LogoutRefused("unknown_key")
    assert keys.asked == 2
    assert house.identities._id_tokens._send.asked == 0


async def test_without_a_sign_in_or_its_keys_no_message_is_taken(house, keys):
    logouts = logouts_of(house, keys, of(None))
    assert await logouts.end(token(house, sub="ada-at-id")) == LogoutRefused("no_sign_in")
    without = replace(of(), integrations={KNOWN.guid: WAREHOUSE})
    assert await logouts_of(house, keys, without).end(token(house, sub="ada-at-id")) == LogoutRefused("no_keys")
    assert keys.asked == 0


async def test_a_server_that_cannot_be_found_leaves_the_message_for_later(house, keys):
    lost = replace(KNOWN, template="oidc", config={"issuer": "https://lost.example", "client_id": "sidecar"})
    house.provider.userinfo_script.extend([NotSent("refused")] * 4)
    logouts = logouts_of(house, keys, replace(of(), integrations={KNOWN.guid: lost}))
    assert await logouts.end(token(house, sub="ada-at-id")) == LogoutUndecided()


async def test_a_subject_that_this_kind_of_server_does_not_use_ends_nothing(house, keys):
    """Entra's people are known by tenant and object: ``sub`` alone is nobody."""
    tenant = "11111111-1111-4111-8111-111111111111"
    config = {"tenant_id": tenant, "client_id": "sidecar"}
    entra = replace(KNOWN, template="azure", config=config)
    issuer = f"https://login.microsoftonline.com/{tenant}/v2.0"

    async def send(request):
        return answer(200, jwks(public_jwk(SIGNER.key)))

    logouts = logouts_of(house, send, replace(of(), integrations={KNOWN.guid: entra}))
    message = token(house, iss=issuer, aud="sidecar", tid=tenant, sub="pairwise")
    assert await logouts.end(message) == LogoutRefused("subject")


async def test_the_name_of_the_providers_session_is_stored_as_a_hash(house):
    session_id = await signed_in(house, "s-1")
    known = await house.store.session(house.hash_of(session_id))
    assert known.session.sid_hash == hashlib.sha256(b"s-1").digest()


async def test_each_session_that_ended_is_written_down_in_the_same_transaction(house, logouts):
    guids = {await house.viewer_guid(await signed_in(house, *of)) for of in (("s-1",), ("s-1", "bob-at-id"))}
    assert await logouts.end(token(house, sid="s-1")) == LoggedOut()
    lines = (await house.store.audit.page(AuditFilter(), position=None, is_forward=True, most=9, most_read=9)).events
    assert {line.viewer_guid for line in lines} == guids
    assert {(line.action, line.actor) for line in lines} == {
        (AuditAction.SIGN_OUT, Actor(kind=ActorKind.PROVIDER, id=KNOWN.guid))
    }
