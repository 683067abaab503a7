"""Content asks for its viewer's token, in Connect's words."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from proxy.errors import StoreUnavailable
from proxy.flows.exchange_answers import Issued
from proxy.flows.refused import Refused
from proxy.model import AuditAction, ChangesLost, ConsentEnded, DirectoryChanged, Named
from proxy.policy.exchange_refusals import (
    ACCESS_TOKEN,
    AWS_CREDENTIALS,
    CONTENT_SESSION_TOKEN,
    GRANT_TYPE,
    ID_TOKEN,
    USER_SESSION_TOKEN,
    VISITOR_API_KEY,
)
from tests.unit.flows.house import BOTH, LAKE, PUBLIC_URL, SALES, STOCK, WAREHOUSE, answer, directory
from tests.unit.flows.ill_store import IllStore


async def session_token(house, session_id, content=SALES):
    """What the content reads in its header."""
    admitted = await house.sessions.admit(session_id, content)
    lines = dict(line.split(": ", 1) for line in admitted.header_block.decode().splitlines())
    return lines["Posit-Connect-User-Session-Token"]


async def both(house):
    """A viewer who consented to two integrations of one content: session id and session token."""
    session_id = await house.log_in(BOTH)
    await house.log_in(BOTH, LAKE, session_id=session_id)
    return session_id, await session_token(house, session_id, BOTH)


async def redeem(house, token, *, content=SALES, **changed):
    form = {
        "grant_type": GRANT_TYPE,
        "subject_token_type": USER_SESSION_TOKEN,
        "subject_token": token,
        "requested_token_type": None,
        "audience": None,
        **changed,
    }
    return await house.exchange.redeem(caller=house.key(content), **form)


def refusal(outcome):
    assert isinstance(outcome, Refused), outcome
    return outcome.status, outcome.code


async def test_content_gets_its_viewers_token_in_connects_shape(house):
    token = await session_token(house, await house.log_in())
    issued = await redeem(house, token)
    assert isinstance(issued, Issued)
    assert issued.access_token.reveal() == "access-1"
    assert issued.issued_token_type == ACCESS_TOKEN
    assert issued.token_type == "Bearer"
    assert issued.expires_in == 540
    assert "access-1" not in repr(issued)


async def test_a_token_at_its_end_is_renewed_first(house, clock, provider):
    token = await session_token(house, await house.log_in())
    clock.advance(601)
    issued = await asyncio.gather(*(redeem(house, token) for _ in range(50)))
    assert {one.access_token.reveal() for one in issued} == {"access-2"}
    assert len(provider.refreshes) == 1


async def test_the_remaining_life_is_always_a_positive_whole_number(house, clock):
    token = await session_token(house, await house.log_in())
    clock.advance(545)
    issued = await redeem(house, token)
    assert isinstance(issued.expires_in, int)
    assert issued.expires_in >= 1


@pytest.mark.parametrize("requested", [None, "", ACCESS_TOKEN])
async def test_an_access_token_may_be_asked_for_by_name(house, requested):
    token = await session_token(house, await house.log_in())
    assert isinstance(await redeem(house, token, requested_token_type=requested), Issued)


# — what is wrong with the form ———————————————————————————————————————————————————————————————————

WRONG: dict[str, tuple[dict[str, str | None], tuple[int, int]]] = {
    "no grant type": ({"grant_type": None}, (400, 213)),
    "another grant type": ({"grant_type": "client_credentials"}, (400, 213)),
    "no subject token type": ({"subject_token_type": None}, (400, 214)),
    "another subject token type": ({"subject_token_type": "urn:posit:connect:api-key"}, (400, 214)),
    "a viewer's token as a content's": ({"subject_token_type": CONTENT_SESSION_TOKEN}, (400, 236)),
    "no subject token": ({"subject_token": None}, (400, 215)),
    "an empty subject token": ({"subject_token": ""}, (400, 215)),
    "a made-up subject token": ({"subject_token": "made-up"}, (400, 215)),
    "a kind of token that nobody knows": ({"requested_token_type": "urn:example:a-pony"}, (400, 242)),
    "cloud credentials": ({"requested_token_type": AWS_CREDENTIALS}, (400, 250)),
    "an ID token": ({"requested_token_type": ID_TOKEN}, (400, 250)),
    "an API key of the visitor": ({"requested_token_type": VISITOR_API_KEY}, (400, 250)),
    "an API key of the content's visitor": (
        {"requested_token_type": VISITOR_API_KEY, "subject_token_type": CONTENT_SESSION_TOKEN},
        (400, 249),
    ),
    "an unknown audience": ({"audience": "99999999-9999-4999-8999-999999999999"}, (400, 256)),
    "an audience of another content": ({"audience": LAKE.guid}, (400, 256)),
    "an audience by name": ({"audience": "warehouse"}, (400, 256)),
}


@pytest.mark.parametrize(("changed", "expected"), WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_form_is_refused_with_connects_code(house, changed, expected):
    token = await session_token(house, await house.log_in())
    assert refusal(await redeem(house, token, **changed)) == expected


async def test_a_refusal_repeats_nothing_of_the_request(house):
    for changed, _ in WRONG.values():
        refused = await redeem(house, "made-up", **changed)
        for value in changed.values():
            assert not value or value not in refused.text


# — which integration —————————————————————————————————————————————————————————————————————————————


async def test_of_several_integrations_the_audience_says_which(house):
    _, token = await both(house)
    values = [
        (await redeem(house, token, content=BOTH, audience=one.guid)).access_token.reveal() for one in (WAREHOUSE, LAKE)
    ]
    assert values == ["access-1", "access-2"]


async def test_of_several_integrations_none_is_chosen_for_the_content(house):
    _, token = await both(house)
    assert refusal(await redeem(house, token, content=BOTH)) == (400, 257)
    assert refusal(await house.exchange.token(caller=house.key(BOTH), session_token=token, integration=None)) == (
        400,
        257,
    )


async def test_a_content_without_integrations_is_told_so(build):
    plain = replace(STOCK, integrations=())
    house = await build(directory(SALES, plain))
    token = await session_token(house, await house.log_in(), plain)
    assert refusal(await redeem(house, token, content=plain)) == (400, 212)


@pytest.mark.parametrize("name", [WAREHOUSE.guid, WAREHOUSE.slug])
async def test_an_integration_that_is_called_what_another_is_does_not_stand_in_for_it(build, name):
    """Fails when the first that has any such name is meant: content would send one server's token to the other."""
    lake = replace(LAKE, name=name)
    content = replace(BOTH, integrations=(lake.guid, WAREHOUSE.guid))
    house = await build(replace(directory(content), integrations={one.guid: one for one in (WAREHOUSE, lake)}))
    session_id = await house.log_in(content)
    await house.log_in(content, lake, session_id=session_id)
    token = house.sessions._session_token(house.hash_of(session_id), content)
    await house.sessions.admit(session_id, content)
    await house.exchange.token(caller=house.key(content), session_token=token, integration=name)
    assert house.lines[-1].integration_guid == WAREHOUSE.guid


