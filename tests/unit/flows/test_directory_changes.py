"""Integrations and associations are made, changed and deleted through the API: what is refused, and what becomes of viewers."""

import asyncio
from dataclasses import replace

import pytest

from proxy.flows.administered import IntegrationChanged, IntegrationChanges, NewIntegration
from proxy.flows.fresh_tokens import Fresh
from proxy.flows.refused import NOT_ALLOWED, NOT_THERE, Refused
from proxy.flows.sessions import Admitted, ConsentNeeded
from proxy.model import (
    Anyone,
    AuditAction,
    ConsentEnded,
    CredentialsChanged,
    DirectoryChanged,
    PermissionGrant,
)
from proxy.policy.exchange_refusals import GRANT_TYPE, USER_SESSION_TOKEN
from proxy.store.audit import AuditFilter
from tests.unit.flows.callers import ADA, BOB, EVE, OF_SALES
from tests.unit.flows.house import LAKE, SALES, STOCK, WAREHOUSE, answer, directory

OPEN = replace(SALES, integrations=(), are_integrations_configured=False)
OPEN_TOO = replace(STOCK, integrations=(), are_integrations_configured=False)
NOBODY = "99999999-9999-4999-8999-999999999999"
SECRET = "kH3-crm-secret"
CRM = {
    "authorization_uri": "https://id.example.net/authorize",
    "token_uri": "https://id.example.net/token",
    "revocation_uri": "https://id.example.net/revoke",
    "client_id": "sidecar-at-crm",
    "client_secret": SECRET,
    "use_pkce": "true",
}
ROBOT = {
    "token_uri": "https://id.example.net/token",
    "client_id": "robot",
    "client_secret": SECRET,
    "auth_type": "Service Account",
}


@pytest.fixture
async def house(build):
    return await build(directory(OPEN, OPEN_TOO, sign_in=WAREHOUSE.guid))


async def create(house, config=CRM, *, name="crm", template="custom", caller=ADA, **more):
    return await house.administration.create(
        caller, NewIntegration(name=name, template=template, config=config, **more)
    )


async def made(house, config=CRM, **more):
    return (await create(house, config, **more)).integration


async def change(house, integration, *, caller=ADA, **what):
    return await house.administration.change(caller, integration.guid, IntegrationChanges(**what))


async def lines_of(house, action):
    """Lines of the audit log, as they are stored."""
    page = await house.store.audit.page(
        AuditFilter(action=action), position=None, is_forward=True, most=100, most_read=1000
    )
    return page.events


async def connected(house, integration):
    """Sign in and let sales have the token of an integration; return the browser's session."""
    session_id = await house.log_in(house.directory.contents[OPEN.guid], WAREHOUSE)
    return await house.log_in(
        house.directory.contents[OPEN.guid], house.directory.integrations[integration.guid], session_id=session_id
    )


async def admission(house, session_id, content=OPEN):
    return await house.sessions.admit(session_id, house.directory.contents[content.guid])


# — made ——————————————————————————————————————————————————————————————————————————————————————


async def test_what_is_made_is_what_was_asked_for_and_its_secret_is_sealed(house):
    record = await create(
        house, description="Orders\nand offers", permissions=(PermissionGrant(user="bob@example.org"),)
    )
    one = record.integration
    assert (one.name, one.slug, one.template, one.description) == ("crm", "crm", "custom", "Orders\nand offers")
    assert dict(one.config) == {name: value for name, value in CRM.items() if name != "client_secret"}
    assert one.client_secret.reveal() == SECRET
    assert (record.everyone, record.is_configured, record.content_count) == (False, False, 0)
    assert SECRET.encode() not in house.path.read_bytes()
    assert SECRET.encode() not in house.path.with_name(house.path.name + "-wal").read_bytes()
    assert house.administration.integrations(ADA)[-1] == record


async def test_an_integration_without_a_name_is_called_after_its_template(house):
    names = [(await create(house, name=name)).integration.name for name in ("", " ")]
    assert names == ["Custom", "Custom 2"]


