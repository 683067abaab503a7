"""Is it the same account again?"""

import pytest

from proxy.model import Identity
from proxy.policy.accounts import AccountChange, account_change, shown_name

ADA = Identity(subject="1", email="ada@example.org", preferred_username="ada", name="Ada")


@pytest.mark.parametrize(
    ("before", "now", "change"),
    [
        pytest.param(None, None, AccountChange.NONE, id="nothing known"),
        pytest.param(None, ADA, AccountChange.NONE, id="known for the first time"),
        pytest.param(ADA, Identity(subject="1", email="new@example.org"), AccountChange.NONE, id="another address"),
        pytest.param(ADA, Identity(subject="2", email="ada@example.org"), AccountChange.OTHER, id="the same address"),
        pytest.param(ADA, None, AccountChange.UNKNOWN, id="not said"),
    ],
)
def test_the_providers_stable_key_decides(before, now, change):
    assert account_change(before, now) is change


@pytest.mark.parametrize(
    ("account", "name"),
    [
        (ADA, "ada@example.org"),
        (Identity(subject="1", preferred_username="ada", name="Ada"), "ada"),
        (Identity(subject="1", name="Ada"), "Ada"),
        (Identity(subject="1"), ""),
    ],
)
def test_an_account_is_called_what_people_know_and_never_by_its_key(account, name):
    assert shown_name(account) == name
