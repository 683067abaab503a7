"""Who the viewer is: said at sign-in, and again whenever the tokens of the sign-in are refreshed."""

import asyncio
from dataclasses import replace

import pytest

from proxy.flows.callback_outcomes import CodeRefused, Granted, ProviderUnavailable
from proxy.flows.exchange_answers import Issued
from proxy.flows.sessions import AccessRefused, Admitted
from proxy.model import CredentialsChanged, Identity, IntegrationGuid, Named
from proxy.oauth.message import LostAnswer
from tests.doubles.signing import Signer, jwks, private_key, public_jwk
from tests.unit.flows.house import BOTH, ISSUER, LAKE, SALES, STOCK, WAREHOUSE, answer, directory
from tests.unit.flows.ill_store import IllStore

SIGNER = Signer(key=private_key("old"))
BOARD = replace(STOCK, access=Named(groups=frozenset({"board"})), integrations=())
"""By group, and without any integration of its own."""
ON_BOARD = {"sub": "ada-at-id", "email": "ada@example.org", "email_verified": True, "groups": ["board"]}


@pytest.fixture
async def house(build, provider):
    provider.claims = ON_BOARD
    return await build(directory(BOARD, SALES, BOTH, sign_in=WAREHOUSE.guid))


@pytest.fixture
async def session_id(house):
    return await house.log_in(BOARD)


async def identity(house, session_id):
    return (await house.store.session(house.hash_of(session_id))).viewer.identity


async def test_a_group_taken_away_counts_when_the_tokens_of_the_sign_in_are_refreshed(
    house, session_id, provider, clock
):
    assert isinstance(await house.sessions.admit(session_id, BOARD), Admitted)
    provider.claims = ON_BOARD | {"groups": []}
    assert isinstance(await house.sessions.admit(session_id, BOARD), Admitted)
    clock.advance(601)
    house.changes.clear()
    assert isinstance(await house.sessions.admit(session_id, BOARD), AccessRefused)
    viewer = await house.viewer_guid(session_id)
    assert house.changes[-1] == CredentialsChanged(viewer, WAREHOUSE.guid)
    assert len(provider.refreshes) == 1


async def test_a_group_given_counts_as_well(house, provider, clock):
    provider.claims = ON_BOARD | {"groups": []}
    session_id = await house.log_in(BOARD)
    assert isinstance(await house.sessions.admit(session_id, BOARD), AccessRefused)
    provider.claims = ON_BOARD
    clock.advance(601)
    assert isinstance(await house.sessions.admit(session_id, BOARD), Admitted)


async def test_the_header_block_says_who_the_viewer_is_now(house, session_id, provider, clock):
    provider.claims = ON_BOARD | {"email": "ada@elsewhere.example"}
    clock.advance(601)
    admitted = await house.sessions.admit(session_id, BOARD)
    assert b"ada@elsewhere.example" in admitted.header_block


@pytest.mark.parametrize(
    "said",
    [
        LostAnswer("timeout"),
        answer(500, b""),
        answer(401, {}),
        answer(200, ON_BOARD | {"sub": "eve-at-id", "groups": ["everything"]}),
    ],
    ids=["slow", "500", "401", "another subject"],
)
async def test_what_was_known_stays_when_the_server_does_not_say_or_speaks_of_somebody_else(
    house, session_id, provider, clock, said
):
    before = await identity(house, session_id)
    provider.userinfo_script += [said, said]
    clock.advance(601)
    assert isinstance(await house.sessions.admit(session_id, BOARD), Admitted)
    assert len(provider.refreshes) == 1
    assert await identity(house, session_id) == before


async def test_what_was_known_stays_while_the_provider_is_down(house, session_id, provider, clock):
    clock.advance(601)
    provider.script += [LostAnswer("timeout")] * 10
    assert isinstance(await house.sessions.admit(session_id, BOARD), Admitted)


async def test_a_grant_that_dies_signs_nobody_out(house, session_id, provider, clock):
    clock.advance(601)
    provider.script.append(answer(400, {"error": "invalid_grant"}))
    assert isinstance(await house.sessions.admit(session_id, BOARD), Admitted)


