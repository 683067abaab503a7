"""Whose account it is: the sources of a recipe, in their order."""

from collections import deque
from dataclasses import replace

import pytest

from proxy.flows.identities import Identities, IdentityRefused, IdentityUnavailable, Question
from proxy.flows.recipes import recipe
from proxy.flows.servers import registration
from proxy.model import Identity
from proxy.oauth.message import LostAnswer, NotSent
from proxy.oauth.token import TokenResponse
from proxy.providers.identity import ClaimNames, FromAnswer, FromIdToken, FromResource, FromUserinfo
from tests.doubles.signing import Signer, jwks, private_key, public_jwk
from tests.unit.flows.house import ISSUER, WAREHOUSE, Clock, answer

SIGNER = Signer(key=private_key("old"))
KEYS = answer(200, jwks(public_jwk(SIGNER.key)))
USERINFO, JWKS = ISSUER + "/userinfo", ISSUER + "/jwks"
ADA = Identity(subject="ada", email="ada@example.org", email_verified=True, groups=("g",))
FULL = {"sub": "ada", "email": "ada@example.org", "email_verified": True, "groups": ["g"]}
KNOWN = replace(WAREHOUSE, config=WAREHOUSE.config | {"jwks_uri": JWKS})


class Server:
    """Answers each address from its own script."""

    def __init__(self):
        self.says = {JWKS: deque([KEYS]), USERINFO: deque([answer(200, FULL)])}
        self.requests = []

    @property
    def urls(self):
        return [request.url for request in self.requests]

    async def __call__(self, request):
        self.requests.append(request)
        return self.says[request.url].popleft()


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def identities(server, clock):
    made = Identities(send=server, now=clock)
    yield made
    await made.close()


@pytest.fixture
def question(clock):
    """Return a question about an answer with an ID token of these claims (``None``: without one)."""

    def ask(claims=None, *, of=KNOWN, sources=(), is_viewer=True, nonce="n", **extra):
        now = clock.at.timestamp()
        whole = {"iss": ISSUER, "aud": "sidecar", "iat": now, "exp": now + 300, "nonce": "n"} | (claims or {})
        known = recipe(of)
        if sources:
            known = replace(known, provider=replace(known.provider, identity=sources))
        return Question(
            recipe=known,
            registration=registration(known, known.server),
            tokens=TokenResponse(
                access_token="at", id_token=None if claims is None else SIGNER.sign(whole), extra=extra
            ),
            nonce=nonce,
            is_viewer=is_viewer,
        )

    return ask


async def test_an_id_token_that_says_all_is_enough(identities, question, server):
    assert await identities.of(question(FULL)) == ADA
    assert server.urls == [JWKS]


async def test_what_the_id_token_leaves_open_userinfo_adds(identities, question, server):
    assert await identities.of(question({"sub": "ada", "name": "Ada"})) == replace(ADA, name="Ada")
    assert server.urls == [JWKS, USERINFO]
    assert server.requests[1].headers["Authorization"] == "Bearer at"


async def test_an_account_that_is_only_shown_needs_no_more_than_the_id_token(identities, question, server):
    assert await identities.of(question({"sub": "ada"}, is_viewer=False)) == Identity(subject="ada")
    assert server.urls == [JWKS]


async def test_userinfo_of_another_subject_is_refused(identities, question, server):
    server.says[USERINFO] = deque([answer(200, FULL | {"sub": "eve"})])
    assert await identities.of(question({"sub": "ada"})) == IdentityRefused("userinfo_subject")


@pytest.mark.parametrize(
    "said", [answer(403, {}), answer(200, b"jwt"), answer(200, {"email": "x"})], ids=["403", "JWT", "no sub"]
)
async def test_userinfo_that_says_nothing_adds_nothing(identities, question, server, said):
    server.says[USERINFO] = deque([said])
    assert await identities.of(question({"sub": "ada"})) == Identity(subject="ada")


