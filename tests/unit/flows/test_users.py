"""People by address and by guid, as Connect's API names them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from proxy.flows.users import Users
from proxy.model import Identity, IntegrationGuid, Viewer, ViewerGuid
from proxy.policy.guids import user_guid
from tests.unit.flows.house import SALES, START, WAREHOUSE, directory

ADA = ViewerGuid("66666666-6666-4666-8666-666666666666")


class StoreOf:
    """A store that knows these viewers."""

    def __init__(self, *viewers: Viewer) -> None:
        self._viewers = viewers

    async def viewers(self):
        return self._viewers


def viewer(email: str, *, guid: str = ADA, by: IntegrationGuid = WAREHOUSE.guid, verified: bool = True, day: int = 0):
    identity = Identity(subject=guid, email=email, email_verified=verified)
    return Viewer(guid=ViewerGuid(guid), identity=identity, identified_by=by, created_at=START + timedelta(days=day))


def users(*viewers: Viewer) -> Users:
    return Users(
        directory=directory(sign_in=WAREHOUSE.guid), store=StoreOf(*viewers), named=lambda: ["", "eve@example.org"]
    )


async def test_who_has_signed_in_has_the_viewers_guid():
    known = users(viewer("Ada@Example.org"))
    assert await known.guid("ada@example.org") == ADA
    assert await known.email(ADA) == "ada@example.org"


async def test_who_has_not_has_one_that_follows_from_the_address():
    known = users()
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
async def test_a_viewer_whose_address_does_not_count_is_nobody(stranger):
    known = users(stranger)
    assert await known.guid("eve@example.org") == user_guid("eve@example.org")
    assert await known.email(ADA) is None


async def test_of_two_accounts_with_one_address_it_is_the_first_that_came():
    known = users(viewer("ada@example.org", guid="later", day=1), viewer("ada@example.org"))
    assert await known.guid("ada@example.org") == ADA
