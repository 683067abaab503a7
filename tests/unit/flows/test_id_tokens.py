"""Keys are fetched, kept, and fetched again when a token names a new one."""

from collections import deque

import pytest

from proxy.flows.id_tokens import IdTokens, KeysUnavailable
from proxy.flows.published import ASK_AGAIN_AFTER, KEPT_FOR, MISSING_FOR
from proxy.oauth.id_token import Expected, IdTokenRefused
from proxy.oauth.message import LostAnswer, NotSent
from proxy.oauth.metadata import AuthorizationServer
from tests.doubles.signing import ODD_KEYS, Signer, jwks, private_key, public_jwk
from tests.unit.flows.house import ISSUER, Clock, answer

URI = ISSUER + "/jwks"
EXPECTED = Expected(
    server=AuthorizationServer(authorization_endpoint="", token_endpoint="", issuer=ISSUER),
    client_id="sidecar",
    nonce=None,
    access_token="at",
)
OLD, NEW = Signer(key=private_key("old")), Signer(key=private_key("new"))
OLD_SET, NEW_SET = jwks(*ODD_KEYS, public_jwk(OLD.key)), jwks(public_jwk(NEW.key))


class Server:
    """Publishes ``body``, after what is in ``answers``."""

    def __init__(self):
        self.answers = deque()
        self.body = OLD_SET
        self.requests = []

    async def __call__(self, request):
        self.requests.append((request.method, request.url))
        return self.answers.popleft() if self.answers else answer(200, self.body)


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def id_tokens(server, clock):
    made = IdTokens(send=server, now=clock)
    yield made
    await made.close()


def token(clock, signer=OLD, **claims):
    now = clock.at.timestamp()
    return signer.sign({"iss": ISSUER, "aud": "sidecar", "sub": "ada", "iat": now, "exp": now + 300} | claims)


async def verify(id_tokens, text):
    return await id_tokens.verify(text, EXPECTED, jwks_uri=URI)


async def test_keys_are_fetched_once(id_tokens, server, clock):
    for _ in range(3):
        assert (await verify(id_tokens, token(clock)))["sub"] == "ada"
    assert server.requests == [("GET", URI)]


async def test_a_token_of_a_new_key_has_the_keys_fetched_again_at_once(id_tokens, server, clock):
    await verify(id_tokens, token(clock))
    server.body = NEW_SET
    assert (await verify(id_tokens, token(clock, NEW)))["sub"] == "ada"
    assert len(server.requests) == 2


async def test_a_thousand_tokens_of_unknown_keys_have_them_fetched_once_more_in_five_minutes(id_tokens, server, clock):
    await verify(id_tokens, token(clock))
    forged = token(clock, NEW)
    assert {await verify(id_tokens, forged) for _ in range(1000)} == {IdTokenRefused("unknown_key")}
    assert len(server.requests) == 2
    clock.advance(ASK_AGAIN_AFTER.total_seconds() - 1)
    await verify(id_tokens, forged)
    assert len(server.requests) == 2
    clock.advance(1)
    await verify(id_tokens, forged)
    assert len(server.requests) == 3


async def test_the_throttle_refuses_and_does_not_let_through(id_tokens, server, clock):
    await verify(id_tokens, token(clock))
    await verify(id_tokens, token(clock, NEW))
    server.body = NEW_SET
    assert await verify(id_tokens, token(clock, NEW)) == IdTokenRefused("unknown_key")
    assert (await verify(id_tokens, token(clock)))["sub"] == "ada"


@pytest.mark.parametrize(
    "bad",
    [
        answer(500, OLD_SET),
        answer(302, b"", location="https://evil.example/keys"),
        answer(200, b""),
        answer(200, b"<html>"),
        answer(200, jwks(*ODD_KEYS)),
        LostAnswer("too_large"),
        LostAnswer("timeout"),
    ],
    ids=["500", "redirect", "empty", "HTML", "odd keys only", "1 MB", "slow"],
)
async def test_without_keys_nobody_can_say_and_the_server_is_left_alone_for_a_while(id_tokens, server, clock, bad):
    server.answers.append(bad)
    for _ in range(100):
        assert await verify(id_tokens, token(clock)) == KeysUnavailable()
    assert len(server.requests) == 1
    clock.advance(MISSING_FOR.total_seconds())
    assert (await verify(id_tokens, token(clock)))["sub"] == "ada"


@pytest.mark.parametrize(
    "bad", [answer(500, b""), answer(200, b""), LostAnswer("too_large")], ids=["500", "empty", "1 MB"]
)
async def test_keys_at_hand_serve_while_the_server_is_down(id_tokens, server, clock, bad):
    await verify(id_tokens, token(clock))
    server.answers.append(bad)
    clock.advance(KEPT_FOR.total_seconds())
    assert (await verify(id_tokens, token(clock)))["sub"] == "ada"
    server.answers.append(bad)
    assert await verify(id_tokens, token(clock, NEW)) == IdTokenRefused("unknown_key")
    assert (await verify(id_tokens, token(clock)))["sub"] == "ada"


async def test_a_request_that_did_not_arrive_is_sent_once_more(id_tokens, server, clock):
    server.answers.append(NotSent("connect_failed"))
    assert (await verify(id_tokens, token(clock)))["sub"] == "ada"
    assert len(server.requests) == 2


async def test_a_token_that_is_wrong_asks_for_no_new_keys(id_tokens, server, clock):
    await verify(id_tokens, token(clock))
    assert await verify(id_tokens, token(clock, aud="other")) == IdTokenRefused("audience")
    assert await verify(id_tokens, OLD.unsigned({"sub": "ada"})) == IdTokenRefused("form")
    assert len(server.requests) == 1
