"""Every row of the exchange's table of refusals can be met, and is told as it stands there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from proxy.flows.content_tokens import content_session_token
from proxy.flows.exchange_answers import Issued
from proxy.flows.refused import Refused
from proxy.model import Anyone, Content, Directory, IntegrationGuid, Named
from proxy.policy.exchange_refusals import (
    AWS_CREDENTIALS,
    CONTENT_SESSION_TOKEN,
    GRANT_TYPE,
    ID_TOKEN,
    USER_SESSION_TOKEN,
    VISITOR_API_KEY,
    NoToken,
)
from tests.unit.flows.house import BOTH, LAKE, SALES, STOCK, WAREHOUSE, House, answer

ROBOT = replace(
    LAKE,
    guid=IntegrationGuid("77777777-7777-4777-8777-777777777777"),
    name="robot",
    slug="robot",
    config={
        "token_uri": "https://lake.example.net/token",
        "client_id": "robot",
        "auth_type": "Service Account",
        "scopes": "read",
    },
)
MIXED = replace(BOTH, integrations=(ROBOT.guid, WAREHOUSE.guid))
BARE = replace(STOCK, integrations=(), access=Anyone())


def world(*contents, **more) -> Directory:
    return Directory(
        contents={one.guid: one for one in contents or (SALES, MIXED, BARE)},
        integrations={one.guid: one for one in (WAREHOUSE, LAKE, ROBOT)},
        **more,
    )


class Place:
    """A content's code: it has a viewer, a key and a session token, and asks."""

    def __init__(self, build, clock, provider) -> None:
        self.build, self.clock, self.provider = build, clock, provider
        self.house: House

    async def opened(self, *contents, **more) -> Place:
        self.house = await self.build(world(*contents, **more))
        return self

    async def token(self, content=SALES) -> str:
        session_id = await self.house.log_in(content)
        admitted = await self.house.sessions.admit(session_id, content)
        lines = dict(line.split(": ", 1) for line in admitted.header_block.decode().splitlines())
        return lines["Posit-Connect-User-Session-Token"]

    async def ask(self, content=SALES, **changed):
        form = {
            "grant_type": GRANT_TYPE,
            "subject_token_type": USER_SESSION_TOKEN,
            "subject_token": "made-up",
            "requested_token_type": None,
            "audience": None,
        }
        return await self.house.exchange.redeem(caller=self.house.key(content), **form | changed)

    async def ask_for_itself(self, content=MIXED, **changed):
        own = {
            "subject_token_type": CONTENT_SESSION_TOKEN,
            "subject_token": content_session_token(self.house.key_ring, content.guid),
        }
        return await self.ask(content, **own | changed)


async def requested(place: Place, kind: str) -> Issued | Refused:
    await place.opened()
    return await place.ask(requested_token_type=kind)


async def visitor_key(place: Place, content: Content = SALES) -> Issued | Refused:
    await place.opened(content)
    return await place.ask(subject_token=await place.token(), requested_token_type=VISITOR_API_KEY)


async def other_content(place: Place) -> Issued | Refused:
    await place.opened()
    return await place.ask(MIXED, subject_token=await place.token())


async def not_allowed(place: Place) -> Issued | Refused:
    await place.opened(sign_in=WAREHOUSE.guid)
    token = await place.token()
    await place.opened(replace(SALES, access=Named(emails=frozenset({"bob@example.org"}))), sign_in=WAREHOUSE.guid)
    return await place.ask(subject_token=token)


async def audience(place: Place) -> Issued | Refused:
    await place.opened()
    return await place.ask(subject_token=await place.token(), audience=LAKE.guid)


async def service_account(place: Place) -> Issued | Refused:
    await place.opened()
    return await place.ask(MIXED, subject_token=await place.token(MIXED), audience=ROBOT.guid)


async def no_consent(place: Place) -> Issued | Refused:
    await place.opened()
    token = await place.token()
    await place.opened(replace(SALES, integrations=(LAKE.guid,)))
    return await place.ask(subject_token=token)