async def test_claims_that_cannot_be_stored_harm_no_refresh(house, session_id, provider, clock):
    house.claims._store = IllStore(house.store, fails={"ensure_viewer"})
    clock.advance(601)
    assert isinstance(await house.sessions.admit(session_id, BOARD), Admitted)
    assert len(provider.refreshes) == 1


LAKE_OF_BOARD = replace(BOTH, access=Named(groups=frozenset({"board"})), integrations=(LAKE.guid,))


async def exchanged(house, session_id):
    token = house.sessions._session_token(house.hash_of(session_id), LAKE_OF_BOARD)
    return await house.exchange.token(caller=house.key(LAKE_OF_BOARD), session_token=token, integration=None)


@pytest.fixture
async def at_lake(build, provider):
    provider.claims = ON_BOARD
    house = await build(directory(LAKE_OF_BOARD, sign_in=WAREHOUSE.guid))
    house.session_id = await house.log_in(LAKE_OF_BOARD)
    await house.log_in(LAKE_OF_BOARD, LAKE, session_id=house.session_id)
    assert isinstance(await house.sessions.admit(house.session_id, LAKE_OF_BOARD), Admitted)
    return house


async def test_a_group_taken_away_counts_at_the_exchange_too(at_lake, provider, clock):
    """Fails when only requests of browsers have claims read: an app behind an open WebSocket gets tokens for hours."""
    assert isinstance(await exchanged(at_lake, at_lake.session_id), Issued)
    provider.claims = ON_BOARD | {"groups": []}
    clock.advance(601)
    outcome = await exchanged(at_lake, at_lake.session_id)
    assert (outcome.status, outcome.code) == (403, 19)


async def test_a_session_that_ends_while_the_exchange_reads_claims_gets_nothing(at_lake):
    sessions = at_lake.sessions

    class Ends:
        async def fresh(self, *_):
            await sessions.end(at_lake.session_id)

    at_lake.sessions._keeper = Ends()
    outcome = await exchanged(at_lake, at_lake.session_id)
    assert (outcome.status, outcome.code) == (400, 215)


async def test_a_session_that_ends_meanwhile_is_over(house, session_id, provider, clock):
    clock.advance(601)
    store = house.store

    class Signs:
        async def fresh(self, *_):
            await store.end_session(house.hash_of(session_id))

    house.sessions._keeper = Signs()
    assert not isinstance(await house.sessions.admit(session_id, BOARD), Admitted)


async def test_tokens_of_another_integration_say_nothing_about_the_viewer(house, session_id, provider, clock):
    await house.log_in(BOTH, LAKE, session_id=session_id)
    clock.advance(601)
    asked = len([request for request in provider.requests if request.url.endswith("/userinfo")])
    await house.keeper.fresh(await house.viewer_guid(session_id), LAKE)
    assert len([request for request in provider.requests if request.url.endswith("/userinfo")]) == asked
    assert len(provider.refreshes) == 1


async def test_a_refresh_after_a_consent_that_did_not_say_whose_it_was_says_nothing(house, session_id, provider, clock):
    row = await house.row(session_id)
    house.claims._sign_in = IntegrationGuid("another")
    clock.advance(601)
    asked = len(provider.requests)
    await house.keeper.fresh(row.viewer_guid, WAREHOUSE)
    assert [request.url for request in provider.requests[asked:]] == [ISSUER + "/token"]


# — with ID tokens ————————————————————————————————————————————————————————————————————————————————————————————————————

SIGNED = replace(WAREHOUSE, config=WAREHOUSE.config | {"jwks_uri": ISSUER + "/jwks"})


