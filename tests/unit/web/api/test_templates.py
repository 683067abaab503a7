"""Connect's templates: what an administrator's program learns of the types that there are."""

from __future__ import annotations

import pytest

from proxy.providers import PROVIDERS
from proxy.web.api.templates import template


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=list(PROVIDERS))
def test_options_and_fields_together_are_what_config_may_have(provider):
    said = template(provider)
    names = [one.name for one in (*said.options, *said.fields)]
    assert sorted(names) == sorted(field.name for field in provider.fields)
    assert sorted(one.order for one in (*said.options, *said.fields)) == list(range(1, len(names) + 1))


@pytest.mark.parametrize(
    "key", ["azure", "databricks", "snowflake", "custom", "google", "github", "bigquery", "sheets"]
)
def test_the_keys_are_those_of_connect(key):
    assert template(PROVIDERS[key]).id == key


def test_a_secret_is_marked_and_a_choice_is_an_option():
    said = template(PROVIDERS["custom"])
    secrets = {field.name for field in said.fields if field.secret}
    options = {option.name: (option.type, option.values) for option in said.options}
    assert secrets == {"client_secret", "private_key"}
    assert options["auth_type"] == ("select", ["Viewer", "Service Account"])
    assert options["use_pkce"] == ("bool", ["true", "false"])
    assert [field.name for field in said.fields if field.multiline] == ["private_key"]
    assert {field.name for field in said.fields if field.required} == {"authorization_uri", "token_uri", "client_id"}


def test_a_pattern_is_said_as_one_that_has_to_match_as_a_whole():
    patterned = [(field, said) for provider in PROVIDERS.values() for field in provider.fields
                 for said in template(provider).fields if field.pattern and said.name == field.name]  # fmt: skip
    assert patterned
    for field, said in patterned:
        assert (said.validation, said.validation_description) == (f"^(?:{field.pattern})$", field.otherwise)