async def test_a_name_that_two_have_is_neithers(build):
    lake = replace(LAKE, name=WAREHOUSE.name, slug="lake")
    warehouse = replace(WAREHOUSE, slug="dwh")
    house = await build(replace(directory(BOTH), integrations={one.guid: one for one in (warehouse, lake)}))
    session_id = await house.log_in(BOTH, warehouse)
    await house.log_in(BOTH, lake, session_id=session_id)
    token = house.sessions._session_token(house.hash_of(session_id), BOTH)
    await house.sessions.admit(session_id, BOTH)
    outcome = await house.exchange.token(caller=house.key(BOTH), session_token=token, integration=WAREHOUSE.name)
    assert (outcome.status, outcome.code) == (400, 256)


@pytest.mark.parametrize("name", [LAKE.guid, LAKE.slug, LAKE.name])
async def test_the_short_form_takes_guid_slug_and_name(house, name):
    _, token = await both(house)
    issued = await house.exchange.token(caller=house.key(BOTH), session_token=token, integration=name)
    assert issued.access_token.reveal() == "access-2"


async def test_the_short_form_refuses_as_the_long_one_does(house):
    for token, name, expected in ((None, None, (400, 215)), ("made-up", "lake", (400, 215))):
        outcome = await house.exchange.token(caller=house.key(), session_token=token, integration=name)
        assert refusal(outcome) == expected
    token = await session_token(house, await house.log_in())
    outcome = await house.exchange.token(caller=house.key(), session_token=token, integration="nothing")
    assert refusal(outcome) == (400, 256)


async def test_contents_viewers_and_integrations_never_get_each_others_tokens(house, clock):
    expected = {}
    for content in (SALES, STOCK, BOTH):
        for _ in range(3):
            session_id = await house.log_in(content)
            if content is BOTH:
                await house.log_in(BOTH, LAKE, session_id=session_id)
            token = await session_token(house, session_id, content)
            for guid in content.integrations:
                issued = await redeem(house, token, content=content, audience=guid)
                expected[content.name, token, guid] = issued.access_token.reveal()
    assert len(set(expected.values())) == len(expected) == 12
    by_name = {content.name: content for content in (SALES, STOCK, BOTH)}
    asked = list(expected) * 5
    issued = await asyncio.gather(
        *(redeem(house, token, content=by_name[name], audience=guid) for name, token, guid in asked)
    )
    assert [one.access_token.reveal() for one in issued] == [expected[one] for one in asked]


