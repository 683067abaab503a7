"""How often an authorization server is asked, and when somebody is told that its answers make no sense."""

from collections import deque
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from proxy.flows.circuit import Circuits
from proxy.flows.misconfigured import Held
from proxy.flows.recipes import recipe
from proxy.flows.refresh import Refresher
from proxy.flows.servers import AuthorizationServers
from proxy.model import Secret
from proxy.oauth.message import LostAnswer, NotSent
from proxy.policy.refresh_verdict import Operator, Retry, Success
from proxy.providers import PROVIDERS
from proxy.providers.registration import refresh_scope
from tests.unit.flows.house import LAKE, WAREHOUSE, Clock, answer

HTML = b"<html>"
TOKENS = {"access_token": "a", "token_type": "Bearer"}


class Server:
    """Answers refreshes with what it was told, and remembers the forms."""

    def __init__(self) -> None:
        self.answers = deque()
        self.forms = []

    async def __call__(self, request):
        self.forms.append(dict(parse_qsl(request.body.decode())))
        return self.answers.popleft()


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def refresher(server):
    clock = Clock()
    return Refresher(
        servers=AuthorizationServers(send=server, now=clock),
        send=server,
        now=clock,
        sleep=clock.sleep,
        random_bytes=bytes,
        circuits=Circuits(),
    )


async def still_leased():
    return True


async def ask(refresher, integration=WAREHOUSE, **changes):
    asked = await refresher.ask(
        replace(recipe(integration), **changes), Secret("refresh"), is_inline=False, go_on=still_leased
    )
    return asked.verdict


# — answers that make no sense ——————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    "senseless", [answer(200, HTML), answer(200, {"token_type": "Bearer"}), answer(204, b"")], ids=["page", "no token", "empty"]
)  # fmt: skip
async def test_a_success_without_tokens_is_forgiven_twice(refresher, server, senseless):
    server.answers.extend([senseless] * 4)
    assert [await ask(refresher) for _ in range(4)] == [Retry("no_tokens", None)] * 2 + [
        Operator("no_tokens", is_about_us=True),
        Held("no_tokens", 60.0),
    ]


async def test_an_error_page_is_forgiven_ten_times(refresher, server):
    server.answers.extend([answer(403, HTML)] * 11)
    verdicts = [await ask(refresher) for _ in range(11)]
    assert verdicts == [Retry("unreadable_error", None)] * 10 + [Operator("unreadable_error", is_about_us=True)]


async def test_an_answer_that_makes_sense_ends_the_row(refresher, server):
    server.answers.extend([answer(200, HTML)] * 2 + [answer(200, TOKENS)] + [answer(200, HTML)])
    verdicts = [await ask(refresher) for _ in range(4)]
    assert isinstance(verdicts[2], Success)
    assert verdicts[3] == Retry("no_tokens", None)


@pytest.mark.parametrize("silence", [NotSent("dns"), LostAnswer("timeout")], ids=["not sent", "lost"])
async def test_a_failure_of_transport_is_no_answer_and_does_not_end_the_row(refresher, server, silence):
    server.answers.extend([answer(200, HTML)] * 2)
    for _ in range(2):
        await ask(refresher)
    server.answers.extend([silence, silence] if isinstance(silence, LostAnswer) else [silence])
    assert isinstance(await ask(refresher), Retry)
    server.answers.append(answer(200, HTML))
    assert await ask(refresher) == Operator("no_tokens", is_about_us=True)


async def test_the_pages_of_a_server_in_trouble_do_not_count(refresher, server):
    """A 5xx is trouble of the server whatever its body: it says nothing about a wrong endpoint."""
    server.answers.extend([answer(503, HTML)] * 4)
    for _ in range(4):
        await ask(refresher)
    server.answers.append(answer(200, HTML))
    assert await ask(refresher) == Retry("no_tokens", None)


async def test_each_integration_has_its_own_count(refresher, server):
    server.answers.extend([answer(200, HTML)] * 3)
    for _ in range(2):
        await ask(refresher)
    assert await ask(refresher, LAKE) == Retry("no_tokens", None)


# — scope ———————————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("integration", [WAREHOUSE, LAKE], ids=["warehouse", "lake"])
def test_what_a_refresh_asks_for_is_its_providers_business(integration):
    assert recipe(integration).refresh_scope == refresh_scope(PROVIDERS[integration.template], integration)


async def test_a_refresh_names_the_scope_of_its_recipe(refresher, server):
    server.answers.extend([answer(200, TOKENS)] * 2)
    await ask(refresher)
    await ask(refresher, refresh_scope="openid all")
    assert [form.get("scope") for form in server.forms] == [None, "openid all"]


async def test_a_scope_that_is_refused_is_left_out(refresher, server):
    server.answers.extend([answer(400, {"error": "invalid_scope"}), answer(200, TOKENS)])
    assert isinstance(await ask(refresher, refresh_scope="openid all"), Success)
    assert [form.get("scope") for form in server.forms] == ["openid all", None]