async def grant_ended(place: Place) -> Issued | Refused:
    await place.opened()
    token = await place.token()
    place.clock.advance(601)
    place.provider.script.append(answer(400, {"error": "invalid_grant"}))
    return await place.ask(subject_token=token)


async def rejected(place: Place) -> Issued | Refused:
    await place.opened()
    place.provider.tokens = without_refresh_token(place.provider.tokens)
    token = await place.token()
    place.clock.advance(60)
    return await place.ask(subject_token=token, rejected_token="access-1")


def without_refresh_token(tokens):
    def answered(request):
        return replace(tokens(request), body=b'{"access_token": "access-1", "token_type": "Bearer", "expires_in": 600}')

    return answered


async def unavailable(place: Place) -> Issued | Refused:
    await place.opened()
    token = await place.token()
    place.clock.advance(601)
    place.provider.script.append(answer(503, {}, **{"retry-after": "60"}))
    return await place.ask(subject_token=token)


async def renewed_lately(place: Place) -> Issued | Refused:
    await place.opened()
    return await place.ask(subject_token=await place.token(), rejected_token="access-1")


async def too_many(place: Place) -> Issued | Refused:
    await place.opened()
    for _ in range(100):
        await place.ask()
    return await place.ask()


async def asking(place: Place, **changed) -> Issued | Refused:
    await place.opened()
    return await place.ask(**changed)


async def for_itself(place: Place, **changed) -> Issued | Refused:
    await place.opened()
    return await place.ask_for_itself(**changed)


MET: dict[NoToken, Callable[[Place], Awaitable[Issued | Refused]]] = {
    NoToken.GRANT_TYPE: lambda place: asking(place, grant_type="client_credentials"),
    NoToken.SUBJECT_TOKEN_TYPE: lambda place: asking(place, subject_token_type="urn:posit:connect:api-key"),
    NoToken.REQUESTED_TOKEN_TYPE: lambda place: requested(place, "urn:example:a-pony"),
    NoToken.VISITOR_API_KEY: visitor_key,
    NoToken.VISITOR_UNKNOWN: lambda place: visitor_key(place, replace(SALES, visitor_api_keys=True)),
    NoToken.VISITOR_API_KEY_WITHOUT_VISITOR: lambda place: for_itself(place, requested_token_type=VISITOR_API_KEY),
    NoToken.AWS_CREDENTIALS: lambda place: requested(place, AWS_CREDENTIALS),
    NoToken.ID_TOKEN: lambda place: requested(place, ID_TOKEN),
    NoToken.SESSION_OVER: asking,
    NoToken.OTHER_CONTENT: other_content,
    NoToken.NOT_ALLOWED: not_allowed,
    NoToken.CONTENT_TOKEN: lambda place: for_itself(place, subject_token="made-up"),
    NoToken.NO_ASSOCIATIONS: lambda place: for_itself(place, content=BARE),
    NoToken.AMBIGUOUS_AUDIENCE: for_itself,
    NoToken.AUDIENCE: audience,
    NoToken.VIEWERS_INTEGRATION: lambda place: for_itself(place, audience=WAREHOUSE.guid),
    NoToken.SERVICE_ACCOUNT: service_account,
    NoToken.NO_CONSENT: no_consent,
    NoToken.GRANT_ENDED: grant_ended,
    NoToken.REJECTED: rejected,
    NoToken.UNAVAILABLE: unavailable,
    NoToken.RENEWED_LATELY: renewed_lately,
    NoToken.TOO_MANY: too_many,
}


@pytest.mark.parametrize("why", NoToken, ids=lambda why: why.name.lower())
async def test_each_row_is_told_as_it_stands_in_the_table(build, clock, provider, why):
    place = Place(build, clock, provider)
    refused = await MET[why](place)
    assert isinstance(refused, Refused), refused
    says = why.value
    assert (refused.status, refused.code, refused.text) == (says.status, says.code, says.text)
    assert (refused.login_url is not None) == says.is_mended_by_viewer
    assert (refused.retry_after_s is not None) == says.passes
    line = place.house.lines[-1]
    assert (line.action.value, line.detail["code"]) == ("exchange_refused", str(says.code))
