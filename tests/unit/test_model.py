import pytest

from proxy.model import Integration, IntegrationGuid, Secret


def test_a_secret_shows_itself_only_when_told_to():
    secret = Secret("hunter2")
    assert "hunter2" not in repr(secret)
    assert "hunter2" not in f"{secret}"
    assert secret.reveal() == "hunter2"


def test_secrets_are_equal_by_value_and_to_nothing_else():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


@pytest.mark.parametrize(
    ("config", "is_one"),
    [
        ({}, False),
        ({"auth_type": "Viewer"}, False),
        ({"auth_type": " Service Account "}, True),
        ({"auth_type": ""}, False),
    ],
)
def test_whose_tokens_an_integration_has_is_what_its_auth_type_says(config, is_one):
    integration = Integration(guid=IntegrationGuid("g"), name="n", slug="n", template="custom", config=config)
    assert integration.is_service_account is is_one
