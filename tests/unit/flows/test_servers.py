"""Where authorization servers are, written down or discovered."""

from collections import deque
from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.flows.published import KEPT_FOR, MISSING_FOR
from proxy.flows.recipes import recipe
from proxy.flows.servers import AuthorizationServers, Registration, Unlocated
from proxy.model import IntegrationGuid
from proxy.oauth.message import LostAnswer, NotSent
from tests.unit.flows.house import WAREHOUSE, Clock, answer

COMPANY = replace(
    WAREHOUSE,
    guid=IntegrationGuid("77777777-7777-4777-8777-777777777777"),
    template="oidc",
    config={"issuer": "https://id.example", "client_id": "sidecar"},
)
DOCUMENT = {
    "issuer": "https://id.example",
    "authorization_endpoint": "https://id.example/a",
    "token_endpoint": "https://id.example/t",
    "token_endpoint_auth_methods_supported": ["client_secret_post"],
}
OIDC_URL = "https://id.example/.well-known/openid-configuration"
OAUTH_URL = "https://id.example/.well-known/oauth-authorization-server"


class Server:
    def __init__(self):
        self.answers = deque()
        self.urls = []

    async def __call__(self, request):
        self.urls.append(request.url)
        return self.answers.popleft()


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def servers(server, clock):
    made = AuthorizationServers(send=server, now=clock)
    yield made
    await made.close()


async def test_a_server_that_is_written_down_is_asked_nothing(servers, server):
    found = await servers.locate(recipe(WAREHOUSE))
    assert isinstance(found, Registration)
    assert found.server == recipe(WAREHOUSE).server
    assert found.client.client_id == "sidecar"
    assert server.urls == []


async def test_a_discovered_server_is_remembered(servers, server, clock):
    server.answers += [answer(200, DOCUMENT)]
    for _ in range(3):
        found = await servers.locate(recipe(COMPANY))
        assert isinstance(found, Registration)
        assert found.server.token_endpoint == "https://id.example/t"
        assert found.client.auth_method == "client_secret_post"
        clock.advance(3600)
    assert server.urls == [OIDC_URL]


async def test_the_document_of_an_integration_that_is_another_now_is_read_again(servers, server):
    server.answers += [answer(200, DOCUMENT), answer(200, DOCUMENT)]
    await servers.locate(recipe(COMPANY))
    servers.forget(recipe(COMPANY))
    servers.forget(recipe(WAREHOUSE))
    await servers.locate(recipe(COMPANY))
    assert server.urls == [OIDC_URL, OIDC_URL]


async def test_one_that_cannot_be_used_is_nowhere_and_nobody_is_asked(servers, server):
    for integration in (WAREHOUSE, COMPANY, replace(WAREHOUSE, template="unknown", config={})):
        assert await servers.locate(recipe(replace(integration, is_unusable=True))) == Unlocated()
    assert server.urls == []


async def test_the_document_is_read_again_after_a_day(servers, server, clock):
    moved = DOCUMENT | {"token_endpoint": "https://id.example/t2"}
    server.answers += [answer(200, DOCUMENT), answer(200, moved)]
    await servers.locate(recipe(COMPANY))
    clock.advance(KEPT_FOR.total_seconds())
    found = await servers.locate(recipe(COMPANY))
    assert found.server.token_endpoint == "https://id.example/t2"


async def test_a_server_without_openid_is_asked_where_rfc_8414_says(servers, server):
    server.answers += [answer(404, b"<html>"), answer(200, DOCUMENT)]
    assert isinstance(await servers.locate(recipe(COMPANY)), Registration)
    assert server.urls == [OIDC_URL, OAUTH_URL]


async def test_a_request_that_did_not_arrive_is_sent_once_more(servers, server):
    server.answers += [NotSent("connect_failed"), answer(200, DOCUMENT)]
    assert isinstance(await servers.locate(recipe(COMPANY)), Registration)
    assert server.urls == [OIDC_URL] * 2


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([NotSent("unknown_host")] * 2, 2),
        ([LostAnswer("timeout")], 1),
        ([LostAnswer("too_large")], 1),
        ([answer(404, b""), answer(404, b"")], 2),
        ([answer(302, b"", location="https://evil.example"), answer(500, b"")], 2),
        ([answer(200, b"<html>")], 1),
        ([answer(200, DOCUMENT | {"issuer": "https://evil.example"})], 1),
        ([answer(200, DOCUMENT | {"token_endpoint": "https://evil.example/t"})], 1),
    ],
    ids=["unknown host", "timeout", "10 MB", "nowhere", "redirect", "HTML", "another issuer", "endpoint elsewhere"],
)
async def test_a_server_that_does_not_say_or_is_not_believed_is_left_alone_for_a_while(
    servers, server, clock, answers, asked
):
    server.answers += answers
    assert await servers.locate(recipe(COMPANY)) == Unlocated()
    assert await servers.locate(recipe(COMPANY)) == Unlocated()
    assert len(server.urls) == asked
    server.answers += [answer(200, DOCUMENT)]
    clock.at += timedelta(seconds=MISSING_FOR.total_seconds())
    assert isinstance(await servers.locate(recipe(COMPANY)), Registration)


async def test_a_known_server_stays_known_while_it_is_down(servers, server, clock):
    server.answers += [answer(200, DOCUMENT), LostAnswer("timeout")]
    await servers.locate(recipe(COMPANY))
    clock.advance(KEPT_FOR.total_seconds())
    assert isinstance(await servers.locate(recipe(COMPANY)), Registration)
    assert isinstance(await servers.locate(recipe(COMPANY)), Registration)
    assert len(server.urls) == 2