async def test_a_name_without_a_letter_for_a_slug_and_a_reserved_one_get_another(house):
    slugs = [(await made(house, name=name)).slug for name in ("データ", "Expires", "expires!")]
    assert slugs == ["custom", "expires-2", "expires-3"]


REFUSED = {
    "an unknown template": ({"template": "magic"}, 227, "azure"),
    "a name that is there": ({"name": "warehouse"}, 225, "already"),
    "a name of two lines": ({"name": "a\nb"}, 225, "one line"),
    "a long name": ({"name": "n" * 129}, 225, "128"),
    "a description with a bell": ({"description": "\a"}, 226, "printable"),
    "an unknown key": ({"config": {**CRM, "scope": "all"}}, 228, "scope: unknown field"),
    "a key that no one can have": ({"config": {**CRM, SECRET: "x"}}, 228, "(unknown): unknown field"),
    "a required key that is missing": ({"config": {**CRM, "client_id": ""}}, 228, "client_id: required"),
    "an empty secret": ({"config": {**CRM, "client_secret": ""}}, 228, "client_secret: must not be empty"),
    "a placeholder": ({"config": {**CRM, "client_secret": "changeme"}}, 228, "client_secret: this is a placeholder"),
    "a secret of two lines": ({"config": {**CRM, "client_secret": "a\r\nb"}}, 228, "one line of printable"),
    "a key that is no key": ({"config": {**CRM, "private_key": "-----BEGIN"}}, 228, "private_key"),
    "a flag that is none": ({"config": {**CRM, "use_pkce": "perhaps"}}, 228, "use_pkce: must be one of true, false"),
    "a service account without a secret": (
        {"config": {name: value for name, value in ROBOT.items() if name != "client_secret"}}, 228, "client_secret",
    ),
    "plain http": ({"config": {**CRM, "token_uri": "http://id.example.net/token"}}, 228, "token_uri: must be an https"),
    "loopback": ({"config": {**CRM, "token_uri": "http://127.0.0.1:8080/token"}}, 228, "token_uri: is not on the public"),
    "loopback by name": ({"config": {**CRM, "token_uri": "http://localhost/token"}}, 228, "token_uri: is not on the pub"),
    "a cloud's metadata": ({"config": {**CRM, "userinfo_uri": "https://169.254.169.254/"}}, 228, "userinfo_uri: is not"),
    "a cloud's metadata by name": (
        {"config": {**CRM, "token_uri": "https://metadata.google.internal/token"}}, 228, "token_uri: is the name of a cloud",
    ),
    "a permission for nobody": ({"permissions": (PermissionGrant(),)}, 261, "user or a group"),
    "a permission for two": ({"permissions": (PermissionGrant(user="a@b.c", group="g"),)}, 261, "not both"),
    "a thousand and one permissions": (
        {"permissions": tuple(PermissionGrant(group=f"g{number}") for number in range(1001))}, 25, "at most 1000",
    ),
    "a permission twice": ({"permissions": (PermissionGrant(group="g"), PermissionGrant(group="g"))}, 258, "twice"),
}  # fmt: skip