# — whose token ———————————————————————————————————————————————————————————————————————————————————


async def test_the_key_of_another_content_redeems_nothing(house):
    token = await session_token(house, await house.log_in())
    assert refusal(await redeem(house, token, content=STOCK)) == (403, 22)


async def test_a_signed_out_viewers_token_is_refused_at_once(house):
    session_id = await house.log_in()
    token = await session_token(house, session_id)
    assert isinstance(await redeem(house, token), Issued)
    await house.sessions.end(session_id)
    assert refusal(await redeem(house, token)) == (400, 215)


async def test_an_idle_viewers_token_is_refused(house, clock):
    token = await session_token(house, await house.log_in())
    clock.advance(12 * 3600)
    assert refusal(await redeem(house, token)) == (400, 215)


async def test_a_viewer_who_is_not_named_any_more_gets_nothing(build):
    house = await build(directory(sign_in=WAREHOUSE.guid))
    token = await session_token(house, await house.log_in())
    closed = replace(SALES, access=Named(emails=frozenset({"ben@example.org"})))
    house = await build(directory(closed, sign_in=WAREHOUSE.guid))
    assert refusal(await redeem(house, token)) == (403, 19)


async def test_a_content_that_is_gone_gets_nothing(build):
    house = await build()
    token = await session_token(house, await house.log_in())
    house = await build(directory(STOCK))
    assert refusal(await redeem(house, token)) == (400, 215)


async def test_without_consent_the_viewer_is_shown_where_to_give_it(build):
    before = replace(BOTH, integrations=(WAREHOUSE.guid,))
    house = await build(directory(before))
    token = await session_token(house, await house.log_in(before), before)
    house = await build()
    refused = await redeem(house, token, content=BOTH, audience=LAKE.guid)
    assert refusal(refused) == (400, 220)
    assert refused.login_url == f"{PUBLIC_URL}/__oauth__/login?content={BOTH.guid}&integration={LAKE.guid}"


async def test_a_dead_grant_shows_the_viewer_where_to_connect_again(house, clock, provider):
    token = await session_token(house, await house.log_in())
    clock.advance(601)
    provider.script.append(answer(400, {"error": "invalid_grant"}))
    refused = await redeem(house, token)
    assert refusal(refused) == (400, 219)
    assert refused.login_url == f"{PUBLIC_URL}/__oauth__/login?content={SALES.guid}&integration={WAREHOUSE.guid}"


async def test_a_provider_that_is_down_is_worth_waiting_for(house, clock, provider):
    token = await session_token(house, await house.log_in())
    clock.advance(601)
    provider.script.append(answer(503, {}, **{"retry-after": "60"}))
    refused = await redeem(house, token)
    assert refusal(refused) == (503, 241)
    assert refused.retry_after_s == pytest.approx(60, abs=1)


async def test_a_store_that_fails_is_not_an_invalid_token(house):
    token = await session_token(house, await house.log_in())
    house.session_tokens._store = IllStore(house.store, fails={"redeem_session_token"})
    with pytest.raises(StoreUnavailable):
        await redeem(house, token)


async def test_while_nothing_changes_an_exchange_asks_nobody(house, provider):
    token = await session_token(house, await house.log_in())
    await redeem(house, token)
    house.session_tokens._store = house.keeper._store = ill = IllStore(house.store)
    asked = len(provider.requests)
    for _ in range(10):
        assert isinstance(await redeem(house, token), Issued)
    assert (ill.calls, len(provider.requests)) == ([], asked)


async def test_a_hundred_exchanges_and_the_header_share_one_refresh(house, clock, provider):
    session_id = await house.log_in()
    token = await session_token(house, session_id)
    clock.advance(601)
    provider.gate = asyncio.Event()
    asking = [asyncio.create_task(redeem(house, token)) for _ in range(100)]
    visiting = [asyncio.create_task(house.sessions.admit(session_id, SALES)) for _ in range(20)]
    while not provider.refreshes:
        await asyncio.sleep(0)
    provider.gate.set()
    assert Counter([(await one).access_token.reveal() for one in asking]) == {"access-2": 100}
    assert all([b"X-Forwarded-Access-Token: access-2" in (await one).header_block for one in visiting])
    assert len(provider.refreshes) == 1


# — what changes while it is asked ————————————————————————————————————————————————————————————————


async def while_a_refresh_runs(house, clock, provider, change):
    """Ask for a token that is due, and let something change before the provider answers."""
    session_id = await house.log_in()
    token = await session_token(house, session_id)
    clock.advance(601)
    provider.gate = asyncio.Event()
    asking = asyncio.create_task(redeem(house, token))
    while not provider.refreshes:
        await asyncio.sleep(0)
    await change(session_id)
    provider.gate.set()
    return await asking