@pytest.fixture
async def signed(build, provider, clock):
    """Return a house whose provider signs ID tokens; ``said`` changes their claims."""
    of = directory(BOARD, SALES, BOTH, sign_in=WAREHOUSE.guid)
    house = await build(replace(of, integrations={WAREHOUSE.guid: SIGNED, LAKE.guid: LAKE}))
    house.said = {}
    house.nonce = ""
    provider.userinfo_script.append(answer(200, jwks(public_jwk(SIGNER.key))))

    def id_token():
        now = clock.at.timestamp()
        claims = ON_BOARD | {"iss": ISSUER, "aud": "sidecar", "iat": now, "exp": now + 300, "nonce": house.nonce}
        return SIGNER.sign(claims | house.said)

    provider.id_token = id_token
    return house


async def come_back(house, content=BOARD, **said):
    query = await house.start(content, SIGNED)
    house.nonce, house.said = query["nonce"], said
    return await house.come_back(query["state"])


async def test_an_id_token_signs_its_subject_in(signed, provider):
    outcome = await come_back(signed)
    assert isinstance(outcome, Granted)
    assert (await identity(signed, outcome.session_id.reveal())).groups == ("board",)
    assert [request.url for request in provider.requests] == [ISSUER + "/token", ISSUER + "/jwks"]


@pytest.mark.parametrize(
    "said",
    [{"nonce": "another"}, {"nonce": ""}, {"aud": "other"}, {"iss": "https://evil.example"}, {"exp": 1}],
    ids=repr,
)
async def test_an_id_token_that_is_not_of_this_flow_signs_nobody_in(signed, said):
    outcome = await come_back(signed, **said)
    assert isinstance(outcome, CodeRefused)
    assert outcome.because == "identity_refused"
    assert signed.changes == []


async def test_a_forged_id_token_refuses_a_mere_consent_too(signed):
    signed.configured = replace(signed.configured, sign_in=None)
    signed.__post_init__()
    outcome = await come_back(signed, SALES, aud="other")
    assert isinstance(outcome, CodeRefused)


async def test_a_sign_in_waits_while_the_keys_cannot_be_had(signed, provider):
    provider.userinfo_script[0] = answer(500, b"")
    outcome = await come_back(signed)
    assert isinstance(outcome, ProviderUnavailable)


async def test_a_mere_consent_does_not_need_the_keys(signed, provider):
    signed.configured = replace(signed.configured, sign_in=None)
    signed.__post_init__()
    provider.userinfo_script[0] = answer(500, b"")
    outcome = await come_back(signed, SALES)
    assert isinstance(outcome, Granted)
    assert (await signed.row(outcome.session_id.reveal())).account is None


async def test_the_id_token_of_a_refresh_says_it_again_without_a_nonce(signed, clock):
    session_id = (await come_back(signed)).session_id.reveal()
    signed.nonce, signed.said = "", {"groups": ["staff"]}
    clock.advance(601)
    assert isinstance(await signed.sessions.admit(session_id, BOARD), AccessRefused)
    assert await identity(signed, session_id) == Identity(
        subject="ada-at-id", email="ada@example.org", email_verified=True, groups=("staff",)
    )


async def test_a_forged_id_token_of_a_refresh_changes_nothing(signed, clock):
    session_id = (await come_back(signed)).session_id.reveal()
    signed.said = {"groups": ["everything"], "aud": "other"}
    clock.advance(601)
    assert isinstance(await signed.sessions.admit(session_id, BOARD), Admitted)
    assert (await identity(signed, session_id)).groups == ("board",)


# — with a server that is discovered —————————————————————————————————————————————————————————————————————————————————

COMPANY = replace(WAREHOUSE, template="oidc", config={"issuer": ISSUER, "client_id": "sidecar"})
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": ISSUER + "/authorize",
    "token_endpoint": ISSUER + "/token",
    "userinfo_endpoint": ISSUER + "/userinfo",
    "authorization_response_iss_parameter_supported": True,
}


@pytest.fixture
async def discovered(build, provider):
    provider.claims = ON_BOARD
    of = directory(BOARD, SALES, BOTH, sign_in=WAREHOUSE.guid)
    house = await build(replace(of, integrations={WAREHOUSE.guid: COMPANY, LAKE.guid: LAKE}))
    provider.userinfo_script.append(answer(200, DOCUMENT))
    return house