async def test_an_id_token_that_is_wrong_ends_the_question(identities, question, server):
    assert await identities.of(question(FULL | {"nonce": "other"})) == IdentityRefused("nonce")
    assert server.urls == [JWKS]


async def test_an_id_token_without_the_claims_of_the_recipe_is_refused(identities, question):
    sources = (FromIdToken(ClaimNames(subject=("tid", "oid"))), FromUserinfo())
    assert await identities.of(question(FULL, sources=sources)) == IdentityRefused("subject")


@pytest.mark.parametrize("bad", [answer(500, b""), LostAnswer("timeout")], ids=["500", "slow"])
async def test_without_keys_nobody_else_is_asked(identities, question, server, bad):
    server.says[JWKS] = deque([bad])
    assert await identities.of(question(FULL)) == IdentityUnavailable()
    assert server.urls == [JWKS]


@pytest.mark.parametrize("missing", ["jwks_uri", "issuer"])
async def test_an_id_token_that_cannot_be_verified_is_not_looked_at(identities, question, server, missing):
    config = {name: value for name, value in KNOWN.config.items() if name != missing}
    asked = question(FULL | {"sub": "eve"}, of=replace(KNOWN, config=config))
    assert await identities.of(asked) == ADA
    assert server.urls == [USERINFO]


async def test_without_an_id_token_userinfo_says_who(identities, question, server):
    assert await identities.of(question()) == ADA
    assert server.urls == [USERINFO]


async def test_a_server_without_any_source_does_not_say(identities, question, server):
    config = {name: value for name, value in WAREHOUSE.config.items() if name != "userinfo_uri"}
    assert await identities.of(question(of=replace(WAREHOUSE, config=config))) is None
    assert server.urls == []


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ([LostAnswer("timeout"), answer(200, FULL)], ADA),
        ([NotSent("connect_failed"), answer(200, FULL)], ADA),
        ([LostAnswer("timeout")] * 2, IdentityUnavailable()),
        ([answer(503, FULL)], IdentityUnavailable()),
        ([answer(401, FULL)], None),
        ([answer(302, b"", location="https://evil.example")], None),
    ],
    ids=["lost once", "not sent once", "lost twice", "503", "401", "redirect"],
)
async def test_userinfo_is_asked_once_more_when_its_answer_is_lost(identities, question, server, answers, found):
    server.says[USERINFO] = deque(answers)
    assert await identities.of(question()) == found
    assert not server.says[USERINFO]


async def test_the_token_answer_itself_may_say_who(identities, question, server):
    sources = (FromAnswer(ClaimNames(subject=("username",), preferred_username="username")),)
    found = await identities.of(question(sources=sources, username="ADA"))
    assert found == Identity(subject="ADA", preferred_username="ADA")
    assert await identities.of(question(sources=sources)) is None
    assert server.urls == []


async def test_the_providers_own_api_may_say_who(identities, question, server):
    url = ISSUER + "/token/me"
    server.says[url] = deque([answer(200, {"id": 7, "userName": "ada"})])
    sources = (FromIdToken(), FromResource("{token_uri}/me", ClaimNames(subject=("id",), name="userName")))
    assert await identities.of(question(sources=sources)) == Identity(subject="7", name="ada")
    assert server.requests[0].headers["Authorization"] == "Bearer at"


async def test_later_sources_are_passed_over_once_somebody_said_it(identities, question, server):
    names = ClaimNames(subject=("username",))
    sources = (FromAnswer(names), FromAnswer(ClaimNames()), FromResource("https://x", names), FromIdToken())
    assert await identities.of(question(FULL, sources=sources, is_viewer=False, username="ADA")) == Identity(
        subject="ADA"
    )
    assert server.urls == []


async def test_groups_stand_where_sign_in_says_for_the_viewer_only(server, clock, question):
    identities = Identities(send=server, now=clock, groups_claim="realm_access.roles")
    claims = FULL | {"realm_access": {"roles": ["admins"]}}
    assert (await identities.of(question(claims))).groups == ("admins",)
    assert (await identities.of(question(claims, is_viewer=False))).groups == ("g",)
    await identities.close()
