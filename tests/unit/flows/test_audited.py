"""What the use cases write down: who, whose, where, which authorization server, what for and until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.flows.revocation import Revocation
from proxy.flows.sessions import AccessRefused, Admitted
from proxy.model import OPERATOR, SIDECAR, Actor, ActorKind, AuditAction, HeaderPreset, HeaderRules, Named
from proxy.store.audit import AuditFilter
from tests.unit.flows.house import BOTH, LAKE, SALES, START, WAREHOUSE, answer, directory

ADA = "ada@example.org"


@pytest.fixture
async def named(build):
    """A house whose viewers have an identity: that of the provider."""
    return await build(directory(SALES, sign_in=WAREHOUSE.guid))


def told(house, action):
    return [line for line in house.lines if line.action is action]


async def written(house):
    """Return what was written down in the same transaction."""
    page = await house.store.audit.page(AuditFilter(), position=None, is_forward=True, most=100, most_read=1000)
    return page.events


async def test_signing_in_and_consenting_have_a_line_each(named):
    guid = await named.viewer_guid(await named.log_in())
    actor = Actor(kind=ActorKind.VIEWER, id=guid, name=ADA)
    assert [line.action for line in named.lines] == [AuditAction.SIGN_IN, AuditAction.CONSENT]
    for line in named.lines:
        assert (line.at, line.actor, line.viewer_guid) == (START, actor, guid)
        assert (line.content_guid, line.integration_guid) == (SALES.guid, WAREHOUSE.guid)
        assert line.scope == "openid offline_access"
        assert line.expires_at == START + timedelta(seconds=600)
        assert line.detail == {"account": ADA}


async def test_a_second_consent_is_no_second_sign_in(house):
    session_id = await house.log_in(BOTH)
    house.lines.clear()
    await house.log_in(BOTH, LAKE, session_id=session_id)
    [line] = house.lines
    assert (line.action, line.integration_guid, line.scope) == (AuditAction.CONSENT, LAKE.guid, "all")
    assert line.actor.name == "", "nobody knows who it is"


async def test_an_authorization_that_fails_is_neither(house):
    state = (await house.start())["state"]
    await house.come_back(state, error="access_denied")
    assert house.lines == []


async def test_who_signs_in_anew_leaves_the_session_before(named):
    session_id = await named.log_in()
    guid = await named.viewer_guid(session_id)
    named.lines.clear()
    named.provider.claims = {"sub": "bob-at-id", "email": "bob@example.org", "email_verified": True}
    state = (await named.start(session_id=None))["state"]
    await named.come_back(state, session_id=session_id)
    left = named.lines[0]
    assert (left.action, left.viewer_guid, left.detail) == (AuditAction.SIGN_OUT, guid, {"because": "signed_in_anew"})
    assert [(line.action, line.actor.name) for line in named.lines[1:]] == [
        (AuditAction.SIGN_IN, "bob@example.org"),
        (AuditAction.CONSENT, "bob@example.org"),
    ]


async def test_signing_out_has_a_line_once(named):
    session_id = await named.log_in()
    guid = await named.viewer_guid(session_id)
    named.lines.clear()
    await named.sessions.end(session_id)
    await named.sessions.end(session_id)
    [line] = named.lines
    assert (line.action, line.actor.name, line.viewer_guid) == (AuditAction.SIGN_OUT, ADA, guid)


async def test_signing_out_everywhere_is_a_revocation_too(named):
    session_id = await named.log_in()
    await named.log_in()
    named.lines.clear()
    await named.sessions.end_everywhere(session_id)
    assert [(line.action, dict(line.detail)) for line in named.lines] == [
        (AuditAction.SIGN_OUT, {"sessions": "2"}),
        (AuditAction.REVOCATION, {"because": "signed_out_everywhere"}),
    ]


async def test_a_refresh_has_a_line_with_the_new_tokens_scope_and_end(house, clock):
    session_id = await house.log_in()
    clock.advance(601)
    await house.sessions.admit(session_id, SALES)
    [line] = told(house, AuditAction.REFRESH)
    assert (line.actor, line.viewer_guid) == (SIDECAR, await house.viewer_guid(session_id))
    assert (line.integration_guid, line.scope) == (WAREHOUSE.guid, "openid offline_access")
    assert line.expires_at == clock() + timedelta(seconds=600)


@pytest.mark.parametrize("error", ["invalid_grant", "interaction_required"])
async def test_a_grant_that_the_provider_ends_has_a_line_that_says_why(house, clock, provider, error):
    session_id = await house.log_in()
    clock.advance(601)
    provider.script.append(answer(400, {"error": error}))
    await house.sessions.admit(session_id, SALES)
    assert told(house, AuditAction.REFRESH) == []
    [line] = told(house, AuditAction.GRANT_ENDED)
    assert line.actor == Actor(kind=ActorKind.PROVIDER, id=WAREHOUSE.guid)
    assert (line.viewer_guid, line.detail) == (await house.viewer_guid(session_id), {"because": error})


async def test_a_provider_that_is_down_ends_nothing_and_has_no_line(house, clock, provider):
    session_id = await house.log_in()
    house.lines.clear()
    clock.advance(601)
    provider.script.extend([answer(503, {})] * 9)
    await house.sessions.admit(session_id, SALES)
    assert house.lines == []


async def test_an_admission_says_which_tokens_are_in_its_headers(house):
    session_id = await house.log_in(BOTH)
    await house.log_in(BOTH, LAKE, session_id=session_id)
    admitted = await house.sessions.admit(session_id, BOTH)
    assert isinstance(admitted, Admitted)
    until = (START + timedelta(seconds=600)).timestamp()
    assert admitted.handed_out == (
        (WAREHOUSE.guid, "openid offline_access", until),
        (LAKE.guid, "all", until),
    )


async def test_a_token_that_a_contents_rules_leave_out_is_not_handed_out(build):
    """Fails when the tokens that were gathered are told of, not those that go out."""
    rules = HeaderRules(preset=HeaderPreset.SESSION_TOKEN_ONLY)
    content = replace(SALES, headers=rules)
    house = await build(directory(content))
    admitted = await house.sessions.admit(await house.log_in(content), content)
    assert isinstance(admitted, Admitted)
    assert b"access-1" not in admitted.header_block
    assert admitted.handed_out == ()


async def test_sessions_that_an_operator_ends_have_a_line_each_in_the_same_transaction(named):
    revocation = Revocation(store=named.store, lifetimes=named.lifetimes, now=named.clock)
    guid = await named.viewer_guid(await named.log_in())
    assert await revocation.end_all() == 1
    assert await revocation.end_all() == 0
    [line] = await written(named)
    assert (line.action, line.actor, line.viewer_guid) == (AuditAction.REVOCATION, OPERATOR, guid)
    assert line.detail == {"ended": "session"}


async def test_what_an_operator_disconnects_has_a_line_for_each_viewer_who_had_any(named):
    revocation = Revocation(store=named.store, lifetimes=named.lifetimes, now=named.clock)
    guid = await named.viewer_guid(await named.log_in())
    await revocation.disconnect(WAREHOUSE.guid, await revocation.viewers_named(ADA))
    await revocation.disconnect(WAREHOUSE.guid, None)
    [line] = await written(named)
    assert (line.viewer_guid, line.integration_guid) == (guid, WAREHOUSE.guid)
    assert line.detail == {"ended": "credentials"}


async def test_sessions_that_end_by_age_have_a_line_each(named, clock):
    guid = await named.viewer_guid(await named.log_in())
    clock.advance(13 * 3600)
    assert await named.housekeeping.purge() == 1
    [line] = await written(named)
    assert (line.action, line.actor, line.viewer_guid) == (AuditAction.SIGN_OUT, SIDECAR, guid)
    assert line.detail == {"because": "age"}


async def test_a_viewer_whom_the_rule_does_not_name_is_written_down_with_the_content(build):
    closed = replace(SALES, access=Named(emails=frozenset({"bob@example.org"})))
    house = await build(directory(closed, sign_in=WAREHOUSE.guid))
    session_id = await house.log_in(closed)
    house.lines.clear()
    assert isinstance(await house.sessions.admit(session_id, closed), AccessRefused)
    [line] = house.lines
    assert (line.action, line.actor.name, line.content_guid) == (AuditAction.ACCESS_REFUSED, ADA, SALES.guid)
    assert line.detail == {"because": "access_rule"}
