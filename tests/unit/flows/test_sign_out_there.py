"""The provider's own sign-out is offered where there is one, and waited for by nobody."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from proxy.flows import sign_out_there
from proxy.flows.servers import AuthorizationServers
from proxy.flows.sign_out_there import SignOutThere
from proxy.oauth.message import NotSent
from tests.unit.flows.house import WAREHOUSE, Clock, answer, directory

BACK = "https://apps.example.org/__oauth__/signed-out"
ISSUER = "https://id.example"
DOCUMENT = {
    "issuer": ISSUER, "authorization_endpoint": ISSUER + "/a", "token_endpoint": ISSUER + "/t",
    "end_session_endpoint": ISSUER + "/out",
}  # fmt: skip
WRITTEN = {**WAREHOUSE.config, "end_session_uri": "https://id.example.net/out"}
DISCOVERED = {"issuer": ISSUER, "client_id": "sidecar"}


def there(config, template="custom", *, send=None, sign_in=WAREHOUSE.guid) -> SignOutThere:
    made = directory(sign_in=sign_in)
    integration = replace(WAREHOUSE, template=template, config=config)
    made = replace(made, integrations={**made.integrations, WAREHOUSE.guid: integration})
    servers = AuthorizationServers(send=send or refuses, now=Clock())
    return SignOutThere(directory=made, servers=servers, return_to=BACK)


async def refuses(_):
    return NotSent("refused")


async def test_the_way_leads_to_the_written_address_and_back_to_our_page():
    way = await there(WRITTEN).way("the-content")
    assert way is not None
    assert way.integration.guid == WAREHOUSE.guid
    assert way.url == (
        f"https://id.example.net/out?client_id={WAREHOUSE.config['client_id']}"
        "&post_logout_redirect_uri=https%3A%2F%2Fapps.example.org%2F__oauth__%2Fsigned-out&state=the-content"
    )


async def test_a_discovered_provider_says_itself_where_it_is():
    async def send(_):
        return answer(200, DOCUMENT)

    way = await there(DISCOVERED, "oidc", send=send).way("")
    assert way is not None
    assert way.url.startswith(ISSUER + "/out?client_id=sidecar&")


@pytest.mark.parametrize("config", [WAREHOUSE.config, {**WRITTEN, "sign_out": "never"}], ids=["no address", "never"])
async def test_there_is_no_way_where_there_is_no_address_or_none_is_wanted(config):
    assert await there(config).way("") is None


async def test_without_a_sign_in_there_is_no_provider_to_sign_out_of():
    offered = there(WRITTEN, sign_in=None)
    assert (await offered.way(""), offered.follows) == (None, False)


@pytest.mark.parametrize(("wish", "follows"), [("", False), ("offer", False), ("follow", True), ("never", False)])
async def test_viewers_are_sent_there_at_once_only_where_that_is_wanted(wish, follows):
    assert there({**WRITTEN, "sign_out": wish}).follows is follows


async def test_a_provider_that_is_down_is_not_offered():
    assert await there(DISCOVERED, "oidc").way("") is None


async def test_nobody_waits_for_a_provider_that_hangs(monkeypatch):
    monkeypatch.setattr(sign_out_there, "LOCATE_WITHIN_S", 0.01)
    never = asyncio.Event()

    async def hangs(_):
        await never.wait()

    servers = AuthorizationServers(send=hangs, now=Clock())
    made = directory(sign_in=WAREHOUSE.guid)
    oidc = replace(WAREHOUSE, template="oidc", config=DISCOVERED)
    made = replace(made, integrations={**made.integrations, WAREHOUSE.guid: oidc})
    assert await SignOutThere(directory=made, servers=servers, return_to=BACK).way("") is None
    await servers.close()