@pytest.mark.parametrize(("what", "code", "said"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_cannot_be_an_integration_is_refused_and_nothing_is_written(house, what, code, said):
    position, _ = await house.store.changes_since(-1)
    refused = await create(house, **what)
    assert isinstance(refused, Refused)
    assert (refused.status, refused.code) == (400, code)
    assert said in refused.text
    assert SECRET not in refused.text
    assert (await house.store.administration.read()).integrations == []
    assert (await house.store.changes_since(-1))[0] == position


@pytest.mark.parametrize("text", ["file:/etc/passwd", "${HOME}", "$HOME", "/etc/passwd"])
async def test_a_value_of_the_api_stands_for_nothing_but_itself(house, text):
    one = await made(house, {**CRM, "client_id": text, "client_secret": text})
    assert one.config["client_id"] == text
    assert one.client_secret.reveal() == text


@pytest.mark.parametrize("caller", [BOB, OF_SALES], ids=["publisher", "content"])
async def test_only_administrators_make_change_and_delete(house, caller):
    one = await made(house)
    assert await create(house, name="mine", caller=caller) == NOT_ALLOWED
    assert await change(house, one, name="mine", caller=caller) == NOT_ALLOWED
    assert await house.administration.delete(caller, one.guid) == NOT_ALLOWED
    assert await house.administration.verify(caller, one.guid) == NOT_ALLOWED


async def test_what_is_made_has_its_line_in_the_audit_log(house):
    one = await made(house)
    (line,) = await lines_of(house, AuditAction.INTEGRATION_CREATED)
    assert (line.actor.id, line.integration_guid, line.detail) == (ADA.guid, one.guid, {"name": "crm"})


# — changed ———————————————————————————————————————————————————————————————————————————————————


async def test_config_is_merged_key_by_key_and_a_secret_that_is_not_said_stays(house):
    """As rsconnect does: the whole config without its secret comes back, with one key more."""
    one = await made(house)
    changed = await change(house, one, config={**one.config, "scopes": "all"})
    after = changed.record.integration
    assert dict(after.config) == {**one.config, "scopes": "all"}
    assert after.client_secret.reveal() == SECRET
    assert (changed.ended_credentials, changed.ended_consents) == (0, 0)


async def test_null_takes_a_key_away_and_a_new_secret_takes_the_place_of_the_old_one(house):
    one = await made(house, {**CRM, "scopes": "all"})
    after = (await change(house, one, config={"scopes": None, "client_secret": "kH3-another"})).record.integration
    assert "scopes" not in after.config
    assert after.client_secret.reveal() == "kH3-another"
    public = (await change(house, one, config={"client_secret": None})).record.integration
    assert public.client_secret is None


async def test_a_change_that_the_recipe_refuses_changes_nothing(house):
    one = await made(house)
    for config in ({"token_uri": None}, {"scope": "x"}, {"client_secret": ""}, {"token_uri": "https://127.1/token"}):
        refused = await change(house, one, config=config)
        assert (refused.status, refused.code) == (400, 228), config
    assert house.directory.integrations[one.guid] is one


async def test_what_is_not_asked_for_stays(house):
    one = await made(house, description="Orders", permissions=(PermissionGrant(group="g"),))
    record = (await change(house, one, name="CRM")).record
    assert record.integration == replace(one, name="CRM")
    assert record.permissions == (PermissionGrant(group="g"),)
    record = (await change(house, one, description="", permissions=())).record
    assert (record.integration.description, record.everyone) == ("", True)


async def test_a_template_stays(house):
    one = await made(house)
    assert (await change(house, one, template="github")).code == 229
    assert isinstance(await change(house, one, template="custom"), IntegrationChanged)


async def test_the_time_of_the_last_change_is_told(house, clock):
    before = house.administration.integration(ADA, (one := await made(house)).guid)
    clock.advance(60)
    after = (await change(house, one, description="new")).record
    assert after.created_at == before.created_at
    assert after.updated_at > before.updated_at


async def test_what_changed_is_in_the_audit_log_and_what_it_was_is_not(house):
    one = await made(house)
    await change(house, one, name="CRM", config={"scopes": "all", "client_secret": "kH3-another"})
    (line,) = await lines_of(house, AuditAction.INTEGRATION_CHANGED)
    assert line.detail == {"name": "CRM", "changed": "name client_secret scopes"}


async def test_what_the_configuration_defines_is_changed_there(house):
    for refused in (
        await house.administration.change(ADA, WAREHOUSE.guid, IntegrationChanges(name="mine")),
        await house.administration.delete(ADA, WAREHOUSE.guid),
    ):
        assert (refused.status, refused.code) == (409, 2)
        assert refused.text == "defined in config.yaml: change the integration `warehouse` there"
    assert await house.administration.change(ADA, NOBODY, IntegrationChanges(name="mine")) == NOT_THERE
    assert await house.administration.delete(ADA, NOBODY) == NOT_THERE


# — it points elsewhere ———————————————————————————————————————————————————————————————————————

ELSEWHERE = {
    "another client": {"client_id": "somebody-else"},
    "another token endpoint": {"token_uri": "https://id.example.net/token2"},
    "another authorization endpoint": {"authorization_uri": "https://other.example.net/authorize"},
    "another revocation endpoint": {"revocation_uri": "https://evil.example.net/revoke", "client_secret": "kH3-other"},
    "a userinfo endpoint": {"userinfo_uri": "https://evil.example.net/userinfo"},
}


@pytest.mark.parametrize("config", ELSEWHERE.values(), ids=ELSEWHERE.keys())
async def test_pointing_it_elsewhere_ends_what_was_granted_and_gives_it_back_where_it_came_from(
    house, provider, config
):
    """Fails when the fingerprint alone decides: a new revocation endpoint would be handed everybody's tokens."""
    one = await made(house)
    await house.administration.associate(ADA, OPEN.guid, [one.guid])
    session_id = await connected(house, one)
    assert isinstance(await admission(house, session_id), Admitted)
    changed = await change(house, one, config=config)
    assert (changed.ended_credentials, changed.ended_consents) == (1, 1)
    assert await house.row(session_id, one) is None
    assert await admission(house, session_id) == ConsentNeeded(integration=house.directory.integrations[one.guid])
    provider.requests.clear()
    await house.token_revocation.work()
    assert {request.url for request in provider.requests} == {"https://id.example.net/revoke"}
    assert all(form["client_id"] == "sidecar-at-crm" for form in provider.revocations)
    (line,) = await lines_of(house, AuditAction.INTEGRATION_CHANGED)
    assert (line.detail["credentials_ended"], line.detail["consents_ended"]) == ("1", "1")


@pytest.mark.parametrize("config", [CRM, ROBOT], ids=["viewers'", "service account's"])
@pytest.mark.parametrize("key", ["token_uri", "revocation_uri"])
async def test_a_secret_that_is_not_said_goes_to_no_server_to_which_it_did_not_go_before(house, provider, config, key):
    """Fails when merging is all there is: who has a key, and not the secret, has it sent to a server of their own."""
    one = await made(house, config)
    for elsewhere in (
        "https://evil.example.net/x",
        "https://id.example.net:8443/x",
        "https://id.example.net.evil.example/",
    ):
        refused = await change(house, one, config={key: elsewhere})
        assert (refused.status, refused.code) == (400, 228)
        assert refused.text == "The config key client_secret: give it again: it would be sent to another server."
    assert house.directory.integrations[one.guid] is one
    assert isinstance(await change(house, one, config={key: "https://id.example.net/other"}), IntegrationChanged)
    elsewhere = {key: "https://other.example.net/x", "client_secret": "kH3-other"}
    after = (await change(house, one, config=elsewhere)).record.integration
    assert after.client_secret.reveal() == "kH3-other"


async def test_without_a_secret_it_can_point_anywhere(house):
    one = await made(house)
    elsewhere = {"token_uri": "https://other.example.net/token", "client_secret": None}
    public = (await change(house, one, config=elsewhere)).record.integration
    assert public.client_secret is None
    assert isinstance(await change(house, one, config={"token_uri": CRM["token_uri"]}), IntegrationChanged)


async def test_another_issuer_is_another_server(house):
    one = await made(
        house, {"issuer": "https://id.example.net", "client_id": "us", "client_secret": SECRET}, template="oidc"
    )
    refused = await change(house, one, config={"issuer": "https://evil.example.net"})
    assert (refused.status, refused.code) == (400, 228)
    assert "client_secret: give it again" in refused.text


async def test_a_new_secret_or_scope_ends_nothing(house):
    one = await made(house)
    await house.administration.associate(ADA, OPEN.guid, [one.guid])
    session_id = await connected(house, one)
    changed = await change(house, one, config={"client_secret": "kH3-rotated", "scopes": "all"}, name="CRM")
    assert (changed.ended_credentials, changed.ended_consents) == (0, 0)
    assert isinstance(await admission(house, session_id), Admitted)


async def test_whoever_is_on_the_way_back_from_the_old_server_brings_nothing_to_the_new_one(house, provider):
    """Fails when ``state`` names the integration only: its code, and the verifier, would go to another token endpoint."""
    one = await made(house)
    await house.administration.associate(ADA, OPEN.guid, [one.guid])
    session_id = await house.log_in(house.directory.contents[OPEN.guid], WAREHOUSE)
    state = (await house.start(house.directory.contents[OPEN.guid], one, session_id=session_id))["state"]
    await change(house, one, config={"token_uri": "https://other.example.net/token", "client_secret": SECRET})
    provider.requests.clear()
    outcome = await house.come_back(state, session_id=session_id, iss="")
    assert outcome.because == "gone"
    assert provider.requests == []


async def _points_elsewhere(house, one):
    await change(house, one, config={"client_id": "another"})


async def _is_taken_away(house, one):
    await house.administration.associate(ADA, OPEN.guid, [])


async def _is_deleted(house, one):
    await house.administration.delete(ADA, one.guid)


@pytest.mark.parametrize("happens", [_points_elsewhere, _is_taken_away, _is_deleted])
async def test_what_a_provider_grants_while_that_happens_is_given_back(house, provider, happens):
    """Fails when the callback alone is judged: the grant of the old client, and a consent, would be written down."""
    one = await made(house)
    await house.administration.associate(ADA, OPEN.guid, [one.guid])
    session_id = await house.log_in(house.directory.contents[OPEN.guid], WAREHOUSE)
    state = (await house.start(house.directory.contents[OPEN.guid], one, session_id=session_id))["state"]
    provider.gate = asyncio.Event()
    coming_back = asyncio.create_task(house.come_back(state, session_id=session_id, iss=""))
    while "sidecar-at-crm" not in [form["client_id"] for form in provider.token_requests]:
        await asyncio.sleep(0.001)
    await happens(house, one)
    provider.gate.set()
    assert (await coming_back).because == "gone"
    assert await house.row(session_id, one) is None
    assert (await house.store.presence(house.hash_of(session_id), OPEN.guid)).consents == frozenset()
    await house.token_revocation.work()
    assert {form["client_id"] for form in provider.revocations} == {"sidecar-at-crm"}


async def test_pointing_it_back_does_not_bring_old_grants_back(house):
    one = await made(house)
    await house.administration.associate(ADA, OPEN.guid, [one.guid])
    session_id = await connected(house, one)
    await change(house, one, config={"client_id": "another"})
    await change(house, one, config={"client_id": CRM["client_id"]})
    assert await admission(house, session_id) == ConsentNeeded(integration=house.directory.integrations[one.guid])


async def test_a_service_accounts_token_is_not_that_of_what_it_was_before(house, provider):
    one = await made(house, ROBOT)
    first = await house.service_accounts.token(one)
    after = (await change(house, one, config={"client_id": "another"})).record.integration
    second = await house.service_accounts.token(after)
    assert first.access_token != second.access_token
    assert [form["client_id"] for form in provider.token_requests] == ["robot", "another"]


async def test_whoever_still_holds_what_a_service_account_was_leaves_no_token_to_what_it_is(house, provider):
    """Fails when tokens are remembered by guid: an exchange that began before the change would leave the old one's."""
    one = await made(house, ROBOT)
    provider.gate = asyncio.Event()
    under_way = asyncio.create_task(house.service_accounts.token(one))
    await asyncio.sleep(0)
    after = (await change(house, one, config={"client_id": "another"})).record.integration
    provider.gate.set()
    old = await under_way
    new = await house.service_accounts.token(after)
    assert old.access_token != new.access_token
    assert provider.token_requests[-1]["client_id"] == "another"


async def test_a_provider_that_refused_us_is_asked_again_at_once_after_a_change(house, provider):
    one = await made(house, ROBOT)
    provider.script.append(answer(401, {"error": "invalid_client"}))
    await house.service_accounts.token(one)
    after = (await change(house, one, config={"client_secret": "kH3-mended"})).record.integration
    token = await house.service_accounts.token(after)
    assert token.access_token.reveal() == "access-1"


# — deleted ———————————————————————————————————————————————————————————————————————————————————


async def test_with_an_integration_go_its_associations_credentials_and_consents(house, provider):
    one = await made(house)
    for content in (OPEN, OPEN_TOO):
        await house.administration.associate(ADA, content.guid, [one.guid])
    session_id = await connected(house, one)
    assert await house.administration.delete(ADA, one.guid) is None
    assert one.guid not in house.directory.integrations
    assert [house.directory.contents[each.guid].integrations for each in (OPEN, OPEN_TOO)] == [(), ()]
    assert await house.row(session_id, one) is None
    assert house.administration.integration(ADA, one.guid) == NOT_THERE
    assert isinstance(await admission(house, session_id), Admitted)
    await house.token_revocation.work()
    assert all(form["client_id"] == "sidecar-at-crm" for form in provider.revocations)
    assert provider.revocations
    assert ConsentEnded(None, OPEN.guid) in house.changes
    assert DirectoryChanged(frozenset({OPEN.guid, OPEN_TOO.guid})) in house.changes
    (line,) = await lines_of(house, AuditAction.INTEGRATION_DELETED)
    assert line.detail == {"name": "crm", "credentials_ended": "1", "consents_ended": "1"}


async def test_its_name_is_free_again(house):
    one = await made(house)
    await house.administration.delete(ADA, one.guid)
    again = await made(house)
    assert (again.name, again.slug) == ("crm", "crm")
    assert again.guid != one.guid


# — associated ————————————————————————————————————————————————————————————————————————————————


async def test_a_list_takes_the_place_of_the_one_before_and_keeps_its_order(house, clock):
    one = await made(house)
    assert await house.administration.associate(ADA, OPEN.guid, [LAKE.guid, one.guid]) is None
    first = house.administration.associations_of_content(ADA, OPEN.guid)
    assert [each.integration for each in first] == [LAKE, one]
    clock.advance(60)
    await house.administration.associate(ADA, OPEN.guid, [WAREHOUSE.guid, LAKE.guid])
    second = house.administration.associations_of_content(ADA, OPEN.guid)
    assert [each.integration for each in second] == [WAREHOUSE, LAKE]
    assert second[1].created_at == first[0].created_at < second[0].created_at
    await house.administration.associate(ADA, OPEN.guid, [])
    assert house.administration.associations_of_content(ADA, OPEN.guid) == []
    assert [line.detail["integrations"] for line in await lines_of(house, AuditAction.ASSOCIATIONS_CHANGED)][-1] == ""


async def test_an_integration_that_is_new_to_a_content_asks_its_viewers(house):
    session_id = await house.log_in(house.directory.contents[OPEN.guid], WAREHOUSE)
    assert isinstance(await admission(house, session_id), Admitted)
    one = await made(house)
    await house.administration.associate(ADA, OPEN.guid, [one.guid])
    assert await admission(house, session_id) == ConsentNeeded(integration=one)
    session_id = await house.log_in(house.directory.contents[OPEN.guid], one, session_id=session_id)
    admitted = await admission(house, session_id)
    assert b"X-Forwarded-Access-Token-Crm: access-2" in admitted.header_block


async def test_what_a_content_lost_is_in_no_header_and_the_viewers_consent_for_it_is_over(house):
    one = await made(house)
    for content in (OPEN, OPEN_TOO):
        await house.administration.associate(ADA, content.guid, [one.guid])
    session_id = await connected(house, one)
    session_id = await house.log_in(house.directory.contents[OPEN_TOO.guid], one, session_id=session_id)
    await house.feed.catch_up()
    house.changes.clear()
    await house.administration.associate(ADA, OPEN.guid, [])
    assert house.changes == [ConsentEnded(None, OPEN.guid), DirectoryChanged(frozenset({OPEN.guid}))]
    assert b"X-Forwarded-Access-Token" not in (await admission(house, session_id)).header_block
    assert b"X-Forwarded-Access-Token-Crm" in (await admission(house, session_id, OPEN_TOO)).header_block
    await house.administration.associate(ADA, OPEN.guid, [one.guid])
    assert await admission(house, session_id) == ConsentNeeded(integration=one)


async def test_a_content_that_only_gains_keeps_its_sockets(house):
    await house.administration.associate(ADA, OPEN.guid, [LAKE.guid])
    house.changes.clear()
    await house.administration.associate(ADA, OPEN.guid, [LAKE.guid, WAREHOUSE.guid])
    assert house.changes == [DirectoryChanged(frozenset({OPEN.guid}))]


async def test_a_list_that_the_configuration_says_is_changed_there(build):
    for configured in (SALES, replace(SALES, integrations=())):
        house = await build(directory(configured))
        refused = await house.administration.associate(ADA, SALES.guid, [WAREHOUSE.guid])
        assert (refused.status, refused.code) == (409, 2)
        assert refused.text == "defined in config.yaml: change content[].integrations of `sales` there"


async def test_a_list_cannot_have_what_is_not_there_or_twice(house):
    assert (await house.administration.associate(ADA, OPEN.guid, [NOBODY])).code == 207
    assert (await house.administration.associate(ADA, OPEN.guid, [LAKE.guid, LAKE.guid])).code == 258
    assert await house.administration.associate(ADA, NOBODY, [LAKE.guid]) == NOT_THERE
    assert house.directory.contents[OPEN.guid].integrations == ()


@pytest.mark.parametrize(
    ("content", "config", "fits"),
    [
        (replace(OPEN, app_mode="static"), CRM, False),
        (replace(OPEN, app_mode="static"), ROBOT, False),
        (replace(OPEN, access=Anyone()), CRM, False),
        (replace(OPEN, access=Anyone()), ROBOT, True),
        (OPEN, CRM, True),
        (OPEN, ROBOT, True),
    ],
    ids=["static", "static, service account", "anyone", "anyone, service account", "interactive", "service account"],
)
async def test_only_interactive_content_with_viewers_has_their_tokens(build, content, config, fits):
    house = await build(directory(content, sign_in=WAREHOUSE.guid))
    one = await made(house, config)
    refused = await house.administration.associate(ADA, content.guid, [one.guid])
    assert (refused is None) == fits
    assert refused is None or (refused.status, refused.code) == (400, 209)


async def test_an_integration_cannot_become_one_that_a_content_cannot_have(build):
    house = await build(directory(replace(OPEN, access=Anyone()), sign_in=WAREHOUSE.guid))
    one = await made(house, {**CRM, "auth_type": "Service Account"})
    await house.administration.associate(ADA, OPEN.guid, [one.guid])
    refused = await change(house, one, config={"auth_type": "Viewer"})
    assert (refused.status, refused.code) == (400, 228)
    assert "`sales`" in refused.text


@pytest.mark.parametrize(
    ("caller", "outcome"),
    [(ADA, None), (BOB, None), (EVE, NOT_ALLOWED), (OF_SALES, NOT_ALLOWED)],
    ids=["administrator", "owner", "another publisher", "the content itself"],
)
async def test_a_list_is_its_owners_and_the_administrators(house, caller, outcome):
    assert await house.administration.associate(caller, OPEN.guid, [LAKE.guid]) == outcome


async def test_permissions_say_which_publishers_may_use_an_integration(house):
    eves = await made(house, name="eves", permissions=(PermissionGrant(user="eve@example.org"),))
    groups = await made(house, name="groups", permissions=(PermissionGrant(group="bob@example.org"),))
    for one in (eves, groups):
        assert await house.administration.associate(BOB, OPEN.guid, [one.guid]) == NOT_ALLOWED
        assert house.administration.integration(BOB, one.guid) == NOT_THERE
    assert [record.integration for record in house.administration.integrations(BOB)] == [WAREHOUSE, LAKE]
    assert eves in [record.integration for record in house.administration.integrations(EVE)]
    assert await house.administration.associate(ADA, OPEN.guid, [eves.guid]) is None


# — at once ———————————————————————————————————————————————————————————————————————————————————


async def test_of_two_changes_at_once_none_is_lost(house):
    one = await made(house)
    await asyncio.gather(change(house, one, config={"scopes": "all"}), change(house, one, description="Orders"))
    after = house.directory.integrations[one.guid]
    assert (after.config["scopes"], after.description) == ("all", "Orders")


async def test_a_change_that_another_process_overtook_is_judged_anew(house):
    one = await made(house)
    neighbour = house.neighbour()
    await neighbour.live.load()
    await change(neighbour, one, config={"scopes": "all"})
    await change(house, one, description="Orders")
    after = house.directory.integrations[one.guid]
    assert (after.config["scopes"], after.description) == ("all", "Orders")


async def test_a_name_that_another_process_took_meanwhile_is_refused(house):
    neighbour = house.neighbour()
    await neighbour.live.load()
    await made(neighbour)
    refused = await create(house)
    assert (refused.status, refused.code) == (409, 2)


async def test_a_name_that_another_process_gave_meanwhile_is_not_given_again(house):
    one = await made(house)
    neighbour = house.neighbour()
    await neighbour.live.load()
    await made(neighbour, name="orders")
    refused = await change(house, one, name="orders")
    assert (refused.status, refused.code) == (409, 2)
    assert house.live.stored(one.guid).name == "crm"


async def test_a_change_that_is_overtaken_each_time_is_given_up(house, monkeypatch):
    one = await made(house)

    async def overtaken(*_, **__):
        return None

    monkeypatch.setattr(house.store.administration, "change_integration", overtaken)
    refused = await change(house, one, name="orders")
    assert (refused.status, refused.code) == (409, 2)


async def test_what_another_process_deleted_is_changed_and_associated_by_nobody(house):
    one = await made(house)
    neighbour = house.neighbour()
    await neighbour.live.load()
    await neighbour.administration.delete(ADA, one.guid)
    assert (await house.administration.associate(ADA, OPEN.guid, [one.guid])).code == 207
    assert (await house.store.administration.read()).associations == []
    assert await change(house, one, name="x") == NOT_THERE
    assert await house.administration.delete(ADA, one.guid) == NOT_THERE


async def test_whatever_happens_at_once_no_association_is_left_with_what_is_gone(house):
    for round_ in range(10):
        one = await made(house, name=f"crm {round_}")
        await asyncio.gather(
            house.administration.associate(ADA, OPEN.guid, [one.guid, LAKE.guid]),
            change(house, one, config={"client_id": "another"}),
            house.administration.delete(ADA, one.guid),
            house.administration.associate(ADA, OPEN_TOO.guid, [one.guid]),
        )
        stored = await house.store.administration.read()
        there = {each.guid for each in stored.integrations} | {WAREHOUSE.guid, LAKE.guid}
        assert {each.integration_guid for each in stored.associations} <= there
        assert set(house.directory.contents[OPEN.guid].integrations) <= there


async def test_an_exchange_during_a_deletion_hands_out_nothing_of_it_afterwards(house):
    one = await made(house)
    await house.administration.associate(ADA, OPEN.guid, [one.guid])
    session_id = await connected(house, one)
    admitted = await admission(house, session_id)
    token = next(
        line.partition(b": ")[2]
        for line in admitted.header_block.splitlines()
        if line.startswith(b"Posit-Connect-User-Session-Token")
    )
    assert isinstance(await house.keeper.fresh(await house.viewer_guid(session_id), one), Fresh)
    await house.administration.delete(ADA, one.guid)
    answer = await house.exchange.redeem(
        caller=house.key(OPEN), subject_token=token.decode(), audience=one.guid, requested_token_type=None,
        subject_token_type=USER_SESSION_TOKEN, grant_type=GRANT_TYPE,
    )  # fmt: skip
    assert (answer.status, answer.code) == (400, 212)
    assert not isinstance(await house.keeper.fresh(await house.viewer_guid(session_id), one), Fresh)
    viewer = await house.viewer_guid(session_id)
    assert CredentialsChanged(viewer, one.guid) in house.changes