async def test_who_signs_out_while_a_refresh_runs_lends_no_token_any_more(house, clock, provider):
    assert refusal(await while_a_refresh_runs(house, clock, provider, house.sessions.end)) == (400, 215)


async def test_who_is_disconnected_while_a_refresh_runs_lends_no_token_any_more(house, clock, provider):
    async def disconnect(session_id):
        viewer_guid = await house.viewer_guid(session_id)
        await house.store.disconnect(WAREHOUSE.guid, viewer_guid=viewer_guid)
        house.publish(ConsentEnded(viewer_guid, SALES.guid))

    assert refusal(await while_a_refresh_runs(house, clock, provider, disconnect)) == (400, 220)


async def test_an_integration_taken_from_the_content_while_a_refresh_runs_lends_no_token_any_more(
    house, clock, provider
):
    async def dissociate(_session_id):
        house.directory.contents.become({SALES.guid: replace(SALES, integrations=(LAKE.guid,)), STOCK.guid: STOCK})
        house.publish(DirectoryChanged(frozenset({SALES.guid})))

    assert refusal(await while_a_refresh_runs(house, clock, provider, dissociate)) == (400, 256)


async def test_a_content_that_is_deleted_while_a_refresh_runs_lends_no_token_any_more(house, clock, provider):
    async def delete(_session_id):
        house.directory.contents.become({STOCK.guid: STOCK})
        house.publish(DirectoryChanged(frozenset({SALES.guid})))

    assert refusal(await while_a_refresh_runs(house, clock, provider, delete)) == (400, 215)


async def test_a_change_elsewhere_while_a_refresh_runs_changes_nothing(house, clock, provider):
    other = await house.log_in()

    async def end_other(_session_id):
        await house.sessions.end(other)

    assert isinstance(await while_a_refresh_runs(house, clock, provider, end_other), Issued)


# — what is written down ——————————————————————————————————————————————————————————————————————————


async def test_each_hand_out_is_written_down_without_the_token(house):
    session_id = await house.log_in()
    token = await session_token(house, session_id)
    house.lines.clear()
    await redeem(house, token)
    [line] = house.lines
    assert line.action is AuditAction.HAND_OUT_EXCHANGE
    assert (line.viewer_guid, line.content_guid, line.integration_guid) == (
        await house.viewer_guid(session_id), SALES.guid, WAREHOUSE.guid,
    )  # fmt: skip
    row = await house.row(session_id)
    assert (line.scope, line.expires_at) == (row.scope, row.expires_at)
    assert "access-1" not in repr(line)
    assert token not in repr(line)


async def test_each_refusal_is_written_down_with_what_was_known(house):
    token = await session_token(house, session_id := await house.log_in())
    house.lines.clear()
    await redeem(house, "made-up")
    await redeem(house, token, content=STOCK)
    await redeem(house, token, audience=LAKE.guid)
    forged, of_another, not_associated = house.lines
    assert {line.action for line in house.lines} == {AuditAction.EXCHANGE_REFUSED}
    viewer_guid = await house.viewer_guid(session_id)
    assert [(line.viewer_guid, line.content_guid, line.detail["code"]) for line in house.lines] == [
        (None, SALES.guid, "215"), (viewer_guid, STOCK.guid, "22"), (viewer_guid, SALES.guid, "256"),
    ]  # fmt: skip
    assert "made-up" not in repr(forged)
    assert token not in repr(of_another)
    assert not_associated.integration_guid is None, "what was asked for is the caller's word only"


# — how often —————————————————————————————————————————————————————————————————————————————————————


async def test_so_many_exchanges_of_one_session_token_and_no_more(house, clock):
    """Both forms count together; 100 as in the house."""
    ada, bob = [await session_token(house, await house.log_in()) for _ in range(2)]
    for _ in range(50):
        assert isinstance(await redeem(house, ada), Issued)
        assert isinstance(await house.exchange.token(caller=house.key(), session_token=ada, integration=None), Issued)
    house.session_tokens._store = ill = IllStore(house.store)
    house.session_tokens.apply(ChangesLost())
    outcome = await redeem(house, ada)
    assert refusal(outcome) == (429, 277)
    assert outcome.retry_after_s == 1
    assert ill.calls == [], "the store is not asked"
    assert isinstance(await redeem(house, bob), Issued), "another viewer's token"
    clock.advance(outcome.retry_after_s)
    assert isinstance(await redeem(house, ada), Issued)


async def test_tokens_that_never_were_count_too(house):
    for _ in range(100):
        assert refusal(await redeem(house, "guess")) == (400, 215)
    assert refusal(await redeem(house, "guess")) == (429, 277)
