"""People by address and by guid, as Connect's API names them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from proxy.flows.api_keys import ApiKeys
from proxy.flows.users import Users
from proxy.model import ApiKey, ApiKeyGuid, Identity, IntegrationGuid, Role, Roles, Viewer, ViewerGuid
from proxy.policy.guids import user_guid
from proxy.store.sqlite import open_store
from tests.unit.flows.house import SALES, START, WAREHOUSE, directory

EVES = ApiKey(guid=ApiKeyGuid("k"), name="eve", role=Role.PUBLISHER, hash=b"", user="eve@example.org")
ADA = ViewerGuid("66666666-6666-4666-8666-666666666666")


def viewer(email: str, *, guid: str = ADA, by: IntegrationGuid = WAREHOUSE.guid, verified: bool = True, day: int = 0):
    identity = Identity(subject=guid, email=email, email_verified=verified)
    return Viewer(guid=ViewerGuid(guid), identity=identity, identified_by=by, created_at=START + timedelta(days=day))


@pytest.fixture
async def store(tmp_path):
    opened = await open_store(tmp_path / "state.db", now=lambda: START)
    yield opened
    await opened.close()


@pytest.fixture
def users(store, clock):
    """Return the people that these viewers and one key are."""

    async def of(*viewers: Viewer) -> Users:
        for one in viewers:
            await store.ensure_viewer(one)
        known = directory(sign_in=WAREHOUSE.guid)
        keys = ApiKeys(configured=[EVES], contents=known.contents, store=store, now=clock, random_bytes=bytes)
        return Users(directory=known, roles=Roles(), store=store, keys=keys, since=clock)

    return of


async def test_who_has_signed_in_has_the_viewers_guid(users):
    known = await users(viewer("Ada@Example.org"))
    assert await known.guid("ada@example.org") == ADA
    assert await known.email(ADA) == "ada@example.org"


async def test_who_has_not_has_one_that_follows_from_the_address(users):
    known = await users()
    assert await known.guid("ada@example.org") == user_guid("ada@example.org")
    assert await known.email(user_guid(SALES.owner)) == SALES.owner
    assert await known.email(user_guid("eve@example.org")) == "eve@example.org"
    assert await known.email(user_guid("nobody@example.org")) is None


@pytest.mark.parametrize(
    "stranger",
    [
        pytest.param(viewer("eve@example.org", verified=False), id="an address that nobody verified"),
        pytest.param(viewer("eve@example.org", by=IntegrationGuid("another")), id="vouched for by another server"),
        pytest.param(
            Viewer(guid=ADA, identity=None, identified_by=None, created_at=START), id="a viewer without identity"
        ),
    ],
)
async def test_a_viewer_whose_address_does_not_count_is_nobody(users, stranger):
    known = await users(stranger)
    assert await known.guid("eve@example.org") == user_guid("eve@example.org")
    assert await known.email(ADA) is None


async def test_of_two_accounts_with_one_address_it_is_the_first_that_came(users):
    known = await users(viewer("ada@example.org", guid="later", day=1), viewer("ada@example.org"))
    assert await known.guid("ada@example.org") == ADA
