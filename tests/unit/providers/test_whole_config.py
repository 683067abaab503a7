"""A ``config`` with its secrets in it: everything that is wrong, and never a value in what is said."""

import pytest

from proxy.providers import PROVIDERS
from proxy.providers.whole_config import is_service_account, whole_config_problems
from tests.unit.oauth.keys import EC_KEY, RSA_KEY, certificate

SECRET = "kH3-topsy-turvy"
SOUND = {
    "authorization_uri": "https://id.example.net/authorize",
    "token_uri": "https://id.example.net/token",
    "client_id": "sidecar",
}
ROBOT = {"token_uri": "https://id.example.net/token", "client_id": "robot", "auth_type": "Service Account"}
AZURE = {"tenant_id": "common", "client_id": "sidecar"}

ROWS = {
    "a public client": ("custom", SOUND, ()),
    "with a secret": ("custom", {**SOUND, "client_secret": SECRET}, ()),
    "with a key": ("custom", {**SOUND, "private_key": EC_KEY}, ()),
    "an empty secret": ("custom", {**SOUND, "client_secret": " "}, ("client_secret",)),
    "a placeholder": ("custom", {**SOUND, "client_secret": "your secret"}, ("client_secret",)),
    "a secret with a bell": ("custom", {**SOUND, "client_secret": "a\ab"}, ("client_secret",)),
    "a key that is none": ("custom", {**SOUND, "private_key": "-----BEGIN nothing"}, ("private_key",)),
    "a secret and a key": ("custom", {**SOUND, "client_secret": SECRET, "private_key": EC_KEY}, ("private_key",)),
    "a certificate of another key": (
        "azure", {**AZURE, "private_key": RSA_KEY, "certificate": certificate(EC_KEY)}, ("certificate",),
    ),
    "its own certificate": ("azure", {**AZURE, "private_key": RSA_KEY, "certificate": certificate(RSA_KEY)}, ()),
    "unknown and missing": ("custom", {"client_id": "x", "scope": "y"}, ("scope", "authorization_uri", "token_uri")),
    "a service account": ("custom", {**ROBOT, "client_secret": SECRET}, ()),
    "a service account without a proof": ("custom", ROBOT, ("client_secret",)),
    "a key where none is taken": ("github", {"client_id": "x", "client_secret": SECRET, "private_key": EC_KEY}, ("private_key",)),
}  # fmt: skip


@pytest.mark.parametrize(("template", "config", "fields"), ROWS.values(), ids=ROWS.keys())
def test_each_fault_is_named_by_its_key(template, config, fields):
    found = whole_config_problems(PROVIDERS[template], config)
    assert tuple(problem.field for problem in found) == fields
    assert not any(SECRET in problem.text or "nothing" in problem.text for problem in found)


def test_a_secret_that_is_kept_counts_and_is_not_looked_at():
    assert whole_config_problems(PROVIDERS["custom"], ROBOT, kept={"client_secret"}) == ()


def test_a_service_account_says_so():
    assert is_service_account({"auth_type": " Service Account "})
    assert not is_service_account({})
