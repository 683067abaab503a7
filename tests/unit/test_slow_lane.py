"""The use cases' answer in the gateway's words."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from proxy.admission import Admit
from proxy.errors import StoreUnavailable
from proxy.flows.sessions import AccessRefused, Admitted, ConsentNeeded, SignInNeeded, TokenUnavailable
from proxy.model import HandleHash, SessionHash, Viewer, ViewerGuid
from proxy.policy.routing import Reason, Refuse
from proxy.slow_lane import slow_lane
from tests.unit.flows.house import LAKE, SALES, START, WAREHOUSE, directory


class Sessions:
    """Answers with one admission, and remembers what it was asked."""

    def __init__(self, admission):
        self.admission = admission
        self.asked = []

    async def admit(self, session_id, content):
        return await self._answer("a session", session_id, content)

    async def admit_at_host(self, handle, content):
        return await self._answer("a handle", handle, content)

    async def _answer(self, *asked):
        self.asked.append(asked)
        if isinstance(self.admission, Exception):
            raise self.admission
        return self.admission


VIEWER = Viewer(guid=ViewerGuid("v"), identity=None, identified_by=None, created_at=START)
YES = Admitted(
    session_hash=SessionHash(b"h" * 32),
    viewer_guid=VIEWER.guid,
    header_block=b"X-Forwarded-User: ada\r\n",
    good_until=datetime(2026, 3, 1, 12, 5, tzinfo=UTC),
    expires_at=datetime(2026, 3, 8, 12, 0, tzinfo=UTC),
)

REFUSALS = {
    "sign-in needed": (
        SignInNeeded(integration=WAREHOUSE),
        Refuse(reason=Reason.SIGN_IN, integration_guid=WAREHOUSE.guid),
    ),
    "sign-in needed, nobody can": (SignInNeeded(integration=None), Refuse(reason=Reason.SIGN_IN)),
    "consent needed": (
        ConsentNeeded(integration=WAREHOUSE),
        Refuse(reason=Reason.CONSENT, integration_guid=WAREHOUSE.guid),
    ),
    "access refused": (AccessRefused(viewer=VIEWER), Refuse(reason=Reason.ACCESS_REFUSED)),
    "no token just now": (
        TokenUnavailable(integration=WAREHOUSE, retry_after_s=7.4),
        Refuse(reason=Reason.TOKEN_UNAVAILABLE, integration_guid=WAREHOUSE.guid, retry_after_s=7),
    ),
    "no token for an instant": (
        TokenUnavailable(integration=WAREHOUSE, retry_after_s=0.2),
        Refuse(reason=Reason.TOKEN_UNAVAILABLE, integration_guid=WAREHOUSE.guid, retry_after_s=1),
    ),
}


async def test_an_admission_is_told_in_epoch_seconds():
    sessions = Sessions(YES)
    admit = await slow_lane(sessions, directory())("id", SALES)
    assert admit == Admit(
        session_hash=YES.session_hash,
        viewer_guid="v",
        header_block=YES.header_block,
        good_until=1772366700.0,
        expires_at=1772971200.0,
    )
    assert sessions.asked == [("a session", "id", SALES)]


@pytest.mark.parametrize(("admission", "refusal"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_refusal_names_its_reason_and_what_the_viewer_needs(admission, refusal):
    assert await slow_lane(Sessions(admission), directory())(None, SALES) == refusal


async def test_a_store_that_is_ill_is_no_refusal():
    with pytest.raises(StoreUnavailable):
        await slow_lane(Sessions(StoreUnavailable("ill")), directory())("id", SALES)


async def test_at_a_host_of_its_own_the_cookie_is_a_handle_and_no_session():
    """Fails when every content is asked about in one way: a session's own cookie would be good at every host."""
    sessions, alone = (
        Sessions(replace(YES, handle_hash=HandleHash(b"k" * 32))),
        replace(SALES, origin="https://sales.example"),
    )
    admit = await slow_lane(sessions, directory(alone))("id", alone)
    assert admit.handle_hash == b"k" * 32
    assert sessions.asked == [("a handle", "id", alone)]


async def test_a_request_that_waited_is_judged_by_the_content_as_it_is_now():
    """Fails when the content that was matched is judged: an association that is gone would be admitted, and remembered."""
    sessions, now = Sessions(YES), replace(SALES, integrations=(LAKE.guid,))
    await slow_lane(sessions, directory(now))("id", SALES)
    assert sessions.asked == [("a session", "id", now)]