async def test_a_flow_goes_where_the_document_says(discovered, provider):
    query = await discovered.start(BOARD, COMPANY)
    assert isinstance(await discovered.come_back(query["state"]), Granted)
    assert [request.url for request in provider.requests] == [
        ISSUER + "/.well-known/openid-configuration",
        ISSUER + "/token",
        ISSUER + "/userinfo",
    ]


async def test_a_callback_without_the_iss_that_the_document_announces_is_refused(discovered, provider):
    query = await discovered.start(BOARD, COMPANY)
    outcome = await discovered.come_back(query["state"], iss="")
    assert type(outcome).__name__ == "IssuerMismatch"
    assert provider.token_requests == []


async def test_nobody_is_sent_anywhere_while_the_document_cannot_be_had(discovered, provider):
    provider.userinfo_script[0] = answer(200, DOCUMENT | {"issuer": "https://evil.example"})
    outcome = await discovered.authorization.start(
        content=BOARD, integration=COMPANY, return_to="/stock/?q=1", binding="b1", session_id=None
    )
    assert isinstance(outcome, ProviderUnavailable)
    assert outcome.return_to == "/stock/?q=1"


async def test_a_callback_after_a_restart_waits_and_spends_nothing_while_the_document_cannot_be_had(
    discovered, provider
):
    query = await discovered.start(BOARD, COMPANY)
    restarted = discovered.neighbour()
    provider.userinfo_script.append(LostAnswer("timeout"))
    assert isinstance(await restarted.come_back(query["state"]), ProviderUnavailable)
    assert provider.token_requests == []
    assert isinstance(await discovered.come_back(query["state"]), Granted)


async def test_tokens_are_served_and_refreshes_wait_while_the_document_cannot_be_had(discovered, provider, clock):
    query = await discovered.start(BOARD, COMPANY)
    session_id = (await discovered.come_back(query["state"])).session_id.reveal()
    restarted = discovered.neighbour()
    viewer = await discovered.viewer_guid(session_id)
    assert type(await restarted.keeper.fresh(viewer, COMPANY)).__name__ == "Fresh"
    clock.advance(601)
    provider.userinfo_script += [LostAnswer("timeout")] * 3
    found = await restarted.keeper.fresh(viewer, COMPANY)
    assert type(found).__name__ == "Unavailable"
    assert provider.refreshes == []
    assert (await discovered.row(session_id)).refresh_token is not None


async def test_claims_are_not_read_again_while_the_document_cannot_be_had(discovered, provider, clock):
    query = await discovered.start(BOARD, COMPANY)
    session_id = (await discovered.come_back(query["state"])).session_id.reveal()

    class Nowhere:
        async def locate(self, _):
            from proxy.flows.servers import Unlocated

            return Unlocated()

    discovered.claims._servers = Nowhere()
    provider.claims = ON_BOARD | {"groups": []}
    clock.advance(601)
    assert isinstance(await discovered.sessions.admit(session_id, BOARD), Admitted)
    assert len(provider.refreshes) == 1


async def test_tokens_that_end_while_the_claims_are_read_do_not_come_back_into_memory(
    house, session_id, provider, clock
):
    """Fails when the answer of the refresh is remembered after the row was replaced: the token of before is served on."""
    viewer_guid, row = await house.viewer_guid(session_id), await house.row(session_id)
    said = asyncio.Event()

    async def read_again(_):
        await said.wait()

    house.keeper._refreshed = read_again
    clock.advance(601)
    renewal = asyncio.create_task(house.keeper.fresh(viewer_guid, WAREHOUSE))
    while (await house.row(session_id)).generation == row.generation:
        await asyncio.sleep(0)
    await house.log_in(BOARD, session_id=session_id)
    consented = f"access-{provider.issued}"
    said.set()
    await renewal
    fresh = await house.keeper.fresh(viewer_guid, WAREHOUSE)
    assert fresh.access_token.reveal() == consented
